//! The rows of all tables.

use serde::{Deserialize, Serialize};

use crate::inventory::model::interface::Eni;
use crate::inventory::model::job::Job;
use crate::inventory::model::network::{
    BucketPolicy, DhcpOptions, FlowLog, IpRange, NatGateway, NetworkAclEntry, PrefixListEntry,
    Route, RouteTableAssociation, SecurityGroup, SecurityGroupRule, Subnet, Vpc, VpcEndpoint,
};

/// Everything that is known about the VPCs, their interfaces and the processing jobs, merged over all
/// sources and sorted, so that the same documents in any order give the same inventory.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Inventory {
    /// Processing jobs.
    pub jobs: Vec<Job>,
    /// Interfaces, one row for each interval in which nothing about them changed.
    pub enis: Vec<Eni>,
    /// VPCs.
    pub vpcs: Vec<Vpc>,
    /// Subnets.
    pub subnets: Vec<Subnet>,
    /// Routes of all route tables.
    pub routes: Vec<Route>,
    /// Which route table a subnet uses; `subnet_id` NULL is the VPC's main table.
    pub route_table_associations: Vec<RouteTableAssociation>,
    /// VPC endpoints, gateway and interface.
    pub vpc_endpoints: Vec<VpcEndpoint>,
    /// Entries of prefix lists.
    pub prefix_lists: Vec<PrefixListEntry>,
    /// Security groups, those without a rule included.
    pub security_groups: Vec<SecurityGroup>,
    /// Security group rules, one row for each peer.
    pub security_group_rules: Vec<SecurityGroupRule>,
    /// Network ACL entries, one row for each subnet associated.
    pub network_acl_entries: Vec<NetworkAclEntry>,
    /// NAT gateways, one row for each address.
    pub nat_gateways: Vec<NatGateway>,
    /// AWS's public ranges (ip-ranges.json), each with the time from which it was valid.
    pub ip_ranges: Vec<IpRange>,
    /// DHCP options, which name the DNS servers of a VPC.
    pub dhcp_options: Vec<DhcpOptions>,
    /// Flow logs, with the format that CloudWatch records need.
    pub flow_logs: Vec<FlowLog>,
    /// Policies of buckets, where `get-bucket-policy` responses state them.
    pub bucket_policies: Vec<BucketPolicy>,
    /// The lists that any response gives, be they empty, by their keys: `VpcEndpoints`. If a table has no row and
    /// its list is not here, nothing is known of it.
    pub listed: Vec<String>,
    /// When the responses were given that the tables of the VPC are built from: earliest and latest.
    pub observed: Option<(i64, i64)>,
}
