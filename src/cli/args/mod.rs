//! The arguments of the command line. No input or output happens here.
//!
//! [`Cli`] is the whole line, [`Command`] one command; [`Read`], [`Aws`] and [`Write`] are what several commands have.

mod account;
mod alert;
mod audit;
mod baseline;
mod command;
mod common;
mod coverage;
mod explain;
mod explain_job;
mod feed;
mod lake;
mod query;
mod serve;

pub use account::{ACCOUNT, Collect, IamPolicy, Times};
pub use alert::{Alert, AlertPending, AlertResend, AlertTest};
pub use audit::{Audit, AuditFormat};
pub use baseline::{Baseline, Diff, Learn};
pub use command::{
    Check, Cli, Command, Detect, FailOnUnknown, Fields, Functions, Generate, Health, Inventory,
    VERSION,
};
pub use common::{Aws, FindingFormat, Read, Write};
pub use coverage::{Coverage, CoverageFormat, Part};
pub use explain::{Explain, ExplainFinding, ExplainFlow, ExplainFormat, Explaining};
pub use explain_job::{ExplainJob, PageFormat};
pub use feed::Feed;
pub use lake::{Compact, Ingest, LakeArgs, Replay, Status, StatusFormat, Verify};
pub use query::{Report, Sql};
pub use serve::Serve;
