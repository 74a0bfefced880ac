//! The inventory of a feed: read again, or collected from the account, from time to time.

use std::sync::Arc;

use crate::aws::Account;
use crate::aws::s3::Location;
use crate::cli::args::ACCOUNT;
use crate::cli::failure::Failure;
use crate::cli::messages::Messages;
use crate::cli::session;
use crate::config::Config;
use crate::inventory::collect::Collector;
use crate::inventory::{CollectorTarget, Inventory, PersistentCollector};
use crate::storage::Storage;

/// The inventory of the service, and when it was read.
#[derive(Debug, Default)]
pub(crate) struct InventoryCache {
    /// The inventory; `None`: not read yet.
    inventory: Option<Arc<Inventory>>,
    /// When it was read, Unix seconds.
    pub(crate) read_at: i64,
    /// Whether the inventory is complete.
    pub(crate) whole: bool,
}

impl InventoryCache {
    /// Returns the inventory, read again if it is older than `[feed] inventory-every`.
    ///
    /// `aws` among the places is collected into the feed's state, so that interfaces are known long after
    /// the account has forgotten them.
    pub(crate) async fn refresh(
        &mut self,
        config: &Config,
        (account, state): (&Arc<Account>, &Storage),
        now: i64,
        say: &Messages<'_>,
    ) -> Result<Arc<Inventory>, Failure> {
        let every = i64::try_from(config.feed.inventory_every.as_secs()).unwrap_or(i64::MAX);
        if let Some(known) = &self.inventory
            && self.read_at <= now
            && now.saturating_sub(self.read_at) < every
        {
            return Ok(Arc::clone(known));
        }
        let mut places = config.inventory.clone();
        let mut whole = true;
        if let Some(at) = places.iter().position(|place| place == ACCOUNT) {
            let (place, complete) = collect(account, state, now, say).await?;
            whole = complete;
            places[at] = place;
        }
        let (inventory, complete) =
            session::inventory(&places, account, (None, None), now, say).await?;
        let inventory = Arc::new(inventory);
        *self = Self {
            inventory: Some(Arc::clone(&inventory)),
            read_at: now,
            whole: whole && complete,
        };
        Ok(inventory)
    }
}

/// Adds the present inventory of the account to that of the state; returns where it is, and whether it is complete.
async fn collect(
    account: &Arc<Account>,
    state: &Storage,
    now: i64,
    say: &Messages<'_>,
) -> Result<(String, bool), Failure> {
    let place = state.below("inventory");
    let name = place.to_string();
    let target = match name.starts_with("s3://") {
        true => {
            CollectorTarget::S3(account.store(), Location::parse(&name).map_err(session::usage)?)
        }
        false => CollectorTarget::Folder(name.clone().into()),
    };
    let collector = Collector::new(account, None, None).await.map_err(session::aws_failure)?;
    let persistent = PersistentCollector::open(collector, target, None, now).await;
    let mut persistent = persistent.map_err(session::inventory_failure)?;
    let report = Box::pin(persistent.pass(now, now)).await.map_err(session::inventory_failure)?;
    session::print_report(&report, say);
    Ok((name, report.warnings.is_empty()))
}
