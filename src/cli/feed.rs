//! `flowq feed`: passes in a loop, findings of each, as a service.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::anyhow;

use crate::aws::Account;
use crate::cli::Started;
use crate::cli::args::{Feed, Read};
use crate::cli::detect::{MEMORY, detections, judge};
use crate::cli::exit::{Exit, Failure};
use crate::cli::read;
use crate::cli::say::{Kept, Say};
use crate::cli::service::{self, Options, Report, Work};
use crate::cli::sql::incomplete;
use crate::config::Config;
use crate::detection::{Outcome, Severity};
use crate::engine::Summary;
use crate::metrics::Pass;

/// Runs the command.
pub(super) async fn run(args: Feed, started: Started) -> Result<Exit, Failure> {
    let account = Arc::new(Account::new(args.aws.options()));
    let options = Options {
        config: args.config.clone(),
        once: args.once,
        log: args.log,
        started: started.now,
    };
    service::run(options, account, &mut Detections { args }).await
}

/// All detections over the last of what the sources have, anew in each pass.
struct Detections {
    args: Feed,
}

impl Detections {
    /// What a pass reads.
    fn read(&self, config: &Config) -> Read {
        let args = &self.args;
        let (mut sources, mut inventory) = (Vec::new(), Vec::new());
        config.complete(&mut sources, &mut inventory);
        Read {
            sources,
            inventory,
            since: Some(args.window.clone()),
            until: None,
            slack: "1h".to_owned(),
            log_format: None,
            strict: false,
            malformed: None,
            config: None,
            threads: args.threads,
            memory: None,
            quiet: true,
            aws: args.aws.clone(),
        }
    }
}

impl Work for Detections {
    fn check(&self, config: &Config) -> Result<(), Failure> {
        if config.sources.is_empty() {
            let error = anyhow!("no flow logs named");
            let hint =
                "write sources = [\"s3://bucket/AWSLogs/\"] in flowq.toml, or name it by --config";
            return Err(Failure::new(Exit::Config, error).with_hint(hint));
        }
        detections(config, &self.args.queries, &[]).map(drop)
    }

    async fn pass(&mut self, config: &Config, now: i64) -> Result<Report, Failure> {
        Box::pin(pass(&self.read(config), config, &self.args, now)).await
    }

    async fn end(&mut self) {}
}

/// One pass.
async fn pass(read: &Read, config: &Config, args: &Feed, now: i64) -> Result<Report, Failure> {
    let kept = Kept::default();
    let say = Say::keeping(&kept);
    let detections = detections(config, &args.queries, &[])?;
    let mut session = read::open(read, config, now, MEMORY, &say).await?;
    session.engine.keep_conversations().await?;
    let outcome = judge(&session, &detections, config, now).await?;
    let summary = session.engine.summary();
    let exit = session.exit(incomplete(&summary)?);
    say.problems(&summary);
    let bytes = session.progress.counts().bytes_read;
    session.close(say).await?;
    let pass = Pass { bytes, ..counted(&summary, &outcome) };
    let incomplete = exit == Exit::Incomplete;
    Ok(Report { number: None, pass, warnings: kept.take(), incomplete })
}

/// What was read and found, for the metrics.
fn counted(summary: &Summary, outcome: &Outcome) -> Pass {
    let mut findings: BTreeMap<(String, Severity), u64> = BTreeMap::new();
    for finding in &outcome.findings {
        *findings.entry((finding.detection.clone(), finding.severity)).or_default() += 1;
    }
    let malformed = summary.malformed.by_reason.iter();
    Pass {
        objects: summary.objects_read.saturating_sub(summary.problem_objects),
        objects_failed: summary.problem_objects,
        ok: summary.ok,
        nodata: summary.nodata,
        skipdata: summary.skipdata,
        other: summary.other + summary.other_layout,
        malformed: malformed.map(|(reason, count)| (reason.to_string(), *count)).collect(),
        findings: Some(findings),
        ..Pass::default()
    }
}
