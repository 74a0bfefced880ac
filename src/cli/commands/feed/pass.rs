//! The state of the service between passes, and a pass.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;

use crate::alert::{Deliveries, Outbox, Sink};
use crate::aws::Account;
use crate::cli::args::Feed;
use crate::cli::commands::alert::with_means;
use crate::cli::commands::detect::{MEMORY, detections};
use crate::cli::commands::feed::inventory_refresh::InventoryCache;
use crate::cli::commands::ingest;
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::messages::{CapturedWarnings, Messages};
use crate::cli::service::Report;
use crate::cli::session;
use crate::cli::session::source_failure;
use crate::config::Config;
use crate::detection::{Finding, Severity};
use crate::feed::{Evaluator, Findings, Range, touched};
use crate::flow::field::Layout;
use crate::ingest::{Options, PassReport, Runner};
use crate::inventory::Inventory;
use crate::inventory::model::FlowLog;
use crate::lake::{CompactOptions, compact};
use crate::metrics::{AlertCounts, PassMetrics};
use crate::source::{Source, SourceContext};
use crate::storage::Storage;
use crate::time::{Clock, Window};
use crate::{lake, source};

/// The object of the state that says when the lake was compacted last, in Unix seconds.
const COMPACTED: &str = "compacted";

/// How long a single run may send alerts; what is left waits for the next.
const ALERTS_ONCE: Duration = Duration::from_secs(300);

/// How long deliveries that are under way may take when the service ends.
const ALERTS_END: Duration = Duration::from_secs(2);

/// The state between passes.
pub(crate) struct FeedState {
    config: Config,
    account: Arc<Account>,
    state: Storage,
    runner: Runner,
    /// The flow logs that the inventory knows, for the listing of log groups.
    flow_logs: Arc<Mutex<Arc<[FlowLog]>>>,
    inventory: InventoryCache,
    evaluator: Evaluator,
    findings: Findings,
    outbox: Arc<Outbox>,
    deliveries: Deliveries,
    /// Whether this is a single run.
    once: bool,
}

impl FeedState {
    /// Takes over a lake with its state.
    pub(crate) async fn new(
        config: &Config,
        args: &Feed,
        account: &Arc<Account>,
        now: i64,
    ) -> Result<Self, Failure> {
        let lake = config.feed.lake.as_deref().unwrap_or_default();
        let lake = Storage::create(lake, account).or_exit(Exit::Output)?;
        let clock = Clock::new(now);
        let named = config.feed.state.as_deref();
        let state_writer = ingest::state(&lake, named, account, clock).await?;
        let state = state_writer.reader().place().clone();
        let mut sources = config.sources.clone();
        ingest::absolute(&mut sources)?;
        let memory = args.memory.as_deref().unwrap_or(MEMORY);
        let resources = session::resources(args.threads, memory)?;
        let flow_logs: Arc<Mutex<Arc<[FlowLog]>>> = Arc::default();
        let opener = {
            let (sources, account) = (sources.clone(), Arc::clone(account));
            let flow_logs = Arc::clone(&flow_logs);
            move |now| {
                let known = flow_logs.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let access = SourceContext {
                    account: Arc::clone(&account),
                    flow_logs: known,
                    now,
                    for_ledger: true,
                };
                source::open_sources(&sources, &access)
            }
        };
        let options = Options {
            lateness_secs: secs(config.feed.lateness),
            ..Options::new(sources.clone(), resources.clone())
        };
        let runner = Runner::open(lake, state_writer, Arc::new(opener), options).await;
        let runner = runner.map_err(ingest::failure)?;
        let findings = Findings::load(&state).await.or_exit(Exit::Input)?;
        let sinks = with_means(account, |means| Sink::all(&config.alerts, means));
        let sinks = sinks.or_exit(Exit::Config)?;
        let outbox = Outbox::open(state.below("alerts"), sinks).await.or_exit(Exit::Output)?;
        let outbox = Arc::new(outbox);
        let detections = detections(config, &args.queries, &[])?;
        let evaluator =
            Evaluator::new(config.clone(), detections, resources, Arc::new(Inventory::default()));
        Ok(Self {
            config: config.clone(),
            account: Arc::clone(account),
            state,
            runner,
            flow_logs,
            inventory: InventoryCache::default(),
            evaluator,
            findings,
            deliveries: Deliveries::new(Arc::clone(&outbox)),
            outbox,
            once: args.once,
        })
    }

    /// Returns whether it was created from this configuration.
    pub(crate) fn is_of(&self, config: &Config) -> bool {
        format!("{:?}", self.config) == format!("{config:?}")
    }

    /// Makes one pass: what is new into the lake, findings, alerts, and the lake's own upkeep.
    pub(crate) async fn pass(&mut self, now: i64) -> Result<Report, Failure> {
        let captured = CapturedWarnings::default();
        let say = Messages::capture(&captured);
        // A clock that is ahead must not make the lake let go of what is new.
        let now = now.min(self.runner.now());
        let places = (&self.account, &self.state);
        let inventory = self.inventory.refresh(&self.config, places, now, &say).await?;
        *self.flow_logs.lock().unwrap_or_else(PoisonError::into_inner) =
            inventory.flow_logs.as_slice().into();
        self.evaluator.set_inventory(inventory);
        let published = match self.runner.pass().await {
            // A service may be started before the first object is delivered.
            Err(crate::ingest::Error::Source(error @ source::Error::Empty { .. })) => {
                say.warn(&format!("{error} yet"));
                None
            }
            published => published.map_err(ingest::failure)?,
        };
        let mut report = Report { incomplete: !self.inventory.whole, ..Report::default() };
        if let Some(published) = &published {
            report.number = Some(published.pass.number);
            report.incomplete |= published.pass.totals.failed > 0;
            report.pass = counted_pass(published);
            published.notes.iter().for_each(|note| say.warn(note));
        }
        report.pass.inventory = Some(self.inventory.read_at);
        let lake = self.lake(now).await?;
        if let Some(lake) = &lake {
            report.incomplete |= !self.judge(lake, now, &say).await?;
        }
        if let (Some(published), Some(lake)) = (&published, lake) {
            let table = published.pass.tables.get(lake::folder(Layout::Vpc));
            let added = table.into_iter().flat_map(|table| &table.added);
            let added: Vec<&str> = added.map(|file| file.path.as_str()).collect();
            match self.evaluator.s3_bytes(&lake, &added, now).await {
                Ok(bytes) => report.pass.s3_bytes = bytes,
                Err(error) => {
                    say.warn(&format!("bytes to S3 are not counted: {}", message(error)));
                    report.incomplete = true;
                }
            }
            report.pass.lake = Some(size(&lake).await?);
        }
        report.pass.findings = Some(counted(&self.findings.findings));
        report.pass.alerts = self.send_alerts(now, &say).await?;
        let unsent = |counts: &AlertCounts| counts.failed > 0 || counts.waiting > 0;
        report.incomplete |= self.once && report.pass.alerts.values().any(unsent);
        self.findings.save(&self.state).await.or_exit(Exit::Output)?;
        self.compact(now, &say).await?;
        self.runner.take_notes().iter().for_each(|note| say.warn(note));
        report.warnings = captured.take();
        Ok(report)
    }

    /// Puts small files of the lake together, and lets go of what is too old, when it is time.
    async fn compact(&self, now: i64, say: &Messages<'_>) -> Result<(), Failure> {
        let (objects, name) = (self.state.objects(), Path::from(COMPACTED));
        let last = match objects.get(&name).await {
            Ok(found) => found.bytes().await.or_exit(Exit::Input)?,
            Err(object_store::Error::NotFound { .. }) => Bytes::new(),
            Err(error) => return Err(error).or_exit(Exit::Input),
        };
        let last = std::str::from_utf8(&last).ok().and_then(|text| text.trim().parse().ok());
        let every = secs(self.config.feed.compact_every);
        match last {
            // A mark of a clock that was ahead says nothing.
            Some(last) if last <= now && now.saturating_sub(last) < every => return Ok(()),
            // A lake that was just made has nothing to put together yet.
            None => {}
            Some(_) => {
                let keep_secs = self.config.feed.keep.map(secs);
                let options = CompactOptions { keep_secs, ..CompactOptions::default() };
                let done =
                    compact(self.runner.lake(), &options, now).await.or_exit(Exit::Output)?;
                if done.left > 0 {
                    say.note(&format!("{} files of the lake are compacted later", done.left));
                }
            }
        }
        let text = format!("{now}\n");
        objects.put(&name, text.into()).await.or_exit(Exit::Output).map(drop)
    }

    /// Opens the lake as it is after all passes that were published. `None`: there is nothing in it.
    async fn lake(&self, now: i64) -> Result<Option<Arc<dyn Source>>, Failure> {
        if self.runner.checkpoint().pass == 0 {
            return Ok(None);
        }
        let access =
            SourceContext { account: Arc::clone(&self.account), now, ..SourceContext::default() };
        let lake = [self.runner.lake().to_string()];
        let lake = source::open_sources(&lake, &access).map_err(source_failure)?;
        // All that was read may have been lines that cannot be read: no table was made of them.
        match lake.splits(&Window::default()).await {
            Ok(_) => Ok(Some(lake)),
            Err(source::Error::Empty { .. } | source::Error::EmptyLake { .. }) => Ok(None),
            Err(error) => Err(source_failure(error)),
        }
    }

    /// Brings the findings up to date with all passes that were published. Returns whether all questions were
    /// answered: failed questions are reported, and records are ingested all the same.
    async fn judge(
        &mut self,
        lake: &Arc<dyn Source>,
        now: i64,
        say: &Messages<'_>,
    ) -> Result<bool, Failure> {
        let last = self.runner.checkpoint().pass;
        let mut ranges = Vec::new();
        for number in self.findings.through + 1..=last {
            let pass = self.runner.state().reader().pass(number).await;
            match pass.map_err(|error| ingest::failure(error.into()))? {
                Some(pass) => ranges.extend(touched(&pass)),
                // Its record is gone: whatever it changed.
                None => ranges.push(Range::ALL),
            }
        }
        let mut findings = self.findings.clone();
        findings.through = last;
        let judgement = match self.evaluator.update(&mut findings, lake, ranges, now).await {
            Ok(judgement) => judgement,
            Err(error) => {
                let reason = message(error);
                say.warn(&format!("findings are unchanged until a later pass: {reason}"));
                return Ok(false);
            }
        };
        for (id, reason) in &judgement.failed {
            say.warn(&format!("{id} is not answered, its findings are as before: {reason}"));
        }
        if let Some(keep) = self.config.feed.keep {
            findings.forget(now.saturating_sub(secs(keep)));
        }
        self.findings = findings;
        Ok(judgement.failed.is_empty())
    }

    /// Posts what the sinks do not know yet. What waits is sent beside this pass and the next; a single run waits
    /// until it is.
    async fn send_alerts(
        &mut self,
        now: i64,
        say: &Messages<'_>,
    ) -> Result<BTreeMap<String, AlertCounts>, Failure> {
        self.outbox.enqueue(&self.findings.findings, now).await.or_exit(Exit::Output)?;
        let mut counts = BTreeMap::new();
        for note in self.outbox.notes() {
            say.warn(&format!("alerts: {note}"));
        }
        let deliveries = match self.once {
            true => self.deliveries.finish(now, ALERTS_ONCE).await,
            false => self.deliveries.go_on(now).await,
        };
        for delivery in deliveries {
            if let Some(reason) = &delivery.failed {
                say.warn(&format!("alert {}: {reason}", delivery.sink));
            }
            let failed = delivery.refused + u64::from(delivery.failed.is_some());
            let (sent, waiting) = (delivery.sent, delivery.waiting);
            counts.insert(delivery.sink, AlertCounts { sent, failed, waiting });
        }
        Ok(counts)
    }

    /// Releases the lease.
    pub(crate) async fn close(mut self) -> Result<(), Failure> {
        // What is cut off is sent again by the next run, under the same id.
        self.deliveries.wait(ALERTS_END).await;
        self.runner.close().await.map_err(ingest::failure)
    }
}

/// What a pass read, for the metrics.
fn counted_pass(report: &PassReport) -> PassMetrics {
    let totals = &report.pass.totals;
    let counts = &totals.counts;
    let added = report.pass.tables.values().flat_map(|table| &table.added);
    PassMetrics {
        objects: totals.objects.saturating_sub(totals.failed),
        objects_failed: totals.failed,
        bytes: totals.bytes,
        ok: counts.ok,
        nodata: counts.nodata,
        skipdata: counts.skipdata,
        other: counts.other + counts.other_layout,
        malformed: counts.malformed.clone(),
        written: totals.rows,
        waiting: report.left as u64,
        newest_record: added.filter_map(|file| file.end).max(),
        newest_object: report.pass.objects.iter().filter_map(|o| Some(o.ends?.1)).max(),
        ..PassMetrics::default()
    }
}

/// How many files a lake has, and their bytes.
async fn size(lake: &Arc<dyn Source>) -> Result<(u64, u64), Failure> {
    let listed = lake.splits(&Window::default()).await.map_err(source_failure)?;
    let bytes = listed.splits.iter().filter_map(|split| split.size_bytes).sum();
    Ok((listed.splits.len() as u64, bytes))
}

/// An error with all that led to it.
fn message(error: crate::feed::Error) -> String {
    format!("{:#}", anyhow::Error::from(error))
}

fn secs(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// How many findings stand, for the metrics.
fn counted(findings: &[Finding]) -> BTreeMap<(String, Severity), u64> {
    let mut counts = BTreeMap::new();
    for finding in findings {
        *counts.entry((finding.detection.clone(), finding.severity)).or_default() += 1;
    }
    counts
}
