//! `flowq explain`: why a flow passes or is blocked, and which fixes would change it; a page about one job.

mod finding;
mod flow;
mod job;
mod text;

use anyhow::anyhow;
use datafusion::common::ScalarValue;
use serde::Serialize;

use crate::cli::args::{Explain, ExplainFormat, Explaining};
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::invocation::Invocation;
use crate::cli::messages::Messages;
use crate::cli::output::destination;
use crate::engine::{Engine, no_params};
use crate::explain;
use crate::explain::{
    Error, Explanation, LOGGED, LoggedFlow, REJECTED, RejectedFlow, SimulationResult,
};
use crate::reachability::{Analyzer, Fix};
use crate::vpc::FiveTuple;

/// How far around the time asked about the logs are looked at, in seconds.
const AROUND_SECS: i64 = 3600;

/// Runs the command.
pub(crate) async fn run(command: Explain, started: Invocation) -> Result<Exit, Failure> {
    match command {
        Explain::Flow(args) => Box::pin(flow::run(args, started)).await,
        Explain::Finding(args) => Box::pin(finding::run(args, started)).await,
        Explain::Job(args) => Box::pin(job::run(args, started)).await,
    }
}

/// What is printed: the explanation, the finding that it is of, and the fix tried out.
#[derive(Serialize)]
struct ExplainOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    finding: Option<crate::detection::Finding>,
    #[serde(flatten)]
    explanation: Option<Explanation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<SimulationResult>,
}

impl ExplainOutput {
    fn print(&self, how: &Explaining) -> Result<(), Failure> {
        let text = match how.format {
            ExplainFormat::Table => text::plain(self),
            ExplainFormat::Markdown => text::markdown(self),
            ExplainFormat::Json => return destination::json(self, how.output.as_deref()),
        };
        destination::people(&text, how.output.as_deref())
    }
}

/// What the logs show of a flow around a time.
async fn logged(
    engine: &Engine,
    tuple: &FiveTuple,
    at: (i64, i64),
) -> Result<Vec<LoggedFlow>, Failure> {
    let time = |at: i64| ScalarValue::TimestampSecond(Some(at), Some("UTC".into()));
    let text = |ip: std::net::IpAddr| ScalarValue::from(ip.to_string());
    let params = vec![
        ("source".to_owned(), text(tuple.source)),
        ("destination".to_owned(), text(tuple.destination)),
        ("port".to_owned(), ScalarValue::from(tuple.destination_port.map_or(-1, i32::from))),
        ("protocol".to_owned(), ScalarValue::from(i32::from(tuple.protocol))),
        ("since".to_owned(), time(at.0.saturating_sub(AROUND_SECS))),
        ("until".to_owned(), time(at.1.saturating_add(AROUND_SECS))),
    ];
    let rows = engine.rows(LOGGED, params).await?;
    LoggedFlow::read(&rows).or_exit(Exit::Input)
}

/// Tries out the fixes that are named, on all that the logs show refused.
async fn simulate_fixes(
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
fn chosen(fixes: &[Fix], named: &[String]) -> Result<Vec<Fix>, Failure> {
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
fn needs_sources(named: &[String], sources: &[String]) -> Result<(), Failure> {
    if named.is_empty() || !sources.is_empty() {
        return Ok(());
    }
    let error = anyhow!("--apply replays what flow logs show refused, and none are named");
    Err(Failure::new(Exit::Usage, error).with_hint("name a SOURCE: a folder, files, s3://…"))
}

/// Every explanation needs an inventory.
fn needs_inventory(inventory: &[String]) -> Result<(), Failure> {
    if !inventory.is_empty() {
        return Ok(());
    }
    let error = anyhow!("no --inventory: without the VPC's configuration nothing can be explained");
    let hint = "--inventory PATH with answers of the EC2 and SageMaker APIs, or --inventory aws";
    Err(Failure::new(Exit::Usage, error).with_hint(hint))
}

/// What was typed is wrong, or does not fit the inventory.
fn failure(error: Error) -> Failure {
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
