//! `flowq ingest`: writes new flow logs to the lake.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;

use crate::aws::Account;
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::invocation::Invocation;
use crate::cli::messages::{Messages, number};
use crate::cli::progress::{ProgressLine, Waiting};
use crate::cli::{args, process_identity, session};
use crate::ingest::{Opener, Options, PassReport, Runner};
use crate::inventory::Inventory;
use crate::source::SourceContext;
use crate::source::progress::Progress;
use crate::state::{PassRecord, PassTotals, State};
use crate::storage::Storage;
use crate::time::Clock;
use crate::{ingest, source, state, storage};

/// Memory of sorting, unless `--memory` says otherwise.
pub(crate) const MEMORY: &str = "512MB";

/// Objects that could not be read and are named one by one.
const NAMED_MAX: usize = 20;

/// Runs the command.
pub(crate) async fn run(mut args: args::Ingest, started: Invocation) -> Result<Exit, Failure> {
    let say = Messages::new(args.read.quiet);
    drop(session::configure(&mut args.read)?);
    if args.read.sources.is_empty() {
        let hint = "flowq ingest SOURCE… --to LAKE; a folder, a quoted glob, s3://…, cloudwatch://… or sqs://…";
        return Err(Failure::new(Exit::Usage, anyhow!("no flow logs named")).with_hint(hint));
    }
    absolute(&mut args.read.sources)?;
    let account = Arc::new(Account::new(args.read.aws.writing(args.single_runner)));
    let clock = Clock::new(started.now);
    let (places, now) = (&args.read.inventory, started.now);
    let progress = Arc::new(Progress::default());
    let far = args.read.sources.iter().chain(places).chain([&args.to]);
    let endpoint = args.read.aws.endpoint_url.as_deref();
    let waiting = Waiting::start(far, endpoint, Arc::clone(&progress), say.quiet);
    let (inventory, whole) =
        Box::pin(session::inventory(places, &account, (None, None), now, &say)).await?;
    let malformed = crate::cli::malformed_file::MalformedFile::open(&args.read)?;
    let options = Options {
        window: session::window(&args.read, now)?,
        lateness_secs: duration("--lateness", &args.lateness)?,
        pass_bytes: session::bytes("--pass-size", &args.pass_size)? as u64,
        stated: session::stated(&args.read)?,
        strict: args.read.strict,
        malformed: malformed.as_ref().map(crate::cli::malformed_file::MalformedFile::sink),
        steps: process_identity::steps(),
        progress,
        ..Options::new(
            args.read.sources.clone(),
            session::resources(args.read.threads, args.read.memory.as_deref().unwrap_or(MEMORY))?,
        )
    };
    let lake = Storage::create(&args.to, &account).map_err(|error| output(error.into()))?;
    let state = state(&lake, args.state.as_deref(), &account, clock).await?;
    let open = opener(args.read.sources.clone(), &account, &inventory);
    let line = ProgressLine::start(Arc::clone(&options.progress), say.quiet);
    let runner = Box::pin(Runner::open(lake, state, open, options)).await;
    let mut runner = runner.map_err(failure)?;
    let done = Box::pin(passes(&mut runner, say)).await;
    drop(waiting);
    let closed = Box::pin(runner.close()).await;
    drop(line);
    let totals = done?;
    closed.map_err(failure)?;
    if let Some(file) = malformed {
        file.publish().or_exit(Exit::Output)?;
    }
    say.note(&summary(&totals, &args.to, started.at.elapsed()));
    let incomplete = totals.failed > 0 || !whole;
    Ok(if incomplete { Exit::Incomplete } else { Exit::Fine })
}

/// Makes passes until there is nothing new.
async fn passes(runner: &mut Runner, say: Messages<'_>) -> Result<PassTotals, Failure> {
    let (mut totals, mut printed) = (PassTotals::default(), BTreeSet::new());
    while let Some(report) = Box::pin(runner.pass()).await.map_err(failure)? {
        say.note(&pass_line(&report));
        print_report(&report, say);
        totals.merge(&report.pass.totals);
        printed.extend(report.notes);
    }
    for note in runner.take_notes().iter().filter(|note| !printed.contains(*note)) {
        say.warn(note);
    }
    Ok(totals)
}

/// Names the objects that could not be read, and what the sources had to say.
pub(crate) fn print_report(report: &PassReport, say: Messages<'_>) {
    let failed = report.pass.objects.iter().filter_map(|object| {
        let failure = object.failure.as_ref()?;
        let next = match failure.is_due() {
            true => "; it is tried again",
            false => "; it counts as read: flowq replay reads it again",
        };
        Some(format!("object {}: {}{next}", object.id, failure.reason))
    });
    let failed: Vec<String> = failed.collect();
    for text in failed.iter().take(NAMED_MAX) {
        say.warn(text);
    }
    if let Some(more @ 1..) = failed.len().checked_sub(NAMED_MAX) {
        say.warn(&format!("{} more objects could not be read to their end", number(more as u64)));
    }
    for note in &report.notes {
        say.warn(note);
    }
}

/// One line of a pass.
pub(crate) fn pass_line(report: &PassReport) -> String {
    let PassRecord { number: pass, totals, tables, .. } = &report.pass;
    let replaced: u64 = tables.values().map(|table| table.replaced).sum();
    let mut text = format!(
        "pass {pass}: {} objects, {} lines, {} rows written",
        number(totals.objects),
        number(totals.counts.lines),
        number(totals.rows)
    );
    for (count, what) in [(replaced, "replaced"), (totals.known, "known before")] {
        if count > 0 {
            text += &format!(", {} {what}", number(count));
        }
    }
    if report.left > 0 {
        text += &format!("; {} objects to go", number(report.left as u64));
    }
    text
}

/// The identity of all that was taken in.
pub(crate) fn identity(totals: &PassTotals) -> String {
    let counts = &totals.counts;
    let mut parts = vec![format!("{} OK", number(counts.ok))];
    for (count, name) in [
        (counts.nodata, "NODATA"),
        (counts.skipdata, "SKIPDATA"),
        (counts.other + counts.other_layout, "of another kind"),
        (counts.blank, "headers and blanks"),
        (counts.malformed(), "malformed"),
    ] {
        if count > 0 {
            parts.push(format!("{} {name}", number(count)));
        }
    }
    format!("{} lines = {}", number(counts.lines), parts.join(" + "))
}

fn summary(totals: &PassTotals, lake: &str, took: Duration) -> String {
    let took = took.as_secs_f64();
    if totals.objects == 0 {
        return format!("{lake} has all that is there: nothing new, in {took:.2} s");
    }
    format!(
        "{lake}: {} objects, {}; {} rows in {took:.2} s",
        number(totals.objects),
        identity(totals),
        number(totals.rows)
    )
}

/// Names files by their canonical paths: a ledger outlives the folder that a command is run in, and must know an
/// object by one name however it is spelled.
pub(crate) fn absolute(sources: &mut [String]) -> Result<(), Failure> {
    for source in sources.iter_mut().filter(|source| *source != "-" && !source.contains("://")) {
        // An object is named as the ledger names it, which need not be how its path is written.
        let named = source::file::canonical(source).or_exit(Exit::Input)?;
        let leads_there = Path::new(&named).exists() || !Path::new(&*source).exists();
        if leads_there {
            *source = named;
        }
    }
    Ok(())
}

/// Makes the sources of a pass.
pub(crate) fn opener(
    sources: Vec<String>,
    account: &Arc<Account>,
    inventory: &Inventory,
) -> Arc<Opener> {
    let account = Arc::clone(account);
    let flow_logs: Arc<[_]> = inventory.flow_logs.as_slice().into();
    Arc::new(move |now| {
        let (account, flow_logs) = (Arc::clone(&account), Arc::clone(&flow_logs));
        let access = SourceContext { account, flow_logs, now, for_ledger: true };
        source::open_sources(&sources, &access)
    })
}

/// Takes the lease of a lake's state.
pub(crate) async fn state(
    lake: &Storage,
    name: Option<&str>,
    account: &Arc<Account>,
    clock: Clock,
) -> Result<State, Failure> {
    let place = match name {
        Some(name) => Storage::create(name, account).map_err(|error| output(error.into()))?,
        None => lake.below(state::FOLDER),
    };
    if place.to_string() != lake.below(state::FOLDER).to_string() {
        // The lake's own commits rely on it as much as the ledger.
        let name = format!("_flowq-probe-{:016x}", fastrand::u64(..));
        lake.probe(&name).await.map_err(|error| failure(error.into()))?;
    }
    let state =
        State::open(place, &process_identity::name(), clock, process_identity::lease_secs()).await;
    state.map_err(|error| failure(error.into()))
}

pub(crate) fn duration(option: &str, text: &str) -> Result<i64, Failure> {
    let duration = humantime::parse_duration(text).map_err(|_| {
        let error = anyhow!("{option} {text:?} is not a duration");
        Failure::new(Exit::Usage, error).with_hint("write 90s, 15min, 1h or 7d")
    })?;
    Ok(i64::try_from(duration.as_secs()).unwrap_or(i64::MAX))
}

fn output(error: ingest::Error) -> Failure {
    Failure { exit: Exit::Output, ..failure(error) }
}

/// The exit code of a pass that failed.
pub(crate) fn failure(error: ingest::Error) -> Failure {
    let hint = error.hint();
    let exit = match &error {
        ingest::Error::State(state::Error::Busy { .. } | state::Error::Lost { .. }) => Exit::Busy,
        ingest::Error::State(state::Error::Missing { .. })
        | ingest::Error::Source(_)
        | ingest::Error::Engine(_)
        | ingest::Error::OneShot { .. }
        | ingest::Error::Store(storage::Error::Scheme { .. }) => Exit::Input,
        ingest::Error::State(_)
        | ingest::Error::Lake(_)
        | ingest::Error::Store(_)
        | ingest::Error::Unbalanced { .. } => Exit::Output,
    };
    Failure { exit, error: error.into(), hint }
}
