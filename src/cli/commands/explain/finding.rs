//! `flowq explain finding`: the flow behind a finding of `flowq detect`.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};

use crate::aws::Account;
use crate::cli::args::{ACCOUNT, ExplainFinding, Read};
use crate::cli::commands::detect;
use crate::cli::commands::explain::logs::{
    failure, logged, needs_inventory, needs_sources, simulate_fixes,
};
use crate::cli::commands::explain::text::ExplainOutput;
use crate::cli::commands::sql::finish;
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::invocation::Invocation;
use crate::cli::messages::{CapturedWarnings, Messages};
use crate::cli::progress::ProgressLine;
use crate::cli::session::{OpenOptions, Session, configure, inventory, open_with};
use crate::config::Config;
use crate::detection::Finding;
use crate::explain;
use crate::explain::FindingQuery;
use crate::inventory::Inventory;
use crate::reachability::Analyzer;

/// Runs the command.
pub(crate) async fn run(mut args: ExplainFinding, started: Invocation) -> Result<Exit, Failure> {
    let say = Messages::new(args.read.quiet);
    let config = configure(&mut args.read)?;
    needs_inventory(&args.read.inventory)?;
    needs_sources(&args.explaining.apply, &args.read.sources)?;
    let stored = args.finding.as_deref().map(|path| findings(path, &args.id)).transpose()?;
    if stored.is_none() && args.read.sources.is_empty() {
        let error = anyhow!("neither flow logs nor findings named");
        let hint =
            "flowq explain finding ID SOURCE…, or --finding FILE with what flowq detect printed";
        return Err(Failure::new(Exit::Usage, error).with_hint(hint));
    }
    let as_of = stored.as_ref().and_then(|finding| finding.first_seen);
    let opening = OpenOptions { as_of, ..OpenOptions::default() };
    let mut session =
        open_with(&args.read, &config, started.now, detect::MEMORY, opening, &say).await?;
    let line = ProgressLine::start(Arc::clone(&session.progress), say.quiet);
    let (finding, inventory) = match stored {
        Some(finding) => (finding, Arc::clone(session.context.inventory())),
        None => {
            let finding = detected(&mut session, &args, &config, started.now).await?;
            let inventory = as_it_was(&session, &args.read, &finding, started.now).await?;
            (finding, inventory)
        }
    };
    let reach = Analyzer::new(inventory);
    let Some(target) = FindingQuery::of(&finding) else {
        drop(line);
        say.note(
            "the finding is not about a flow: there is nothing to evaluate beyond its own text",
        );
        ExplainOutput { finding: Some(finding), explanation: None, replay: None }
            .print(&args.explaining)?;
        return finish(session, say, started).await;
    };
    let (first, last) = (finding.first_seen.unwrap_or(started.now), finding.last_seen);
    let logged = match args.read.sources.as_slice() {
        [] => Vec::new(),
        _ => logged(&session.engine, &target.tuple, (first, last.unwrap_or(first))).await?,
    };
    let explained = target.explain(&reach, logged);
    let named = (args.explaining.apply.as_slice(), say);
    let flow = (&target.tuple, finding.first_seen);
    let replay = simulate_fixes(&session.engine, &reach, &explained, flow, named).await?;
    drop(line);
    let output = ExplainOutput { finding: Some(finding), explanation: Some(explained), replay };
    output.print(&args.explaining)?;
    finish(session, say, started).await
}

/// Runs the detections as `flowq detect` does, and picks the finding.
async fn detected(
    session: &mut Session,
    args: &ExplainFinding,
    config: &Config,
    now: i64,
) -> Result<Finding, Failure> {
    let detections = detect::detections(config, &args.queries, &[])?;
    session.engine.materialize_conversations().await?;
    let outcome = detect::run_detections(session, &detections, config, now).await?;
    explain::find(&outcome.findings, &args.id).map_err(failure).cloned()
}

/// The inventory as it was when the finding began. The account itself has only the present.
async fn as_it_was(
    session: &Session,
    read: &Read,
    finding: &Finding,
    now: i64,
) -> Result<Arc<Inventory>, Failure> {
    if finding.first_seen.is_none() || read.inventory.iter().any(|place| place == ACCOUNT) {
        return Ok(Arc::clone(session.context.inventory()));
    }
    let account = Arc::new(Account::new(read.aws.options()));
    // Warnings about the documents were printed when they were first read.
    let warnings = CapturedWarnings::default();
    let times = (None, finding.first_seen);
    let read =
        inventory(&read.inventory, &account, times, now, &Messages::capture(&warnings)).await;
    read.map(|(inventory, _)| Arc::new(inventory))
}

/// Reads the finding out of what `flowq detect` printed: a JSON array, or one object a line.
fn findings(path: &Path, id: &str) -> Result<Finding, Failure> {
    let named = || format!("findings {}", path.display());
    let text = std::fs::read_to_string(path).with_context(named).or_exit(Exit::Input)?;
    let read: Result<Vec<Finding>, _> = match text.trim_start().starts_with('[') {
        true => serde_json::from_str(&text),
        false => serde_json::Deserializer::from_str(&text).into_iter().collect(),
    };
    let findings = read.with_context(named).or_exit(Exit::Input)?;
    explain::find(&findings, id).map_err(failure).cloned()
}
