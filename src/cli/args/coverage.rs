//! Arguments of `flowq coverage`.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use crate::cli::args::common::Read;

/// A part of the coverage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// The lifetime of each job interface: records, NODATA, SKIPDATA, gaps
    Interfaces,
    /// When each flow log delivered objects, and when it did not
    FlowLogs,
    /// The flow log chosen for each interface that several flow logs record
    Chosen,
    /// The highest confidence of each detection with the fields of the log
    Questions,
}

/// How to print the coverage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CoverageFormat {
    /// Aligned columns, for people
    Table,
    /// One JSON object with a list for each part
    Json,
    /// Comma-separated values, of one part [default: interfaces]
    Csv,
    /// Markdown tables
    Markdown,
}

/// `flowq coverage`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  flowq coverage logs/ --inventory inventory/
  flowq coverage logs/ --inventory inventory/ --only interfaces --by-minute --format csv
  flowq coverage s3://bucket/AWSLogs/ --inventory aws --since 6h --only questions")]
pub struct Coverage {
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub read: Read,
    /// Print only this part
    #[arg(long, value_enum, value_name = "PART")]
    pub only: Option<Part>,
    /// One row for each minute of an interface instead of runs of minutes
    #[arg(long)]
    pub by_minute: bool,
    /// A folder with detections of your own, which are included; repeatable
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub queries: Vec<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t = CoverageFormat::Table)]
    pub format: CoverageFormat,
    /// Write to this file instead of standard output; written atomically
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}
