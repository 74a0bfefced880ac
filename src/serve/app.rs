//! What every request needs.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::runtime::Handle;

use crate::config::Prices;
use crate::inventory::Inventory;
use crate::query::params::ReportQuery;
use crate::serve::{Access, Error, Snapshot, SnapshotStore, StatementRunner};
use crate::time::Clock;

/// The configuration of the VPCs at other times.
#[async_trait]
pub trait ConfigurationHistory: Send + Sync + fmt::Debug {
    /// Returns the inventory as of a time, in Unix seconds. `None`: it has only one time.
    ///
    /// # Errors
    ///
    /// Why it cannot be read, in words.
    async fn at(&self, secs: i64) -> Result<Option<Arc<Inventory>>, String>;
}

/// What every request needs.
pub struct App {
    /// The newest snapshot.
    pub store: Arc<SnapshotStore>,
    /// Who is let in.
    pub access: Access,
    /// Names of this server that requests may use beside addresses and localhost.
    pub host_names: Vec<String>,
    /// Name of the cookie of a session. Two servers of one machine need two.
    pub cookie: String,
    /// Whether the browser reaches the server by TLS.
    pub is_tls: bool,
    /// The time.
    pub clock: Clock,
    /// The threads that SQL runs on, which are not those that answer requests.
    pub engine: Handle,
    /// The configuration of the VPCs at other times.
    pub history: Arc<dyn ConfigurationHistory>,
    /// What AWS takes for a GB.
    pub prices: Prices,
    /// The shipped reports.
    pub reports: Vec<ReportQuery>,
    /// The sources, as the user named them.
    pub sources: Vec<String>,
    /// Statements that run.
    pub statements: Arc<StatementRunner>,
    /// Receives each one-time token after the first.
    pub announce: Box<dyn Fn(&str) + Send + Sync>,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("sources", &self.sources).finish_non_exhaustive()
    }
}

impl App {
    /// Returns the newest snapshot.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] when the sources were not yet read.
    pub(super) fn snapshot(&self) -> Result<Arc<Snapshot>, Error> {
        self.store.newest().ok_or_else(|| Error::Failed("the sources are being read".to_owned()))
    }
}
