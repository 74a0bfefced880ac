//! The arguments of the command line. No input or output happens here.

mod account;
mod alert;
mod audit;
mod baseline;
mod coverage;
mod explain;
mod explain_job;
mod feed;
mod lake;
mod query;

use std::path::PathBuf;

pub use account::{ACCOUNT, Collect, IamPolicy, Times};
pub use alert::{Alert, AlertPending, AlertResend, AlertTest};
pub use audit::{Audit, AuditFormat};
pub use baseline::{Baseline, Diff, Learn};
use clap::builder::styling::Styles;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;
pub use coverage::{Coverage, CoverageFormat, Part};
pub use explain::{Explain, ExplainFinding, ExplainFlow, ExplainFormat, Explaining};
pub use explain_job::{ExplainJob, PageFormat};
pub use feed::Feed;
pub use lake::{Compact, Ingest, LakeArgs, Replay, Status, StatusFormat, Verify};
pub use query::{Report, Sql};

use crate::cli::output::Format;
use crate::detection::Severity;
use crate::{aws, generate};

/// Finds unexpected, blocked and misrouted network traffic of SageMaker Processing jobs in VPC flow logs.
#[derive(Debug, Parser)]
#[command(name = "flowq", version, styles = Styles::styled(), after_help = "\
Examples:
  flowq detect logs/ --inventory inventory/
  flowq detect s3://bucket/AWSLogs/ --inventory aws --since 6h
  flowq sql -c 'SELECT job_name, sum(bytes) FROM flows GROUP BY ALL' logs/ --inventory inventory/
  flowq report top-talkers 'logs/**/*.log.gz' --since 2h
  zcat key.log.gz | flowq sql -c 'SELECT count(*) FROM flow_logs' -

Exit codes: 0 done, 1 findings at or above --fail-on, 2 wrong command line, 3 wrong config or query,
4 input could not be read, 5 done but some input could not be read, 6 output could not be written,
7 another flowq writes to the same lake, 130 interrupted")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find unexpected, blocked and misrouted network traffic of processing jobs
    Detect(Detect),
    /// Check the VPC of processing jobs against AWS's guide, and print fixes
    Audit(Audit),
    /// Learn the usual destinations of a job family, and report new ones
    #[command(subcommand)]
    Baseline(Baseline),
    /// Show log coverage per interface and minute, and which detections can run
    Coverage(Coverage),
    /// Explain a flow, a finding or a job: what decides, and what would fix it
    #[command(subcommand)]
    Explain(Explain),
    /// Run the detections continuously, as a service with metrics
    Feed(Feed),
    /// Run SQL over flow logs and inventory; without a query, an interactive prompt
    Sql(Sql),
    /// Run one of the reports that come with flowq; without a name, list them
    Report(Report),
    /// Show, convert or collect the inventory of interfaces, jobs and VPCs
    #[command(subcommand)]
    Inventory(Inventory),
    /// Test the alert sinks configured in flowq.toml
    #[command(subcommand)]
    Alert(Alert),
    /// Write new flow logs to a lake, each exactly once
    Ingest(Ingest),
    /// Show the state of a lake: passes, totals, objects that are waiting or failed
    Status(Status),
    /// Compare a lake with its sources and its ledger, object by object
    Verify(Verify),
    /// Read chosen objects again and replace their rows in the lake
    Replay(Replay),
    /// Print a least-privilege IAM policy for the given sources, inventory and destination
    IamPolicy(IamPolicy),
    /// Validate flowq.toml and detections, and run the test cases of every detection
    Check(Check),
    /// List every flow log field that flowq knows
    Fields(Fields),
    /// List the SQL functions that flowq adds
    Functions(Functions),
    /// Merge a lake's small files and delete expired partitions
    Compact(Compact),
    /// Write flow logs and an inventory of an invented VPC, for tests and measurements
    Generate(Generate),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

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

/// `flowq detect`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  flowq detect logs/ --inventory inventory/
  flowq detect logs/ --inventory inventory/ --config flowq.toml --fail-on high
  flowq detect logs/ --inventory inventory/ --only s3-endpoint-bypass --format ndjson | jq .path")]
pub struct Detect {
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub read: Read,
    /// Run only these detections, repeatable
    #[arg(long, value_name = "ID")]
    pub only: Vec<String>,
    /// A folder with detections of your own, repeatable
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub queries: Vec<PathBuf>,
    /// How to print the findings
    #[arg(long, value_enum, default_value_t = FindingFormat::Table)]
    pub format: FindingFormat,
    /// Write the findings to this file instead of standard output; written atomically
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// In csv, put ' before text that a spreadsheet would take for a formula
    #[arg(long)]
    pub csv_safe: bool,
    /// Exit with code 1 if a finding is at or above this severity
    #[arg(long, value_name = "SEVERITY", value_parser = severity())]
    pub fail_on: Option<Severity>,
    /// Exit with code 8 if a question cannot be answered for an interface of a job
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = FailOnUnknown::Questions)]
    pub fail_on_unknown: FailOnUnknown,
    /// File written by flowq baseline learn, instead of the one in the config (baseline = "FILE")
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub baseline: Option<PathBuf>,
    /// Send the findings to the sinks of the config ([[alert]])
    #[arg(long)]
    pub alert: bool,
    /// Folder or s3://bucket/prefix that stores what was sent, so that each finding is sent once, and queues
    /// what could not be sent for the next run [default: every run sends everything]
    #[arg(long, value_name = "DIR|s3://…", value_hint = ValueHint::AnyPath, requires = "alert")]
    pub state: Option<String>,
}

/// Which unknowns `flowq detect` fails on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum FailOnUnknown {
    /// None: unanswered questions are printed, and the exit code does not speak of them
    Never,
    /// Questions that a flow log with records of the interface cannot answer: its TrafficType or its fields
    Questions,
    /// These, and whatever else the coverage names: gaps, SKIPDATA, interfaces without records, jobs without interfaces
    Holes,
}

fn severity() -> impl TypedValueParser<Value = Severity> {
    let names = Severity::ALL.iter().map(|severity| severity.as_str());
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Severity>())
}

/// `flowq inventory`
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  flowq inventory show --inventory inventory/
  flowq inventory show enis --inventory inventory/ --format csv
  flowq inventory import inventory/ --to inventory-2026-03/
  flowq inventory collect --to inventory/
  flowq inventory collect --to s3://bucket/inventory --every 60s --trail s3://trail-bucket")]
pub enum Inventory {
    /// Print the inventory, and why each interface was assigned to its job
    Show {
        /// A table of the inventory; without it, the number of rows of each table
        table: Option<String>,
        /// AWS API responses (JSON), mapping (CSV) or collected inventory: file, folder or s3://…; or aws.
        /// Repeatable
        #[arg(long, value_name = "PATH", required = true, value_hint = ValueHint::AnyPath)]
        inventory: Vec<String>,
        #[command(flatten)]
        #[expect(missing_docs, reason = "its fields are documented")]
        times: Times,
        #[command(flatten)]
        #[expect(missing_docs, reason = "its fields are documented")]
        aws: Aws,
        #[command(flatten)]
        #[expect(missing_docs, reason = "its fields are documented")]
        write: Write,
    },
    /// Merge documents into one inventory and write it as Parquet
    Import {
        /// Files and folders of AWS API responses
        #[arg(required = true, value_hint = ValueHint::AnyPath)]
        paths: Vec<PathBuf>,
        /// Folder to write to; `--inventory` reads it
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        to: PathBuf,
    },
    /// Collect the inventory from the AWS account, once or continuously, and write it as Parquet
    Collect(Collect),
}

/// `flowq check`
#[derive(Debug, Args)]
pub struct Check {
    /// The config to validate [default: flowq.toml here, if there is one]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// A folder with detections of your own, repeatable
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub queries: Vec<PathBuf>,
}

/// `flowq fields`
#[derive(Debug, Args)]
pub struct Fields {
    /// List the fields of transit gateway flow logs instead of those of VPC flow logs
    #[arg(long)]
    pub transit_gateway: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `flowq functions`
#[derive(Debug, Args)]
pub struct Functions {
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `flowq generate`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  flowq generate --to /tmp/try
  flowq generate --to /tmp/big --records 10000000 --files 200 --log-format v5")]
pub struct Generate {
    /// Folder to write logs/ and inventory/ to
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub to: PathBuf,
    /// Approximate number of records
    #[arg(long, default_value_t = 100_000)]
    pub records: u64,
    /// Number of objects
    #[arg(long, default_value_t = 20)]
    pub files: u32,
    /// The same seed gives the same bytes
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Fields of the records
    #[arg(long, value_enum, default_value_t = generate::Format::V5)]
    pub log_format: generate::Format,
    /// Parquet instead of text
    #[arg(long)]
    pub parquet: bool,
    /// Write the project's `sample-logs/` instead, without README and flowq.toml
    #[arg(long, hide = true, conflicts_with_all = ["records", "files", "seed", "log_format", "parquet"])]
    pub samples: bool,
}
