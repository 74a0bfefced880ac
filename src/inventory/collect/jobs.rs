//! The processing jobs of a time.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::aws;
use crate::aws::client::Response;
use crate::aws::operations;
use crate::inventory::aws_time;
use crate::inventory::collect::pass::{CollectionPass, JOB_SECS_MAX};
use crate::inventory::model::Job;

/// What is lost without the list of jobs.
const LOST: &str = "jobs are not known, except those in CloudTrail";

/// Requests the jobs that were not over before `since` and describes those that are not known to be over.
/// The `first` time also jobs count that were created long before. Returns whether all were returned.
pub(super) async fn collect(
    pass: &mut CollectionPass<'_>,
    since: i64,
    first: bool,
    until: i64,
    known: &[Job],
) -> Result<bool, aws::Error> {
    let after = if first { since.saturating_sub(JOB_SECS_MAX) } else { since };
    let known: BTreeMap<&str, &Job> =
        known.iter().map(|job| (job.job_name.as_str(), job)).collect();
    let is_over = |name: &str| known.get(name).is_some_and(|job| is_done(job));
    // Those that ran at the last pass may be over by now.
    let mut names: BTreeSet<String> = known
        .values()
        .filter(|job| !is_done(job) && job.status.is_some())
        .map(|job| job.job_name.clone())
        .collect();
    let mut params = json!({
        "CreationTimeAfter": after, "SortBy": "CreationTime", "SortOrder": "Ascending",
    });
    // Up to now means: also what was created in this very second.
    if until < pass.now {
        params["CreationTimeBefore"] = until.into();
    }
    let (api, call) = (pass.api, &operations::LIST_PROCESSING_JOBS);
    let mut answers: Vec<Response> = Vec::new();
    let take = |mut answer: Response| {
        if let Some(Value::Array(jobs)) = answer.document.get_mut(call.list) {
            jobs.retain(|job| {
                let ended = job.get("ProcessingEndTime").and_then(aws_time::of_value);
                ended.is_none_or(|ended| ended >= since)
            });
            let listed = jobs.iter().filter_map(|job| job.get("ProcessingJobName")?.as_str());
            names.extend(listed.filter(|name| !is_over(name)).map(str::to_owned));
            answers.push(answer);
        }
    };
    let result = api.pages(call, &params, take).await;
    for answer in answers {
        pass.read(answer);
    }
    let mut all = pass.or_warn(result, call.action, LOST)?.is_some();
    for name in names {
        let call = &operations::DESCRIBE_PROCESSING_JOB;
        let result = api.call(call, &json!({ "ProcessingJobName": name })).await;
        let denied = matches!(&result, Err(error) if error.kind == aws::Kind::Denied);
        let lost = format!("the subnets of job {name} are not known");
        match pass.or_warn(result, call.action, &lost)? {
            Some(answer) => pass.read(answer),
            None => all = false,
        }
        if denied {
            break;
        }
    }
    Ok(all)
}

/// Returns whether nothing more will become known of a job.
fn is_done(job: &Job) -> bool {
    let over = ["Completed", "Failed", "Stopped"];
    let over = job.status.as_deref().is_some_and(|status| over.contains(&status));
    (over || job.ended_at.is_some()) && job.in_vpc.is_some()
}
