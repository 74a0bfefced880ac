//! Arguments of the commands that read or write a lake.

use clap::{Args, ValueHint};

use crate::cli::args::common::{Aws, Read, Write};

/// `flowq ingest`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  flowq ingest logs/ --to lake/
  flowq ingest s3://bucket/AWSLogs/ --to s3://lake-bucket/flow-logs
  flowq ingest sqs://arn:aws:sqs:eu-west-1:111122223333:flow-logs --to lake/ --state s3://state-bucket/flowq

--since and --until select objects by name; a selected object is ingested as a whole.")]
pub struct Ingest {
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub read: Read,
    /// Folder or s3://bucket/prefix of the lake
    #[arg(long, value_name = "DIR|s3://…", value_hint = ValueHint::AnyPath)]
    pub to: String,
    /// Folder or s3://bucket/prefix of the ledger, the lease and the checkpoint [default: _flowq in the lake]
    #[arg(long, value_name = "DIR|s3://…", value_hint = ValueHint::AnyPath)]
    pub state: Option<String>,
    /// How long before the newest object another one may arrive and still be listed
    #[arg(long, value_name = "DURATION", default_value = "7d")]
    pub lateness: String,
    /// Maximum bytes committed per pass, as stored (the work repeated after a crash)
    #[arg(long, value_name = "SIZE", default_value = "256MB")]
    pub pass_size: String,
    /// Write to a store without conditional writes (If-None-Match); make sure that only one process writes
    #[arg(long)]
    pub single_runner: bool,
}

/// A lake and its state.
#[derive(Debug, Args)]
pub struct LakeArgs {
    /// Folder or s3://bucket/prefix of the lake
    #[arg(value_name = "LAKE", value_hint = ValueHint::AnyPath)]
    pub lake: String,
    /// Folder or s3://bucket/prefix of its state [default: _flowq in the lake]
    #[arg(long, value_name = "DIR|s3://…", value_hint = ValueHint::AnyPath)]
    pub state: Option<String>,
}

/// `flowq status`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  flowq status lake/
  flowq status lake/ --format json | jq .totals
  flowq status s3://lake-bucket/flow-logs --passes 50")]
pub struct Status {
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub wherein: LakeArgs,
    /// Number of passes to show, the last ones
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub passes: usize,
    /// How to print: table or json
    #[arg(long, value_enum, default_value_t = StatusFormat::Table)]
    pub format: StatusFormat,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub aws: crate::cli::args::Aws,
}

/// How to print a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum StatusFormat {
    /// For people
    Table,
    /// One JSON object
    Json,
}

/// `flowq verify`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  flowq verify lake/ --source logs/
  flowq verify lake/
  flowq verify s3://lake-bucket/flow-logs --source s3://bucket/AWSLogs/ --format csv")]
pub struct Verify {
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub wherein: LakeArgs,
    /// The ingested source; without it only ledger and lake are compared. Repeatable
    #[arg(long, value_name = "SOURCE", value_hint = ValueHint::AnyPath)]
    pub source: Vec<String>,
    /// Only objects of the source that end at or after this time
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only objects of the source that begin before this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub write: Write,
    /// No summary: print only what is wrong
    #[arg(long, short)]
    pub quiet: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub aws: crate::cli::args::Aws,
}

/// `flowq replay`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  flowq replay lake/ --source logs/ --object logs/a.log.gz
  flowq replay lake/ --source s3://bucket/AWSLogs/ --since 2026-03-10 --until 2026-03-11")]
pub struct Replay {
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub wherein: LakeArgs,
    /// The ingested source. Repeatable
    #[arg(long, value_name = "SOURCE", required = true, value_hint = ValueHint::AnyPath)]
    pub source: Vec<String>,
    /// Write to a store without conditional writes (If-None-Match); make sure that only one process writes
    #[arg(long)]
    pub single_runner: bool,
    /// An object to read again, as the ledger names it. Repeatable; without it all of the source
    #[arg(long, value_name = "ID")]
    pub object: Vec<String>,
    /// Only objects of the source that end at or after this time
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only objects of the source that begin before this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Format of records without a header, in AWS's syntax: '${version} ${account-id} …'
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// No summary: print only what is wrong
    #[arg(long, short)]
    pub quiet: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub aws: crate::cli::args::Aws,
}

/// `flowq compact`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  flowq compact lake/
  flowq compact s3://flow-lake/prod --keep 90d
  flowq compact lake/ --grace 0s

Readers that use the Delta log see every row once at any time. Readers that read the files without
the log also see replaced files, until --grace is over and flowq compact runs again.")]
pub struct Compact {
    /// The lake: a folder or s3://bucket/prefix
    #[arg(value_name = "LAKE")]
    pub lake: String,
    /// Delete partitions whose date ended longer ago than this: 90d
    #[arg(long, value_name = "TIME")]
    pub keep: Option<String>,
    /// How long replaced files are retained for readers of an earlier version of the table
    #[arg(long, value_name = "TIME", default_value = "1h")]
    pub grace: String,
    /// Folder or s3://bucket/prefix of the ledger [default: _flowq in the lake]
    #[arg(long, value_name = "DIR|s3://…", value_hint = ValueHint::AnyPath)]
    pub state: Option<String>,
    /// Write to a store without conditional writes (If-None-Match); make sure that only one process writes
    #[arg(long)]
    pub single_runner: bool,
    /// Print only warnings
    #[arg(long, short)]
    pub quiet: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub aws: Aws,
}
