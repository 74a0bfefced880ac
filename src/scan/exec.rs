//! Reads objects into batches: the physical plan of the flow log tables.
//!
//! Partitions take objects from one queue, so that a large object does not delay the rest.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, SecondsFormat};
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

use crate::scan::dynamic_filter::is_interface_filter;
use crate::scan::interface_minutes::InterfaceMinutes;
use crate::scan::object_reader::read_objects;
use crate::scan::overlap::without_copies;
use crate::scan::pushdown::kinds_text;
use crate::scan::registry::ScanRegistry;
use crate::scan::task::ScanTask;
use crate::scan::work_queue::WorkQueue;

/// How many values of a list `EXPLAIN` shows.
const VALUES_SHOWN: usize = 5;

/// Rows that a scan is estimated to return: more than any inventory has.
const ASSUMED_ROWS: usize = 1 << 30;

/// The plan node: no children, as many partitions as threads.
#[derive(Debug)]
pub(crate) struct FlowScanExec {
    job: Arc<ScanTask>,
    queue: Arc<OnceLock<Arc<WorkQueue>>>,
    scans: Arc<ScanRegistry>,
    properties: Arc<PlanProperties>,
    /// Dynamic filters of joins over interfaces.
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

    /// Returns the same scan, not started, with dynamic filters of joins.
    fn with_filters(&self, joined: Vec<Arc<dyn PhysicalExpr>>) -> Self {
        Self {
            job: Arc::clone(&self.job),
            queue: Arc::new(OnceLock::new()),
            scans: Arc::clone(&self.scans),
            properties: Arc::clone(&self.properties),
            dynamic_filters: joined,
        }
    }

    /// The filters of the decoder, for `EXPLAIN`.
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
        // A join updates a filter only if the plan exposes it here.
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
        // A join builds its smaller side in memory, which should not be the records.
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
        // The join evaluates every row as well: a filter that is not applied here costs time and never rows.
        let result_so_far = FilterPushdownPropagation::all_unsupported(result);
        // A scan with enrichment may have to count rows that no join reads.
        Ok(match joined.is_empty() || self.job.context.is_some() {
            true => result_so_far,
            false => result_so_far.with_updated_node(Arc::new(self.with_filters(joined))),
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
            stream.spawn(async move {
                let job = without_copies(job, &queue).await?;
                read_objects(job, queue, batches).await
            });
            stream.build()
        };
        if self.dynamic_filters.is_empty() {
            return Ok(begin(Arc::clone(&self.job)));
        }
        // The filters are complete when the join reads the first row, and not before.
        let (job, joined) = (Arc::clone(&self.job), self.dynamic_filters.clone());
        let later =
            async move { Ok::<_, DataFusionError>(begin(Arc::new(job.narrowed(&joined)?))) };
        let stream = futures::stream::once(later).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.job.output_schema), stream)))
    }
}
