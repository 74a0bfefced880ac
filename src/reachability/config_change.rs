//! One change of the configuration, made on a copy of the inventory.

use std::collections::BTreeSet;

use crate::inventory::model::{Inventory, NetworkAclEntry, Route, SecurityGroupRule, VpcEndpoint};

/// What a fix changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigChange {
    /// A security group gets a rule.
    GroupRule(SecurityGroupRule),
    /// A network ACL gets an entry, in every subnet that it is associated with.
    AclEntry(NetworkAclEntry),
    /// A gateway endpoint is associated with a route table.
    EndpointTable {
        /// `VpcEndpointId`.
        endpoint: String,
        /// `RouteTableId`.
        table: String,
    },
    /// A gateway endpoint is made.
    Endpoint(VpcEndpoint),
    /// A gateway endpoint carries IPv6 too.
    Dualstack {
        /// `VpcEndpointId`.
        endpoint: String,
    },
    /// A route is made, or the one with its destination leads elsewhere.
    SetRoute(Route),
    /// A route is taken away.
    DropRoute(Route),
}

impl ConfigChange {
    /// Applies the change.
    pub fn apply(&self, inventory: &mut Inventory) {
        match self {
            Self::GroupRule(rule) => inventory.security_group_rules.push(rule.clone()),
            Self::AclEntry(entry) => add_entry(inventory, entry),
            Self::EndpointTable { endpoint, table } => {
                for row in named(inventory, endpoint) {
                    row.route_table_ids.push(table.clone());
                }
            }
            Self::Endpoint(endpoint) => inventory.vpc_endpoints.push(endpoint.clone()),
            Self::Dualstack { endpoint } => {
                for row in named(inventory, endpoint) {
                    row.ip_address_type = Some("dualstack".to_owned());
                }
            }
            Self::SetRoute(route) => {
                inventory.routes.retain(|row| !same_place(row, route));
                inventory.routes.push(route.clone());
            }
            Self::DropRoute(route) => inventory.routes.retain(|row| row != route),
        }
    }
}

fn named<'a>(
    inventory: &'a mut Inventory,
    endpoint: &'a str,
) -> impl Iterator<Item = &'a mut VpcEndpoint> {
    inventory.vpc_endpoints.iter_mut().filter(move |row| row.vpc_endpoint_id == endpoint)
}

fn same_place(row: &Route, other: &Route) -> bool {
    row.route_table_id == other.route_table_id && row.destination == other.destination
}

fn add_entry(inventory: &mut Inventory, entry: &NetworkAclEntry) {
    let rows = inventory.network_acl_entries.iter();
    let rows = rows.filter(|row| row.network_acl_id == entry.network_acl_id);
    let subnets: BTreeSet<Option<String>> = rows.map(|row| row.subnet_id.clone()).collect();
    let entries =
        subnets.into_iter().map(|subnet_id| NetworkAclEntry { subnet_id, ..entry.clone() });
    inventory.network_acl_entries.extend(entries);
}
