//! Alerts from the command line: `flowq alert test` and `flowq detect --alert`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, anyhow};

use crate::alert;
use crate::alert::{Means, Outbox, Sink};
use crate::aws::Account;
use crate::cli::args::AlertTest;
use crate::cli::exit::{Exit, Failure, OrExit as _};
use crate::cli::say::{Say, number};
use crate::cli::{Started, read};
use crate::detection;
use crate::detection::Finding;
use crate::store::Place;

/// How long one run may take to send what there is.
const DELIVERY: Duration = Duration::from_secs(300);

/// Runs `flowq alert test`.
pub(super) async fn test(args: AlertTest, started: Started) -> Result<Exit, Failure> {
    let say = Say::new(false);
    let config = read::config(args.config.as_deref())?;
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
        let told =
            sent.as_ref().map_or_else(|reason| format!("FAILED: {reason}"), |()| "sent".into());
        say.note(&format!("{name:width$}  {kind:12}  {told}"));
        failed += usize::from(sent.is_err());
    }
    if failed > 0 {
        return Err(Failure::new(Exit::Output, anyhow!("{failed} of the sinks took no sample")));
    }
    Ok(Exit::Fine)
}

/// Returns the sinks that are asked for: all, or those with these names.
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
            let hint = match detection::nearest(name, known.iter().copied()) {
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
pub(super) fn with_means<T>(account: &Arc<Account>, make: impl FnOnce(&Means<'_>) -> T) -> T {
    #[expect(clippy::disallowed_methods, reason = "this room reads the environment")]
    let lookup = |name: &str| std::env::var(name).ok();
    let stdout = Arc::new(Mutex::new(std::io::stdout()));
    make(&Means { account, lookup: &lookup, stdout })
}

/// Tells the sinks of findings. `state`: where it is remembered what they were told; without it, each is told
/// everything, and what cannot be sent is lost. Returns whether all went out.
pub(super) async fn tell(
    findings: &[Finding],
    configs: &[alert::Config],
    (state, account): (Option<&str>, &Arc<Account>),
    now: i64,
    say: Say<'_>,
) -> Result<bool, Failure> {
    if configs.is_empty() {
        return Err(no_sinks());
    }
    let folder = tempfile::tempdir().context("making a temporary folder").or_exit(Exit::Output)?;
    let place = match state {
        Some(state) => Place::create(state, account),
        None => Place::create(&folder.path().to_string_lossy(), account),
    };
    let place = place.or_exit(Exit::Output)?.below("alerts");
    let sinks = with_means(account, |means| Sink::all(configs, means)).or_exit(Exit::Config)?;
    let outbox = Outbox::open(place, sinks).await.or_exit(Exit::Output)?;
    let posted = outbox.post(findings, now).await.or_exit(Exit::Output)?;
    let delivered = outbox.deliver(now, DELIVERY).await;
    let mut whole = true;
    for (posted, delivery) in posted.iter().zip(&delivered) {
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
        let fate = match (delivery.waiting, state) {
            (0, _) => "refused",
            (_, Some(_)) => "wait for the next run",
            (_, None) => "are lost: without --state they are not stored",
        };
        let reason = delivery.failed.as_deref().unwrap_or("it failed just before");
        say.warn(&format!("alert {name}: {} alerts {fate}: {reason}", number(left)));
    }
    Ok(whole)
}
