//! Checks of the policies of S3 endpoints and buckets.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::audit::checks::s3::is_s3;
use crate::audit::outcome::{CheckOutcome, CheckResult, Fix, NotApplicable};
use crate::audit::policy::{Decision, Policy, PolicyRequest};
use crate::audit::subject::{AuditContext, Subject};
use crate::inventory::model::{Job, VpcEndpoint};
use crate::reachability::command::Command;
use crate::reachability::escape::{hcl, hcl_json};
use crate::reachability::snippets::block;

/// Where Amazon Linux, Amazon Linux 2 and Amazon Linux 2023 keep their packages, by region. The first three
/// are those of the guide.
const REPOSITORIES: &[&str] = &[
    "packages.REGION.amazonaws.com",
    "repo.REGION.amazonaws.com",
    "amazonlinux.REGION.amazonaws.com",
    "amazonlinux-2-repos-REGION",
    "al2023-repos-REGION-de612dc2",
];

/// An endpoint that no request comes through.
const ELSEWHERE: (&str, &str) = ("vpce-00000000000000000", "vpc-00000000000000000");

/// Buckets that are named at most.
const SHOWN_MAX: usize = 5;

/// Returns the endpoints of S3 with their policies.
fn policies<'a>(
    world: &AuditContext<'a>,
    subject: &Subject<'_>,
) -> Result<Vec<(&'a VpcEndpoint, Policy)>, NotApplicable> {
    let mut read = Vec::new();
    for endpoint in world.endpoints(subject)?.into_iter().filter(|one| is_s3(one)) {
        let id = &endpoint.vpc_endpoint_id;
        let Some(text) = &endpoint.policy else {
            let what = format!("PolicyDocument of {id}");
            return Err(NotApplicable::missing_from_inventory(&what, "describe-vpc-endpoints"));
        };
        let policy = Policy::parse(text);
        let problem = |problem| {
            NotApplicable::NotKnown(format!("the policy of {id} is no policy: {problem}"))
        };
        read.push((endpoint, policy.map_err(problem)?));
    }
    if read.is_empty() { Err(NotApplicable::DoesNotApply) } else { Ok(read) }
}

/// Names the endpoints.
fn ids(endpoints: &[&VpcEndpoint]) -> String {
    let ids: Vec<&str> = endpoints.iter().map(|one| one.vpc_endpoint_id.as_str()).collect();
    ids.join(", ")
}

pub(super) fn full_access(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let policies = policies(world, subject)?;
    let open = policies.iter().filter(|(_, policy)| policy.is_full_access());
    let open: Vec<&VpcEndpoint> = open.map(|(endpoint, _)| *endpoint).collect();
    let Some(first) = open.first() else {
        return Ok(CheckOutcome::pass("no endpoint of S3 has a policy of full access"));
    };
    let buckets: Vec<String> = buckets(&subject.jobs).into_keys().collect();
    let document = own_buckets(&buckets, subject.partition());
    let fix = Fix::new(
        "allow only the buckets that are needed: those of the jobs, as below, and those of whatever else uses the \
         endpoint, such as the layers of ECR's images",
    )
    .cli(
        Command::new("ec2 modify-vpc-endpoint")
            .region(&subject.region())
            .option("--vpc-endpoint-id", &first.vpc_endpoint_id)
            .option("--policy-document", &document),
    )
    .terraform(&[block(
        "aws_vpc_endpoint_policy",
        &format!("{}-s3", first.vpc_endpoint_id),
        &[
            ("vpc_endpoint_id", hcl(&first.vpc_endpoint_id)),
            ("policy", format!("jsonencode({})", hcl_json(&document))),
        ],
    )]);
    let why = format!("the policy of {} lets everyone do everything in every bucket", ids(&open));
    Ok(CheckOutcome::fail(why).fix(fix))
}

/// A policy that allows some buckets and nothing else.
fn own_buckets(buckets: &[String], partition: &str) -> String {
    let buckets = if buckets.is_empty() { &["BUCKET".to_owned()][..] } else { buckets };
    let arns = buckets
        .iter()
        .flat_map(|bucket| ["", "/*"].map(|end| format!("arn:{partition}:s3:::{bucket}{end}")));
    json!({ "Statement": [{
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:GetObject", "s3:PutObject", "s3:ListBucket"],
        "Resource": arns.collect::<Vec<_>>(),
    }] })
    .to_string()
}

pub(super) fn allows_nothing(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let policies = policies(world, subject)?;
    let closed = policies.iter().filter(|(_, policy)| !policy.has_allow());
    let closed: Vec<&VpcEndpoint> = closed.map(|(endpoint, _)| *endpoint).collect();
    if closed.is_empty() {
        return Ok(CheckOutcome::pass("every endpoint of S3 has a policy that allows something"));
    }
    let fix = Fix::new(
        "add a statement that allows what the jobs need: the guide's own examples only deny, and a policy \
         without an Allow lets nothing pass. S3 answers 403 inside TLS, so the flow logs still show ACCEPT",
    );
    Ok(CheckOutcome::fail(format!(
        "the policy of {} has no Allow: all of S3 is denied",
        ids(&closed)
    ))
    .fix(fix))
}

/// Returns the buckets of jobs, each with a key of every URI and its job.
fn buckets<'a>(jobs: &[&'a Job]) -> BTreeMap<String, Vec<(String, &'a Job)>> {
    let mut buckets: BTreeMap<String, Vec<(String, &Job)>> = BTreeMap::new();
    for job in jobs {
        for uri in &job.s3_uris {
            let Some((bucket, key)) = split(uri) else { continue };
            buckets.entry(bucket).or_default().push((key, job));
        }
    }
    buckets
}

/// Splits `s3://bucket/prefix` into the bucket and the key of an object that is or may lie there.
fn split(uri: &str) -> Option<(String, String)> {
    let (bucket, key) = uri.strip_prefix("s3://")?.split_once('/').unwrap_or((&uri[5..], ""));
    let is_object = key.rsplit('/').next().is_some_and(|name| name.contains('.'));
    let key = match key {
        key if is_object => key.to_owned(),
        "" => "object".to_owned(),
        key => format!("{}/object", key.trim_end_matches('/')),
    };
    (!bucket.is_empty()).then(|| (bucket.to_owned(), key))
}

/// What is known of a job's request that comes by an endpoint; by none with `None`.
fn request(
    action: &str,
    resource: String,
    way: Option<(&str, &str)>,
    job: Option<&Job>,
) -> PolicyRequest {
    let way = |value: fn((&str, &str)) -> String| way.map(value);
    let mut context = BTreeMap::from([
        ("aws:sourcevpce", way(|(endpoint, _)| endpoint.to_owned())),
        ("aws:sourcevpc", way(|(_, vpc)| vpc.to_owned())),
        // SageMaker and every SDK speak TLS to S3.
        ("aws:securetransport", Some("true".to_owned())),
    ]);
    if let Some(account) = job.and_then(|job| job.account_id.clone()) {
        context.insert("aws:principalaccount", Some(account));
    }
    if let Some(role) = job.and_then(|job| job.role_arn.clone()) {
        context.insert("aws:principalarn", Some(role));
    }
    PolicyRequest { action: action.to_owned(), resource, context }
}

/// What an endpoint says to what a job reads or writes: allowed if either is.
fn decision(policy: &Policy, endpoint: &VpcEndpoint, vpc: &str, arn: &str, job: &Job) -> Decision {
    let way = Some((endpoint.vpc_endpoint_id.as_str(), vpc));
    let ask = |action| policy.decide(&request(action, arn.to_owned(), way, Some(job)));
    match (ask("s3:GetObject"), ask("s3:PutObject")) {
        (Decision::Allowed, _) | (_, Decision::Allowed) => Decision::Allowed,
        (doubt @ Decision::NotKnown(_), _) | (_, doubt @ Decision::NotKnown(_)) => doubt,
        (denied, _) => denied,
    }
}

pub(super) fn own(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let policies = policies(world, subject)?;
    let vpc = world.vpc_id(subject)?;
    let buckets = buckets(&subject.jobs);
    if buckets.is_empty() {
        let why = "no job names a bucket; hint: aws sagemaker describe-processing-job";
        return Err(NotApplicable::NotKnown(why.to_owned()));
    }
    let (mut denied, mut doubts) = (BTreeMap::new(), Vec::new());
    for (endpoint, policy) in &policies {
        for (bucket, keys) in &buckets {
            for (key, job) in keys {
                let arn = format!("arn:{}:s3:::{bucket}/{key}", subject.partition());
                let place = format!("{arn} of {}, by {}", job.job_name, endpoint.vpc_endpoint_id);
                match decision(policy, endpoint, &vpc, &arn, job) {
                    Decision::Allowed => {}
                    Decision::Denied(why) => {
                        denied.entry(bucket.as_str()).or_insert(format!("{place}: {why}"));
                    }
                    Decision::NotKnown(why) => doubts.push(format!("{place}: {why}")),
                }
            }
        }
    }
    if denied.is_empty() {
        if let Some(doubt) = doubts.first() {
            let why = format!("the policy's answer to {doubt}");
            return Err(NotApplicable::NotKnown(why));
        }
        let why = format!("the policy allows the {} buckets of the jobs", buckets.len());
        return Ok(CheckOutcome::pass(why));
    }
    let all: Vec<String> = denied.keys().map(|name| (*name).to_owned()).collect();
    let fix = Fix::new(format!(
        "add what the jobs need to the endpoint's policy. What is denied answers 403 inside TLS, so the flow logs \
         show ACCEPT all the same. A document that allows these buckets: {}",
        own_buckets(&all, subject.partition())
    ));
    let shown = all.iter().take(SHOWN_MAX).cloned().collect::<Vec<_>>().join(", ");
    Ok(CheckOutcome::fail(format!("the endpoint's policy denies jobs their bucket {shown}"))
        .inferred()
        .evidence(denied.into_values().take(SHOWN_MAX))
        .fix(fix))
}

pub(super) fn repositories(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let policies = policies(world, subject)?;
    let vpc = world.vpc_id(subject)?;
    let (mut open, mut doubts) = (BTreeSet::new(), Vec::new());
    for (endpoint, policy) in &policies {
        let named = endpoint.service_name.as_deref().unwrap_or_default();
        let region = named.rsplit('.').nth(1).unwrap_or_default();
        let way = Some((endpoint.vpc_endpoint_id.as_str(), vpc.as_str()));
        for repository in REPOSITORIES {
            let bucket = repository.replace("REGION", region);
            let arn = format!("arn:{}:s3:::{bucket}/package", subject.partition());
            let job = subject.jobs.first().copied();
            match policy.decide(&request("s3:GetObject", arn, way, job)) {
                Decision::Allowed => drop(open.insert(bucket)),
                Decision::Denied(_) => {}
                Decision::NotKnown(why) => doubts.push(format!("{bucket}: {why}")),
            }
        }
    }
    if open.is_empty() {
        return match doubts.first() {
            Some(doubt) => Err(NotApplicable::NotKnown(format!("the policy's answer to {doubt}"))),
            None => Ok(CheckOutcome::pass("the policy denies the repositories of Amazon Linux")),
        };
    }
    let names = [
        "packages.*.amazonaws.com",
        "repo.*.amazonaws.com",
        "amazonlinux.*.amazonaws.com",
        "amazonlinux-2-repos-*",
        "al2023-repos-*",
    ];
    let statement = json!({
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": names.map(|name| format!("arn:{}:s3:::{name}/*", subject.partition())),
    });
    let fix = Fix::new(format!(
        "if the jobs should not install packages, add this statement to the endpoint's policy, beside what it \
         allows: {statement}"
    ));
    Ok(CheckOutcome::fail("packages of Amazon Linux can be installed by way of the endpoint")
        .evidence(open)
        .fix(fix))
}

/// Whether the buckets take requests from elsewhere.
pub(super) fn buckets_limited(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let vpc = world.vpc_id(subject)?;
    let endpoints = world.endpoints(subject)?;
    let endpoint =
        endpoints.into_iter().find(|one| is_s3(one)).ok_or(NotApplicable::DoesNotApply)?;
    let own = (endpoint.vpc_endpoint_id.as_str(), vpc.as_str());
    let (mut open, mut locked, mut doubts) = (Vec::new(), Vec::new(), Vec::new());
    for (bucket, keys) in buckets(&subject.jobs) {
        let rows = &world.inventory().bucket_policies;
        let text = rows.iter().find(|row| row.bucket == bucket).and_then(|row| row.policy.as_ref());
        let policy = text.ok_or_else(|| {
            format!(
                "the inventory has no policy of {bucket}; hint: {}",
                Command::new("s3api get-bucket-policy").option("--bucket", &bucket)
            )
        });
        let Some((key, job)) = keys.first() else { continue };
        let ask = |way| {
            let arn = format!("arn:{}:s3:::{bucket}/{key}", subject.partition());
            Policy::parse(policy.clone()?)?.denies(&request("s3:GetObject", arn, way, Some(job)))
        };
        match (ask(Some(own)), ask(Some(ELSEWHERE)), ask(None)) {
            (Ok(true), ..) => locked.push(bucket),
            (_, Ok(false), _) | (.., Ok(false)) => open.push(bucket),
            (Ok(false), Ok(true), Ok(true)) => {}
            (Err(why), ..) | (_, Err(why), _) | (.., Err(why)) => doubts.push(why),
        }
    }
    if !locked.is_empty() {
        let why = format!("the policy of {} denies what comes by {}", locked.join(", "), own.0);
        return Ok(CheckOutcome::fail(why)
            .fix(Fix::new("take the endpoint into the bucket policy's condition")));
    }
    if let Some(first) = open.first() {
        let arns = ["", "/*"].map(|end| format!("arn:{}:s3:::{first}{end}", subject.partition()));
        let statement = json!({
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": arns,
            "Condition": { "StringNotEquals": { "aws:SourceVpce": own.0 } },
        });
        let fix = Fix::new(format!(
            "add this statement to the policy of the bucket, once everything else that needs the bucket is \
             excepted, you among it: {statement}"
        ));
        let why =
            format!("{} takes requests that do not come by the VPC's endpoint", open.join(", "));
        return Ok(CheckOutcome::fail(why).fix(fix));
    }
    match doubts.into_iter().next() {
        Some(why) => Err(NotApplicable::NotKnown(why)),
        None if subject.jobs.iter().all(|job| job.s3_uris.is_empty()) => {
            Err(NotApplicable::NotKnown("no job names a bucket".to_owned()))
        }
        None => Ok(CheckOutcome::pass(
            "the buckets of the jobs deny what does not come by the endpoint",
        )),
    }
}
