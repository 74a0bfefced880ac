//! Arguments of `flowq explain job`.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use crate::cli::args::common::Read;

/// How to print a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PageFormat {
    /// Aligned columns, for people
    Table,
    /// One JSON object
    Json,
    /// Markdown
    Markdown,
    /// One HTML page that needs no other file
    Html,
}

/// `flowq explain job`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  flowq explain job nightly-2026-03-10 logs/ --inventory inventory/
  flowq explain job 'nightly-*' logs/ --inventory inventory/ --format html --output job.html
  flowq explain job arn:aws:sagemaker:us-east-1:123456789012:processing-job/nightly logs/ --inventory aws --since 6h")]
pub struct ExplainJob {
    /// Name or ARN of the job, or a pattern with * and ? that matches one job
    #[arg(value_name = "JOB")]
    pub name: String,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub read: Read,
    /// A folder with detections of your own, repeatable
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub queries: Vec<PathBuf>,
    /// How to print the page
    #[arg(long, value_enum, default_value_t = PageFormat::Table)]
    pub format: PageFormat,
    /// Write the page to this file instead of standard output; written atomically
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}
