//! Reads objects into batches: the physical plan of the flow log tables.
//!
//! Partitions take objects from one queue, so that a large object does not hold up the rest.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Schema, SchemaRef};
use chrono::{DateTime, SecondsFormat};
use datafusion::common::cast::as_boolean_array;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, Statistics};
use datafusion::config::ConfigOptions;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{
    Boundedness, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterPushdownPhase, FilterPushdownPropagation,
};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::{
    RecordBatchReceiverStreamBuilder, RecordBatchStreamAdapter,
};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::TryStreamExt as _;

use crate::engine::ScanOptions;
use crate::engine::functions::window::Beginnings;
use crate::enrich::{Column, Enricher};
use crate::flow::{DecodeOptions, MalformedLine};
use crate::scan::dynamic_filter::is_interface_filter;
use crate::scan::interface_minutes::InterfaceMinutes;
use crate::scan::object_reader::read_objects;
use crate::scan::overlap::Choice;
use crate::scan::pushdown::Pushed;
use crate::scan::registry::ScanRegistry;
use crate::scan::table::kinds_text;
use crate::scan::work_queue::WorkQueue;
use crate::scan::{dynamic_filter, overlap};
use crate::source::Source;
use crate::time::Window;

/// How many values of a list `EXPLAIN` shows.
const VALUES_SHOWN: usize = 5;

/// How many rows a scan is taken to give, since nobody counted them: more than any inventory has.
const ASSUMED_ROWS: usize = 1 << 30;

/// What one scan has to do.
#[derive(Debug, Clone)]
pub(crate) struct ScanTask {
    /// What to decode.
    pub(crate) plan: Arc<DecodeOptions>,
    /// The columns to give, the context's among them.
    pub(crate) output_schema: SchemaRef,
    /// The context's columns among `made`, in its order.
    pub(crate) added_columns: Vec<Column>,
    /// Which rows to give; all without it.
    pub(crate) filter: Option<RowFilter>,
    /// Rows of a batch.
    pub(crate) batch_rows: usize,
    /// All columns of the table: what an object has beyond them cannot be read.
    pub(crate) table: SchemaRef,
    /// Where the context's columns come from.
    pub(crate) context: Option<Arc<Enricher>>,
    /// The time whose records are read: that of the options, or with the margin before it.
    pub(crate) window: Window,
    /// Takes in when the log of each interface begins.
    pub(crate) beginnings: Option<Arc<Beginnings>>,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) options: Arc<ScanOptions>,
    pub(crate) pushed: Pushed,
    /// Rows after which no more objects need be opened.
    pub(crate) limit: Option<usize>,
    /// Which records are copies of another flow log's. NULL: none, or not looked at.
    pub(crate) choice: Option<Arc<Choice>>,
}

/// Which rows a scan gives.
#[derive(Debug, Clone)]
pub(crate) struct RowFilter {
    /// Over the columns of `made`. NULL stands for no.
    pub(crate) expr: Arc<dyn PhysicalExpr>,
    /// The columns that it reads.
    pub(crate) made: SchemaRef,
    /// The context's columns among them, in their order.
    pub(crate) wanted: Vec<Column>,
}

impl ScanTask {
    /// Tells whether the table has a column of this name.
    pub(crate) fn has_column(&self, name: &str) -> bool {
        self.table.index_of(name).is_ok()
    }

    /// Hands malformed lines to `--malformed FILE`.
    pub(crate) fn report_malformed(&self, lines: &[MalformedLine]) -> Result<()> {
        let Some(sink) = &self.options.malformed else { return Ok(()) };
        lines.iter().try_for_each(|line| sink(line)).map_err(DataFusionError::IoError)
    }

    /// Returns what is left to do once joins know which interfaces they look for.
    fn narrowed(&self, joined: &[Arc<dyn PhysicalExpr>]) -> Result<Self> {
        let mut plan = DecodeOptions::clone(&self.plan);
        for filter in joined {
            plan.filter.interface =
                dynamic_filter::interface_predicate(filter, plan.filter.interface.take())?;
        }
        Ok(Self { plan: Arc::new(plan), ..self.clone() })
    }

    /// Returns the same work, without the records that `choice` leaves out.
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

    /// Makes the rows that the filter lets pass.
    ///
    /// What only the other columns need of the context is not worked out for rows that fail.
    pub(crate) fn apply_filter(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let chosen = self.choice.as_ref().map(|choice| choice.filter(batch)).transpose()?;
        let batch = chosen.as_ref().unwrap_or(batch);
        let Some(filter) = &self.filter else { return self.make(batch) };
        let made = self.columns(batch, &filter.made, &filter.wanted)?;
        let passes = filter.expr.evaluate(&made)?.into_array(made.num_rows())?;
        let passes = as_boolean_array(&passes)?;
        match passes.true_count() {
            0 => Ok(RecordBatch::new_empty(Arc::clone(&self.output_schema))),
            count if count == made.num_rows() => self.make(batch),
            _ => self.make(&filter_record_batch(batch, passes)?),
        }
    }

    /// Turns a batch of the log's columns into the columns of `made`.
    fn make(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        self.columns(batch, &self.output_schema, &self.added_columns)
    }

    fn columns(
        &self,
        batch: &RecordBatch,
        made: &SchemaRef,
        wanted: &[Column],
    ) -> Result<RecordBatch> {
        let mut added = match &self.context {
            Some(context) if !wanted.is_empty() => context.annotate(batch, wanted)?,
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

/// The plan node: no children, as many partitions as threads.
#[derive(Debug)]
pub(crate) struct FlowScanExec {
    job: Arc<ScanTask>,
    queue: Arc<OnceLock<Arc<WorkQueue>>>,
    scans: Arc<ScanRegistry>,
    properties: Arc<PlanProperties>,
    /// The filters of joins that look for interfaces.
    dynamic_filters: Vec<Arc<dyn PhysicalExpr>>,
}

impl FlowScanExec {
    pub(crate) fn new(job: ScanTask, partitions: usize, scans: Arc<ScanRegistry>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&job.output_schema)),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            job: Arc::new(job),
            queue: Arc::new(OnceLock::new()),
            scans,
            properties: Arc::new(properties),
            dynamic_filters: Vec::new(),
        }
    }

    /// Returns the same scan, not begun, with filters of joins.
    fn with_filters(&self, joined: Vec<Arc<dyn PhysicalExpr>>) -> Self {
        Self {
            job: Arc::clone(&self.job),
            queue: Arc::new(OnceLock::new()),
            scans: Arc::clone(&self.scans),
            properties: Arc::clone(&self.properties),
            dynamic_filters: joined,
        }
    }

    /// What the decoder drops rows by, in words.
    fn conditions(&self) -> Vec<String> {
        let mut conditions = Vec::new();
        for (column, values) in &self.job.pushed.equals {
            conditions.push(one_of(column, values));
        }
        let filter = &self.job.plan.filter;
        let ranges = filter.ranges.iter().map(|(column, low, high)| (column.as_str(), *low, *high));
        for (column, low, high) in ranges.chain(filter.window()) {
            let bound =
                |sign: &str, bound: i64| format!("{column} {sign} {}", value(column, bound));
            conditions.extend(low.map(|low| bound(">=", low)));
            conditions.extend(high.map(|high| bound("<=", high)));
        }
        if let Some(kinds) = &self.job.pushed.interests {
            conditions.push(format!("interface is {}", kinds_text(kinds)));
        }
        if let Some(jobs) = &self.job.pushed.jobs {
            conditions.push(one_of("job that the interface may serve", jobs));
        }
        if !self.dynamic_filters.is_empty() {
            conditions.push("interface is one that the join looks for".to_owned());
        }
        conditions
    }
}

fn one_of(column: &str, values: &HashSet<String>) -> String {
    let mut values: Vec<&str> = values.iter().map(String::as_str).collect();
    values.sort_unstable();
    let more = values.len().saturating_sub(VALUES_SHOWN);
    values.truncate(VALUES_SHOWN);
    let more = if more > 0 { format!(", {more} more") } else { String::new() };
    match values.as_slice() {
        [value] => format!("{column} = {value}"),
        values => format!("{column} in ({}{more})", values.join(", ")),
    }
}

/// A bound as people read it: times in RFC 3339.
fn value(column: &str, bound: i64) -> String {
    let time = DateTime::from_timestamp(bound, 0).filter(|_| matches!(column, "start" | "end"));
    match time {
        Some(time) => time.to_rfc3339_opts(SecondsFormat::Secs, true),
        None => bound.to_string(),
    }
}

impl DisplayAs for FlowScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schema = &self.job.plan.schema;
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        write!(f, "FlowScanExec: decoded=[{}]", names.join(", "))?;
        let conditions = self.conditions();
        if !conditions.is_empty() {
            write!(f, ", where=[{}]", conditions.join(", "))?;
        }
        if let Some(filter) = &self.job.filter {
            write!(f, ", filter={}", filter.expr)?;
        }
        match self.job.limit {
            Some(limit) => write!(f, ", limit={limit}"),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for FlowScanExec {
    fn name(&self) -> &'static str {
        "FlowScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        // A join fills a filter only if it finds it here.
        for filter in &self.dynamic_filters {
            if f(filter)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(self.with_filters(self.dynamic_filters.clone())))
    }

    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        _: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        // A join holds its smaller side in memory, and that should not be the records.
        let unknown = Statistics::new_unknown(&self.job.output_schema);
        Ok(Arc::new(Statistics { num_rows: Precision::Inexact(ASSUMED_ROWS), ..unknown }))
    }

    fn handle_child_pushdown_result(
        &self,
        _: FilterPushdownPhase,
        result: ChildPushdownResult,
        _: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        let filters = result.parent_filters.iter().map(|parent| &parent.filter);
        let joined: Vec<_> =
            filters.filter(|filter| is_interface_filter(filter)).cloned().collect();
        // The join judges every row as well: what is not understood here costs time and never rows.
        let told = FilterPushdownPropagation::all_unsupported(result);
        // A scan with context may have to count rows that no join asks for.
        Ok(match joined.is_empty() || self.job.context.is_some() {
            true => told,
            false => told.with_updated_node(Arc::new(self.with_filters(joined))),
        })
    }

    fn execute(&self, _: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let queue = self.queue.get_or_init(|| {
            let counted =
                self.job.context.is_some() && InterfaceMinutes::can_read(&self.job.output_schema);
            let minutes = if counted { self.scans.minutes() } else { None };
            let readers = self.properties.partitioning.partition_count();
            Arc::new(WorkQueue::new(self.scans.begin(self.job.plan.layout), minutes, readers))
        });
        let queue = Arc::clone(queue);
        let begin = |job: Arc<ScanTask>| {
            let mut stream =
                RecordBatchReceiverStreamBuilder::new(Arc::clone(&job.output_schema), 2);
            let batches = stream.tx();
            stream.spawn(async move { read_objects(job, queue, batches).await });
            stream.build()
        };
        if self.dynamic_filters.is_empty() {
            return Ok(begin(Arc::clone(&self.job)));
        }
        // A join knows what it looks for when it asks for the first row, and not before.
        let (job, joined) = (Arc::clone(&self.job), self.dynamic_filters.clone());
        let later =
            async move { Ok::<_, DataFusionError>(begin(Arc::new(job.narrowed(&joined)?))) };
        let stream = futures::stream::once(later).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.job.output_schema), stream)))
    }
}
