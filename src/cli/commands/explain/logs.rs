//! The rows of the logs that an explanation needs, the simulation of fixes over them, and errors.

use anyhow::anyhow;

use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::messages::Messages;
use crate::engine::{Engine, no_params};
use crate::explain;
use crate::explain::{
    Error, Explanation, LOGGED, LoggedFlow, REJECTED, RejectedFlow, SimulationResult, logged_params,
};
use crate::reachability::{Analyzer, Fix};
use crate::vpc::FiveTuple;

/// What the logs show of a flow around a time.
pub(super) async fn logged(
    engine: &Engine,
    tuple: &FiveTuple,
    at: (i64, i64),
) -> Result<Vec<LoggedFlow>, Failure> {
    let rows = engine.rows(LOGGED, logged_params(tuple, at)).await?;
    LoggedFlow::read(&rows).or_exit(Exit::Input)
}

/// Tries out the fixes that are named, on all that the logs show refused.
pub(super) async fn simulate_fixes(
    engine: &Engine,
    reach: &Analyzer,
    explained: &Explanation,
    (tuple, at): (&FiveTuple, Option<i64>),
    (named, say): (&[String], Messages<'_>),
) -> Result<Option<SimulationResult>, Failure> {
    let fixes = chosen(&explained.fixes, named)?;
    if fixes.is_empty() {
        if !named.is_empty() {
            say.warn("no fix was tried out: the explanation names none");
        }
        return Ok(None);
    }
    let rows = engine.rows(REJECTED, no_params()).await?;
    let rejected = RejectedFlow::read(&rows).or_exit(Exit::Input)?;
    Ok(Some(explain::replay(reach, &fixes, tuple, at, &rejected)))
}

/// The fixes that `--apply` names.
pub(super) fn chosen(fixes: &[Fix], named: &[String]) -> Result<Vec<Fix>, Failure> {
    if named.is_empty() || fixes.is_empty() {
        return Ok(Vec::new());
    }
    let known: Vec<&str> = fixes.iter().map(|fix| fix.id.as_str()).collect();
    for name in named.iter().filter(|name| *name != "all") {
        if !known.contains(&name.as_str()) {
            let error = anyhow!("no fix is called {name}");
            let hint = format!("there are {}; or all", known.join(", "));
            return Err(Failure::new(Exit::Usage, error).with_hint(hint));
        }
    }
    let all = named.iter().any(|name| name == "all");
    Ok(fixes.iter().filter(|fix| all || named.contains(&fix.id)).cloned().collect())
}

/// `--apply` without anything to apply it to.
pub(super) fn needs_sources(named: &[String], sources: &[String]) -> Result<(), Failure> {
    if named.is_empty() || !sources.is_empty() {
        return Ok(());
    }
    let error = anyhow!("--apply replays what flow logs show refused, and none are named");
    Err(Failure::new(Exit::Usage, error).with_hint("name a SOURCE: a folder, files, s3://…"))
}

/// Every explanation needs an inventory.
pub(super) fn needs_inventory(inventory: &[String]) -> Result<(), Failure> {
    if !inventory.is_empty() {
        return Ok(());
    }
    let error = anyhow!("no --inventory: without the VPC's configuration nothing can be explained");
    let hint = "--inventory PATH with answers of the EC2 and SageMaker APIs, or --inventory aws";
    Err(Failure::new(Exit::Usage, error).with_hint(hint))
}

/// What was typed is wrong, or does not fit the inventory.
pub(super) fn failure(error: Error) -> Failure {
    let hint = match &error {
        Error::Unclear(crate::reachability::ResolveError::Several(..)) => {
            Some("name one with --vpc, or the interface by its id")
        }
        Error::Unclear(_) => {
            Some("flowq inventory show enis lists the interfaces with their times")
        }
        Error::Tuple(_) => Some("write 7077 tcp, 8/0 icmp, - esp, or - 50"),
        Error::NoFinding(_) => Some("flowq detect … --format ndjson shows each finding_id"),
        Error::Several(..) => Some("write more of the id"),
        Error::Rows(_) => None,
    };
    let exit = if matches!(error, Error::Rows(_)) { Exit::Input } else { Exit::Usage };
    let failure = Failure::new(exit, error);
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}
