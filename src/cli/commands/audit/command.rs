//! Runs the checks and prints their outcomes.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};

use crate::audit::{AuditReport, AuditScope, CHECKS, CheckVerdict, ObservedTraffic, sarif};
use crate::aws::Account;
use crate::cli::args::{Audit, AuditFormat, FindingFormat, Write};
use crate::cli::commands::alert;
use crate::cli::commands::audit::table;
use crate::cli::commands::detect::{MEMORY, print_rule_notes};
use crate::cli::commands::sql::incomplete;
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::invocation::Invocation;
use crate::cli::messages::{Messages, number};
use crate::cli::output::{Format, destination, findings};
use crate::cli::progress::ProgressLine;
use crate::cli::session::{Session, configure, open};
use crate::detection::Finding;
use crate::detection::finding::{sort, time_text};
use crate::detection::finding_batch::Lists;
use crate::detection::suppression::suppress;
use crate::{audit, detection, diagnostics, engine};

/// Runs the command.
pub(crate) async fn run(mut args: Audit, started: Invocation) -> Result<Exit, Failure> {
    let say = Messages::new(args.read.quiet);
    let config = configure(&mut args.read)?;
    let mut scope = scope(&args)?;
    if args.read.inventory.is_empty() {
        let error = anyhow!("no inventory named: there is nothing to audit");
        let hint =
            "flowq audit --inventory PATH [SOURCE…]; a folder of AWS API answers, s3://…, or aws";
        return Err(Failure::new(Exit::Usage, error).with_hint(hint));
    }
    let mut session = open(&args.read, &config, started.now, MEMORY, &say).await?;
    (scope.since, scope.until) = (session.window.since, session.window.until);
    let traffic = if args.read.sources.is_empty() {
        None
    } else {
        let line = ProgressLine::start(Arc::clone(&session.progress), say.quiet);
        let traffic = seen(&mut session).await?;
        drop(line);
        Some(traffic)
    };
    let mut report = audit::run(session.context.inventory(), traffic.as_deref(), &scope);
    if report.outcomes.is_empty() {
        return Err(nothing(&args));
    }
    let (found, suppressed) = findings_of(&mut report, &config.suppress, started.now);
    let summary = session.engine.summary();
    let read = incomplete(&summary).map(|exit| session.exit(exit));
    if read.is_ok() {
        output(&report, &found, &args, started.now)?;
    }
    print_rule_notes(&session, &config, &suppressed, say, started.now);
    print_notes(&session, &report, traffic.is_some(), say, started);
    let alerted = if args.alert {
        let account = Arc::new(Account::new(args.read.aws.options()));
        let place = (args.state.as_deref(), &account);
        alert::send_findings(&found, &config.alerts, place, started.now, say).await?
    } else {
        true
    };
    session.close(say).await?;
    let worst = found.iter().map(|finding| finding.severity).max();
    match args.fail_on {
        Some(least) if worst.is_some_and(|worst| worst >= least) => Ok(Exit::Findings),
        _ if !alerted => read.and(Ok(Exit::Output)),
        _ => read,
    }
}

/// Reads what is to be audited from the command line.
fn scope(args: &Audit) -> Result<AuditScope, Failure> {
    let job = args.job.as_deref().map(glob::Pattern::new).transpose();
    let job = job.with_context(|| format!("--job {}", args.job.clone().unwrap_or_default()));
    for id in &args.only {
        if !CHECKS.iter().any(|check| check.id == id) {
            let ids: Vec<&str> = CHECKS.iter().map(|check| check.id).collect();
            let hint = match diagnostics::nearest(id, ids.iter().copied()) {
                Some(likely) => format!("did you mean {likely}? there are {}", ids.join(", ")),
                None => format!("there are {}", ids.join(", ")),
            };
            let error = anyhow!("no check is called {id}");
            return Err(Failure::new(Exit::Usage, error).with_hint(hint));
        }
    }
    finding_format(args)?;
    let (vpc, only) = (args.vpc.clone(), args.only.clone());
    Ok(AuditScope { job: job.or_exit(Exit::Usage)?, vpc, only, since: None, until: None })
}

/// Reads the logs once, and sums up what the checks ask of them.
async fn seen(session: &mut Session) -> Result<Vec<ObservedTraffic>, Failure> {
    session.engine.materialize_conversations().await?;
    observed_traffic(session).await
}

/// Sums up what the checks ask of logs whose conversations are materialized.
pub(crate) async fn observed_traffic(session: &Session) -> Result<Vec<ObservedTraffic>, Failure> {
    let rows = session.engine.rows(audit::SQL, engine::no_params()).await?;
    ObservedTraffic::from_batches(&rows).or_exit(Exit::Config)
}

/// Why nothing came out at all.
fn nothing(args: &Audit) -> Failure {
    let what = match (&args.job, &args.vpc) {
        (Some(job), _) => format!("no processing job of the inventory fits {job}"),
        (None, Some(vpc)) => format!("the inventory knows nothing of {vpc}"),
        (None, None) if !args.only.is_empty() => {
            format!("{} does not apply to any job of the inventory", args.only.join(", "))
        }
        (None, None) => "the inventory has no processing job in this time".to_owned(),
    };
    let hint = "aws sagemaker describe-processing-job tells of a job, aws ec2 describe-subnets of its VPC; \
                flowq inventory collect asks for all of it";
    Failure::new(Exit::Input, anyhow!("{what}: nothing was audited")).with_hint(hint)
}

/// Returns what fails as findings, worst first, without those that are suppressed; they leave the report
/// too. Also how many each rule took.
pub(crate) fn findings_of(
    report: &mut AuditReport,
    rules: &[detection::Suppression],
    now: i64,
) -> (Vec<Finding>, Vec<usize>) {
    let mut found: Vec<Finding> = report.outcomes.iter().filter_map(|one| one.finding()).collect();
    let suppressed = suppress(&mut found, rules, now);
    sort(&mut found);
    let left: BTreeSet<&str> = found.iter().map(|one| one.finding_id.as_str()).collect();
    report
        .outcomes
        .retain(|one| one.verdict != CheckVerdict::Fail || left.contains(one.finding_id.as_str()));
    (found, suppressed)
}

/// The selected format of findings; `None`: results are printed.
fn finding_format(args: &Audit) -> Result<Option<FindingFormat>, Failure> {
    let format = match args.format {
        AuditFormat::Ocsf => return Ok(Some(FindingFormat::Ocsf)),
        _ if !args.findings => return Ok(None),
        AuditFormat::Table => FindingFormat::Table,
        AuditFormat::Json => FindingFormat::Json,
        AuditFormat::Ndjson => FindingFormat::Ndjson,
        AuditFormat::Csv => FindingFormat::Csv,
        AuditFormat::Parquet => FindingFormat::Parquet,
        AuditFormat::Markdown | AuditFormat::Sarif => {
            let error = anyhow!("--findings has no such format");
            let hint = "leave --findings out: markdown and sarif are formats of the results";
            return Err(Failure::new(Exit::Usage, error).with_hint(hint));
        }
    };
    Ok(Some(format))
}

fn output(report: &AuditReport, found: &[Finding], args: &Audit, now: i64) -> Result<(), Failure> {
    let path = args.output.as_deref();
    if let Some(format) = finding_format(args)? {
        return findings::print(found, &[], (format, path, args.csv_safe), now);
    }
    let (format, lists) = match args.format {
        AuditFormat::Json => return destination::json(&report.outcomes, path),
        AuditFormat::Ndjson => return destination::json_lines(&report.outcomes, path),
        AuditFormat::Sarif => return destination::json(&sarif::log(report), path),
        AuditFormat::Markdown => return destination::people(&table::markdown(report), path),
        AuditFormat::Csv => (Format::Csv, Lists::Text),
        AuditFormat::Parquet => (Format::Parquet, Lists::Nested),
        AuditFormat::Table | AuditFormat::Ocsf => {
            return destination::people(&table::blocks(report, args.all), path);
        }
    };
    let batch = audit::to_batch(&report.outcomes, lists).or_exit(Exit::Output)?;
    destination::batch(
        &batch,
        &Write { format, output: args.output.clone(), csv_safe: args.csv_safe },
    )
}

/// Says beside the results what was audited, as of when, and what was read.
fn print_notes(
    session: &Session,
    report: &AuditReport,
    with_logs: bool,
    say: Messages<'_>,
    started: Invocation,
) {
    let inventory = session.context.inventory();
    let time = |at| time_text(at).unwrap_or_default();
    match inventory.observed {
        Some((first, last)) if first == last => say.note(&format!("VPC as of {}", time(last))),
        Some((first, last)) => {
            say.note(&format!("VPC as of {}, by answers from {} on", time(last), time(first)));
        }
        None => say.note("VPC configuration according to documents without a time"),
    }
    let count =
        |verdict| report.outcomes.iter().filter(|one| one.verdict == verdict).count() as u64;
    say.note(&format!(
        "{} jobs, {} results: {} fail, {} pass, {} not known",
        number(report.jobs as u64),
        number(report.outcomes.len() as u64),
        number(count(CheckVerdict::Fail)),
        number(count(CheckVerdict::Pass)),
        number(count(CheckVerdict::NotKnown)),
    ));
    if with_logs {
        let summary = session.engine.summary();
        say.summary(&summary, started.at.elapsed());
        say.problems(&summary);
    } else {
        say.note("no flow logs read: the results are not compared with the traffic of the jobs");
    }
}
