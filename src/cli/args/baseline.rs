//! Arguments of `flowq baseline`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use crate::cli::args::common::{Read, Write};

/// `flowq baseline`
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  flowq baseline learn --job 'churn-*' logs/ --inventory inventory/ --output baseline.toml
  flowq baseline diff --job 'churn-*' logs/ --inventory inventory/
  flowq baseline diff --baseline baseline.toml logs/ --inventory inventory/ --fail-on-new
  flowq detect logs/ --inventory inventory/ --baseline baseline.toml --only new-destination")]
pub enum Baseline {
    /// Write allow rules for the connections that jobs of a family opened, for review
    Learn(Learn),
    /// Report what is new, gone, or changed in volume: between two times, two runs, or against a baseline
    Diff(Diff),
}

/// `flowq baseline learn`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  flowq baseline learn --job 'churn-*' logs/ --inventory inventory/ --output baseline.toml
  flowq baseline learn --job 'churn-*' s3://bucket/AWSLogs/ --inventory aws --since 7d
  flowq baseline learn --job 'pip-*' logs/ --inventory inventory/ --include-flagged unexpected-egress --widen 24

What a built-in detection reports as high or critical becomes no rule, independent of the severity
in flowq.toml; for example an address on the internet that no rule of flowq.toml allows.
--include-flagged names detections that are ignored here. Containers of isolated jobs are excluded.")]
pub struct Learn {
    /// The family: a glob of job names; repeatable, a job belongs to the first that matches
    #[arg(long, value_name = "GLOB", required = true)]
    pub job: Vec<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub read: Read,
    /// Merge single addresses into ranges of this prefix length: up to 32 for IPv4, above for IPv6. Repeatable
    #[arg(long, value_name = "BITS", value_parser = clap::value_parser!(u8).range(1..=128))]
    pub widen: Vec<u8>,
    /// Byte limit of a rule, as a multiple of the most bytes that a run sent
    #[arg(long, value_name = "FACTOR", default_value_t = 2.0)]
    pub headroom: f64,
    /// Also learn what this detection reports as high or critical; the rule states it. Repeatable
    #[arg(long, value_name = "DETECTION")]
    pub include_flagged: Vec<String>,
    /// Write the rules to this file instead of standard output; written atomically
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

/// `flowq baseline diff`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  flowq baseline diff --job 'churn-*' logs/ --inventory inventory/
  flowq baseline diff --job 'churn-*' --run churn-0309 --run churn-0310 logs/ --inventory inventory/
  flowq baseline diff --before 2026-03-01..2026-03-08 --after 2026-03-08..2026-03-15 logs/
  flowq baseline diff --baseline baseline.toml logs/ --inventory inventory/ --fail-on-new

Without --run, --before or --baseline the last run of the family is compared with all before it.
For destinations on both sides, the bytes out of the run that sent most are compared.")]
pub struct Diff {
    /// The family: a glob of job names
    #[arg(long, value_name = "GLOB")]
    pub job: Option<String>,
    /// A run, by its job name: one is compared with all before it; of two, the first with the second
    #[arg(long, value_name = "JOB", conflicts_with_all = ["before", "baseline"])]
    pub run: Vec<String>,
    /// Time to compare with: from..to, each as in --since; a connection belongs to the time it began
    #[arg(long, value_name = "FROM..TO", requires = "after", conflicts_with_all = ["since", "until"])]
    pub before: Option<String>,
    /// Time that is compared
    #[arg(long, value_name = "FROM..TO", requires = "before")]
    pub after: Option<String>,
    /// File written by flowq baseline learn: what it does not contain is new
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "before")]
    pub baseline: Option<PathBuf>,
    /// Report a change in volume from this factor on
    #[arg(long, value_name = "FACTOR", default_value_t = 2.0)]
    pub factor: f64,
    /// Exit with code 1 if something was added, or exceeded the byte limit of --baseline
    #[arg(long)]
    pub fail_on_new: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub read: Read,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub write: Write,
}
