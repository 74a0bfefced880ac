//! Rows of the configuration of VPCs.

use serde::{Deserialize, Serialize};

/// A VPC.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Vpc {
    /// `VpcId`.
    pub vpc_id: String,
    /// `OwnerId`.
    pub account_id: Option<String>,
    /// IPv4 and IPv6 CIDR blocks that are associated.
    pub cidrs: Vec<String>,
    /// `enableDnsSupport`, where an attribute response has it.
    pub dns_support: Option<bool>,
    /// `enableDnsHostnames`, where an attribute response has it.
    pub dns_hostnames: Option<bool>,
    /// `DhcpOptionsId`.
    pub dhcp_options_id: Option<String>,
}

/// A subnet.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Subnet {
    /// `SubnetId`.
    pub subnet_id: String,
    /// `VpcId`.
    pub vpc_id: Option<String>,
    /// `OwnerId`.
    pub account_id: Option<String>,
    /// `AvailabilityZone`.
    pub availability_zone: Option<String>,
    /// `AvailabilityZoneId`.
    pub az_id: Option<String>,
    /// IPv4 and IPv6 CIDR blocks.
    pub cidrs: Vec<String>,
    /// `AvailableIpAddressCount`.
    pub available_addresses: Option<i64>,
    /// `MapPublicIpOnLaunch`.
    pub map_public_ip: Option<bool>,
}

/// One route of a route table.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Route {
    /// `RouteTableId`.
    pub route_table_id: String,
    /// `VpcId`.
    pub vpc_id: Option<String>,
    /// CIDR, or id of a prefix list.
    pub destination: String,
    /// Id of the target: `local`, `igw-…`, `nat-…`, `vpce-…`, `tgw-…`, `pcx-…`, `vgw-…`, `eni-…`, `eigw-…`.
    pub target: String,
    /// `active` or `blackhole`.
    pub state: Option<String>,
    /// `Origin`.
    pub origin: Option<String>,
}

/// Which route table a subnet uses.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct RouteTableAssociation {
    /// `RouteTableId`.
    pub route_table_id: String,
    /// `VpcId`.
    pub vpc_id: Option<String>,
    /// `SubnetId`; `None` for the main table of the VPC.
    pub subnet_id: Option<String>,
    /// Whether this is the main table: for every subnet without a table of its own.
    pub main: bool,
}

/// A VPC endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct VpcEndpoint {
    /// `VpcEndpointId`.
    pub vpc_endpoint_id: String,
    /// `Gateway`, `Interface`, `GatewayLoadBalancer` …
    pub endpoint_type: Option<String>,
    /// `VpcId`.
    pub vpc_id: Option<String>,
    /// `ServiceName`: `com.amazonaws.us-east-1.s3`.
    pub service_name: Option<String>,
    /// `State`, as given.
    pub state: Option<String>,
    /// `RouteTableIds` (gateway).
    pub route_table_ids: Vec<String>,
    /// `SubnetIds` (interface).
    pub subnet_ids: Vec<String>,
    /// `NetworkInterfaceIds` (interface).
    pub interface_ids: Vec<String>,
    /// `Groups[].GroupId` (interface).
    pub security_group_ids: Vec<String>,
    /// `PrivateDnsEnabled`.
    pub private_dns: Option<bool>,
    /// `DnsOptions.PrivateDnsOnlyForInboundResolverEndpoint`: private DNS is not for what is in the VPC.
    pub private_dns_inbound_only: Option<bool>,
    /// `IpAddressType`: ipv4, ipv6, dualstack.
    pub ip_address_type: Option<String>,
    /// `PolicyDocument`, as given.
    pub policy: Option<String>,
    /// `CreationTimestamp`.
    pub created_at: Option<i64>,
}

/// One entry of a prefix list.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct PrefixListEntry {
    /// `PrefixListId`.
    pub prefix_list_id: String,
    /// `PrefixListName`: `com.amazonaws.us-east-1.s3`. `None` when only the entries were seen.
    pub name: Option<String>,
    /// The CIDR; `None` when only the list was seen, without its entries.
    pub cidr: Option<String>,
}

/// A security group.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct SecurityGroup {
    /// `GroupId`.
    pub security_group_id: String,
    /// `VpcId`.
    pub vpc_id: Option<String>,
    /// `GroupName`.
    pub name: Option<String>,
}

/// One security group rule and one peer.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct SecurityGroupRule {
    /// `GroupId`.
    pub security_group_id: String,
    /// `VpcId` of the group.
    pub vpc_id: Option<String>,
    /// `egress` or `ingress`.
    pub direction: String,
    /// `tcp`, `udp`, `icmp`, a number, or `-1` for all.
    pub protocol: String,
    /// First port; `None` for all. For ICMP the type.
    pub from_port: Option<i32>,
    /// Last port; `None` for all. For ICMP the code.
    pub to_port: Option<i32>,
    /// CIDR, prefix list id or security group id that it opens to.
    pub peer: String,
    /// `SecurityGroupRuleId`.
    pub rule_id: Option<String>,
}

/// One entry of a network ACL, for one subnet.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkAclEntry {
    /// `NetworkAclId`.
    pub network_acl_id: String,
    /// `VpcId`.
    pub vpc_id: Option<String>,
    /// Subnet that the ACL is associated with; `None` when with none.
    pub subnet_id: Option<String>,
    /// `egress` or `ingress`.
    pub direction: String,
    /// `RuleNumber`: the lowest that fits decides.
    pub rule_number: i32,
    /// `allow` or `deny`.
    pub rule_action: String,
    /// Protocol number, or `-1` for all.
    pub protocol: String,
    /// CIDR.
    pub cidr: String,
    /// First port; `None` for all. For ICMP the type.
    pub from_port: Option<i32>,
    /// Last port; `None` for all. For ICMP the code.
    pub to_port: Option<i32>,
}

/// One address of a NAT gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct NatGateway {
    /// `NatGatewayId`.
    pub nat_gateway_id: String,
    /// `VpcId`.
    pub vpc_id: Option<String>,
    /// `SubnetId`.
    pub subnet_id: Option<String>,
    /// `NetworkInterfaceId` of the address.
    pub interface_id: Option<String>,
    /// `PrivateIp`.
    pub private_ip: Option<String>,
    /// `PublicIp`.
    pub public_ip: Option<String>,
    /// `State`.
    pub state: Option<String>,
    /// `ConnectivityType`.
    pub connectivity_type: Option<String>,
    /// `CreateTime`.
    pub created_at: Option<i64>,
    /// `DeleteTime`.
    pub deleted_at: Option<i64>,
}

/// One public range of AWS, for one service.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct IpRange {
    /// The CIDR, IPv4 or IPv6.
    pub cidr: String,
    /// `region`, or `GLOBAL`.
    pub region: String,
    /// `service`: S3, EC2, AMAZON …
    pub service: String,
    /// `createDate` of the first file that lists it. `None`: valid before the earliest file.
    pub valid_from: Option<i64>,
    /// `createDate` of the first later file that lists it no more. `None`: still listed.
    pub valid_to: Option<i64>,
}

/// A set of DHCP options.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct DhcpOptions {
    /// `DhcpOptionsId`.
    pub dhcp_options_id: String,
    /// `domain-name`.
    pub domain_name: Option<String>,
    /// `domain-name-servers`: `AmazonProvidedDNS`, or addresses, in their order.
    pub domain_name_servers: Vec<String>,
}

/// The policy of a bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct BucketPolicy {
    /// The bucket, as the policy's own resources name it.
    pub bucket: String,
    /// `Policy`, as given.
    pub policy: Option<String>,
}

/// A flow log as configured.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct FlowLog {
    /// `FlowLogId`.
    pub flow_log_id: String,
    /// `ResourceId`: VPC, subnet or ENI.
    pub resource_id: Option<String>,
    /// `TrafficType`: ALL, ACCEPT, REJECT.
    pub traffic_type: Option<String>,
    /// `LogDestinationType`.
    pub destination_type: Option<String>,
    /// `LogDestination` or `LogGroupName`.
    pub destination: Option<String>,
    /// `LogFormat`: `${version} ${account-id} …`.
    pub log_format: Option<String>,
    /// `MaxAggregationInterval`, seconds.
    pub max_aggregation_secs: Option<i32>,
    /// `FlowLogStatus`.
    pub status: Option<String>,
    /// `DeliverLogsStatus`.
    pub deliver_logs_status: Option<String>,
    /// `DeliverLogsErrorMessage`.
    pub deliver_logs_error: Option<String>,
    /// `CreationTime`.
    pub created_at: Option<i64>,
}
