//! Arguments of `flowq alert`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use crate::cli::args::common::{Aws, Write};

/// `flowq alert`
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  flowq alert test
  flowq alert test --config flowq.toml --sink security-channel
  flowq alert pending --state lake/_flowq
  flowq alert resend --state lake/_flowq --sink security-channel")]
pub enum Alert {
    /// Send a marked sample to each sink, and print the results
    Test(AlertTest),
    /// List the alerts that wait to be sent, and those that sinks refused
    Pending(AlertPending),
    /// Send again the alerts that sinks refused, and those that wait to be sent
    Resend(AlertResend),
}

/// `flowq alert pending`
#[derive(Debug, Args)]
pub struct AlertPending {
    /// Folder or s3://bucket/prefix that stores what was sent: --state of flowq detect, or the state of a feed
    /// (_flowq in its lake)
    #[arg(long, value_name = "DIR|s3://…", value_hint = ValueHint::AnyPath)]
    pub state: String,
    /// Only the sink of this name, repeatable
    #[arg(long, value_name = "NAME")]
    pub sink: Vec<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub write: Write,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub aws: Aws,
}

/// `flowq alert resend`
#[derive(Debug, Args)]
pub struct AlertResend {
    /// Folder or s3://bucket/prefix that stores what was sent: --state of flowq detect, or the state of a feed
    /// (_flowq in its lake), which must not run meanwhile
    #[arg(long, value_name = "DIR|s3://…", value_hint = ValueHint::AnyPath)]
    pub state: String,
    /// The config whose [[alert]] tables are the sinks [default: flowq.toml here, if there is one]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Only the sink of this name, repeatable
    #[arg(long, value_name = "NAME")]
    pub sink: Vec<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub aws: Aws,
}

/// `flowq alert test`
#[derive(Debug, Args)]
pub struct AlertTest {
    /// Config with the sinks as [[alert]] tables [default: flowq.toml here, if there is one]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Only the sink of this name, repeatable
    #[arg(long, value_name = "NAME")]
    pub sink: Vec<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub aws: Aws,
}
