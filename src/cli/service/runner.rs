//! The loop of a service: passes, signals, reloads and the end.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval_at};

use crate::aws::Account;
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::service::backoff::Backoff;
use crate::cli::service::exporters::Exporters;
use crate::cli::service::log::Log;
use crate::cli::service::signals::Event;
use crate::cli::service::systemd::Notify;
use crate::cli::service::worker::{Report, Worker};
use crate::cli::service::{exporters, log, signals};
use crate::cli::session;
use crate::config::Config;
use crate::metrics::{Config as MetricsConfig, PassOutcome};

/// How long a pass may go on after the signal to stop.
const GRACE: Duration = Duration::from_secs(10);

/// How long the release of leases may take at the end.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// A tick that never comes, for a service without a watchdog.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// How the service is run.
#[derive(Debug)]
pub(crate) struct Options {
    /// `--config`.
    pub(crate) config: Option<PathBuf>,
    /// `--once`.
    pub(crate) once: bool,
    /// `--log`.
    pub(crate) log: log::Format,
    /// When the process started, Unix seconds.
    pub(crate) started: i64,
}

/// Runs a service until a signal stops it.
pub(crate) async fn run(
    options: Options,
    account: Arc<Account>,
    work: &mut impl Worker,
) -> Result<Exit, Failure> {
    let events = signals::events().context("taking signals").or_exit(Exit::Input)?;
    let notify = Notify::from_env().context("NOTIFY_SOCKET").or_exit(Exit::Input)?;
    let outlets = Exporters::new(account, options.started);
    let config = session::config(options.config.as_deref())?;
    let clock = crate::cli::invocation::now;
    let mut service = Service {
        log: Log::new(options.log),
        options,
        config,
        notify,
        outlets,
        events,
        grace: GRACE,
        pace: Backoff::default(),
        last_warnings: BTreeSet::new(),
        unsent: None,
        succeeded: false,
        clock,
    };
    let result = service.serve(work).await;
    service.close(work).await;
    result
}

/// A service that runs.
struct Service {
    options: Options,
    config: Config,
    log: Log,
    notify: Notify,
    outlets: Exporters,
    events: mpsc::Receiver<Event>,
    grace: Duration,
    pace: Backoff,
    /// Warnings of the last pass.
    last_warnings: BTreeSet<String>,
    /// Why the metrics of the last pass were not sent. `None`: they were.
    unsent: Option<String>,
    /// Whether any pass has succeeded.
    succeeded: bool,
    /// Unix seconds.
    clock: fn() -> i64,
}

/// What became of a pass in flight.
enum PassResult {
    Ended(Box<Result<Report, Failure>>),
    /// It did not end in time after the signal to stop.
    Dropped,
    /// A second signal came.
    Killed,
}

/// The signals that came during a pass.
#[derive(Debug, Clone, Copy, Default)]
struct PendingSignals {
    stop: bool,
    reload: bool,
}

/// What to do next.
enum Next {
    Pass,
    End(Exit),
}

impl Service {
    async fn serve(&mut self, work: &mut impl Worker) -> Result<Exit, Failure> {
        work.check(&self.config)?;
        let change = self.outlets.prepare(&self.outlets_of(&self.config)).await?;
        self.take_outlets(change).await;
        self.notify.ready();
        let interval = humantime::format_duration(self.config.feed.interval).to_string();
        let version = env!("CARGO_PKG_VERSION");
        self.log.info("started", vec![("version", json!(version)), ("interval", json!(interval))]);
        loop {
            let started = Instant::now();
            let now = (self.clock)();
            let (flight, pending) = self.run_pass(work, now).await;
            let took = started.elapsed();
            let wait = match flight {
                PassResult::Killed => return Err(killed()),
                PassResult::Dropped => {
                    self.outlets.metrics.ended(PassOutcome::Stopped, took);
                    self.send().await;
                    self.log
                        .warn("the pass was dropped, the next start makes it again", Vec::new());
                    let once = self.options.once;
                    return Ok(if once { Exit::Interrupted } else { Exit::Fine });
                }
                PassResult::Ended(ended) => match *ended {
                    Ok(report) => {
                        let waits = report.pass.waiting > 0 && report.pass.objects > 0;
                        let incomplete = report.incomplete;
                        self.succeeded(report, took).await;
                        if self.options.once && !waits {
                            return Ok(if incomplete { Exit::Incomplete } else { Exit::Fine });
                        }
                        self.pace.succeeded(self.config.feed.interval, took, waits)
                    }
                    Err(failure) => self.failed(failure, took).await?,
                },
            };
            if pending.stop {
                self.log.info("stopped", Vec::new());
                return Ok(Exit::Fine);
            }
            if pending.reload {
                self.reload(work).await;
            }
            match self.wait_for_next(work, wait).await {
                Next::Pass => {}
                Next::End(exit) => return Ok(exit),
            }
        }
    }

    /// Releases leases and stops the exporters, whatever the service ends for.
    async fn close(self, work: &mut impl Worker) {
        self.notify.stopping();
        if tokio::time::timeout(END_TIMEOUT, work.end()).await.is_err() {
            self.log.warn("leases were not released in time", Vec::new());
        }
        self.outlets.close().await;
    }

    /// Makes a pass, and records signals that arrive meanwhile.
    async fn run_pass(&mut self, work: &mut impl Worker, now: i64) -> (PassResult, PendingSignals) {
        let mut pending = PendingSignals::default();
        let mut pass = pin!(work.pass(&self.config, now));
        let mut grace = pin!(tokio::time::sleep(NEVER));
        let mut ticks = ticks(&self.notify);
        loop {
            tokio::select! {
                biased;
                Some(event) = self.events.recv() => match event {
                    Event::Reload => pending.reload = true,
                    Event::Stop if pending.stop => return (PassResult::Killed, pending),
                    Event::Stop => {
                        pending.stop = true;
                        self.notify.stopping();
                        self.outlets.health.stopping();
                        let grace_secs = json!(self.grace.as_secs_f64());
                        self.log.info("stopping after this pass", vec![("grace_s", grace_secs)]);
                        grace.as_mut().reset(tokio::time::Instant::now() + self.grace);
                    }
                },
                result = &mut pass => return (PassResult::Ended(Box::new(result)), pending),
                () = &mut grace => return (PassResult::Dropped, pending),
                _ = ticks.tick() => self.notify.alive(),
            }
        }
    }

    /// Waits for the next pass, and handles signals meanwhile.
    async fn wait_for_next(&mut self, work: &impl Worker, wait: Duration) -> Next {
        let mut next = pin!(tokio::time::sleep(wait));
        let mut ticks = ticks(&self.notify);
        loop {
            let event = tokio::select! {
                biased;
                Some(event) = self.events.recv() => event,
                () = &mut next => return Next::Pass,
                _ = ticks.tick() => {
                    self.notify.alive();
                    continue;
                }
            };
            match event {
                Event::Stop => {
                    self.outlets.health.stopping();
                    self.log.info("stopped", Vec::new());
                    return Next::End(Exit::Fine);
                }
                // The new one may want another pace: it begins with a pass.
                Event::Reload => {
                    if self.reload(work).await {
                        return Next::Pass;
                    }
                }
            }
        }
    }

    /// Tells of a pass that was published.
    async fn succeeded(&mut self, report: Report, took: Duration) {
        let now = (self.clock)();
        self.succeeded = true;
        self.outlets.health.succeeded();
        self.outlets.metrics.pass(&report.pass, took, now);
        let Report { number, pass, warnings, .. } = report;
        let warnings: BTreeSet<String> = warnings.into_iter().collect();
        for warning in warnings.difference(&self.last_warnings) {
            self.log.warn(warning, Vec::new());
        }
        self.last_warnings = warnings;
        let findings: u64 = pass.findings.iter().flat_map(|all| all.values()).sum();
        let mut fields = vec![
            ("objects", json!(pass.objects)),
            ("records", json!(pass.records())),
            ("malformed", json!(pass.malformed_lines())),
            ("rows", json!(pass.written)),
            ("findings", json!(findings)),
            ("waiting", json!(pass.waiting)),
            ("took_s", json!(rounded(took))),
        ];
        fields.splice(0..0, number.map(|number| ("pass", json!(number))));
        if pass.objects_failed > 0 {
            fields.push(("objects_failed", json!(pass.objects_failed)));
        }
        self.log.info("pass done", fields);
        self.notify.status(&format!(
            "last pass: {} objects, {} records, {findings} findings stand",
            pass.objects,
            pass.records()
        ));
        self.send().await;
    }

    /// Tells of a pass that failed, and returns how long to wait for the next.
    async fn failed(&mut self, failure: Failure, took: Duration) -> Result<Duration, Failure> {
        self.outlets.metrics.ended(PassOutcome::Failed, took);
        self.send().await;
        // An error in the first pass is a mistake in the command line or the configuration.
        let is_mistake = matches!(failure.exit, Exit::Usage | Exit::Config);
        if self.options.once || (is_mistake && !self.succeeded) {
            return Err(failure);
        }
        let wait = self.pace.failed(fastrand::f64());
        let fields = vec![("took_s", json!(rounded(took))), ("again_in_s", json!(rounded(wait)))];
        self.log.failure("pass failed", &failure, fields);
        self.notify.status(&format!("the last pass failed: {:#}", failure.error));
        Ok(wait)
    }

    /// Reads the configuration again; `false`: it was refused, and the old one stays.
    async fn reload(&mut self, work: &impl Worker) -> bool {
        self.notify.reloading();
        let loaded = self.load(work).await;
        let taken = loaded.is_ok();
        match loaded {
            Ok((config, change)) => {
                self.config = config;
                self.log.info("configuration read again", Vec::new());
                self.take_outlets(change).await;
            }
            Err(failure) => self.log.failure(
                "the configuration was refused, the old one stays",
                &failure,
                Vec::new(),
            ),
        }
        self.outlets.metrics.reloaded(taken);
        self.notify.ready();
        taken
    }

    async fn load(&self, work: &impl Worker) -> Result<(Config, exporters::Change), Failure> {
        let config = session::config(self.options.config.as_deref())?;
        work.check(&config)?;
        let change = self.outlets.prepare(&self.outlets_of(&config)).await?;
        Ok((config, change))
    }

    /// The configured exporters. One catch-up is over before it is scraped, and must not fail because
    /// a service listens already.
    fn outlets_of(&self, config: &Config) -> MetricsConfig {
        let mut metrics = config.metrics.clone();
        metrics.listen = metrics.listen.filter(|_| !self.options.once);
        metrics
    }

    async fn take_outlets(&mut self, change: exporters::Change) {
        if let Some(address) = self.outlets.take(change).await {
            self.log.info("metrics are served", vec![("address", json!(address.to_string()))]);
        }
    }

    /// Sends the metrics. A failure is logged once as long as the reason stays the same; `true`: it was
    /// logged now.
    async fn send(&mut self) -> bool {
        let unsent = self.outlets.send((self.clock)()).await.err();
        let reason = unsent.as_ref().map(ToString::to_string);
        let news = unsent.filter(|_| reason != self.unsent);
        self.unsent = reason;
        if let Some(failure) = &news {
            self.log.failure("metrics were not sent", failure, Vec::new());
        }
        news.is_some()
    }
}

fn ticks(notify: &Notify) -> tokio::time::Interval {
    let every = notify.watchdog_interval().unwrap_or(NEVER);
    // The first tick is at once where somebody watches: the time until the next one is known then.
    let first = notify.watchdog_interval().map_or(NEVER, |_| Duration::ZERO);
    let mut ticks = interval_at(tokio::time::Instant::now() + first, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn killed() -> Failure {
    Failure::new(Exit::Interrupted, anyhow!("ended at once by a second signal"))
}

/// Seconds with three digits after the point.
fn rounded(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}
