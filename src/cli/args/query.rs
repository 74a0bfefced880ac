//! Arguments of `flowq sql` and `flowq report`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::cli::args::common::{Read, Write};

/// `flowq sql`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  flowq sql -c 'SELECT action, count(*) FROM flow_logs GROUP BY action' logs/
  flowq sql -c 'SELECT * FROM flow_logs WHERE in_cidr(dstaddr, $net)' --param net=10.0.0.0/8 logs/
  flowq sql -f question.sql logs/ --inventory inventory/ --format parquet --output answer.parquet
  flowq sql logs/                       an interactive prompt; \\? there lists its commands

A list of your own is joined by read_csv('FILE'), read_json('FILE') or read_parquet('FILE').
SQL opens no other file; of the settings it changes those of EXPLAIN and the time zone.")]
pub struct Sql {
    /// The query
    #[arg(long, short, value_name = "QUERY", conflicts_with = "file")]
    pub command: Option<String>,
    /// A file with the query
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub read: Read,
    /// Value of $name in the query, repeatable
    #[arg(long, value_name = "NAME=VALUE")]
    pub param: Vec<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub write: Write,
}

/// `flowq report`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  flowq report
  flowq report top-talkers logs/ --param limit=5
  flowq report s3-bytes-by-path logs/ --inventory inventory/ --format csv")]
pub struct Report {
    /// The report; without it all reports are listed
    pub name: Option<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub read: Read,
    /// Value of a parameter of the report, repeatable
    #[arg(long, value_name = "NAME=VALUE")]
    pub param: Vec<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub write: Write,
}
