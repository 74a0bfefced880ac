//! The destinations that jobs opened, for both commands.

use anyhow::anyhow;
use arrow::array::RecordBatch;
use datafusion::scalar::ScalarValue;
use glob::Pattern;

use crate::baseline;
use crate::baseline::ObservedDestination;
use crate::cli::args::Read;
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::messages::Messages;
use crate::cli::session::Session;

pub(super) fn family(glob: &str) -> Result<Pattern, Failure> {
    Pattern::new(glob).map_err(|_| {
        let error = anyhow!("--job {glob:?} is no glob");
        Failure::new(Exit::Usage, error).with_hint("write --job 'churn-*'")
    })
}

/// Sees to it that there are sources, and says what an inventory is for where there is none.
pub(super) fn sources_named(read: &Read, command: &str, say: Messages<'_>) -> Result<(), Failure> {
    if read.sources.is_empty() {
        let error = anyhow!("no flow logs named");
        let hint = format!("flowq baseline {command} SOURCE… --inventory PATH");
        return Err(Failure::new(Exit::Usage, error).with_hint(hint));
    }
    if read.inventory.is_empty() {
        say.warn("no --inventory: without interfaces and jobs no record can be tied to a job");
    }
    Ok(())
}

/// Returns what the jobs opened in `[since, until)`, Unix seconds, from the materialized conversations.
pub(super) async fn seen(
    session: &Session,
    since: Option<i64>,
    until: Option<i64>,
) -> Result<Vec<ObservedDestination>, Failure> {
    let time = |at| ScalarValue::TimestampSecond(at, Some("UTC".into()));
    let params = vec![("since".to_owned(), time(since)), ("until".to_owned(), time(until))];
    let rows: Vec<RecordBatch> = session.engine.rows(baseline::DESTINATIONS, params).await?;
    baseline::read(&rows).or_exit(Exit::Config)
}

/// Says that no job of the family did anything, and which jobs did.
pub(super) fn no_job_matches(family: &str, rows: &[ObservedDestination]) -> Failure {
    let mut names: Vec<&str> = rows.iter().filter_map(|row| row.job_name.as_deref()).collect();
    names.sort_unstable();
    names.dedup();
    let error = anyhow!("no job that fits {family:?} opened anything in what was read");
    let hint = match names.as_slice() {
        [] => "no job at all did: is the inventory of that time, and has it the jobs?".to_owned(),
        [few @ .., last] if few.len() < 8 => {
            format!(
                "there are {}",
                few.iter().chain([last]).copied().collect::<Vec<_>>().join(", ")
            )
        }
        many => format!("there are {} and {} more", many[..8].join(", "), many.len() - 8),
    };
    Failure::new(Exit::Input, error).with_hint(hint)
}
