//! Arguments of `flowq inventory collect` and `flowq iam-policy`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::cli::args::common::Aws;

/// The value of `--inventory` that stands for the AWS account itself.
pub const ACCOUNT: &str = "aws";

/// `flowq inventory collect`
#[derive(Debug, Args)]
pub struct Collect {
    /// Folder or s3://bucket/prefix to write to, one file for each account, region and day; every pass adds to
    /// it, and `--inventory` reads it
    #[arg(long, value_name = "DIR|s3://…", value_hint = ValueHint::AnyPath)]
    pub to: String,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub times: Times,
    /// Collect continuously, with this time between two passes, until Ctrl-C: 60s, 5min
    #[arg(long, value_name = "DURATION")]
    pub every: Option<String>,
    /// Bucket and prefix that a CloudTrail trail delivers to: has interfaces that the 90 days of event history
    /// do not
    #[arg(long, value_name = "s3://…")]
    pub trail: Option<String>,
    /// Print only warnings
    #[arg(long, short)]
    pub quiet: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub aws: Aws,
}

/// The time range that the account is queried for.
#[derive(Debug, Clone, Default, Args)]
pub struct Times {
    /// Collect jobs from this time on [default: the end of the last pass into --to, else one day ago]
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Collect jobs until this time [default: now]
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
}

/// `flowq iam-policy`
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  flowq iam-policy s3://flow-logs/AWSLogs --inventory aws
  flowq iam-policy cloudwatch://vpc-flow-logs sqs://arn:aws:sqs:eu-west-1:111122223333:flow-logs
  flowq iam-policy --inventory aws --trail s3://trail-bucket --to s3://inventory/prefix
  flowq iam-policy s3://flow-logs/AWSLogs --lake s3://lake/flow")]
pub struct IamPolicy {
    /// Sources to read: s3://…, cloudwatch://…, sqs://… and the buckets that its messages name; files need no
    /// permission
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<String>,
    /// Inventory to read: aws, s3://…; files need no permission. Repeatable
    #[arg(long, value_name = "PATH")]
    pub inventory: Vec<String>,
    /// Config with sources, inventory, feed, metrics and alerts, used where the command line names none
    /// [default: flowq.toml here, if there is one]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Bucket and prefix that a CloudTrail trail delivers to
    #[arg(long, value_name = "s3://…")]
    pub trail: Option<String>,
    /// Destination of flowq inventory collect; includes the permissions of --inventory aws
    #[arg(long, value_name = "DIR|s3://…")]
    pub to: Option<String>,
    /// Lake that is written: flowq ingest --to, feed, compact
    #[arg(long, value_name = "s3://…")]
    pub lake: Option<String>,
    /// State that is written: --state of detect and audit with --alert
    #[arg(long, value_name = "s3://…")]
    pub state: Option<String>,
    /// Region that is called [default: any]; its partition is used in all ARNs
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Account that is called [default: any]
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,
}
