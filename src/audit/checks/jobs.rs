//! Checks of the configuration of jobs, against the traffic in the logs.

use crate::audit::outcome::{CheckOutcome, CheckResult, Fix, NotApplicable};
use crate::audit::subject::{AuditContext, Subject, names};
use crate::inventory::model::Job;
use crate::vpc::rules::{ESP, TCP};

pub(super) fn in_vpc(_: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let of = |has_vpc: Option<bool>| -> Vec<&Job> {
        subject.jobs.iter().filter(|job| job.in_vpc == has_vpc).copied().collect()
    };
    let (outside, unknown) = (of(Some(false)), of(None));
    if !outside.is_empty() {
        let fix = Fix::new(
            "give the job a VpcConfig (NetworkConfig of CreateProcessingJob): without one it reaches AWS and the \
             internet by SageMaker's own network, and no flow log of yours shows it",
        );
        let shown = outside.iter().take(20).map(|job| job.job_name.clone());
        let why = format!(
            "{} of {} jobs have no VpcConfig: {}",
            outside.len(),
            subject.jobs.len(),
            names(&outside)
        );
        return Ok(CheckOutcome::fail(why).evidence(shown).about(&outside).fix(fix));
    }
    if !unknown.is_empty() {
        let why = format!(
            "only the listing of {} is in the inventory, which does not include it; hint: aws sagemaker describe-processing-job",
            names(&unknown)
        );
        return Err(NotApplicable::NotKnown(why));
    }
    Ok(CheckOutcome::pass("every job has a VpcConfig"))
}

/// Whether isolated containers keep to themselves.
pub(super) fn isolation(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let isolated = with(subject, |job| job.network_isolation == Some(true))?;
    let seen = world.seen(&isolated)?;
    let mut reached: Vec<String> = Vec::new();
    for scope in ["internet", "private", "aws", "vpc", "endpoint", "other-job"] {
        let own = seen.iter().filter(|one| {
            one.is_to(scope) && one.accepted > 0 && one.opened_by.as_deref() != Some("remote")
        });
        let count: i64 = own.map(|one| one.connections).sum();
        if count > 0 {
            reached.push(format!("{count} connections to {scope}"));
        }
    }
    let who = names(&isolated.jobs);
    if reached.is_empty() {
        let why = format!("network isolation is on for {who}, and the logs show nothing but S3");
        return Ok(CheckOutcome::pass(why).about(&isolated.jobs));
    }
    let only_platform =
        reached.iter().all(|what| what.ends_with("aws") || what.ends_with("endpoint"));
    let fix = Fix::new(
        "find out what in the container talks, and whether isolation was on in that run: flowq detect --only \
         isolated-job-traffic names the records",
    );
    let why =
        format!("network isolation is on for {who}, and the logs show traffic that is not S3's");
    let answer = CheckOutcome::fail(why).evidence(reached).about(&isolated.jobs).fix(fix);
    // The platform's own logging may lie on the same interface.
    Ok(if only_platform { answer.inferred() } else { answer })
}

/// Whether jobs that ask for encryption between their instances have it.
pub(super) fn encryption(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let asks = |job: &Job| {
        job.inter_container_encryption == Some(true)
            && job.instance_count.is_some_and(|count| count > 1)
    };
    let encrypted = with(subject, asks)?;
    let seen = world.seen(&encrypted)?;
    let between = |protocol: u8| -> i64 {
        let own = seen.iter().filter(|one| {
            one.is_to("same-job") && one.protocol == i64::from(protocol) && one.accepted > 0
        });
        own.map(|one| one.bytes_out + one.bytes_in).sum()
    };
    let (plain, esp) = (between(TCP), between(ESP));
    let who = names(&encrypted.jobs);
    let evidence = [format!("TCP between instances: {plain} bytes, ESP: {esp} bytes")];
    if plain > 0 {
        let fix = Fix::new(
            "see what it is: flowq sql -c \"SELECT * FROM conversations WHERE remote_scope = 'same-job'\"",
        );
        let why = format!(
            "encryption between instances is on for {who}, and the logs show plain TCP between them"
        );
        return Ok(CheckOutcome::fail(why).evidence(evidence).about(&encrypted.jobs).fix(fix));
    }
    if esp == 0 {
        let why = format!("the logs show neither ESP nor TCP between instances of {who}");
        return Err(NotApplicable::NotKnown(why));
    }
    let why = format!("the logs show nothing but ESP between instances of {who}");
    Ok(CheckOutcome::pass(why).evidence(evidence).about(&encrypted.jobs))
}

/// Returns the subject with those of its jobs that fit.
fn with<'a>(
    subject: &Subject<'a>,
    fits: impl Fn(&Job) -> bool,
) -> Result<Subject<'a>, NotApplicable> {
    let mut chosen = subject.clone();
    chosen.jobs.retain(|job| fits(job));
    if chosen.jobs.is_empty() { Err(NotApplicable::DoesNotApply) } else { Ok(chosen) }
}
