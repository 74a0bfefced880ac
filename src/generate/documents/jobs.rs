//! Answers about processing jobs.

use serde_json::{Value, json};

use crate::generate::documents::iso;
use crate::generate::network::{ACCOUNT, REGION, SUBNETS};
use crate::generate::world::{Job, World};

/// How long after its creation a job starts.
const STARTUP_SECS: i64 = 120;

pub(super) fn listing(world: &World) -> Value {
    let summaries = world.jobs.iter().map(|job| {
        let mut summary = json!({
            "CreationTime": iso(job.created),
            "LastModifiedTime": iso(job.ended.unwrap_or(job.created)),
            "ProcessingJobArn": arn(job),
            "ProcessingJobName": job.name,
            "ProcessingJobStatus": status(job),
        });
        if let Some(ended) = job.ended {
            summary["ProcessingEndTime"] = json!(iso(ended));
        }
        summary
    });
    json!({"ProcessingJobSummaries": summaries.collect::<Vec<_>>()})
}

pub(super) fn description(job: &Job) -> Value {
    let mut network = json!({
        "EnableInterContainerTrafficEncryption": job.encrypted,
        "EnableNetworkIsolation": job.isolated,
    });
    if !job.subnets.is_empty() {
        let subnets: Vec<&str> = job.subnets.iter().map(|&subnet| SUBNETS[subnet].id).collect();
        network["VpcConfig"] = json!({"SecurityGroupIds": [job.group], "Subnets": subnets});
    }
    let s3_uri = |folder: &str| format!("s3://{}/{}/{folder}", job.bucket, job.name);
    let mut description = json!({
        "AppSpecification": {
            "ImageUri": format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/processing:3.5"),
        },
        "CreationTime": iso(job.created),
        "LastModifiedTime": iso(job.ended.unwrap_or(job.created)),
        "NetworkConfig": network,
        "ProcessingInputs": [{
            "AppManaged": false,
            "InputName": "input",
            "S3Input": {
                "LocalPath": "/opt/ml/processing/input",
                "S3DataType": "S3Prefix",
                "S3InputMode": "File",
                "S3Uri": s3_uri("input"),
            },
        }],
        "ProcessingJobArn": arn(job),
        "ProcessingJobName": job.name,
        "ProcessingJobStatus": status(job),
        "ProcessingOutputConfig": {"Outputs": [{
            "AppManaged": false,
            "OutputName": "output",
            "S3Output": {
                "LocalPath": "/opt/ml/processing/output",
                "S3UploadMode": "EndOfJob",
                "S3Uri": s3_uri("output"),
            },
        }]},
        "ProcessingResources": {"ClusterConfig": {
            "InstanceCount": job.instances,
            "InstanceType": "ml.m5.xlarge",
            "VolumeSizeInGB": 30,
        }},
        "ProcessingStartTime": iso(job.created + STARTUP_SECS),
        "RoleArn": format!("arn:aws:iam::{ACCOUNT}:role/{}", job.role),
        "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
    });
    if let Some(ended) = job.ended {
        description["ProcessingEndTime"] = json!(iso(ended));
    }
    description
}

fn arn(job: &Job) -> String {
    format!("arn:aws:sagemaker:{REGION}:{ACCOUNT}:processing-job/{}", job.name)
}

fn status(job: &Job) -> &'static str {
    if job.ended.is_some() { "Completed" } else { "InProgress" }
}
