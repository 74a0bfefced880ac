//! Arguments that several commands have.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueHint};

use crate::aws;
use crate::cli::output::Format;
use crate::detection::Severity;

/// What to read, and how.
#[derive(Debug, Args)]
pub struct Read {
    /// Files, folders, quoted globs, s3://…, cloudwatch://…, sqs://…, or - for standard input
    #[arg(value_name = "SOURCE", value_hint = ValueHint::AnyPath)]
    pub sources: Vec<String>,
    /// AWS API responses (JSON), mapping (CSV) or collected inventory: file, folder or s3://…; or aws, which
    /// queries the account for the time from --since to --until [without --since: the last day]. Repeatable
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub inventory: Vec<String>,
    /// Only records that end at or after this time: 2026-03-10, RFC 3339, or 2h for two hours ago
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only records that start before this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Tolerance for late delivery of objects
    #[arg(long, value_name = "DURATION", default_value = "1h")]
    pub slack: String,
    /// Format of records without a header, in AWS's syntax: '${version} ${account-id} …'
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// Count every record of overlapping flow logs [default: each packet once]
    #[arg(long)]
    pub all_flow_logs: bool,
    /// Stop at the first malformed line or unreadable object
    #[arg(long)]
    pub strict: bool,
    /// Write every malformed line to this file, as JSON lines
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub malformed: Option<PathBuf>,
    /// Allow rules, parameters and suppressions [default: flowq.toml here, if there is one]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Objects, or parts of large Parquet files, read in parallel [default: one per processor]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Memory for sorting and grouping; more is spilled to disk [default: 256MB for detect, else 512MB]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<String>,
    /// No progress bar, no summary: print only what makes the result incomplete
    #[arg(long, short)]
    pub quiet: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub aws: Aws,
}

/// Heading of the options below in `--help`. It is set on each option: a heading of the whole struct would also
/// hold for every option that a command declares after it.
const AWS_HEADING: &str = "AWS";

/// How to reach the AWS account; everything else follows the standard AWS configuration.
#[derive(Debug, Clone, Default, Args)]
pub struct Aws {
    /// Profile of the AWS configuration files [default: AWS_PROFILE, else default]
    #[arg(long, value_name = "NAME", help_heading = AWS_HEADING)]
    pub profile: Option<String>,
    /// Region to call [default: AWS_REGION, else that of the profile]; the region of a bucket is detected
    #[arg(long, value_name = "REGION", help_heading = AWS_HEADING)]
    pub region: Option<String>,
    /// Endpoint of every AWS service, for emulators [default: AWS_ENDPOINT_URL]
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url, help_heading = AWS_HEADING)]
    pub endpoint_url: Option<String>,
    /// Agree to pay for reading from requester-pays buckets
    #[arg(long, help_heading = AWS_HEADING)]
    pub request_payer: bool,
    /// Account that every bucket must belong to; buckets of others are refused
    #[arg(long, value_name = "ACCOUNT", help_heading = AWS_HEADING)]
    pub expected_bucket_owner: Option<String>,
}

impl Aws {
    /// Returns the options of a command that writes, as the `aws` module takes them.
    pub fn writing(&self, single_runner: bool) -> aws::Options {
        aws::Options { single_runner, ..self.options() }
    }

    /// Returns the options as the `aws` module takes them.
    pub fn options(&self) -> aws::Options {
        aws::Options {
            profile: self.profile.clone(),
            region: self.region.clone(),
            endpoint_url: self.endpoint_url.clone(),
            request_payer: self.request_payer,
            expected_bucket_owner: self.expected_bucket_owner.clone(),
            single_runner: false,
        }
    }
}

/// Where the result goes.
#[derive(Debug, Args)]
pub struct Write {
    /// How to print the result [default: table on a terminal and in pipes]
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Write the result to this file instead of standard output; written atomically
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// In csv and tsv, put ' before text that a spreadsheet would take for a formula
    #[arg(long)]
    pub csv_safe: bool,
}

/// How to print findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum FindingFormat {
    /// Aligned columns, for people
    Table,
    /// One JSON array
    Json,
    /// One JSON object a line
    Ndjson,
    /// Comma-separated values
    Csv,
    /// Parquet, to a file
    Parquet,
    /// OCSF Detection Finding (class 2004), one JSON object a line
    Ocsf,
}

/// Parses a severity, and lists the values in the help.
pub(super) fn severity() -> impl TypedValueParser<Value = Severity> {
    let names = Severity::ALL.iter().map(|severity| severity.as_str());
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Severity>())
}
