//! The commands that are about the account itself.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::Aws;

/// `flowq inventory collect`
#[derive(Debug, Args)]
pub struct Collect {
    /// Folder or s3://bucket/prefix to write to, a file for each account, region and day; it grows with every
    /// pass, and `--inventory` reads it
    #[arg(long, value_name = "DIR|s3://…", value_hint = ValueHint::AnyPath)]
    pub to: String,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub times: Times,
    /// Ask again and again, with so much time between two passes, until Ctrl-C: 60s, 5min
    #[arg(long, value_name = "DURATION")]
    pub every: Option<String>,
    /// Where a trail delivers to, as it is set there: tells of interfaces that CloudTrail's 90 days do not
    #[arg(long, value_name = "s3://…")]
    pub trail: Option<String>,
    /// Say nothing but warnings
    #[arg(long, short)]
    pub quiet: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub aws: Aws,
}

/// The time that the account is asked for.
#[derive(Debug, Clone, Default, Args)]
pub struct Times {
    /// Ask for the jobs from this time on [default: from where the last pass into --to ended, else one day]
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Ask for the jobs until this time [default: now]
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
}

/// `flowq iam-policy`
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  flowq iam-policy s3://flow-logs/AWSLogs --inventory aws
  flowq iam-policy cloudwatch://vpc-flow-logs sqs://arn:aws:sqs:eu-west-1:111122223333:flow-logs
  flowq iam-policy --inventory aws --trail s3://trail-bucket --to s3://inventory/prefix")]
pub struct IamPolicy {
    /// What is read: s3://…, cloudwatch://…, sqs://… and the buckets that its messages tell of; files need
    /// nothing
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<String>,
    /// Where the inventory comes from: aws, s3://…; files need nothing. Repeatable
    #[arg(long, value_name = "PATH")]
    pub inventory: Vec<String>,
    /// Takes sources and inventory from here where none are named [default: flowq.toml here, if there is one]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Where a trail delivers to
    #[arg(long, value_name = "s3://…")]
    pub trail: Option<String>,
    /// Where the inventory is collected to, which also needs what --inventory aws does
    #[arg(long, value_name = "DIR|s3://…")]
    pub to: Option<String>,
    /// Region that is called [default: any]; its partition is that of all names
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Account that is called [default: any]
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,
}
