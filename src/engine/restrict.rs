//! What SQL may do: read, and make tables and views in memory. Files only through the functions that read one.

use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{DdlStatement, LogicalPlan, Statement};

/// Settings that SQL may change: how things are shown, not what the machine gives.
#[rustfmt::skip]
pub(super) const SETTINGS: &[&str] = &[
    "datafusion.execution.time_zone",
    "datafusion.explain.analyze_level",
    "datafusion.explain.format",
    "datafusion.explain.logical_plan_only",
    "datafusion.explain.physical_plan_only",
    "datafusion.explain.show_schema",
    "datafusion.explain.show_sizes",
    "datafusion.explain.show_statistics",
    "datafusion.explain.tree_maximum_render_width",
];

/// Other names of a setting, by which it is called in SQL.
const SETTING_NAMES: &[&str] = &["timezone", "time zone", "time.zone"];

/// Checks that a statement does nothing but what SQL may do here.
pub(super) fn check(plan: &LogicalPlan) -> Result<()> {
    match plan {
        LogicalPlan::Ddl(
            DdlStatement::CreateMemoryTable(_)
            | DdlStatement::CreateView(_)
            | DdlStatement::DropTable(_)
            | DdlStatement::DropView(_),
        ) => {}
        LogicalPlan::Ddl(DdlStatement::CreateExternalTable(_)) => {
            return refuse(
                "CREATE EXTERNAL TABLE is not for flowq; read_csv('FILE'), read_parquet('FILE') and \
                 read_json('FILE') read a list of your own",
            );
        }
        LogicalPlan::Ddl(_) => return refuse("only tables and views can be created and dropped"),
        LogicalPlan::Statement(Statement::SetVariable(set)) => setting(&set.variable)?,
        LogicalPlan::Statement(Statement::ResetVariable(reset)) => setting(&reset.variable)?,
        _ => {}
    }
    // EXPLAIN and PREPARE hold another statement.
    plan.inputs().into_iter().try_for_each(check)
}

fn setting(name: &str) -> Result<()> {
    let name = name.to_lowercase();
    if SETTINGS.contains(&name.as_str()) || SETTING_NAMES.contains(&name.as_str()) {
        return Ok(());
    }
    refuse(&format!("{name} cannot be set in SQL; what can is {}", SETTINGS.join(", ")))
}

fn refuse(what: &str) -> Result<()> {
    Err(DataFusionError::Plan(what.to_owned()))
}
