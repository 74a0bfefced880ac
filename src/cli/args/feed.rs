//! Arguments of `flowq feed`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::cli::args::common::Aws;
use crate::cli::service::log;

/// `flowq feed`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  flowq feed --config flowq.toml
  flowq feed --config flowq.toml --once
  flowq feed --config flowq.toml --log json 2>feed.log

SIGTERM and SIGINT end it: the current pass has 10 s to finish, otherwise it is discarded and
repeated at the next start; a second signal ends it at once (exit code 130). SIGHUP reloads the
config; an invalid one is reported and the old one stays in effect.")]
pub struct Feed {
    /// Sources, inventory, rules, interval and metrics [default: flowq.toml here, if there is one]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Run passes until nothing is waiting, then end: for cron and schedules
    #[arg(long)]
    pub once: bool,
    /// Format of the log on standard error
    #[arg(long, value_enum, default_value_t = log::Format::Text)]
    pub log: log::Format,
    /// A folder with detections of your own, repeatable
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub queries: Vec<PathBuf>,
    /// Objects, or parts of large Parquet files, read in parallel [default: one per processor]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Memory for sorting and grouping; beyond it goes to disk [default: 256MB]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<String>,
    /// Write to a store without conditional writes (If-None-Match); make sure that only one process writes
    #[arg(long)]
    pub single_runner: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub aws: Aws,
}
