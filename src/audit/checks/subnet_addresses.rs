//! Check of the free addresses of subnets.

use crate::audit::outcome::{CheckOutcome, CheckResult, Fix, NotApplicable};
use crate::audit::subject::{AuditContext, Subject, names};
use crate::reachability::command::Command;

/// Private addresses that an instance takes, by the guide.
const PER_INSTANCE: i64 = 2;

pub(super) fn free(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let mut counts = Vec::new();
    for id in &subject.subnets {
        let free = world.subnet(id)?.available_addresses;
        let lacks = || {
            let what = format!("AvailableIpAddressCount of {id}");
            NotApplicable::missing_from_inventory(&what, "describe-subnets")
        };
        counts.push((id, free.ok_or_else(lacks)?));
    }
    let largest = subject.jobs.iter().max_by_key(|job| job.instance_count);
    let Some((largest, count)) = largest.and_then(|job| Some((job, job.instance_count?))) else {
        let why =
            "no job document has an instance count; hint: aws sagemaker describe-processing-job";
        return Err(NotApplicable::NotKnown(why.to_owned()));
    };
    let needed = PER_INSTANCE * i64::from(count);
    let total: i64 = counts.iter().map(|(_, free)| *free).sum();
    let needs = format!("{} needs {needed} for {count} instances", names(&[largest]));
    let evidence = counts.iter().map(|(id, free)| format!("{id}: {free} free"));
    let short: Vec<&str> =
        counts.iter().filter(|(_, free)| *free < needed).map(|(id, _)| id.as_str()).collect();
    let answer = if total < needed {
        let fix = Fix::new(
            "name a further subnet in the job's VpcConfig, or free addresses: a job that finds none fails \
             before it has an interface, so no flow log shows it",
        );
        let command = Command::new("ec2 create-subnet")
            .region(&subject.region())
            .option("--vpc-id", subject.vpc_id.as_deref().unwrap_or("VPC"))
            .option("--cidr-block", "CIDR")
            .option("--availability-zone", "ZONE");
        CheckOutcome::fail(format!("{total} private addresses are free, and {needs}"))
            .fix(fix.cli(command))
    } else if short.is_empty() {
        CheckOutcome::pass(format!("{total} private addresses are free, and {needs}"))
    } else {
        CheckOutcome::pass(format!(
            "{total} private addresses are free, and {needs}; {} has fewer by itself, which matters when \
             all interfaces come to lie there",
            short.join(", ")
        ))
    };
    Ok(answer.evidence(evidence))
}
