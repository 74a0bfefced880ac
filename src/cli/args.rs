//! The command line: what was typed. No input or output happens here.

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

use clap::builder::styling::Styles;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;

use crate::aws;
use crate::cli::output::Format;
use crate::detection::Severity;
use crate::sample;

pub use account::{Collect, IamPolicy, Times};
pub use alert::{Alert, AlertPending, AlertResend, AlertTest};
pub use audit::{Audit, AuditFormat};
pub use baseline::{Baseline, Diff, Learn};
pub use coverage::{Coverage, CoverageFormat, Part};
pub use explain::{Explain, ExplainFinding, ExplainFlow, ExplainFormat, Explaining};
pub use explain_job::{ExplainJob, PageFormat};
pub use feed::Feed;
pub use lake::{Compact, Ingest, Replay, Status, StatusFormat, Verify, Wherein};
pub use query::{Report, Sql};

/// Ties VPC flow logs to SageMaker Processing jobs and says what the jobs did on the network.
#[derive(Debug, Parser)]
#[command(name = "flowq", version, styles = Styles::styled(), after_help = "\
Examples:
  flowq detect logs/ --inventory inventory/
  flowq detect s3://bucket/AWSLogs/ --inventory aws --since 6h
  flowq sql -c 'SELECT job_name, sum(bytes) FROM flows GROUP BY job_name' logs/ --inventory inventory/
  flowq report top-talkers 'logs/**/*.log.gz' --since 2h
  zcat key.log.gz | flowq sql -c 'SELECT count(*) FROM flow_logs' -

Exit codes: 0 done, 1 findings at or above --fail-on, 2 wrong command line, 3 wrong config or query,
4 input could not be read, 5 done but some input could not be read, 6 output could not be written,
7 another flowq writes to the same lake")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Report what processing jobs did on the network that they should not, or could not
    Detect(Detect),
    /// Check the VPC of processing jobs against what AWS recommends, and say what to change
    Audit(Audit),
    /// Learn what jobs of a family do on the network, and tell what is new
    #[command(subcommand)]
    Baseline(Baseline),
    /// Show what the logs can tell of the jobs, minute by minute and question by question
    Coverage(Coverage),
    /// Say why a flow or a finding is as it is, and what would change it; or all of a job
    #[command(subcommand)]
    Explain(Explain),
    /// Run the detections again and again, as a service with metrics
    Feed(Feed),
    /// Run SQL over flow logs and inventory; without a query, an interactive prompt
    Sql(Sql),
    /// Run one of the reports that come with flowq; without a name, list them
    Report(Report),
    /// Show or convert what is known about interfaces, jobs and the VPC
    #[command(subcommand)]
    Inventory(Inventory),
    /// Tell sinks that flowq.toml names; `flowq detect --alert` tells them of findings
    #[command(subcommand)]
    Alert(Alert),
    /// Write flow logs to a lake: what is new, once each, however often it is run
    Ingest(Ingest),
    /// Show what was taken into a lake: passes, totals, objects that wait or failed
    Status(Status),
    /// Compare a lake with its sources and its ledger, object by object
    Verify(Verify),
    /// Read chosen objects again and replace their rows in the lake
    Replay(Replay),
    /// Print the least IAM policy for what is named: sources, inventory, where to write
    IamPolicy(IamPolicy),
    /// Validate flowq.toml and detections, and run the cases of every detection
    Check(Check),
    /// List every flow log field that flowq knows
    Fields(Fields),
    /// List the SQL functions that flowq adds
    Functions(Functions),
    /// Put a lake's small files together, and take away what is too old
    Compact(Compact),
    /// Write flow logs and an inventory of an invented VPC, for trying and measuring
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
    /// AWS API answers (JSON), mapping (CSV) or imported inventory: file, folder or s3://…; or aws, which asks
    /// the account for the time from --since to --until [without --since: for the last day]. Repeatable
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub inventory: Vec<String>,
    /// Only records that end at or after this time: 2026-03-10, RFC 3339, or 2h for so long ago
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only records that start before this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// How late an object may have been delivered and still be looked at
    #[arg(long, value_name = "DURATION", default_value = "1h")]
    pub slack: String,
    /// Format of records without a header, in AWS's own words: '${version} ${account-id} …'
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// End at the first malformed line or unreadable object
    #[arg(long)]
    pub strict: bool,
    /// Write every malformed line to this file, as JSON lines
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub malformed: Option<PathBuf>,
    /// Allow rules, parameters and suppressions [default: flowq.toml here, if there is one]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Objects, or parts of large Parquet files, read at a time [default: one per processor]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Memory for sorting and grouping; beyond it goes to disk [default: 256MB for detect, else 512MB]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<String>,
    /// No progress bar, no summary: only what makes the answer incomplete is told
    #[arg(long, short)]
    pub quiet: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub aws: Aws,
}

/// How to reach the AWS account; what is not given here is taken as every AWS tool takes it.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "AWS")]
pub struct Aws {
    /// Profile of the AWS configuration files [default: AWS_PROFILE, else default]
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Region to call [default: AWS_REGION, else that of the profile]; buckets are found wherever they are
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Endpoint of every AWS service, for a stand-in of it [default: AWS_ENDPOINT_URL]
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub endpoint_url: Option<String>,
    /// Agree to pay for reading from a bucket whose owner asks for it
    #[arg(long)]
    pub request_payer: bool,
    /// Account that every bucket must belong to; buckets of others are refused
    #[arg(long, value_name = "ACCOUNT")]
    pub expected_bucket_owner: Option<String>,
}

impl Aws {
    /// Returns what was said about the account.
    pub fn options(&self) -> aws::Options {
        aws::Options {
            profile: self.profile.clone(),
            region: self.region.clone(),
            endpoint_url: self.endpoint_url.clone(),
            request_payer: self.request_payer,
            expected_bucket_owner: self.expected_bucket_owner.clone(),
        }
    }
}

/// Where the result goes.
#[derive(Debug, Args)]
pub struct Write {
    /// How to print the result [default: table on a terminal and in pipes]
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Write the result to this file instead of standard output; it appears when it is complete
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
    /// Write the findings to this file instead of standard output; it appears when it is complete
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// In csv, put ' before text that a spreadsheet would take for a formula
    #[arg(long)]
    pub csv_safe: bool,
    /// Exit with 1 when a finding is at or above this severity
    #[arg(long, value_name = "SEVERITY", value_parser = severity())]
    pub fail_on: Option<Severity>,
    /// Rules that flowq baseline learn wrote, instead of those that the config names (baseline = "FILE")
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub baseline: Option<PathBuf>,
    /// Send the findings to the sinks of the config ([[alert]])
    #[arg(long)]
    pub alert: bool,
    /// Folder or s3://bucket/prefix that remembers what was told, so that each finding is told once, and keeps
    /// what could not be sent for the next run [default: every run tells all]
    #[arg(long, value_name = "DIR|s3://…", value_hint = ValueHint::AnyPath, requires = "alert")]
    pub state: Option<String>,
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
    /// Print what was understood, and why each interface got its job
    Show {
        /// A table of the inventory; without it, how many rows each has
        table: Option<String>,
        /// AWS API answers (JSON), mapping (CSV) or imported inventory: file, folder or s3://…; or aws.
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
        /// Files and folders of AWS API answers
        #[arg(required = true, value_hint = ValueHint::AnyPath)]
        paths: Vec<PathBuf>,
        /// Folder to write to; `--inventory` reads it again
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        to: PathBuf,
    },
    /// Ask the AWS account for all of it, once or again and again, and write it as Parquet
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
    /// The fields of transit gateway flow logs instead of those of VPC flow logs
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
    /// About how many records
    #[arg(long, default_value_t = 100_000)]
    pub records: u64,
    /// Objects to spread them over
    #[arg(long, default_value_t = 20)]
    pub files: u32,
    /// The same seed gives the same bytes
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Which fields the records have
    #[arg(long, value_enum, default_value_t = sample::Format::V5)]
    pub log_format: sample::Format,
    /// Parquet instead of text
    #[arg(long)]
    pub parquet: bool,
    /// Write what lies in `sample-logs/` of the project instead, README and flowq.toml apart
    #[arg(long, hide = true, conflicts_with_all = ["records", "files", "seed", "log_format", "parquet"])]
    pub samples: bool,
}
