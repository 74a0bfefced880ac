//! Alerts from the command line: `flowq alert test` and `flowq detect --alert`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use chrono::{DateTime, SecondsFormat};

use crate::alert::{Delivery, Enqueued, Outbox, Pending, Sink, SinkContext};
use crate::aws::Account;
use crate::cli::args::{AlertPending, AlertResend, AlertTest};
use crate::cli::commands::ingest;
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::invocation::Invocation;
use crate::cli::messages::{Messages, number};
use crate::cli::output::destination;
use crate::cli::{process_identity, session};
use crate::detection::Finding;
use crate::state::Lease;
use crate::storage::Storage;
use crate::time::Clock;
use crate::{alert, diagnostics, storage};

/// How long one run may take to send what there is.
const DELIVERY: Duration = Duration::from_secs(300);

/// Runs `flowq alert test`.
pub(crate) async fn test(args: AlertTest, started: Invocation) -> Result<Exit, Failure> {
    let say = Messages::new(false);
    let config = session::config(args.config.as_deref())?;
    let configs = chosen(&config.alerts, &args.sink)?;
    let account = Arc::new(Account::new(args.aws.options()));
    let width = configs.iter().map(|config| config.name.len()).max().unwrap_or(0);
    let mut failed = 0;
    for config in configs {
        let (name, kind) = (&config.name, config.target.kind().as_str());
        let sent = match with_means(&account, |means| Sink::new(config, means)) {
            Ok(sink) => sink.test(started.now, DELIVERY).await,
            Err(alert::Error::Config { problem, .. }) => Err(problem),
            Err(error) => Err(format!("{:#}", anyhow!(error))),
        };
        let status =
            sent.as_ref().map_or_else(|reason| format!("FAILED: {reason}"), |()| "sent".into());
        say.note(&format!("{name:width$}  {kind:12}  {status}"));
        failed += usize::from(sent.is_err());
    }
    if failed > 0 {
        return Err(Failure::new(Exit::Output, anyhow!("{failed} of the sinks took no sample")));
    }
    Ok(Exit::Fine)
}

/// Returns all sinks, or those with these names.
fn chosen<'a>(
    configs: &'a [alert::Config],
    names: &[String],
) -> Result<Vec<&'a alert::Config>, Failure> {
    if configs.is_empty() {
        return Err(no_sinks());
    }
    for name in names {
        if !configs.iter().any(|config| config.name == *name) {
            let known: Vec<&str> = configs.iter().map(|config| config.name.as_str()).collect();
            let hint = match diagnostics::nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean {near}? there are {}", known.join(", ")),
                None => format!("there are {}", known.join(", ")),
            };
            let error = anyhow!("no alert is called {name}");
            return Err(Failure::new(Exit::Usage, error).with_hint(hint));
        }
    }
    let is_asked = |config: &&alert::Config| names.is_empty() || names.contains(&config.name);
    Ok(configs.iter().filter(is_asked).collect())
}

fn no_sinks() -> Failure {
    let error = anyhow!("the config names no sink");
    let hint = "add an [[alert]] table to flowq.toml, such as type = \"ndjson\", path = \"-\"";
    Failure::new(Exit::Config, error).with_hint(hint)
}

/// Makes something with what the surroundings have: the environment and standard output.
pub(crate) fn with_means<T>(account: &Arc<Account>, make: impl FnOnce(&SinkContext<'_>) -> T) -> T {
    #[expect(clippy::disallowed_methods, reason = "this room reads the environment")]
    let lookup = |name: &str| std::env::var(name).ok();
    let stdout = Arc::new(Mutex::new(std::io::stdout()));
    make(&SinkContext { account, lookup: &lookup, stdout })
}

/// Sends findings to the sinks. `state`: where sent findings are recorded; without it, each is sent
/// everything, and what cannot be sent is lost. Returns whether all went out.
pub(crate) async fn send_findings(
    findings: &[Finding],
    configs: &[alert::Config],
    (state, account): (Option<&str>, &Arc<Account>),
    now: i64,
    say: Messages<'_>,
) -> Result<bool, Failure> {
    if configs.is_empty() {
        return Err(no_sinks());
    }
    let folder = tempfile::tempdir().context("making a temporary folder").or_exit(Exit::Output)?;
    let place = match state {
        Some(state) => Storage::create(state, account),
        None => Storage::create(&folder.path().to_string_lossy(), account),
    };
    let place = place.or_exit(Exit::Output)?;
    // Two that tell at once would both send what is new.
    let lease = match state {
        Some(_) => Some(lease(&place, now).await?),
        None => None,
    };
    let sinks = with_means(account, |means| Sink::all(configs, means)).or_exit(Exit::Config)?;
    let outbox = Outbox::open(place.below("alerts"), sinks).await.or_exit(Exit::Output)?;
    outbox.notes().iter().for_each(|note| say.warn(&format!("alerts: {note}")));
    let posted = outbox.enqueue(findings, now).await.or_exit(Exit::Output)?;
    let delivered = outbox.deliver(now, DELIVERY).await;
    let whole = report(&posted, &delivered, state.is_some(), say);
    if let Some(lease) = lease {
        lease.give_back().await.map_err(|error| ingest::failure(error.into()))?;
    }
    Ok(whole)
}

/// Takes the lease of a state, which a feed over it holds as long as it runs.
async fn lease(place: &Storage, now: i64) -> Result<Lease, Failure> {
    let probed = place.probe(&format!("probe-{:016x}", fastrand::u64(..))).await;
    let store_time = match probed {
        Ok(store_time) => store_time,
        // Without conditional writes an alert may be sent twice, which is better than not at all.
        Err(storage::Error::Unconditional { .. }) => None,
        Err(error) => return Err(ingest::failure(error.into())),
    };
    let (clock, secs) = (Clock::new(now), process_identity::lease_secs());
    let taken = Lease::take(place, &process_identity::name(), clock, store_time, secs).await;
    let (lease, _) = taken.map_err(|error| ingest::failure(error.into()))?;
    Ok(lease)
}

/// Runs `flowq alert pending`.
pub(crate) async fn pending(args: AlertPending) -> Result<Exit, Failure> {
    let account = Arc::new(Account::new(args.aws.options()));
    let place = Storage::open(&args.state, &account).or_exit(Exit::Input)?.below("alerts");
    let all = alert::pending(&place, &args.sink).await.or_exit(Exit::Input)?;
    let time = |secs: Option<i64>| {
        let time = DateTime::from_timestamp(secs?, 0)?;
        Some(time.to_rfc3339_opts(SecondsFormat::Secs, true))
    };
    let text = |value: fn(&Pending) -> Option<String>| {
        Arc::new(all.iter().map(value).collect::<StringArray>()) as ArrayRef
    };
    let posted = all.iter().map(|one| time(one.alert.posted_at)).collect::<StringArray>();
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("sink", text(|one| Some(one.sink.clone())), true),
        ("state", text(|one| Some(state_of(one).to_owned())), true),
        ("alert_id", text(|one| Some(one.alert.alert_id.clone())), true),
        ("posted_at", Arc::new(posted) as ArrayRef, true),
        ("severity", text(|one| Some(one.alert.finding.severity.to_string())), true),
        ("detection", text(|one| Some(one.alert.finding.detection.clone())), true),
        ("finding_id", text(|one| Some(one.alert.finding.finding_id.clone())), true),
        ("job_name", text(|one| one.alert.finding.job_name.clone()), true),
        ("reason", text(|one| one.refused.clone()), true),
    ]);
    destination::batch(&batch.or_exit(Exit::Output)?, &args.write)?;
    Ok(Exit::Fine)
}

fn state_of(one: &Pending) -> &'static str {
    if one.refused.is_some() { "refused" } else { "waiting" }
}

/// Runs `flowq alert resend`.
pub(crate) async fn resend(args: AlertResend, started: Invocation) -> Result<Exit, Failure> {
    let say = Messages::new(false);
    let config = session::config(args.config.as_deref())?;
    let configs: Vec<alert::Config> =
        chosen(&config.alerts, &args.sink)?.into_iter().cloned().collect();
    let account = Arc::new(Account::new(args.aws.options()));
    let sinks = with_means(&account, |means| Sink::all(&configs, means)).or_exit(Exit::Config)?;
    let state = Storage::open(&args.state, &account).or_exit(Exit::Input)?;
    let lease = lease(&state, started.now).await?;
    let names: Vec<String> = configs.iter().map(|config| config.name.clone()).collect();
    let place = state.below("alerts");
    for (sink, count) in alert::requeue(&place, &names).await.or_exit(Exit::Output)? {
        say.note(&format!("alert {sink}: {} that were refused wait again", number(count)));
    }
    let outbox = Outbox::open(place, sinks).await.or_exit(Exit::Output)?;
    outbox.notes().iter().for_each(|note| say.warn(&format!("alerts: {note}")));
    let delivered = outbox.deliver(started.now, DELIVERY).await;
    let posted: Vec<Enqueued> = delivered.iter().map(|_| Enqueued::default()).collect();
    let whole = report(&posted, &delivered, true, say);
    lease.give_back().await.map_err(|error| ingest::failure(error.into()))?;
    Ok(if whole { Exit::Fine } else { Exit::Output })
}

/// Prints the delivery result of each sink. Returns whether all alerts went out. `waits`: the others are kept.
fn report(posted: &[Enqueued], delivered: &[Delivery], waits: bool, say: Messages<'_>) -> bool {
    let mut whole = true;
    for (posted, delivery) in posted.iter().zip(delivered) {
        let (name, left) = (&delivery.sink, delivery.waiting + delivery.refused);
        say.note(&format!(
            "alert {name}: {} new, {} grown, {} sent",
            number(posted.new),
            number(posted.grown),
            number(delivery.sent),
        ));
        if left == 0 {
            continue;
        }
        whole = false;
        let fate = match (delivery.waiting, waits) {
            (0, _) => "refused",
            (_, true) => "wait for the next run",
            (_, false) => "are lost: without --state they are not stored",
        };
        let reason = delivery.failed.as_deref().unwrap_or("it failed just before");
        say.warn(&format!("alert {name}: {} alerts {fate}: {reason}", number(left)));
    }
    whole
}
