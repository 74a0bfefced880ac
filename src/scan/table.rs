//! The tables that are read from flow logs: `flow_logs`, `transit_gateway_flow_logs`, `flow_context`, and
//! `flow_context_margin`, which has the records of a margin before the window as well.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNode as _;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;

use crate::enrich;
use crate::enrich::Enricher;
use crate::flow::field::{Kind, LINE, Layout, OBJECT};
use crate::flow::{DecodeOptions, Filter, InterfacePredicate, RecordSelection};
use crate::scan::beginnings::Beginnings;
use crate::scan::exec::FlowScanExec;
use crate::scan::options::ScanOptions;
use crate::scan::pushdown::Pushed;
use crate::scan::registry::ScanRegistry;
use crate::scan::task::{RowFilter, ScanTask};
use crate::source::Source;
use crate::time::Window;

/// A table over flow log objects. With an enricher it also has the columns of the enrichment.
#[derive(Debug)]
pub(crate) struct FlowTable {
    layout: Layout,
    schema: SchemaRef,
    /// How many columns of `schema` are the log's own; those of the enrichment follow.
    log_columns: usize,
    source: Arc<dyn Source>,
    options: Arc<ScanOptions>,
    context: Option<Arc<Enricher>>,
    scans: Arc<ScanRegistry>,
    /// Notes when the log of each interface begins. `Some`: the margin before the window is read too.
    beginnings: Option<Arc<Beginnings>>,
}

impl FlowTable {
    /// Creates the table; `extra` are the fields that flowq does not know, from the formats of the objects.
    pub(crate) fn new(
        layout: Layout,
        extra: &[String],
        source: Arc<dyn Source>,
        options: Arc<ScanOptions>,
        context: Option<Arc<Enricher>>,
        scans: Arc<ScanRegistry>,
    ) -> Self {
        let log = layout.schema(extra);
        let log_columns = log.fields().len();
        let mut fields: Vec<Arc<Field>> = log.fields().iter().map(Arc::clone).collect();
        if context.is_some() {
            let columns = enrich::COLUMNS.iter();
            fields.extend(columns.map(|c| Arc::new(Field::new(c.name, c.data_type.clone(), true))));
        }
        let schema = Arc::new(Schema::new(fields));
        let beginnings = None;
        Self { layout, schema, log_columns, source, options, context, scans, beginnings }
    }

    /// Returns the table with the records of the margin before the window. It notes when the log of each
    /// interface begins.
    pub(crate) fn with_margin(self, beginnings: Arc<Beginnings>) -> Self {
        Self { beginnings: Some(beginnings), ..self }
    }

    /// The time whose records are read.
    fn window(&self) -> Window {
        let window = self.options.window;
        if self.beginnings.is_some() { window.with_margin() } else { window }
    }

    fn log_schema(&self, columns: &BTreeSet<usize>) -> Result<SchemaRef> {
        let columns: Vec<usize> = columns.iter().copied().collect();
        Ok(Arc::new(self.schema.project(&columns)?))
    }

    /// The columns of the enrichment among these.
    fn added_columns_of(&self, columns: &[usize]) -> Vec<enrich::Column> {
        let added = columns.iter().filter_map(|index| index.checked_sub(self.log_columns));
        added.map(|index| enrich::COLUMNS[index].column).collect()
    }

    /// Compiles a filter, and returns the columns that it reads.
    fn row_filter(&self, state: &dyn Session, filter: &Expr) -> Result<(RowFilter, Vec<usize>)> {
        let columns = filter.column_refs();
        let columns = columns.into_iter().map(|column| self.schema.index_of(&column.name));
        let mut columns = columns.collect::<Result<Vec<usize>, _>>()?;
        columns.sort_unstable();
        columns.dedup();
        let made = Arc::new(self.schema.project(&columns)?);
        let schema = DFSchema::try_from(Arc::clone(&made))?;
        let expr = state.create_physical_expr(filter.clone(), &schema)?;
        Ok((RowFilter { expr, made, enrich_columns: self.added_columns_of(&columns) }, columns))
    }

    /// The columns of the log to decode: those of the query, and those that the enrichment needs.
    fn needed(&self, projection: &[usize]) -> BTreeSet<usize> {
        let mut needed: BTreeSet<usize> = BTreeSet::new();
        for index in projection {
            match index.checked_sub(self.log_columns) {
                None => {
                    needed.insert(*index);
                }
                Some(column) => {
                    let names = enrich::COLUMNS[column].needs.iter();
                    needed.extend(names.filter_map(|name| self.schema.index_of(name).ok()));
                }
            }
        }
        needed
    }

    /// Returns the kind of a column of the log itself; a field that flowq does not know is text.
    fn kind_of(&self, column: &str) -> Option<Kind> {
        if column == OBJECT || column == LINE {
            return None;
        }
        let known = self.layout.fields().iter().find(|field| field.column() == column);
        let is_log = |index: &usize| *index < self.log_columns;
        let unknown = || self.schema.index_of(column).ok().filter(is_log).map(|_| Kind::Name);
        known.map(|field| field.kind).or_else(unknown)
    }

    fn pushed(&self, filters: &[Expr]) -> Pushed {
        Pushed::new(filters, &|column| self.kind_of(column))
    }

    fn filter(&self, pushed: &Pushed) -> Filter {
        let interface = match (&self.context, &pushed.interests) {
            (Some(context), Some(kinds)) => {
                let (context, kinds) = (Arc::clone(context), kinds.clone());
                let jobs = pushed.jobs.clone();
                let keep = move |id: &str| {
                    let serves = |jobs| context.may_belong_to_job(id, jobs);
                    match kinds.get(&context.interest(id)) {
                        Some(to_jobs) if jobs.as_ref().is_none_or(serves) => match to_jobs {
                            true => RecordSelection::ByAddress,
                            false => RecordSelection::All,
                        },
                        _ => RecordSelection::None,
                    }
                };
                Some(Arc::new(keep) as InterfacePredicate)
            }
            _ => None,
        };
        let to_jobs = pushed.interests.as_ref().is_some_and(|kinds| kinds.values().any(|is| *is));
        let addresses = self.context.iter().filter(|_| to_jobs);
        let addresses = addresses.flat_map(|context| context.job_addresses()).collect();
        let window = self.window();
        Filter {
            equals: pushed.equals.clone(),
            ranges: pushed.ranges.clone(),
            interface,
            addresses,
            since: window.read_from(),
            until: window.until,
        }
    }
}

#[async_trait]
impl TableProvider for FlowTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        // The scan applies them itself: rows that pass need not be copied once more.
        let understood = |filter: &&Expr| match is_alone(filter) {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(understood).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let everything: Vec<usize> = (0..self.schema.fields().len()).collect();
        let projection = projection.unwrap_or(&everything);
        let filter = conjunction(filters.iter().cloned());
        let filter = filter.map(|filter| self.row_filter(state, &filter)).transpose()?;
        let read = filter.iter().flat_map(|(_, read)| read);
        let decoded: Vec<usize> = projection.iter().chain(read).copied().collect();
        let needed = self.needed(&decoded);
        let pushed = self.pushed(filters);
        let plan = DecodeOptions {
            layout: self.layout,
            schema: self.log_schema(&needed)?,
            filter: self.filter(&pushed),
            log_format: self.options.stated.clone(),
            validate_all: self.options.strict || self.options.malformed.is_some(),
            batch_rows: state.config().batch_size(),
            limits: self.options.limits,
            keep_all_malformed: self.options.malformed.is_some(),
        };
        let job = ScanTask {
            plan: Arc::new(plan),
            output_schema: Arc::new(self.schema.project(projection)?),
            filter: filter.map(|(filter, _)| filter),
            batch_rows: state.config().batch_size(),
            added_columns: self.added_columns_of(projection),
            table: Arc::clone(&self.schema),
            context: self.context.clone(),
            window: self.window(),
            beginnings: self.beginnings.clone(),
            source: Arc::clone(&self.source),
            options: Arc::clone(&self.options),
            pushed,
            limit,
            choice: None,
        };
        let partitions = state.config().target_partitions();
        Ok(Arc::new(FlowScanExec::new(job, partitions, Arc::clone(&self.scans))))
    }
}

/// Returns whether a filter depends on the rows of this table alone.
fn is_alone(filter: &Expr) -> bool {
    let is_other = |expr: &Expr| {
        let is_other = matches!(
            expr,
            Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::ScalarSubquery(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(..)
                | Expr::Placeholder(_)
        );
        Ok(is_other)
    };
    // A filter that cannot be inspected stays in the plan.
    !filter.is_volatile() && !filter.exists(is_other).unwrap_or(true)
}
