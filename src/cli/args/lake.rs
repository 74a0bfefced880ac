//! The command line of what is done with a lake.

use clap::Args;

use super::Aws;

/// `flowq compact`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  flowq compact lake/
  flowq compact s3://flow-lake/prod --keep 90d
  flowq compact lake/ --grace 0s

Whoever reads the table through its log sees every row once at any moment. Whoever reads the files without
the log also sees those that were replaced, until --grace is over and flowq compact runs again.")]
pub struct Compact {
    /// The lake: a folder or s3://bucket/prefix
    #[arg(value_name = "LAKE")]
    pub lake: String,
    /// Take away partitions whose date ended longer ago than this: 90d
    #[arg(long, value_name = "TIME")]
    pub keep: Option<String>,
    /// How long replaced files stay for those who still read an earlier version of the table
    #[arg(long, value_name = "TIME", default_value = "1h")]
    pub grace: String,
    /// Say nothing but warnings
    #[arg(long, short)]
    pub quiet: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub aws: Aws,
}
