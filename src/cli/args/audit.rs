//! Arguments of `flowq audit`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::cli::args::common::{Read, severity};
use crate::detection::Severity;

/// How to print an audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum AuditFormat {
    /// Failed checks as blocks, and the result of each check, for people
    Table,
    /// One JSON array
    Json,
    /// One JSON object a line
    Ndjson,
    /// Comma-separated values
    Csv,
    /// Parquet, to a file
    Parquet,
    /// Failed checks as OCSF Detection Finding (class 2004), one JSON object a line
    Ocsf,
    /// A Markdown table
    Markdown,
    /// SARIF 2.1.0, for code scanning tools
    Sarif,
}

/// `flowq audit`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  flowq audit --inventory inventory/
  flowq audit logs/ --inventory inventory/ --all
  flowq audit --inventory aws --job 'churn-*' --fail-on high
  flowq audit logs/ --inventory inventory/ --only s3-endpoint --format json | jq -r '.[].cli'
  flowq audit --inventory inventory/ --format sarif --output audit.sarif")]
pub struct Audit {
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub read: Read,
    /// Only jobs whose names match, with * and ? as in file names
    #[arg(long, value_name = "GLOB")]
    pub job: Option<String>,
    /// Only jobs of this VPC; or the VPC itself, before any job runs there
    #[arg(long, value_name = "ID")]
    pub vpc: Option<String>,
    /// Run only these checks, repeatable
    #[arg(long, value_name = "CHECK")]
    pub only: Vec<String>,
    /// Print passed checks as well
    #[arg(long)]
    pub all: bool,
    /// Print failed checks as findings, as flowq detect does
    #[arg(long)]
    pub findings: bool,
    /// How to print the results
    #[arg(long, value_enum, default_value_t = AuditFormat::Table)]
    pub format: AuditFormat,
    /// Write the results to this file instead of standard output; written atomically
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// In csv, put ' before text that a spreadsheet would take for a formula
    #[arg(long)]
    pub csv_safe: bool,
    /// Exit with code 1 if a check of this severity or above fails
    #[arg(long, value_name = "SEVERITY", value_parser = severity())]
    pub fail_on: Option<Severity>,
    /// Send failed checks to the sinks of the config ([[alert]])
    #[arg(long)]
    pub alert: bool,
    /// Folder or s3://bucket/prefix that stores what was sent, so that each finding is sent once, and queues
    /// what could not be sent for the next run [default: every run sends everything]
    #[arg(long, value_name = "DIR|s3://…", value_hint = ValueHint::AnyPath, requires = "alert")]
    pub state: Option<String>,
}
