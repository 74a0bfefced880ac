//! The work of a service, and the report of each pass.

use crate::cli::failure::Failure;
use crate::config::Config;
use crate::metrics::PassMetrics;

/// The work that a service repeats.
pub(crate) trait Worker {
    /// Checks whether a configuration can be used, before it replaces the current one.
    fn check(&self, config: &Config) -> Result<(), Failure>;

    /// Makes one pass. `now` is in Unix seconds.
    ///
    /// It may be dropped at any await: what it had not published by then must not show. One that fails is
    /// made again later, whatever the failure, so that it may wait for another runner to give way; only
    /// [`Exit::Usage`](crate::cli::failure::Exit::Usage) and [`Exit::Config`](crate::cli::failure::Exit::Config) before any success end the service.
    async fn pass(&mut self, config: &Config, now: i64) -> Result<Report, Failure>;

    /// Releases what outlives a pass, such as a lease. No pass follows.
    async fn end(&mut self);
}

/// The report of a published pass.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Its number in the ledger. `None`: there is none.
    pub(crate) number: Option<u64>,
    /// What it did.
    pub(crate) pass: PassMetrics,
    /// Warnings of the pass. The service logs those that the pass before did not have.
    pub(crate) warnings: Vec<String>,
    /// Whether some input could not be read.
    pub(crate) incomplete: bool,
}
