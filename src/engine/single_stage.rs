//! Has the groups of conversations made once.
//!
//! DataFusion groups rows on each thread, and then the groups again by whose they are. That is right where rows
//! are many to a group. A conversation has few records in a log: nearly every group was made twice, and went to
//! disk twice, since each of these steps had but a share of the memory. Here one step groups all records, in all
//! of the memory. It is done by one thread; reading the records takes several times as long, on all threads.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _};
use datafusion::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::repartition::RepartitionExec;

use crate::engine::aggregates::conversation::NAME;

/// The rule, to be applied after those of DataFusion.
#[derive(Debug)]
pub(super) struct SingleStageAggregate;

impl PhysicalOptimizerRule for SingleStageAggregate {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_down(|plan| match rewrite(&plan)? {
            Some(once) => Ok(Transformed::yes(once)),
            None => Ok(Transformed::no(plan)),
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "GroupOnce"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Returns what stands for two steps of one aggregate of conversations; nothing for any other plan.
fn rewrite(last: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let is = |step: &AggregateExec, mode| *step.mode() == mode;
    let last = last.downcast_ref::<AggregateExec>();
    let Some(last) = last.filter(|last| is(last, AggregateMode::FinalPartitioned)) else {
        return Ok(None);
    };
    let Some(moved) = last.input().downcast_ref::<RepartitionExec>() else { return Ok(None) };
    let first = moved.input().downcast_ref::<AggregateExec>();
    let Some(first) = first.filter(|first| is(first, AggregateMode::Partial)) else {
        return Ok(None);
    };
    let groups = first.group_expr();
    let is_conversation = first.aggr_expr().iter().any(|one| one.fun().name() == NAME);
    if !is_conversation || !groups.is_single() {
        return Ok(None);
    }
    let records = CoalescePartitionsExec::new(Arc::clone(first.input()));
    let once = AggregateExec::try_new(
        AggregateMode::Single,
        groups.clone(),
        first.aggr_expr().to_vec(),
        first.filter_expr().to_vec(),
        Arc::new(records),
        first.input_schema(),
    )?;
    Ok(Some(Arc::new(once)))
}
