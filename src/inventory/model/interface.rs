//! Rows of interfaces, and their attribution to jobs.

use serde::{Deserialize, Serialize};

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
