//! Facts of one document, before they are merged.
//!
//! Facts are stored as a set: the same document twice adds nothing, and their order is their own.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::inventory::model::{
    BucketPolicy, DhcpOptions, FlowLog, Job, NatGateway, NetworkAclEntry, PrefixListEntry, Route,
    RouteTableAssociation, SecurityGroupRule, Subnet, Vpc, VpcEndpoint,
};

/// The facts of a set of documents.
pub(super) type Facts = BTreeSet<Fact>;

/// One fact of a document. `at` is when the response was given, in Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Fact {
    /// A job, as it was at `modified`.
    Job {
        modified: Option<i64>,
        job: Job,
    },
    /// Something seen of an interface.
    Eni(Sighting),
    /// One page of a listing of interfaces, for one account and region.
    Page {
        account_id: Option<String>,
        region: Option<String>,
        at: i64,
        /// Whether more pages follow.
        more: bool,
        vpc_ids: BTreeSet<String>,
    },
    /// A row of the user's own mapping.
    Declared(MappingRow),
    Vpc {
        at: Option<i64>,
        vpc: Vpc,
    },
    VpcDns {
        vpc_id: String,
        #[serde(default)]
        at: Option<i64>,
        support: Option<bool>,
        hostnames: Option<bool>,
    },
    Subnet {
        at: Option<i64>,
        subnet: Subnet,
    },
    RouteTable {
        at: Option<i64>,
        id: String,
        routes: BTreeSet<Route>,
        associations: BTreeSet<RouteTableAssociation>,
    },
    VpcEndpoint {
        at: Option<i64>,
        endpoint: VpcEndpoint,
    },
    PrefixList(PrefixListEntry),
    SecurityGroup {
        at: Option<i64>,
        id: String,
        vpc_id: Option<String>,
        #[serde(default)]
        name: Option<String>,
        rules: BTreeSet<SecurityGroupRule>,
    },
    SecurityGroupRule {
        at: Option<i64>,
        rule: SecurityGroupRule,
    },
    NetworkAcl {
        at: Option<i64>,
        id: String,
        entries: BTreeSet<NetworkAclEntry>,
    },
    NatGateway {
        at: Option<i64>,
        id: String,
        addresses: BTreeSet<NatGateway>,
    },
    DhcpOptions {
        at: Option<i64>,
        options: DhcpOptions,
    },
    FlowLog {
        at: Option<i64>,
        flow_log: FlowLog,
    },
    BucketPolicy {
        at: Option<i64>,
        policy: BucketPolicy,
    },
    /// A list was requested: `VpcEndpoints`. What is not in it does not exist.
    Listed(String),
    /// One ip-ranges.json, as of its `createDate`.
    IpRanges {
        at: i64,
        ranges: BTreeSet<Range>,
    },
}

/// CIDR, region and service of one public range.
pub(super) type Range = (String, String, String);

/// A row of the user's mapping.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct MappingRow {
    pub(super) interface_id: String,
    pub(super) job_name: String,
    pub(super) from: Option<i64>,
    pub(super) to: Option<i64>,
    pub(super) role: Option<String>,
}

/// Where a sighting comes from, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Source {
    CloudTrail,
    Config,
    Snapshot,
    Mapping,
}

impl Source {
    /// Returns its name in `enis.source`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::CloudTrail => "cloudtrail",
            Self::Config => "config",
            Self::Snapshot => "snapshot",
            Self::Mapping => "mapping",
        }
    }
}

/// What happened to an interface. At one time they apply in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Event {
    Created,
    /// A service was allowed to attach it: it existed by then.
    Granted,
    Seen,
    Assigned,
    Unassigned,
    Deleted,
}

/// One sighting of an interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Sighting {
    pub(super) interface_id: String,
    pub(super) at: Option<i64>,
    pub(super) event: Event,
    pub(super) source: Source,
    pub(super) details: Details,
}

/// State of the interface at a sighting; everything may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Details {
    pub(super) account_id: Option<String>,
    pub(super) region: Option<String>,
    pub(super) vpc_id: Option<String>,
    pub(super) subnet_id: Option<String>,
    /// The primary address first.
    pub(super) addresses: Vec<String>,
    pub(super) public_ip: Option<String>,
    pub(super) security_group_ids: BTreeSet<String>,
    pub(super) interface_type: Option<String>,
    pub(super) description: Option<String>,
    pub(super) requester_id: Option<String>,
    pub(super) instance_id: Option<String>,
    pub(super) instance_owner_id: Option<String>,
    pub(super) attached_at: Option<i64>,
    /// When it was created, where the response itself has it.
    pub(super) created_at: Option<i64>,
    pub(super) creator_arn: Option<String>,
    /// The evidence that SageMaker created it.
    #[serde(default)]
    pub(super) sagemaker: Option<CreatedBy>,
}

/// The evidence that SageMaker created an interface, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum CreatedBy {
    /// The call that created it came from SageMaker.
    CloudTrail,
    /// SageMaker was allowed to attach it, or allowed that itself.
    Permission,
    /// `Operator.Principal`.
    Operator,
    /// `RequesterId`: a session of that name.
    Requester,
    /// Its description names SageMaker. Anybody may write one.
    Description,
}

impl CreatedBy {
    /// Returns its name in `enis.made_by_from`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::CloudTrail => "cloudtrail",
            Self::Permission => "permission",
            Self::Operator => "operator",
            Self::Requester => "requester",
            Self::Description => "description",
        }
    }

    /// Returns [`CreatedBy::Description`] where a description names SageMaker.
    pub(super) fn of_description(description: Option<&str>) -> Option<Self> {
        let named = description.is_some_and(|text| text.to_lowercase().contains("sagemaker"));
        named.then_some(Self::Description)
    }
}
