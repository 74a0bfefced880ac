//! The configuration of the VPCs, by what a packet meets: its subnet's route table and ACL, its groups.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::flow::address;
use crate::inventory::model::{
    Inventory, NetworkAclEntry, Route, SecurityGroup, SecurityGroupRule, Subnet, VpcEndpoint,
};
use crate::vpc::{EffectiveRouteTable, RouteTables, service_name};

/// An inventory, indexed by the ids that its rows refer to each other by.
#[derive(Debug)]
pub struct VpcNetwork {
    inventory: Arc<Inventory>,
    subnets: HashMap<String, usize>,
    tables: HashMap<String, Vec<usize>>,
    route_tables: RouteTables,
    acls: HashMap<String, Vec<usize>>,
    groups: HashMap<String, usize>,
    rules: HashMap<String, Vec<usize>>,
    lists: HashMap<String, Vec<IpNet>>,
}

impl VpcNetwork {
    /// Indexes an inventory.
    pub fn new(inventory: Arc<Inventory>) -> Self {
        let mut network = Self {
            subnets: HashMap::new(),
            tables: HashMap::new(),
            route_tables: RouteTables::new(&inventory),
            acls: HashMap::new(),
            groups: HashMap::new(),
            rules: HashMap::new(),
            lists: HashMap::new(),
            inventory: Arc::clone(&inventory),
        };
        for (at, row) in inventory.subnets.iter().enumerate() {
            network.subnets.insert(row.subnet_id.clone(), at);
        }
        for (at, row) in inventory.routes.iter().enumerate() {
            network.tables.entry(row.route_table_id.clone()).or_default().push(at);
        }
        for (at, row) in inventory.network_acl_entries.iter().enumerate() {
            if let Some(subnet) = &row.subnet_id {
                network.acls.entry(subnet.clone()).or_default().push(at);
            }
        }
        let entries = &inventory.network_acl_entries;
        for rows in network.acls.values_mut() {
            rows.sort_by_key(|at| (entries[*at].rule_number, *at));
        }
        for (at, row) in inventory.security_groups.iter().enumerate() {
            network.groups.insert(row.security_group_id.clone(), at);
        }
        for (at, row) in inventory.security_group_rules.iter().enumerate() {
            network.rules.entry(row.security_group_id.clone()).or_default().push(at);
        }
        for row in &inventory.prefix_lists {
            if let Some(net) = row.cidr.as_deref().and_then(address::parse_net) {
                network.lists.entry(row.prefix_list_id.clone()).or_default().push(net);
            }
        }
        network
    }

    /// Returns the inventory that it was made from.
    pub fn inventory(&self) -> &Arc<Inventory> {
        &self.inventory
    }

    /// Returns a subnet.
    pub fn subnet(&self, id: &str) -> Option<&Subnet> {
        self.inventory.subnets.get(*self.subnets.get(id)?)
    }

    /// Returns the route table that a subnet uses: its own, else the main one of its VPC. `None` when
    /// neither is known.
    pub fn table_of(&self, subnet: &str) -> Option<EffectiveRouteTable<'_>> {
        self.route_tables.table_of(subnet, None)
    }

    /// Returns the route tables, which find the next hop of an address.
    pub fn route_tables(&self) -> &RouteTables {
        &self.route_tables
    }

    /// Returns the routes of a route table, in the order of the inventory.
    pub fn routes(&self, table: &str) -> impl Iterator<Item = &Route> {
        let rows = self.tables.get(table).map_or(&[][..], Vec::as_slice);
        rows.iter().map(|at| &self.inventory.routes[*at])
    }

    /// Returns the entries of the network ACL of a subnet, both directions, lowest number first. `None` when
    /// the ACL is not known.
    pub fn acl_of(&self, subnet: &str) -> Option<impl Iterator<Item = &NetworkAclEntry>> {
        let rows = self.acls.get(subnet)?;
        Some(rows.iter().map(|at| &self.inventory.network_acl_entries[*at]))
    }

    /// Returns a security group. `None` when it is not known, which is not the same as having no rules.
    pub fn group(&self, id: &str) -> Option<&SecurityGroup> {
        self.inventory.security_groups.get(*self.groups.get(id)?)
    }

    /// Returns the rules of a security group, both directions.
    pub fn rules(&self, group: &str) -> impl Iterator<Item = &SecurityGroupRule> {
        let rows = self.rules.get(group).map_or(&[][..], Vec::as_slice);
        rows.iter().map(|at| &self.inventory.security_group_rules[*at])
    }

    /// Returns the entries of a prefix list. `None` when they are not known.
    pub fn prefix_list(&self, id: &str) -> Option<&[IpNet]> {
        self.lists.get(id).map(Vec::as_slice)
    }

    /// Returns the id of the prefix list of a service: `com.amazonaws.us-east-1.s3`.
    pub fn list_named(&self, service: &str) -> Option<&str> {
        let mut lists = self.inventory.prefix_lists.iter();
        let list = lists.find(|row| row.name.as_deref() == Some(service))?;
        Some(&list.prefix_list_id)
    }

    /// Returns the prefix list of AWS's own that contains an address: its service has many addresses, and rules are
    /// for all of them.
    pub fn service_list(&self, ip: IpAddr) -> Option<&str> {
        let lists = self.inventory.prefix_lists.iter();
        let mut lists = lists.filter(|row| row.name.as_deref().is_some_and(is_of_aws));
        let list = lists.find(|row| {
            let net = row.cidr.as_deref().and_then(address::parse_net);
            net.is_some_and(|net| net.contains(&ip))
        });
        list.map(|row| row.prefix_list_id.as_str())
    }

    /// Returns an endpoint.
    pub fn endpoint(&self, id: &str) -> Option<&VpcEndpoint> {
        self.inventory.vpc_endpoints.iter().find(|row| row.vpc_endpoint_id == id)
    }

    /// Returns the endpoints of a VPC.
    pub fn endpoints(&self, vpc: &str) -> impl Iterator<Item = &VpcEndpoint> {
        let rows = self.inventory.vpc_endpoints.iter();
        rows.filter(move |row| row.vpc_id.as_deref() == Some(vpc))
    }
}

fn is_of_aws(list: &str) -> bool {
    service_name::parse(list).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::model::RouteTableAssociation;

    #[test]
    fn a_subnet_without_a_table_of_its_own_uses_the_main_one() {
        let subnet = |id: &str| Subnet {
            subnet_id: id.to_owned(),
            vpc_id: Some("vpc-a".to_owned()),
            ..Subnet::default()
        };
        let association = |table: &str, subnet: Option<&str>| RouteTableAssociation {
            route_table_id: table.to_owned(),
            vpc_id: Some("vpc-a".to_owned()),
            subnet_id: subnet.map(str::to_owned),
            main: subnet.is_none(),
        };
        let inventory = Inventory {
            subnets: vec![subnet("subnet-a"), subnet("subnet-b")],
            route_table_associations: vec![
                association("rtb-main", None),
                association("rtb-b", Some("subnet-b")),
            ],
            ..Inventory::default()
        };
        let network = VpcNetwork::new(Arc::new(inventory));
        let table = |subnet| network.table_of(subnet).map(|table| (table.id, table.is_main));
        assert_eq!(table("subnet-a"), Some(("rtb-main", true)));
        assert_eq!(table("subnet-b"), Some(("rtb-b", false)));
        assert_eq!(table("subnet-c"), None);
    }
}
