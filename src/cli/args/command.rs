//! The commands, and the arguments of those that have no file of their own.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::styling::Styles;
use clap::{Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;

use crate::cli::args::account::{Collect, IamPolicy, Times};
use crate::cli::args::alert::Alert;
use crate::cli::args::audit::Audit;
use crate::cli::args::baseline::Baseline;
use crate::cli::args::common::{Aws, FindingFormat, Read, Write, severity};
use crate::cli::args::coverage::Coverage;
use crate::cli::args::explain::Explain;
use crate::cli::args::feed::Feed;
use crate::cli::args::lake::{Compact, Ingest, Replay, Status, Verify};
use crate::cli::args::query::{Report, Sql};
use crate::cli::args::serve::Serve;
use crate::cli::output::Format;
use crate::detection::Severity;
use crate::generate;

/// Version and commit, as `build.rs` found them: `0.1.0 (0123456789ab)`.
pub const VERSION: &str = env!("FLOWQ_VERSION");

/// Finds unexpected, blocked and misrouted network traffic of SageMaker Processing jobs in VPC flow logs.
#[derive(Debug, Parser)]
#[command(name = "flowq", version, long_version = VERSION, styles = Styles::styled(), after_help = "\
Examples:
  flowq detect logs/ --inventory inventory/
  flowq detect s3://bucket/AWSLogs/ --inventory aws --since 6h
  flowq sql -c 'SELECT job_name, sum(bytes) FROM flows GROUP BY ALL' logs/ --inventory inventory/
  flowq report top-talkers 'logs/**/*.log.gz' --since 2h
  zcat key.log.gz | flowq sql -c 'SELECT count(*) FROM flow_logs' -

Exit codes: 0 done, 1 findings at or above --fail-on, 2 wrong command line, 3 wrong config or query,
4 input could not be read, 5 done but some input could not be read, 6 output could not be written,
7 another flowq writes to the same lake, 8 a question cannot be answered, 130 interrupted")]
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
    /// Ask a running flowq feed whether it is ready: for the health checks of containers
    Health(Health),
    /// Run SQL over flow logs and inventory; without a query, an interactive prompt
    Sql(Sql),
    /// Run one of the reports that come with flowq; without a name, list them
    Report(Report),
    /// Serve a web console and its HTTP API: findings, jobs, traffic, coverage, SQL
    Serve(Serve),
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
    /// Write the man pages of flowq and of every command to a folder
    Man {
        /// Folder to write to; created if it does not exist
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        to: PathBuf,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
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

/// `flowq health`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  flowq health --config flowq.toml
  flowq health --address 127.0.0.1:9464 --live

The exit code is 0 if the service is ready, and 4 if it is not or does not respond within 3 s.")]
pub struct Health {
    /// Config whose [metrics] listen is asked [default: flowq.toml here, if there is one]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Address to ask, instead of the one in the config
    #[arg(long, value_name = "ADDRESS")]
    pub address: Option<SocketAddr>,
    /// Ask only whether the process runs (/healthz), not whether its passes succeed (/readyz)
    #[arg(long)]
    pub live: bool,
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
