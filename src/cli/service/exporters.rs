//! Exports the metrics of a service: to scrapers and to CloudWatch.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;

use crate::aws::Account;
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::metrics::cloudwatch::CloudWatch;
use crate::metrics::server::Server;
use crate::metrics::{Config, Health, Metrics, cloudwatch, server};

/// The metrics, and where they are exported to.
#[derive(Debug)]
pub(crate) struct Exporters {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: Arc<Health>,
    server: Option<Server>,
    cloudwatch: CloudWatch,
    account: Arc<Account>,
    config: Config,
}

/// What a new configuration takes that could fail, made before the old one is given up.
#[derive(Debug)]
pub(crate) struct Change {
    config: Config,
    /// A new server; `None`: the running one stays, or none is configured.
    server: Option<Server>,
}

impl Exporters {
    /// Creates the metrics; nothing is exported before [`Exporters::take`]. `started` is in Unix seconds.
    pub(crate) fn new(account: Arc<Account>, started: i64) -> Self {
        let config = Config::default();
        Self {
            metrics: Arc::new(Metrics::new(started)),
            health: Arc::new(Health::new(config.ready_within)),
            server: None,
            cloudwatch: CloudWatch::default(),
            account,
            config,
        }
    }

    /// Prepares a configuration: a new address is bound.
    pub(crate) async fn prepare(&self, config: &Config) -> Result<Change, Failure> {
        let server = match config.listen {
            Some(address) if config.listen != self.config.listen => {
                let server =
                    Server::bind(address, Arc::clone(&self.metrics), Arc::clone(&self.health));
                Some(server.await.map_err(listen_failure)?)
            }
            _ => None,
        };
        Ok(Change { config: config.clone(), server })
    }

    /// Takes a configuration. Returns the address that is listened on from now on, if that is news.
    pub(crate) async fn take(&mut self, change: Change) -> Option<std::net::SocketAddr> {
        let Change { config, server } = change;
        let mut news = None;
        if config.listen != self.config.listen {
            news = server.as_ref().map(Server::address);
            if let Some(old) = std::mem::replace(&mut self.server, server) {
                old.stop().await;
            }
        }
        self.health.set_within(config.ready_within);
        self.config = config;
        news
    }

    /// Sends the numbers to CloudWatch, where that is configured. What is not sent now is sent the next time.
    pub(crate) async fn send(&mut self, now: i64) -> Result<(), Failure> {
        let Config { emf, put_metric_data, cloudwatch_namespace: namespace, .. } = &self.config;
        if emf.is_none() && !put_metric_data {
            return Ok(());
        }
        let samples = self.metrics.samples();
        let rows = self.cloudwatch.rows(&samples, now);
        if let Some(path) = emf {
            write(path, &cloudwatch::emf(namespace, &rows, now)).or_exit(Exit::Output)?;
        }
        if *put_metric_data {
            let sent = cloudwatch::put(&self.account, namespace, &rows, now).await;
            sent.map_err(cloudwatch_failure)?;
        }
        self.cloudwatch.sent(&samples);
        Ok(())
    }

    /// Ends the server.
    pub(crate) async fn close(self) {
        if let Some(server) = self.server {
            server.stop().await;
        }
    }
}

fn listen_failure(error: server::Error) -> Failure {
    let hint = error.hint().map(str::to_owned);
    Failure { exit: Exit::Config, error: error.into(), hint }
}

fn cloudwatch_failure(error: cloudwatch::Error) -> Failure {
    let hint = match &error {
        cloudwatch::Error::Aws(error) => error.hint().map(str::to_owned),
        cloudwatch::Error::Timeout => None,
    };
    Failure { exit: Exit::Output, error: error.into(), hint }
}

/// Adds lines to a file, opened anew each time so that it may be rotated; `-` is standard output.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let written = if path == Path::new("-") {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush())
    } else {
        let file = OpenOptions::new().append(true).create(true).open(path);
        file.and_then(|mut file| file.write_all(text.as_bytes()))
    };
    written.with_context(|| format!("embedded metrics were not written to {}", path.display()))
}
