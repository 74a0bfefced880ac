//! Plans that can be ended at any time.
//!
//! DataFusion yields to others where rows come from: at the leaves of a plan. A join of few rows makes many of them
//! without asking its leaves again, and so neither a time limit nor a cancellation would be noticed.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;

/// Makes every step that can make many rows of few yield now and then.
pub(super) fn interruptible(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|plan| match multiplies(plan.name()) {
        true => Ok(Transformed::yes(Arc::new(CooperativeExec::new(plan)))),
        false => Ok(Transformed::no(plan)),
    })
    .data()
}

fn multiplies(name: &str) -> bool {
    name.contains("Join") || matches!(name, "UnnestExec" | "RecursiveQueryExec")
}

#[cfg(test)]
mod tests {
    use datafusion::physical_plan::displayable;
    use datafusion::prelude::SessionContext;

    use super::*;

    #[tokio::test]
    async fn a_join_of_joins_yields_at_each_of_them() {
        let pair = "(VALUES (1), (2))";
        let sum = "sum(a.column1 + b.column1 + c.column1)";
        let sql = format!("SELECT {sum} FROM {pair} a, {pair} b, {pair} c");
        let frame = SessionContext::new().sql(&sql).await.unwrap();
        let plan = interruptible(frame.create_physical_plan().await.unwrap()).unwrap();
        let text = displayable(plan.as_ref()).indent(false).to_string();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let joins = lines.iter().enumerate().filter(|(_, line)| line.starts_with("CrossJoinExec"));
        let joins: Vec<usize> = joins.map(|(at, _)| at).collect();
        assert_eq!(joins.len(), 2, "{text}");
        assert!(joins.iter().all(|at| lines[at - 1] == "CooperativeExec"), "{text}");
    }
}
