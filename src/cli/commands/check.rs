//! `flowq check`: validates the config and the detections, and runs the test cases of every detection.

use std::num::NonZero;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use futures::{StreamExt as _, stream};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::cli::args::Check;
use crate::cli::commands::detect::detections;
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::invocation::Invocation;
use crate::cli::messages::Messages;
use crate::cli::session;
use crate::detection;
use crate::detection::case::run_case;
use crate::detection::{Case, Detection, Finding};
use crate::engine::{Engine, Resources, ScanOptions};
use crate::enrich::Enricher;
use crate::source::MemorySource;
use crate::time::Window;

/// Runs the command.
pub(crate) async fn run(args: Check, _: Invocation) -> Result<Exit, Failure> {
    let say = Messages::new(false);
    let config = session::config(args.config.as_deref())?;
    // The config may switch a detection off; its cases hold all the same.
    detections(&config, &args.queries, &[])?;
    let detections = detections_of(&args)?;
    let count = detections.len();
    let mut all = Vec::new();
    for detection in detections {
        let cases = cases(&detection, &args)?;
        let detection = Arc::new(detection);
        all.extend(cases.into_iter().map(|case| (Arc::clone(&detection), case)));
    }
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    // Planning takes most of the time of a case, and a task that plans gives way to no other.
    let mut outcomes = stream::iter(all).map(on_a_thread).buffered(threads);
    let (mut passed, mut failed) = (0, 0);
    while let Some(outcome) = outcomes.next().await {
        match outcome.context("running a case").or_exit(Exit::Config)? {
            Ok(()) => passed += 1,
            Err(difference) => {
                failed += 1;
                say.note(&difference);
            }
        }
    }
    say.note(&format!("{count} detections, {passed} cases passed, {failed} failed"));
    if failed > 0 {
        return Err(Failure::new(Exit::Config, anyhow!("{failed} cases failed")));
    }
    Ok(Exit::Fine)
}

/// Runs a case; a difference from the expected findings is reported with the name of the case.
fn on_a_thread((detection, case): (Arc<Detection>, Case)) -> JoinHandle<Result<(), String>> {
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || {
        let outcome = runtime.block_on(run_case(&case, &detection, run_in_memory));
        outcome.map_err(|error| format!("{}: case {:?}:\n{error}", detection.id, case.name))
    })
}

fn detections_of(args: &Check) -> Result<Vec<Detection>, Failure> {
    detections(&crate::config::Config::default(), &args.queries, &[])
}

/// The cases of a detection; one without any is worth nothing.
fn cases(detection: &Detection, args: &Check) -> Result<Vec<Case>, Failure> {
    let file = format!("{}.cases.toml", detection.id);
    let text = detection::built_in_cases(&detection.id).map(str::to_owned).or_else(|| {
        let paths = args.queries.iter().map(|folder| folder.join(&file));
        paths.filter_map(|path| std::fs::read_to_string(path).ok()).next()
    });
    let Some(text) = text else {
        let error = anyhow!("detection {} has no cases", detection.id);
        let hint = format!("write {file}: at least one case that fires and one that stays quiet");
        return Err(Failure::new(Exit::Config, error).with_hint(hint));
    };
    let cases = Case::parse_all(&file, &text).or_exit(Exit::Config)?;
    let fires = cases.iter().filter(|case| case.fires()).count();
    if fires == 0 || fires == cases.len() {
        let error = anyhow!("{file} needs a case that fires and one that stays quiet");
        return Err(Failure::new(Exit::Config, error));
    }
    Ok(cases)
}

/// Runs one detection over the records and the inventory of a case, the way `flowq detect` does.
async fn run_in_memory(case: &Case, detection: &Detection) -> Result<Vec<Finding>, String> {
    let text = |error: &dyn std::error::Error| error.to_string();
    let context = Enricher::new(Arc::new(case.inventory.clone()), case.allow.clone(), case.now);
    let source: MemorySource = [("case", case.flows.clone())].into_iter().collect();
    let options = ScanOptions::new(Window::default());
    let resources = Resources { threads: 1, memory_bytes: 64 << 20 };
    let engine = Engine::new(Arc::new(source), Arc::new(context), options, &resources).await;
    let mut engine = engine.map_err(|error| text(&error))?;
    engine.materialize_conversations().await.map_err(|error| text(&error))?;
    let summary = engine.summary();
    if summary.malformed.total() > 0 || summary.problem_objects > 0 {
        return Err(format!("a record cannot be read: {summary:?}"));
    }
    let query = async |sql: &str, params: &[_]| engine.rows(sql, params.to_vec()).await;
    let detections = std::slice::from_ref(detection);
    let outcome = detection::runner::run(detections, &summary.columns, &[], case.now, query).await;
    let outcome = outcome.map_err(|error| format!("{:#}", anyhow::Error::new(error)))?;
    if let Some(not_run) = outcome.not_run.first() {
        return Err(format!("did not run: {}", not_run.why()));
    }
    Ok(outcome.findings)
}
