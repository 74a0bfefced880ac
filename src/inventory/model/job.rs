//! Rows of processing jobs.

use serde::{Deserialize, Serialize};

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
