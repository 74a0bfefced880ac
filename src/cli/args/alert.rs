//! The commands that are about alerts.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::Aws;

/// `flowq alert`
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  flowq alert test
  flowq alert test --config flowq.toml --sink security-channel")]
pub enum Alert {
    /// Send a marked sample to each sink, and print the results
    Test(AlertTest),
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
