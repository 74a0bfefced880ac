//! A service: passes in a loop until a signal ends it.
//!
//! [`run`] calls a [`Worker`] for each pass, every `[feed] interval`, and at once while input waits.
//!
//! - SIGTERM or SIGINT: the running pass has 10 s to end and is dropped then; exit code 0. A second signal ends it at
//!   once; exit code 130.
//! - SIGHUP: the configuration is read between two passes; a wrong one is logged, and the old one stays.
//! - A failed pass is logged and repeated after 1 s to 5 min. A wrong configuration ends the service only before the
//!   first pass that succeeds.
//! - `--once`: passes until nothing waits, without a metrics server; the exit code is that of the failed pass.

mod backoff;
mod exporters;
pub mod log;
mod runner;
pub(crate) mod signals;
mod systemd;
mod worker;

pub(crate) use runner::{Options, run};
pub(crate) use worker::{Report, Worker};
