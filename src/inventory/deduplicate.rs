//! Compacts snapshots of every minute: of equal sightings in a row the first and the last are retained.

use std::collections::BTreeMap;

use crate::inventory::fact::{Event, Fact, Facts, Source};

/// The key of the facts of one resource or interface.
type Key = (&'static str, String);

/// Drops the facts that are between two equal ones of the same resource, with nothing else in between.
///
/// An inventory takes the first and the last sighting of an interface and what changed in between, and of
/// everything else the last: the facts that are left make the same inventory.
pub(super) fn drop_repeats(facts: Facts) -> Facts {
    let (mut result, mut rows) = (Facts::new(), BTreeMap::<Key, Vec<(i64, Fact)>>::new());
    for fact in facts {
        match key(&fact) {
            Some((key, at)) => rows.entry(key).or_default().push((at, fact)),
            None => {
                result.insert(fact);
            }
        }
    }
    for mut row in rows.into_values() {
        row.sort();
        let timeless: Vec<Fact> = row.iter().map(|(_, fact)| timeless(fact)).collect();
        for (index, (_, fact)) in row.into_iter().enumerate() {
            let equal = |other: usize| timeless.get(other) == timeless.get(index);
            let between = index > 0 && equal(index - 1) && equal(index + 1);
            if !between || !is_repeatable(&fact) {
                result.insert(fact);
            }
        }
    }
    result
}

/// Returns whether seeing it again states no more than that it is still so.
fn is_repeatable(fact: &Fact) -> bool {
    match fact {
        Fact::Eni(sighting) => sighting.event == Event::Seen && sighting.source == Source::Snapshot,
        _ => true,
    }
}

/// Returns of what and when a fact is; `None` for those that are retained as they are.
fn key(fact: &Fact) -> Option<(Key, i64)> {
    let (kind, id, at) = match fact {
        Fact::Eni(sighting) => ("eni", &sighting.interface_id, sighting.at),
        Fact::Vpc { at, vpc } => ("vpc", &vpc.vpc_id, *at),
        Fact::VpcDns { vpc_id, at, support: Some(_), hostnames: None } => ("dns", vpc_id, *at),
        Fact::VpcDns { vpc_id, at, support: None, hostnames: Some(_) } => ("names", vpc_id, *at),
        Fact::Subnet { at, subnet } => ("subnet", &subnet.subnet_id, *at),
        Fact::RouteTable { at, id, .. } => ("table", id, *at),
        Fact::VpcEndpoint { at, endpoint } => ("endpoint", &endpoint.vpc_endpoint_id, *at),
        Fact::SecurityGroup { at, id, .. } => ("group", id, *at),
        Fact::NetworkAcl { at, id, .. } => ("acl", id, *at),
        Fact::NatGateway { at, id, .. } => ("nat", id, *at),
        Fact::DhcpOptions { at, options } => ("dhcp", &options.dhcp_options_id, *at),
        Fact::FlowLog { at, flow_log } => ("flow log", &flow_log.flow_log_id, *at),
        _ => return None,
    };
    Some(((kind, id.clone()), at?))
}

/// Returns a fact without its time.
fn timeless(fact: &Fact) -> Fact {
    let mut fact = fact.clone();
    match &mut fact {
        Fact::Eni(sighting) => sighting.at = None,
        Fact::Vpc { at, .. }
        | Fact::VpcDns { at, .. }
        | Fact::Subnet { at, .. }
        | Fact::RouteTable { at, .. }
        | Fact::VpcEndpoint { at, .. }
        | Fact::SecurityGroup { at, .. }
        | Fact::NetworkAcl { at, .. }
        | Fact::NatGateway { at, .. }
        | Fact::DhcpOptions { at, .. }
        | Fact::FlowLog { at, .. } => *at = None,
        _ => {}
    }
    fact
}
