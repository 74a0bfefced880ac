//! The commands that run as a service.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::Aws;
use crate::cli::service::log;

/// `flowq feed`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  flowq feed --config flowq.toml
  flowq feed --config flowq.toml --once
  flowq feed --config flowq.toml --log json 2>feed.log

SIGTERM and SIGINT end it after the pass in flight, which gets 10 s and is dropped then; a second one ends
it at once (exit code 130). SIGHUP reads the config again; a wrong one is refused, the old one stays.")]
pub struct Feed {
    /// Sources, inventory, rules, interval and metrics [default: flowq.toml here, if there is one]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Make passes until nothing waits, and end: for cron and schedules
    #[arg(long)]
    pub once: bool,
    /// How to write the log, on standard error
    #[arg(long, value_enum, default_value_t = log::Format::Text)]
    pub log: log::Format,
    /// A folder with detections of your own, repeatable
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub queries: Vec<PathBuf>,
    /// Objects, or parts of large Parquet files, read at a time [default: one per processor]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Write to a store without conditional writes (If-None-Match): see to it that one process at a time writes
    #[arg(long)]
    pub single_runner: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub aws: Aws,
}
