//! `flowq explain`: what was typed.

use clap::Subcommand;

use super::ExplainJob;

/// `flowq explain`
#[derive(Debug, Subcommand)]
pub enum Explain {
    /// Everything about one job on one page: interfaces, traffic, S3, findings, coverage
    Job(ExplainJob),
}
