//! The rows of an inventory: what the VPC and its jobs were, and when.
//!
//! Every time is in Unix seconds, UTC. Every row type is a SQL table of its own (see `tables.rs`) and a
//! Parquet file of `flowq inventory import`. A list is never NULL: unknown is empty.

use serde::{Deserialize, Serialize};

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
    /// Security group rules, one row for each peer.
    pub security_group_rules: Vec<SecurityGroupRule>,
    /// Network ACL entries, one row for each subnet associated.
    pub network_acl_entries: Vec<NetworkAclEntry>,
    /// NAT gateways, one row for each address.
    pub nat_gateways: Vec<NatGateway>,
    /// AWS's public ranges (ip-ranges.json), each with the time from which it held.
    pub ip_ranges: Vec<IpRange>,
    /// Flow logs, with the format that CloudWatch records need.
    pub flow_logs: Vec<FlowLog>,
}

/// A SageMaker processing job.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Job {
    /// `ProcessingJobName`.
    pub job_name: String,
    /// `ProcessingJobArn`.
    pub job_arn: Option<String>,
    /// Account, from the ARN.
    pub account_id: Option<String>,
    /// Region, from the ARN.
    pub region: Option<String>,
    /// `ProcessingJobStatus`.
    pub status: Option<String>,
    /// `CreationTime`.
    pub created_at: Option<i64>,
    /// `ProcessingStartTime`.
    pub started_at: Option<i64>,
    /// `ProcessingEndTime`; NULL while it runs.
    pub ended_at: Option<i64>,
    /// Whether a VpcConfig is there. NULL when only the listing was seen, which does not say.
    pub in_vpc: Option<bool>,
    /// `VpcConfig.Subnets`.
    pub subnet_ids: Vec<String>,
    /// `VpcConfig.SecurityGroupIds`, sorted.
    pub security_group_ids: Vec<String>,
    /// `RoleArn`.
    pub role_arn: Option<String>,
    /// `SelectedInstanceCount`, else `InstanceCount`, else 1 when described.
    pub instance_count: Option<i32>,
    /// `SelectedInstanceType`, else `InstanceType`.
    pub instance_type: Option<String>,
    /// `EnableNetworkIsolation`.
    pub network_isolation: Option<bool>,
    /// `EnableInterContainerTrafficEncryption`.
    pub inter_container_encryption: Option<bool>,
    /// `AppSpecification.ImageUri`.
    pub image_uri: Option<String>,
    /// S3 URIs of inputs and outputs.
    pub s3_uris: Vec<String>,
    /// `FailureReason`.
    pub failure_reason: Option<String>,
}

/// How sure it is which job an interface serves (domain: attribution).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Attribution {
    /// The user's mapping names it.
    Declared,
    /// Exactly one job fits.
    Exact,
    /// Several jobs fit; none is picked.
    Shared,
    /// No history of the interface: subnet and time fit one job.
    Inferred,
}

/// An interface (ENI) during one interval.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Eni {
    /// `NetworkInterfaceId`.
    pub interface_id: String,
    /// From when on this row holds. NULL: not known, it may have been there long before.
    pub valid_from: Option<i64>,
    /// Until when this row holds, exclusive. NULL: still there.
    pub valid_to: Option<i64>,
    /// When the interface was created, where a source tells.
    pub created_at: Option<i64>,
    /// `OwnerId`.
    pub account_id: Option<String>,
    /// Region, from the ARN, the availability zone or the event.
    pub region: Option<String>,
    /// `VpcId`.
    pub vpc_id: Option<String>,
    /// `SubnetId`.
    pub subnet_id: Option<String>,
    /// Every private address, IPv4 and IPv6, the primary one first.
    pub addresses: Vec<String>,
    /// Public IPv4 address, if one is associated.
    pub public_ip: Option<String>,
    /// `Groups[].GroupId`, sorted.
    pub security_group_ids: Vec<String>,
    /// `InterfaceType`.
    pub interface_type: Option<String>,
    /// `Description`.
    pub description: Option<String>,
    /// Instance it is attached to, if that is the account's own.
    pub instance_id: Option<String>,
    /// ARN of the role that created it, from CloudTrail.
    pub creator_role_arn: Option<String>,
    /// What it belongs to when that is not a processing job: `nat_gateway`, `vpc_endpoint`, `instance`,
    /// `lambda`, `notebook`, `studio` …; NULL: nothing else is known.
    pub belongs_to: Option<String>,
    /// Best source of the interval: `cloudtrail`, `config`, `snapshot` or `mapping`.
    pub source: String,
    /// The one job it serves; NULL when none or several fit.
    pub job_name: Option<String>,
    /// ARN of that job.
    pub job_arn: Option<String>,
    /// The jobs that fit when there are several, sorted.
    pub job_candidates: Vec<String>,
    /// How sure it is. NULL: serves no job that is known.
    pub attribution: Option<Attribution>,
    /// `container`, `platform`, or NULL when the two cannot be told apart.
    pub eni_role: Option<String>,
    /// Why it got its job, or why not: one sentence for `flowq inventory show enis`.
    pub reason: String,
}

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
    /// `enableDnsSupport`, where an attribute answer tells.
    pub dns_support: Option<bool>,
    /// `enableDnsHostnames`, where an attribute answer tells.
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
    /// `SubnetId`; NULL for the main table of the VPC.
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
    /// `PrefixListName`: `com.amazonaws.us-east-1.s3`. NULL when only the entries were seen.
    pub name: Option<String>,
    /// The CIDR; NULL when only the list was seen, without its entries.
    pub cidr: Option<String>,
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
    /// First port; NULL for all. For ICMP the type.
    pub from_port: Option<i32>,
    /// Last port; NULL for all. For ICMP the code.
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
    /// Subnet that the ACL is associated with; NULL when with none.
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
    /// First port; NULL for all.
    pub from_port: Option<i32>,
    /// Last port; NULL for all.
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
    /// `createDate` of the first file that lists it. NULL: held from ever (the earliest file given).
    pub valid_from: Option<i64>,
    /// `createDate` of the first later file that lists it no more. NULL: still listed.
    pub valid_to: Option<i64>,
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
    /// `CreationTime`.
    pub created_at: Option<i64>,
}
