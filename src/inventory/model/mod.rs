//! The rows of an inventory: what the VPC and its jobs were, and when.
//!
//! Every time is in Unix seconds, UTC. Every row type is a SQL table of its own (see `tables.rs`) and a
//! Parquet file of `flowq inventory import`. A list is never NULL: unknown is empty.

mod network;

pub use network::*;
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
    pub asked: Vec<String>,
    /// When the responses were given that the tables of the VPC are built from: earliest and latest.
    pub told: Option<(i64, i64)>,
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
    /// `ProcessingEndTime`; `None` while it runs.
    pub ended_at: Option<i64>,
    /// Whether a VpcConfig is there. `None` when only the listing was seen, which does not show it.
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

/// Families of instances of which all sizes have EFA.
const EFA_FAMILIES: &[&str] =
    &["p3dn", "p4d", "p4de", "p5", "p5e", "p5en", "p6-b200", "p6-b300", "trn1n", "trn2"];

/// Families of which the sizes from [`EFA_FROM`] on have EFA.
const EFA_LARGE: &[&str] = &["g4dn", "g5", "g6", "g6e", "g7", "g7e", "gr6", "trn1"];

/// Of a size `Nxlarge`, the smallest N.
const EFA_FROM: u32 = 8;

impl Job {
    /// Returns whether its instances have EFA, and its containers are likely to use it: instances with accelerators.
    /// Others have it in their largest sizes only, and hardly anything there uses it.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa.html#efa-instance-types>
    pub fn may_use_efa(&self) -> bool {
        let Some(kind) = self.instance_type.as_deref() else { return false };
        let kind = kind.strip_prefix("ml.").unwrap_or(kind);
        let Some((family, size)) = kind.split_once('.') else { return false };
        let times = size.strip_suffix("xlarge").and_then(|times| times.parse::<u32>().ok());
        EFA_FAMILIES.contains(&family)
            || (EFA_LARGE.contains(&family) && times.is_some_and(|times| times >= EFA_FROM))
    }
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
    /// From when on this row is valid. `None`: not known, it may have been there long before.
    pub valid_from: Option<i64>,
    /// Until when this row is valid, exclusive. `None`: still there.
    pub valid_to: Option<i64>,
    /// When the interface was created, where a source has it.
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
    /// The service that created it, where that is SageMaker: `sagemaker`. `None`: not known.
    pub made_by: Option<String>,
    /// The evidence, strongest first: `cloudtrail`, `permission`, `operator`, `requester`, or `description`,
    /// which anybody may write.
    pub made_by_from: Option<String>,
    /// What it belongs to when that is not a processing job: `nat_gateway`, `vpc_endpoint`, `instance`,
    /// `lambda`, `notebook`, `studio` …; `None`: nothing else is known.
    pub belongs_to: Option<String>,
    /// Best source of the interval: `cloudtrail`, `config`, `snapshot` or `mapping`.
    pub source: String,
    /// The one job it serves; `None` when none or several fit.
    pub job_name: Option<String>,
    /// ARN of that job.
    pub job_arn: Option<String>,
    /// The jobs that fit when there are several, sorted.
    pub job_candidates: Vec<String>,
    /// How sure it is. `None`: serves no job that is known.
    pub attribution: Option<Attribution>,
    /// `container`, `platform`, or `None` when the two cannot be distinguished.
    pub eni_role: Option<String>,
    /// Why it got its job, or why not: one sentence for `flowq inventory show enis`.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::Job;

    #[test]
    fn instances_with_efa_are_told_by_family_and_size() {
        let has =
            |kind: &str| Job { instance_type: Some(kind.into()), ..Job::default() }.may_use_efa();
        for kind in ["ml.p4d.24xlarge", "ml.p5.4xlarge", "g5.8xlarge", "ml.trn1.32xlarge"] {
            assert!(has(kind), "{kind}");
        }
        for kind in ["ml.m5.24xlarge", "ml.g5.4xlarge", "ml.trn1.2xlarge", "ml.g5.xlarge", "p5", ""]
        {
            assert!(!has(kind), "{kind}");
        }
    }
}
