//! [`Analyzer`]: the network and the interfaces of an inventory, indexed.

use std::sync::Arc;

use crate::inventory::model::Inventory;
use crate::vpc::interfaces::Interfaces;
use crate::vpc::network::VpcNetwork;

/// The VPCs of an inventory, indexed to analyze which packets pass.
#[derive(Debug)]
pub struct Analyzer {
    pub(super) network: VpcNetwork,
    pub(super) interfaces: Interfaces,
}

impl Analyzer {
    /// Indexes an inventory.
    pub fn new(inventory: Arc<Inventory>) -> Self {
        Self { interfaces: Interfaces::new(&inventory), network: VpcNetwork::new(inventory) }
    }

    /// Returns the indexed configuration.
    pub fn network(&self) -> &VpcNetwork {
        &self.network
    }
}
