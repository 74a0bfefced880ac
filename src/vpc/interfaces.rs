//! The interfaces of an inventory, by id and by address, at a time.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::flow::address;
use crate::inventory::model::{Eni, Inventory};

/// Both ends of an aggregation interval, and with it of an interface's time, may be so much off, in seconds.
const SLACK_SECS: i64 = 60;

/// The interfaces of an inventory, by id and by address.
#[derive(Debug, Default)]
pub(crate) struct Interfaces {
    by_id: HashMap<String, Vec<usize>>,
    by_addr: HashMap<IpAddr, Vec<usize>>,
}

impl Interfaces {
    pub(crate) fn new(inventory: &Inventory) -> Self {
        let mut made = Self::default();
        for (at, row) in inventory.enis.iter().enumerate() {
            made.by_id.entry(row.interface_id.clone()).or_default().push(at);
            for ip in row.addresses.iter().filter_map(|text| address::parse(text)) {
                made.by_addr.entry(ip).or_default().push(at);
            }
        }
        made
    }

    /// Returns an interface as it was then; where that is not known, as it was nearest to then.
    pub(crate) fn interface<'a>(
        &self,
        enis: &'a [Eni],
        id: &str,
        at: Option<i64>,
    ) -> Option<&'a Eni> {
        let rows = self.by_id.get(id)?.iter().filter_map(|row| enis.get(*row));
        rows.min_by_key(|row| (distance_secs(row, at), std::cmp::Reverse(row.valid_from)))
    }

    /// Returns the interfaces that had an address then, one row each, restricted to `vpc` if it is given.
    pub(crate) fn holders<'a>(
        &self,
        enis: &'a [Eni],
        ip: IpAddr,
        vpc: Option<&str>,
        at: Option<i64>,
    ) -> Vec<&'a Eni> {
        let rows = self.by_addr.get(&ip).into_iter().flatten().filter_map(|row| enis.get(*row));
        let rows = rows.filter(|row| vpc.is_none() || row.vpc_id.as_deref() == vpc);
        let mut rows: Vec<&Eni> = rows.filter(|row| distance_secs(row, at) <= SLACK_SECS).collect();
        // Who had it then comes before who had it shortly before or after.
        let least = rows.iter().map(|row| distance_secs(row, at)).min().unwrap_or_default();
        rows.retain(|row| distance_secs(row, at) == least);
        rows.sort_by_key(|row| (&row.interface_id, std::cmp::Reverse(row.valid_from)));
        rows.dedup_by_key(|row| &row.interface_id);
        rows
    }
}

/// Returns how many seconds a time lies outside of a row's interval. Without a time: how long ago it ended.
pub(crate) fn distance_secs(row: &Eni, at: Option<i64>) -> i64 {
    let at = at.unwrap_or(i64::MAX);
    let early = row.valid_from.map_or(0, |from| from.saturating_sub(at));
    let late = row.valid_to.map_or(0, |to| at.saturating_sub(to).saturating_add(1));
    early.max(late).max(0)
}
