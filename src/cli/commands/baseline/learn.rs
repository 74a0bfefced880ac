//! `flowq baseline learn`: what jobs of a family opened, as rules for a person to review.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::anyhow;
use ipnet::IpNet;

use crate::baseline::{
    ChangeKind, Flagged, Learned, ObservedDestination, Options, against, learn, render,
};
use crate::cli::args::Learn;
use crate::cli::commands::baseline::destinations::{family, no_job_matches, seen, sources_named};
use crate::cli::commands::detect;
use crate::cli::commands::sql::{MEMORY, incomplete};
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::invocation::Invocation;
use crate::cli::messages::{Messages, number};
use crate::cli::output::destination::sink;
use crate::cli::progress::ProgressLine;
use crate::cli::session::{Session, config_alone, open};
use crate::config::Config;
use crate::detection;
use crate::detection::{Detection, DetectionRun, Finding, Severity};
use crate::flow::address;
use crate::inventory::Inventory;

/// The detection that asks the baseline: it has no say in what becomes one.
const ASKS_IT: &str = "new-destination";

/// Runs the command.
pub(crate) async fn run(mut args: Learn, started: Invocation) -> Result<Exit, Failure> {
    let say = Messages::new(args.read.quiet);
    // What is learned stands for the whole baseline, so the old one tells nothing here.
    let mut config = config_alone(args.read.config.as_deref())?;
    config.complete(&mut args.read.sources, &mut args.read.inventory);
    sources_named(&args.read, "learn --job GLOB", say)?;
    if !args.headroom.is_finite() || args.headroom < 1.0 {
        let error = anyhow!("--headroom {} is below 1: the runs seen would not fit", args.headroom);
        return Err(Failure::new(Exit::Usage, error));
    }
    let families = args.job.iter().map(|glob| family(glob)).collect::<Result<Vec<_>, _>>()?;
    let detections = judges(&mut config, &args.include_flagged)?;
    let mut session = open(&args.read, &config, started.now, MEMORY, &say).await?;
    let line = ProgressLine::start(Arc::clone(&session.progress), say.quiet);
    session.engine.materialize_conversations().await?;
    let outcome = detect::run_detections(&session, &detections, &config, started.now).await?;
    let mut rows = seen(&session, None, None).await?;
    drop(line);
    let summary = session.engine.summary();
    let read = session.exit(incomplete(&summary)?);
    let flagged = flagged(&session, &outcome.findings, &args.include_flagged);
    let ranges = ranges(session.context.inventory());
    let mut text = String::new();
    for job in families {
        if !rows.iter().any(|row| row.is_of(&job)) {
            say.summary(&summary, started.at.elapsed());
            return Err(no_job_matches(job.as_str(), &rows));
        }
        let (widen, ranges) = (args.widen.clone(), ranges.clone());
        let options = Options { job, ranges, widen, headroom: args.headroom };
        let learned = learn(&rows, &flagged, &options);
        print_bands(&session, &rows, &options, say);
        rows.retain(|row: &ObservedDestination| !row.is_of(&options.job));
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&render(&learned, &options));
        print_summary(&learned, &options, say);
    }
    write(&text, args.output.as_deref())?;
    print_unjudged(&outcome, say);
    say.summary(&summary, started.at.elapsed());
    say.problems(&summary);
    session.close(say).await?;
    Ok(read)
}

/// The built-in detections, which decide what becomes no rule. Severity and being switched off are the reports'
/// matter, so the config sets parameters only.
fn judges(config: &mut Config, included: &[String]) -> Result<Vec<Detection>, Failure> {
    for set in config.detections.values_mut() {
        (set.enabled, set.severity) = (None, None);
    }
    config.suppress.clear();
    let own: Vec<String> = detection::built_in()
        .or_exit(Exit::Config)?
        .into_iter()
        .map(|known| known.id)
        .filter(|id| id != ASKS_IT)
        .collect();
    // What it sets for detections of the user's own is of no use here.
    config.detections.retain(|id, _| own.contains(id));
    config.alerts.clear();
    for id in included {
        if !own.contains(id) {
            let error = anyhow!("--include-flagged {id}: no built-in detection is called so");
            let hint = format!("there are {}", own.join(", "));
            return Err(Failure::new(Exit::Usage, error).with_hint(hint));
        }
    }
    detect::detections(config, &[], &own)
}

/// What was flagged as high or critical, with where it went in the words of a rule.
fn flagged(session: &Session, findings: &[Finding], included: &[String]) -> Vec<Flagged> {
    let small = |number: Option<i64>| number.and_then(|number| i32::try_from(number).ok());
    let one = |finding: &Finding| {
        let ip = finding.remote_addr.as_deref().and_then(address::parse)?;
        Some(Flagged {
            detection: finding.detection.clone(),
            severity: finding.severity,
            job_name: finding.job_name.clone(),
            destination: session.context.destination(ip, finding.remote_scope.as_deref()),
            port: small(finding.remote_port),
            protocol: small(finding.protocol),
            included: included.contains(&finding.detection),
        })
    };
    let bad = findings.iter().filter(|finding| finding.severity >= Severity::High);
    bad.filter_map(one).collect()
}

/// The ranges of subnets and VPCs.
fn ranges(inventory: &Inventory) -> Vec<IpNet> {
    let subnets = inventory.subnets.iter().flat_map(|subnet| &subnet.cidrs);
    let vpcs = inventory.vpcs.iter().flat_map(|vpc| &vpc.cidrs);
    subnets.chain(vpcs).filter_map(|cidr| address::parse_net(cidr)).collect()
}

fn write(text: &str, path: Option<&Path>) -> Result<(), Failure> {
    let (file, mut sink) = sink(false, path)?;
    sink.write_all(text.as_bytes()).or_exit(Exit::Output)?;
    sink.flush().or_exit(Exit::Output)?;
    drop(sink);
    file.map_or(Ok(()), |file| file.publish().or_exit(Exit::Output))
}

fn print_summary(learned: &Learned, options: &Options, say: Messages<'_>) {
    let count = |count: usize| number(count as u64);
    let runs = learned.runs.names.len();
    let job = options.job.as_str();
    say.note(&format!("{job}: {} rules from {} runs", count(learned.rules.len()), count(runs)));
    if learned.known > 0 {
        let known = count(learned.known);
        say.note(&format!("  {known} destinations of its runs have a rule in flowq.toml already"));
    }
    if runs < 2 {
        say.warn(&format!("{job}: one run only: a weak baseline; learn again after more"));
    }
    if learned.shared > 0 {
        say.warn(&format!(
            "{job}: {} destinations of interfaces that may serve other jobs as well are left out",
            count(learned.shared)
        ));
    }
    for left_out in &learned.left_out {
        say.warn(&format!("{job}: left out {}", left_out.line()));
    }
    if !learned.left_out.is_empty() {
        say.note("hint: if it is intended, allow it in flowq.toml, or learn with --include-flagged DETECTION");
    }
}

/// Says which rules of the config its runs went past: those are not learned again.
fn print_bands(
    session: &Session,
    rows: &[ObservedDestination],
    options: &Options,
    say: Messages<'_>,
) {
    let own: Vec<ObservedDestination> =
        rows.iter().filter(|row| row.is_of(&options.job)).cloned().collect();
    let known = session.context.allow().known();
    for past in against(&own, &known).iter().filter(|one| one.changed == ChangeKind::Grown) {
        let bytes = |bytes: Option<i64>| number(bytes.unwrap_or(0).unsigned_abs());
        say.warn(&format!(
            "{}: the rule for {} in flowq.toml allows {} bytes out, but a run sent {}: raise its bytes-out-max",
            options.job.as_str(),
            past.destination,
            bytes(past.bytes_out_before),
            bytes(past.bytes_out_after)
        ));
    }
}

/// Says which detections could not tell what to leave out.
fn print_unjudged(outcome: &DetectionRun, say: Messages<'_>) {
    for not_run in &outcome.not_run {
        let why = not_run.why();
        say.warn(&format!("{} did not run, so what it would flag was learned: {why}", not_run.id));
    }
}
