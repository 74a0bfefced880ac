//! SageMaker responses and events of processing jobs.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::inventory::aws_time::AwsTime;
use crate::inventory::documents::ec2_network::Done;
use crate::inventory::documents::reader::{Reader, shape};
use crate::inventory::fact::Fact;
use crate::inventory::model::Job;

/// `DescribeProcessingJob`; its summary and its state change event are parts of the same.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Shape {
    processing_job_name: String,
    processing_job_arn: Option<String>,
    processing_job_status: Option<String>,
    creation_time: AwsTime,
    processing_start_time: AwsTime,
    processing_end_time: AwsTime,
    last_modified_time: AwsTime,
    network_config: NetworkConfig,
    role_arn: Option<String>,
    processing_resources: Resources,
    app_specification: AppSpecification,
    processing_inputs: Vec<Input>,
    processing_output_config: OutputConfig,
    failure_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct NetworkConfig {
    vpc_config: Option<VpcConfig>,
    enable_network_isolation: Option<bool>,
    enable_inter_container_traffic_encryption: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct VpcConfig {
    subnets: BTreeSet<String>,
    security_group_ids: BTreeSet<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Resources {
    cluster_config: ClusterConfig,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ClusterConfig {
    instance_count: Option<i32>,
    instance_type: Option<String>,
    selected_instance_count: Option<i32>,
    selected_instance_type: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct AppSpecification {
    image_uri: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Input {
    #[serde(rename = "S3Input")]
    s3: S3,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct OutputConfig {
    outputs: Vec<Output>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Output {
    #[serde(rename = "S3Output")]
    s3: S3,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct S3 {
    #[serde(rename = "S3Uri")]
    uri: Option<String>,
}

/// Reads one of `ProcessingJobSummaries`, which has nothing about the network.
pub(super) fn summary(reader: &mut Reader, value: Value, at: Option<i64>) -> Done {
    add(reader, shape(value)?, at, false);
    Ok(())
}

/// Reads a described job, or the `detail` of its state change event.
pub(super) fn job(reader: &mut Reader, value: Value, at: Option<i64>) -> Done {
    add(reader, shape(value)?, at, true);
    Ok(())
}

fn add(reader: &mut Reader, shape: Shape, at: Option<i64>, described: bool) {
    if shape.processing_job_name.is_empty() {
        return reader.complaints.push("a processing job without ProcessingJobName".into());
    }
    let arn = shape.processing_job_arn;
    let part =
        |index: usize| arn.as_deref().and_then(|arn| arn.split(':').nth(index)).map(str::to_owned);
    let cluster = shape.processing_resources.cluster_config;
    let inputs = shape.processing_inputs.into_iter().map(|input| input.s3);
    let outputs = shape.processing_output_config.outputs.into_iter().map(|output| output.s3);
    let s3_uris: BTreeSet<String> = inputs.chain(outputs).filter_map(|s3| s3.uri).collect();
    let vpc = shape.network_config.vpc_config;
    let (in_vpc, vpc) = (described.then_some(vpc.is_some()), vpc.unwrap_or_default());
    let job = Job {
        job_name: shape.processing_job_name,
        account_id: part(4),
        region: part(3),
        job_arn: arn,
        status: shape.processing_job_status,
        created_at: shape.creation_time.0,
        started_at: shape.processing_start_time.0,
        ended_at: shape.processing_end_time.0,
        in_vpc,
        subnet_ids: vpc.subnets.into_iter().collect(),
        security_group_ids: vpc.security_group_ids.into_iter().collect(),
        role_arn: shape.role_arn,
        instance_count: cluster
            .selected_instance_count
            .or(cluster.instance_count)
            .or(described.then_some(1)),
        instance_type: cluster.selected_instance_type.or(cluster.instance_type),
        network_isolation: shape
            .network_config
            .enable_network_isolation
            .or(described.then_some(false)),
        inter_container_encryption: shape
            .network_config
            .enable_inter_container_traffic_encryption
            .or(described.then_some(false)),
        image_uri: shape.app_specification.image_uri,
        s3_uris: s3_uris.into_iter().collect(),
        failure_reason: shape.failure_reason,
    };
    let modified = shape.last_modified_time.0.or(at).or(job.created_at);
    reader.add(Fact::Job { modified, job });
}
