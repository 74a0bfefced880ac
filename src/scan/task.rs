//! [`ScanTask`]: what one scan has to read, and which rows it returns.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::cast::as_boolean_array;
use datafusion::common::{DataFusionError, Result};
use datafusion::physical_expr::PhysicalExpr;

use crate::enrich::{Column, Enricher};
use crate::flow::{DecodeOptions, MalformedLine};
use crate::scan::beginnings::Beginnings;
use crate::scan::options::ScanOptions;
use crate::scan::overlap::Choice;
use crate::scan::pushdown::Pushed;
use crate::scan::{dynamic_filter, overlap};
use crate::source::Source;
use crate::time::Window;

/// What one scan has to do.
#[derive(Debug, Clone)]
pub(crate) struct ScanTask {
    /// What to decode.
    pub(crate) plan: Arc<DecodeOptions>,
    /// The columns to return, those of the enrichment included.
    pub(crate) output_schema: SchemaRef,
    /// The columns of the enrichment among `output_schema`, in its order.
    pub(crate) added_columns: Vec<Column>,
    /// Which rows to return. `None`: all.
    pub(crate) filter: Option<RowFilter>,
    /// Rows per batch.
    pub(crate) batch_rows: usize,
    /// All columns of the table: what an object has beyond them cannot be read.
    pub(crate) table: SchemaRef,
    /// Computes the columns of the enrichment.
    pub(crate) context: Option<Arc<Enricher>>,
    /// The time whose records are read: that of the options, or with the margin before it.
    pub(crate) window: Window,
    /// Notes when the log of each interface begins.
    pub(crate) beginnings: Option<Arc<Beginnings>>,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) options: Arc<ScanOptions>,
    pub(crate) pushed: Pushed,
    /// Rows after which no more objects need be opened.
    pub(crate) limit: Option<usize>,
    /// Which records are copies of another flow log's. `None`: none, or not determined.
    pub(crate) choice: Option<Arc<Choice>>,
}

/// Which rows a scan returns.
#[derive(Debug, Clone)]
pub(crate) struct RowFilter {
    /// Over the columns of `made`. SQL NULL drops the row.
    pub(crate) expr: Arc<dyn PhysicalExpr>,
    /// The columns that it reads.
    pub(crate) made: SchemaRef,
    /// The columns of the enrichment among them, in their order.
    pub(crate) enrich_columns: Vec<Column>,
}

impl ScanTask {
    /// Returns whether the table has a column of this name.
    pub(crate) fn has_column(&self, name: &str) -> bool {
        self.table.index_of(name).is_ok()
    }

    /// Writes malformed lines to `--malformed FILE`.
    pub(crate) fn report_malformed(&self, lines: &[MalformedLine]) -> Result<()> {
        let Some(sink) = &self.options.malformed else { return Ok(()) };
        lines.iter().try_for_each(|line| sink(line)).map_err(DataFusionError::IoError)
    }

    /// Returns the task narrowed to the interfaces that joins look for.
    pub(crate) fn narrowed(&self, joined: &[Arc<dyn PhysicalExpr>]) -> Result<Self> {
        let mut plan = DecodeOptions::clone(&self.plan);
        for filter in joined {
            plan.filter.interface =
                dynamic_filter::interface_predicate(filter, plan.filter.interface.take())?;
        }
        Ok(Self { plan: Arc::new(plan), ..self.clone() })
    }

    /// Returns the task without the records that `choice` drops.
    pub(crate) fn choosing(&self, choice: Arc<Choice>) -> Result<Self> {
        let mut fields = self.plan.schema.fields().to_vec();
        for name in overlap::COLUMNS {
            if self.plan.schema.index_of(name).is_err() {
                fields.push(Arc::new(self.table.field_with_name(name)?.clone()));
            }
        }
        let plan = DecodeOptions {
            schema: Arc::new(Schema::new(fields)),
            ..DecodeOptions::clone(&self.plan)
        };
        Ok(Self { plan: Arc::new(plan), choice: Some(choice), ..self.clone() })
    }

    /// Builds the rows that pass the filter.
    ///
    /// Columns of the enrichment that the filter does not read are not computed for rows that fail.
    pub(crate) fn apply_filter(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let chosen = self.choice.as_ref().map(|choice| choice.filter(batch)).transpose()?;
        let batch = chosen.as_ref().unwrap_or(batch);
        let Some(filter) = &self.filter else { return self.make(batch) };
        let made = self.columns(batch, &filter.made, &filter.enrich_columns)?;
        let passes = filter.expr.evaluate(&made)?.into_array(made.num_rows())?;
        let passes = as_boolean_array(&passes)?;
        match passes.true_count() {
            0 => Ok(RecordBatch::new_empty(Arc::clone(&self.output_schema))),
            count if count == made.num_rows() => self.make(batch),
            _ => self.make(&filter_record_batch(batch, passes)?),
        }
    }

    /// Turns a batch of the log's columns into the columns of `output_schema`.
    fn make(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        self.columns(batch, &self.output_schema, &self.added_columns)
    }

    fn columns(
        &self,
        batch: &RecordBatch,
        made: &SchemaRef,
        enrich_columns: &[Column],
    ) -> Result<RecordBatch> {
        let mut added = match &self.context {
            Some(context) if !enrich_columns.is_empty() => {
                context.annotate(batch, enrich_columns)?
            }
            _ => Vec::new(),
        }
        .into_iter();
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(made.fields().len());
        for field in made.fields() {
            let column = match batch.column_by_name(field.name()) {
                Some(column) => Some(Arc::clone(column)),
                None => added.next(),
            };
            let missing = || DataFusionError::Internal(format!("no column {}", field.name()));
            columns.push(column.ok_or_else(missing)?);
        }
        let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(made), columns, &rows)?)
    }
}
