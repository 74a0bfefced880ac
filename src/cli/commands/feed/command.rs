//! `flowq feed`: passes in a loop as a service. What is new goes into the lake, what it changes about findings
//! is evaluated again, and sinks get the findings that they do not have yet.

use std::sync::Arc;

use anyhow::anyhow;

use crate::aws::Account;
use crate::cli::args::Feed;
use crate::cli::commands::detect::detections;
use crate::cli::commands::feed::pass::FeedState;
use crate::cli::failure::{Exit, Failure};
use crate::cli::invocation::Invocation;
use crate::cli::service;
use crate::cli::service::{Options, Report, Worker};
use crate::config::Config;

/// Runs the command.
pub(crate) async fn run(args: Feed, started: Invocation) -> Result<Exit, Failure> {
    let account = Arc::new(Account::new(args.aws.writing(args.single_runner)));
    let options = Options {
        config: args.config.clone(),
        once: args.once,
        log: args.log,
        started: started.now,
    };
    let mut passes = Passes { args, account: Arc::clone(&account), open: None };
    service::run(options, account, &mut passes).await
}

/// The work of the service.
struct Passes {
    args: Feed,
    account: Arc<Account>,
    /// The state between passes. `None` before the first, and after one that failed.
    open: Option<Box<FeedState>>,
}

impl Worker for Passes {
    fn check(&self, config: &Config) -> Result<(), Failure> {
        let wrong = |what: &str, hint: &str| {
            Err(Failure::new(Exit::Config, anyhow!("{what}")).with_hint(hint))
        };
        if config.sources.is_empty() {
            let hint =
                "write sources = [\"s3://bucket/AWSLogs/\"] in flowq.toml, or name it by --config";
            return wrong("no flow logs named", hint);
        }
        if config.feed.lake.is_none() {
            let hint = "write lake = \"s3://bucket/lake\", or a folder, below [feed]";
            return wrong("no lake configured: the feed stores in it what it reads", hint);
        }
        detections(config, &self.args.queries, &[]).map(drop)
    }

    async fn pass(&mut self, config: &Config, now: i64) -> Result<Report, Failure> {
        if self.open.as_ref().is_some_and(|open| !open.is_of(config)) {
            self.end().await;
        }
        let open = match &mut self.open {
            Some(open) => open,
            none => {
                let open = Box::pin(FeedState::new(config, &self.args, &self.account, now)).await?;
                none.insert(Box::new(open))
            }
        };
        let report = Box::pin(open.pass(now)).await;
        // What failed may have left something half known: the next pass begins from what is written down.
        if report.is_err() {
            self.end().await;
        }
        report
    }

    async fn end(&mut self) {
        if let Some(open) = self.open.take() {
            // A lease that is not given back ends by itself.
            open.close().await.ok();
        }
    }
}
