//! Arguments of `flowq explain`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use crate::cli::args::common::Read;
use crate::cli::args::explain_job::ExplainJob;

/// `flowq explain`
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  flowq explain flow eni-0aaa eni-0bbb 7077 tcp --at 2026-03-10T08:01:00Z --inventory inventory/
  flowq explain flow 10.0.1.5 52.216.1.1 443 tcp logs/ --inventory inventory/ --at 2026-03-10T08:01:00Z
  flowq explain finding 3f2a logs/ --inventory inventory/
  flowq explain finding 3f2a logs/ --inventory inventory/ --apply all
  flowq explain job nightly-00042 logs/ --inventory inventory/ --format html --output job.html")]
pub enum Explain {
    /// Evaluate one flow against the security groups, network ACLs and routes of a time
    Flow(ExplainFlow),
    /// Evaluate the flow of a finding, and print fixes
    Finding(ExplainFinding),
    /// Everything about one job on one page: interfaces, traffic, S3, findings, coverage
    Job(ExplainJob),
}

/// How to print an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ExplainFormat {
    /// For people
    Table,
    /// One JSON object
    Json,
    /// Markdown, for a ticket
    Markdown,
}

/// How an explanation is printed, and which fixes are simulated.
#[derive(Debug, Args)]
pub struct Explaining {
    /// Simulate a fix: replay the rejected flows of the logs, and report which ones it allows. The id of a fix,
    /// or all. Repeatable
    #[arg(long, value_name = "FIX")]
    pub apply: Vec<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = ExplainFormat::Table)]
    pub format: ExplainFormat,
    /// Write the explanation to this file instead of standard output; written atomically
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

/// `flowq explain flow`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  flowq explain flow 10.0.1.5 10.0.2.7 7077 tcp --at 2026-03-10T08:01:00Z --inventory inventory/
  flowq explain flow eni-0aaa eni-0bbb 8/0 icmp --inventory inventory/
  flowq explain flow eni-0aaa eni-0bbb - esp --inventory inventory/ --format markdown

With SOURCE it also prints what the logs have of the flow within an hour of --at, and whether that
agrees.")]
pub struct ExplainFlow {
    /// The initiator: an address, or the id of an interface
    #[arg(value_name = "SRC")]
    pub from: String,
    /// The destination: an address, or the id of an interface
    #[arg(value_name = "DST")]
    pub to: String,
    /// Port; type or type/code for ICMP; - for any
    #[arg(value_name = "PORT")]
    pub port: String,
    /// Protocol: tcp, udp, icmp, icmpv6, esp, or a number
    #[arg(value_name = "PROTO")]
    pub protocol: String,
    /// Time of the flow: RFC 3339, 2026-03-10, or 2h for two hours ago [default: now]
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// The VPC of the addresses, if several VPCs have them
    #[arg(long, value_name = "VPC")]
    pub vpc: Option<String>,
    /// Source port [default: any ephemeral port]
    #[arg(long, value_name = "PORT")]
    pub from_port: Option<u16>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub explaining: Explaining,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub read: Read,
}

/// `flowq explain finding`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  flowq explain finding 3f2a9c01 logs/ --inventory inventory/
  flowq detect logs/ --inventory inventory/ --format ndjson > findings.ndjson
  flowq explain finding 3f2a9c01 --finding findings.ndjson --inventory inventory/")]
pub struct ExplainFinding {
    /// The finding's id, or its beginning
    #[arg(value_name = "ID")]
    pub id: String,
    /// File with findings that flowq detect printed as json or ndjson, so that it need not run again
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub finding: Option<PathBuf>,
    /// A folder with detections of your own, repeatable
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub queries: Vec<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub explaining: Explaining,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub read: Read,
}
