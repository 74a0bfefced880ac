//! The configuration of a job, as the SageMaker API described it.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::error::ArrowError;

use crate::explain::job::ReportSection;
use crate::inventory::model::Job;

/// The first part of the page.
pub(super) fn part(job: &Job) -> Result<ReportSection, ArrowError> {
    let time = |at: Option<i64>| {
        let at = at.and_then(|at| chrono::DateTime::from_timestamp(at, 0));
        at.map(|at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string())
    };
    let flag = |flag: Option<bool>| flag.map(|on| if on { "on" } else { "off" }.to_owned());
    let list = |list: &[String]| (!list.is_empty()).then(|| list.join(", "));
    let took = job.created_at.zip(job.ended_at).map(|(created, ended)| {
        let secs = u64::try_from(ended.saturating_sub(created)).unwrap_or(0);
        humantime::format_duration(std::time::Duration::from_secs(secs)).to_string()
    });
    let vpc = match job.in_vpc {
        Some(true) => Some("its traffic goes through the VPC".to_owned()),
        Some(false) => Some("none: its traffic is in no flow log".to_owned()),
        None => None,
    };
    let instances = job.instance_count.map(|count| {
        let kind = job.instance_type.as_deref().unwrap_or("type not known");
        format!("{count} × {kind}")
    });
    let rows = [
        ("arn", job.job_arn.clone()),
        ("account", job.account_id.clone()),
        ("region", job.region.clone()),
        ("status", job.status.clone()),
        ("failure_reason", job.failure_reason.clone()),
        ("created", time(job.created_at)),
        ("started", time(job.started_at)),
        ("ended", time(job.ended_at)),
        ("took", took),
        ("vpc_config", vpc),
        ("subnets", list(&job.subnet_ids)),
        ("security_groups", list(&job.security_group_ids)),
        ("network_isolation", flag(job.network_isolation)),
        ("encryption_between_containers", flag(job.inter_container_encryption)),
        ("instances", instances),
        ("role", job.role_arn.clone()),
        ("image", job.image_uri.clone()),
        ("s3_uris", list(&job.s3_uris)),
    ];
    let (known, unknown): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|(_, value)| value.is_some());
    // A job that succeeded has no reason for a failure.
    let unknown: Vec<&str> = unknown
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| *name != "failure_reason")
        .collect();
    let mut notes = Vec::new();
    if !unknown.is_empty() {
        notes.push(format!("not known: {}", unknown.join(", ")));
    }
    if job.may_use_efa() {
        notes.push(
            "its instances have EFA: flow logs hold no OS-bypass traffic of EFA, so what they say to each other by it \
             is not on this page"
                .to_owned(),
        );
    }
    let names = known.iter().map(|(name, _)| *name);
    let columns: [(&str, ArrayRef); 2] = [
        ("what", Arc::new(StringArray::from_iter_values(names))),
        ("value", Arc::new(known.iter().map(|(_, value)| value.clone()).collect::<StringArray>())),
    ];
    let rows = RecordBatch::try_from_iter(columns)?;
    Ok(ReportSection { id: "facts", title: "The job".to_owned(), notes, rows })
}
