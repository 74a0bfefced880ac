//! `flowq detect`: reads the sources once and runs all detections.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::anyhow;

use crate::aws::Account;
use crate::cli::args::{Detect, FailOnUnknown};
use crate::cli::commands::alert;
use crate::cli::commands::sql::incomplete;
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::invocation::Invocation;
use crate::cli::messages::{Messages, number};
use crate::cli::output::findings;
use crate::cli::progress::ProgressLine;
use crate::cli::session::{Session, baseline, config_alone, configure, open};
use crate::config::Config;
use crate::detection::coverage::ScanGaps;
use crate::detection::{Coverage, Detection, DetectionRun, Unanswered};
use crate::{detection, diagnostics};

/// Memory of a run that says nothing else. Half a million conversations fit; what goes to disk beyond it costs a
/// quarter more of the time. The rest of the program needs about as much again.
pub(crate) const MEMORY: &str = "256MB";

/// Runs the command.
pub(crate) async fn run(mut args: Detect, started: Invocation) -> Result<Exit, Failure> {
    let say = Messages::new(args.read.quiet);
    let config = config(&mut args)?;
    if args.read.sources.is_empty() {
        let error = anyhow!("no flow logs named");
        let hint =
            "flowq detect SOURCE… --inventory PATH; a folder, files, a quoted glob, s3://…, or -";
        return Err(Failure::new(Exit::Usage, error).with_hint(hint));
    }
    let detections = detections(&config, &args.queries, &args.only)?;
    if args.read.inventory.is_empty() {
        say.warn("no --inventory: without interfaces and jobs no record can be tied to a job");
    }
    let mut session = open(&args.read, &config, started.now, MEMORY, &say).await?;
    let line = ProgressLine::start(Arc::clone(&session.progress), say.quiet);
    session.engine.materialize_conversations().await?;
    let outcome = run_detections(&session, &detections, &config, started.now).await?;
    let coverage = coverage(&session, &outcome, &detections).await?;
    drop(line);
    let summary = session.engine.summary();
    let read = incomplete(&summary).map(|exit| session.exit(exit));
    if read.is_ok() {
        let how = (args.format, args.output.as_deref(), args.csv_safe);
        let mut rows = outcome.findings.clone();
        rows.extend(coverage.unanswered.iter().map(Unanswered::finding));
        findings::print(&rows, &detections, how, started.now)?;
    }
    print_rule_notes(&session, &config, &outcome.suppressed, say, started.now);
    print_summary(&session, &outcome, &coverage, say, started);
    let alerted = if args.alert {
        let account = Arc::new(Account::new(args.read.aws.options()));
        let place = (args.state.as_deref(), &account);
        alert::send_findings(&outcome.findings, &config.alerts, place, started.now, say).await?
    } else {
        true
    };
    let worst = outcome.findings.iter().map(|finding| finding.severity).max();
    let is_listed = session.engine.summary().objects_listed > 0;
    session.close(say).await?;
    let is_unknown = match args.fail_on_unknown {
        FailOnUnknown::Never => false,
        FailOnUnknown::Questions => coverage.has_unanswered(),
        FailOnUnknown::Holes => !coverage.is_complete(),
    };
    match args.fail_on {
        Some(least) if worst.is_some_and(|worst| worst >= least) => Ok(Exit::Findings),
        _ if !alerted => read.and(Ok(Exit::Output)),
        _ => {
            let exit = read?;
            if is_listed {
                not_judged(&coverage)?;
            }
            Ok(match exit {
                Exit::Fine if !outcome.failed.is_empty() => Exit::Incomplete,
                Exit::Fine if is_unknown => Exit::Unanswered,
                exit => exit,
            })
        }
    }
}

/// Fails when no record could be tied to a job: then no number of findings means anything.
pub(crate) fn not_judged(coverage: &Coverage) -> Result<(), Failure> {
    let Some(why) = coverage.blindness() else { return Ok(()) };
    let hint = "flowq inventory show enis --inventory PATH lists the interfaces and their jobs; \
                they must be those of the time of the records";
    Err(Failure::new(Exit::Incomplete, anyhow!("{why}")).with_hint(hint))
}

/// Reads the config. A baseline that is named stands for the one that the config names.
fn config(args: &mut Detect) -> Result<Config, Failure> {
    let Some(path) = &args.baseline else { return configure(&mut args.read) };
    let mut config = config_alone(args.read.config.as_deref())?;
    config.learned = baseline(path)?;
    config.complete(&mut args.read.sources, &mut args.read.inventory);
    Ok(config)
}

/// The detections to run: those of flowq and of the user, as configured and selected.
pub(crate) fn detections(
    config: &Config,
    folders: &[PathBuf],
    only: &[String],
) -> Result<Vec<Detection>, Failure> {
    let mut detections = detection::built_in().or_exit(Exit::Config)?;
    for folder in folders {
        detection::load(folder, &mut detections).or_exit(Exit::Config)?;
    }
    for id in only {
        if detection::find(&mut detections, id).is_err() {
            let ids: Vec<&str> = detections.iter().map(|known| known.id.as_str()).collect();
            let hint = match diagnostics::nearest(id, ids.iter().copied()) {
                Some(likely) => format!("did you mean {likely}? there are {}", ids.join(", ")),
                None => format!("there are {}", ids.join(", ")),
            };
            let error = anyhow!("no detection is called {id}");
            return Err(Failure::new(Exit::Usage, error).with_hint(hint));
        }
    }
    config.apply(&mut detections).or_exit(Exit::Config)?;
    if !only.is_empty() {
        detections.retain(|detection| only.contains(&detection.id));
    }
    Ok(detections)
}

pub(crate) async fn run_detections(
    session: &Session,
    detections: &[Detection],
    config: &Config,
    now: i64,
) -> Result<DetectionRun, Failure> {
    let columns = session.engine.summary().columns;
    let query = async |sql: &str, params: &[_]| session.engine.rows(sql, params.to_vec()).await;
    let outcome = detection::runner::run(detections, &columns, &config.suppress, now, query).await;
    outcome.or_exit(Exit::Config)
}

/// Asks what the findings cannot speak of.
pub(crate) async fn coverage(
    session: &Session,
    outcome: &DetectionRun,
    detections: &[Detection],
) -> Result<Coverage, Failure> {
    let query = async |sql: &str, params: &[_]| session.engine.rows(sql, params.to_vec()).await;
    let window = session.window;
    let coverage = Coverage::read(window.since, window.until, query).await;
    let mut coverage = coverage.or_exit(Exit::Config)?;
    let summary = session.engine.summary();
    coverage.not_run.clone_from(&outcome.not_run);
    coverage.less_sure.clone_from(&outcome.reduced_confidence);
    coverage.failed.clone_from(&outcome.failed);
    let problems = summary.problems.iter().map(|(object, reason)| format!("{object}: {reason}"));
    coverage.scan =
        ScanGaps { malformed_lines: summary.malformed.total(), cut_objects: problems.collect() };
    coverage.set_detections(detections);
    Ok(coverage)
}

/// Says which rules of flowq.toml have run out, and which findings they hid.
pub(crate) fn print_rule_notes(
    session: &Session,
    config: &Config,
    suppressed: &[usize],
    say: Messages<'_>,
    now: i64,
) {
    for rule in session.context.allow().expired() {
        say.note(&format!("note: allow rule \"{rule}\" has expired: it allows nothing"));
    }
    for (at, rule) in config.suppress.iter().enumerate() {
        let name = rule.reason.clone().unwrap_or_else(|| format!("rule {}", at + 1));
        let count = suppressed.get(at).copied().unwrap_or(0);
        if rule.expired(now) {
            say.note(&format!("note: suppression \"{name}\" has expired: it hides nothing"));
        } else if count > 0 {
            say.note(&format!("suppressed: {count} by \"{name}\""));
        }
    }
}

/// Says beside the findings how many there are, what could not be seen, and what was read.
fn print_summary(
    session: &Session,
    outcome: &DetectionRun,
    coverage: &Coverage,
    say: Messages<'_>,
    started: Invocation,
) {
    let summary = session.engine.summary();
    for (id, _) in &outcome.failed {
        say.warn(&format!("{id} is not answered: not enough memory; raise --memory"));
    }
    match coverage.summary() {
        // A number alone would be taken for an answer, so this is printed even with --quiet.
        Some(unknown)
            if say.quiet && (coverage.has_unanswered() || coverage.blindness().is_some()) =>
        {
            say.warn(&format!("{}; {unknown}", findings::count_line(outcome)));
        }
        Some(unknown) => say.note(&format!("{}; {unknown}", findings::count_line(outcome))),
        None => say.note(&findings::count_line(outcome)),
    }
    say.note("coverage:");
    for line in coverage.lines() {
        say.note(&format!("  {line}"));
    }
    let ran = outcome.ran.len() as u64;
    let selected = ran + (outcome.not_run.len() + outcome.failed.len()) as u64;
    say.note(&format!("{} of {} detections ran", number(ran), number(selected)));
    say.summary(&summary, started.at.elapsed());
    // Else the coverage names them.
    if say.quiet {
        say.problems(&summary);
    }
}
