//! Arguments of `flowq serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::cli::args::common::Read;

/// `flowq serve`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  flowq serve logs/ --inventory inventory/
  flowq serve lake/ --inventory inventory/ --listen 127.0.0.1:8080 --token-file token
  flowq serve lake/ --inventory inventory/ --listen 0.0.0.0:8443 --tls-cert cert.pem --tls-key key.pem \\
    --host flowq.example.com --token-file token

The printed link opens one browser; --token-file is for scripts and services. The sources are read at the
start, and again when they changed.")]
pub struct Serve {
    #[command(flatten)]
    #[expect(missing_docs, reason = "its fields are documented")]
    pub read: Read,
    /// A folder with detections of your own, repeatable
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub queries: Vec<PathBuf>,
    /// Address to listen on; port 0 is any free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// File with the token of scripts and browsers, at least 32 characters [default: a link for one browser at a
    /// time]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub token_file: Option<PathBuf>,
    /// Name by which browsers reach this server, beside localhost and addresses. Repeatable
    #[arg(long, value_name = "NAME")]
    pub host: Vec<String>,
    /// Certificate with its chain, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key", value_hint = ValueHint::FilePath)]
    pub tls_cert: Option<PathBuf>,
    /// Key of the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert", value_hint = ValueHint::FilePath)]
    pub tls_key: Option<PathBuf>,
    /// Listen on other than loopback addresses without TLS: tokens and data are readable on the network
    #[arg(long)]
    pub insecure: bool,
    /// How often to check whether the sources changed
    #[arg(long, value_name = "DURATION", default_value = "15s")]
    pub check_every: String,
    /// Longest time of a SQL statement, to its last row
    #[arg(long, value_name = "DURATION", default_value = "60s")]
    pub query_timeout: String,
    /// Most rows of the result of a SQL statement
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub max_rows: usize,
    /// Most SQL statements that run at a time
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub max_queries: usize,
    /// State of the pipeline that writes the lake: folder or s3://bucket/prefix [default: _flowq in a lake that is
    /// a folder]
    #[arg(long, value_name = "DIR|s3://…", value_hint = ValueHint::AnyPath)]
    pub state: Option<String>,
}
