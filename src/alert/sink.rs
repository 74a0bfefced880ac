//! Sinks: the receivers of alerts, with their timeout and retries.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::alert::config::{Config, SinkFilter, Target};
use crate::alert::retry_policy::RetryPolicy;
use crate::alert::transports::ndjson::Stdout;
use crate::alert::transports::{DeliveryError, DeliveryResult, ErrorKind, Transport};
use crate::alert::{Alert, Error, transports};
use crate::aws::Account;

/// The longest that a server's `Retry-After` is heeded.
pub(super) const PAUSE_MAX: Duration = Duration::from_secs(3600);

/// A sink's own timeout ends a try first, in its own words.
const TIMEOUT_MARGIN: Duration = Duration::from_secs(1);

/// What sinks are made with.
pub struct SinkContext<'a> {
    /// The account that calls of AWS are made in.
    pub account: &'a Arc<Account>,
    /// Reads a variable of the environment.
    pub lookup: &'a dyn Fn(&str) -> Option<String>,
    /// Standard output.
    pub stdout: Stdout,
}

impl fmt::Debug for SinkContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Means").field("account", &self.account).finish_non_exhaustive()
    }
}

/// A place that alerts go to.
#[derive(Debug)]
pub struct Sink {
    /// Its name, unlike that of any other.
    pub name: String,
    /// The findings that it gets.
    pub filter: SinkFilter,
    pub(super) retries: u32,
    /// How long one try may take.
    pub(super) timeout: Duration,
    pub(super) way: Box<dyn Transport>,
}

impl Sink {
    /// Makes a sink. Nothing is sent, no call is made; secrets are read.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a secret that is not there or no URL.
    pub fn new(config: &Config, means: &SinkContext<'_>) -> Result<Self, Error> {
        let way = Self::way(config, means)
            .map_err(|problem| Error::Config { sink: config.name.clone(), problem })?;
        let Config { name, filter, retries, timeout, .. } = config.clone();
        Ok(Self { name, filter, retries, timeout, way })
    }

    /// Makes all sinks of a configuration.
    pub fn all(configs: &[Config], means: &SinkContext<'_>) -> Result<Vec<Self>, Error> {
        configs.iter().map(|config| Self::new(config, means)).collect()
    }

    fn way(config: &Config, means: &SinkContext<'_>) -> Result<Box<dyn Transport>, String> {
        let (account, timeout) = (means.account, config.timeout);
        Ok(match &config.target {
            Target::Ndjson { path: None } => {
                Box::new(transports::ndjson::Output(Arc::clone(&means.stdout)))
            }
            Target::Ndjson { path: Some(path) } => {
                Box::new(transports::ndjson::File { path: path.clone(), timeout })
            }
            Target::Webhook { url, headers, secret, plain_http } => {
                let url = url.read(means.lookup).map_err(|err| format!("url: {err}"))?;
                let post = transports::webhook::HttpPost::new(&url, *plain_http, timeout)?;
                let mut read = Vec::new();
                for (name, value) in headers {
                    let value = value.read(means.lookup);
                    let value = value.map_err(|err| format!("header {name}: {err}"))?;
                    read.push((name.clone(), value));
                }
                let secret = secret.as_ref().map(|secret| secret.read(means.lookup)).transpose();
                let secret = secret.map_err(|err| format!("secret: {err}"))?;
                Box::new(transports::webhook::Webhook::new(post, read, secret)?)
            }
            Target::Slack { url, plain_http } => {
                let url = url.read(means.lookup).map_err(|err| format!("url: {err}"))?;
                Box::new(transports::webhook::Slack(transports::webhook::HttpPost::new(
                    &url,
                    *plain_http,
                    timeout,
                )?))
            }
            Target::Sns { topic } => {
                Box::new(transports::sns::SnsTransport::new(account, topic, timeout))
            }
            Target::EventBridge { bus, region } => {
                Box::new(transports::event_bridge::EventBridgeTransport::new(
                    account,
                    bus,
                    region.as_deref(),
                    timeout,
                ))
            }
            Target::Sqs { queue } => {
                Box::new(transports::sqs::SqsTransport::new(account, queue, timeout)?)
            }
            Target::SecurityHub { region } => {
                Box::new(transports::security_hub::SecurityHubTransport::new(
                    account,
                    region.as_deref(),
                    timeout,
                ))
            }
        })
    }

    /// Sends a marked sample, whatever the filter says. `now`: Unix seconds; `within`: how long it may take.
    ///
    /// # Errors
    ///
    /// Why the sink did not take it, in one clause.
    pub async fn test(&self, now: i64, within: Duration) -> Result<(), String> {
        let alerts = [Alert::sample(now)];
        let deadline = Instant::now() + within;
        let fates = self.send(&alerts, now, RetryPolicy::default().backoff, deadline).await;
        let failed = fates.into_iter().find_map(Result::err);
        failed.map_or(Ok(()), |failure| Err(failure.reason))
    }

    /// Sends alerts that go together, and tries those again that may get through, with growing pauses from
    /// `backoff` on, until `deadline`. Returns what became of each.
    pub(super) async fn send(
        &self,
        alerts: &[Alert],
        now: i64,
        backoff: Duration,
        deadline: Instant,
    ) -> Vec<DeliveryResult> {
        let late =
            || Err(DeliveryError::new(ErrorKind::Passing, "the time for this delivery was over"));
        let mut fates: Vec<DeliveryResult> = alerts.iter().map(|_| late()).collect();
        let mut backoff = backoff;
        for attempt in 0..=self.retries {
            let waits = |at: &usize| matches!(&fates[*at], Err(failure) if failure.waits());
            let left: Vec<usize> = (0..alerts.len()).filter(waits).collect();
            let batch: Vec<Alert> = left.iter().map(|at| alerts[*at].clone()).collect();
            // A try that has begun has the time that is configured, whatever is left for the delivery: cut short,
            // a sink that is slow would be sent the same for ever.
            let end = deadline.max(Instant::now() + self.timeout + TIMEOUT_MARGIN);
            let sent = tokio::time::timeout_at(end, self.way.send(&batch, now)).await;
            let sent = sent.unwrap_or_else(|_| batch.iter().map(|_| late()).collect());
            let mut worst: Option<DeliveryError> = None;
            for (at, fate) in left.into_iter().zip(sent) {
                if let Err(failure) = &fate
                    && failure.waits()
                    && worst.as_ref().is_none_or(|worst| worst.pause < failure.pause)
                {
                    worst = Some(failure.clone());
                }
                fates[at] = fate;
            }
            let Some(failure) = worst else { break };
            let pause = backoff.mul_f64(0.5 + fastrand::f64() / 2.0);
            let pause = pause.max(failure.pause.unwrap_or_default().min(PAUSE_MAX));
            let over = Instant::now() + pause >= deadline;
            if failure.trouble == ErrorKind::Closed || attempt == self.retries || over {
                break;
            }
            tokio::time::sleep(pause).await;
            backoff = backoff.saturating_mul(2);
        }
        fates
    }
}
