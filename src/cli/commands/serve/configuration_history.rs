//! The configuration of the VPCs as of the time of a finding.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Mutex;

use crate::aws::Account;
use crate::cli::args::{ACCOUNT, Read};
use crate::cli::messages::{CapturedWarnings, Messages};
use crate::cli::session::inventory;
use crate::inventory::Inventory;
use crate::serve::ConfigurationHistory;
use crate::time::Clock;

/// The most times whose configuration is in memory.
const TIMES_MAX: usize = 4;

/// Reads the inventory of the command line again, as of another time.
pub(super) struct InventoryHistory {
    places: Vec<String>,
    account: Arc<Account>,
    clock: Clock,
    /// The newest last.
    read: Mutex<Vec<(i64, Arc<Inventory>)>>,
}

impl fmt::Debug for InventoryHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InventoryHistory").field("places", &self.places).finish_non_exhaustive()
    }
}

impl InventoryHistory {
    pub(super) fn new(read: &Read, clock: Clock) -> Self {
        let account = Arc::new(Account::new(read.aws.options()));
        Self { places: read.inventory.clone(), account, clock, read: Mutex::default() }
    }
}

#[async_trait]
impl ConfigurationHistory for InventoryHistory {
    async fn at(&self, secs: i64) -> Result<Option<Arc<Inventory>>, String> {
        // The account itself has only the present.
        if self.places.iter().any(|place| place == ACCOUNT) {
            return Ok(None);
        }
        let mut read = self.read.lock().await;
        if let Some((_, inventory)) = read.iter().find(|(at, _)| *at == secs) {
            return Ok(Some(Arc::clone(inventory)));
        }
        // What is wrong with the documents was reported when the snapshot was made.
        let said = CapturedWarnings::default();
        let say = Messages::capture(&said);
        let times = (None, Some(secs));
        let found = inventory(&self.places, &self.account, times, self.clock.now(), &say).await;
        let (inventory, _) = found.map_err(|failure| failure.to_string())?;
        let inventory = Arc::new(inventory);
        if read.len() >= TIMES_MAX {
            read.remove(0);
        }
        read.push((secs, Arc::clone(&inventory)));
        Ok(Some(inventory))
    }
}
