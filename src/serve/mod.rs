//! The web console and HTTP API of `flowq serve`.
//!
//! A [`Snapshot`] is everything that the pages show: the results of the same functions that `flowq detect`, `audit` and
//! `coverage` call, and sums of the traffic. The reader of the sources publishes one to the [`SnapshotStore`], and a new
//! one when the sources changed; a page answers from the newest and never waits for reading. [`ConsoleServer`] accepts
//! connections, [`Access`] checks the token, and each page is a file of `pages` that returns a [`PageContent`]:
//! one description that is written as HTML, JSON and CSV.
//!
//! Nothing here reads the environment, the configuration or the clock: all of it is an argument.

mod access;
mod app;
mod assets;
mod cell;
mod content;
mod error;
mod export;
mod failure;
mod filter;
mod headers;
mod layout;
mod pages;
mod router;
mod server;
mod snapshot;
mod statement;
mod text;
mod tls;
mod traffic;

pub use access::{Access, Login};
pub use app::{App, ConfigurationHistory};
pub use cell::{DataCell, DataTable};
pub use content::{PageContent, PageSection};
pub use error::Error;
pub use filter::{PageFilter, QueryArgs};
pub use router::router;
pub use server::{ConsoleOptions, ConsoleServer};
pub use snapshot::{LoadState, PipelineState, Snapshot, SnapshotStore};
pub use statement::{StatementLimits, StatementRunner};
pub use tls::TlsFiles;
pub use traffic::{ConnectionGroup, InterfaceSpan, TrafficBucket, TrafficSummary, TrafficSums};
