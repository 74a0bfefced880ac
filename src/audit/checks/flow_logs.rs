//! Checks of flow logs: which subnets, traffic and fields they cover.

use crate::audit::outcome::{CheckOutcome, CheckResult, Fix, NotApplicable};
use crate::audit::subject::{AuditContext, Subject};
use crate::detection::Severity;
use crate::flow::field::FIELDS;
use crate::inventory::model::FlowLog;
use crate::reachability::command::Command;
use crate::reachability::escape::hcl;
use crate::reachability::snippets::block;

/// The last version whose fields are all required.
const ALL_OF_VERSION: u8 = 5;

/// Fields of later versions that are required too.
#[rustfmt::skip]
const WANTED: &[&str] = &[
    "reject-reason", "resource-id", "encryption-status", "interface-type", "next-hop-interface-id",
    "next-hop-interface-type",
];

/// Fields without which verdicts are inferred only, and what they tell.
#[rustfmt::skip]
const STRONG: &[(&str, &str)] = &[
    ("flow-direction", "which way a packet went"),
    ("pkt-srcaddr", "who sent it, behind a NAT gateway and for a second address"),
    ("pkt-dstaddr", "whom it was sent to"),
    ("tcp-flags", "who opened a connection, and whether it was closed"),
    ("traffic-path", "which way it took to S3"),
    ("subnet-id", "where an interface without history lay"),
];

/// The recommended aggregation interval, seconds.
const INTERVAL_SECS: i32 = 60;

/// The line that a flow log is made with so that every verdict is as sure as it can be.
fn required_format() -> String {
    let fields = FIELDS.iter();
    let fields = fields
        .filter(|field| field.version <= ALL_OF_VERSION || WANTED.contains(&field.name))
        .map(|field| format!("${{{}}}", field.name));
    fields.collect::<Vec<_>>().join(" ")
}

/// How to make a flow log as it should be. One cannot be changed: the old one is deleted after.
fn fix(subject: &Subject<'_>, what: &str) -> Fix {
    let vpc = subject.vpc_id.as_deref().unwrap_or("VPC");
    let format = required_format();
    Fix::new(what)
        .cli(
            Command::new("ec2 create-flow-logs")
                .region(&subject.region())
                .option("--resource-type", "VPC")
                .option("--resource-ids", vpc)
                .option("--traffic-type", "ALL")
                .option("--max-aggregation-interval", &INTERVAL_SECS.to_string())
                .option("--log-destination-type", "s3")
                .option("--log-destination", BUCKET)
                .option("--log-format", &format),
        )
        .terraform(&[block(
            "aws_flow_log",
            &format!("{vpc}-jobs"),
            &[
                ("vpc_id", hcl(vpc)),
                ("traffic_type", hcl("ALL")),
                ("max_aggregation_interval", INTERVAL_SECS.to_string()),
                ("log_destination_type", hcl("s3")),
                ("log_destination", hcl(BUCKET)),
                ("log_format", hcl(&format)),
            ],
        )])
}

/// Where a new flow log is to deliver; the user fills it in.
const BUCKET: &str = "arn:aws:s3:::BUCKET";

const REPLACE: &str =
    "create a second flow log and delete this one: the settings of a flow log cannot be changed";

/// Returns the active flow logs of a subnet: its own, and those of its VPC.
fn of_subnet<'a>(world: &AuditContext<'a>, vpc: &str, subnet: &str) -> Vec<&'a FlowLog> {
    let rows = world.network.inventory().flow_logs.iter();
    rows.filter(|row| row.resource_id.as_deref().is_some_and(|id| id == vpc || id == subnet))
        .filter(|row| {
            row.status.as_deref().is_none_or(|status| status.eq_ignore_ascii_case("ACTIVE"))
        })
        .collect()
}

/// Returns the subnets with the flow logs of each.
fn covering<'a, 'b>(
    world: &AuditContext<'a>,
    subject: &'b Subject<'_>,
) -> Result<Vec<(&'b str, Vec<&'a FlowLog>)>, NotApplicable> {
    let vpc = world.vpc_id(subject)?;
    if world.inventory().flow_logs.is_empty() && !world.was_asked("FlowLogs") {
        return Err(NotApplicable::missing_from_inventory("flow logs", "describe-flow-logs"));
    }
    let of = |subnet: &'b String| (subnet.as_str(), of_subnet(world, &vpc, subnet));
    let covering: Vec<_> = subject.subnets.iter().map(of).collect();
    match world.owner_of_shared(subject) {
        Some(owner) if covering.iter().all(|(_, logs)| logs.is_empty()) => {
            Err(NotApplicable::of_owner(&vpc, owner, "flow logs"))
        }
        _ => Ok(covering),
    }
}

/// Returns every flow log that covers any of the subnets, each once.
fn all<'a>(
    world: &AuditContext<'a>,
    subject: &Subject<'_>,
) -> Result<Vec<&'a FlowLog>, NotApplicable> {
    let mut all: Vec<&FlowLog> =
        covering(world, subject)?.into_iter().flat_map(|(_, logs)| logs).collect();
    all.sort();
    all.dedup();
    if all.is_empty() { Err(NotApplicable::DoesNotApply) } else { Ok(all) }
}

fn ids(logs: &[&FlowLog]) -> String {
    logs.iter().map(|log| log.flow_log_id.as_str()).collect::<Vec<_>>().join(", ")
}

pub(super) fn exist(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let covering = covering(world, subject)?;
    let dark: Vec<&str> =
        covering.iter().filter(|(_, logs)| logs.is_empty()).map(|(subnet, _)| *subnet).collect();
    if dark.is_empty() {
        let logs = all(world, subject)?;
        return Ok(CheckOutcome::pass(format!(
            "{} of the VPC or the subnets cover the jobs",
            ids(&logs)
        )));
    }
    let what = "make a flow log of the VPC; one of an interface is of no use to jobs, whose interfaces live for \
                minutes";
    Ok(CheckOutcome::fail(format!("no active flow log covers {}", dark.join(", ")))
        .fix(fix(subject, what)))
}

pub(super) fn traffic(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    all(world, subject)?;
    let covering = covering(world, subject)?;
    let is_all = |log: &&FlowLog| log.traffic_type.as_deref() == Some("ALL");
    let partly = covering.iter().filter(|(_, logs)| !logs.is_empty() && !logs.iter().any(is_all));
    let partly: Vec<&FlowLog> = partly.flat_map(|(_, logs)| logs).copied().collect();
    if let Some(log) = partly.iter().find(|log| log.traffic_type.is_none()) {
        return Err(NotApplicable::missing_from_inventory(
            &format!("TrafficType of {}", log.flow_log_id),
            "describe-flow-logs",
        ));
    }
    let Some(first) = partly.first() else {
        return Ok(CheckOutcome::pass("accepted and refused traffic is logged"));
    };
    let kind = first.traffic_type.as_deref().unwrap_or_default();
    let why = format!("{} logs {kind} only: half of each verdict is missing", first.flow_log_id);
    Ok(CheckOutcome::fail(why).fix(fix(subject, REPLACE)))
}

pub(super) fn delivery(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let logs = all(world, subject)?;
    let failed = logs.iter().filter(|log| {
        log.deliver_logs_status.as_deref() == Some("FAILED") || log.deliver_logs_error.is_some()
    });
    let failed: Vec<&FlowLog> = failed.copied().collect();
    if let Some(first) = failed.first() {
        let error = first.deliver_logs_error.as_deref().unwrap_or("no reason given");
        let advice = match error {
            "Access error" => {
                "let delivery.logs.amazonaws.com write to the bucket, or give the role its rights"
            }
            "Rate limited" => "request a higher CloudWatch Logs quota, or deliver to S3",
            _ => "look at the bucket's policy, its key's policy, or the role of the flow log",
        };
        let fix = Fix::new(advice).cli(
            Command::new("ec2 describe-flow-logs")
                .region(&subject.region())
                .option("--flow-log-ids", &first.flow_log_id),
        );
        let evidence = failed.iter().map(|log| {
            let error = log.deliver_logs_error.as_deref().unwrap_or("no reason given");
            format!("{}: {error}", log.flow_log_id)
        });
        let why = format!("{} could not deliver: {error}", first.flow_log_id);
        return Ok(CheckOutcome::fail(why).evidence(evidence.collect::<Vec<_>>()).fix(fix));
    }
    if let Some(log) = logs.iter().find(|log| log.deliver_logs_status.is_none()) {
        let what = format!("DeliverLogsStatus of {}", log.flow_log_id);
        return Err(NotApplicable::missing_from_inventory(&what, "describe-flow-logs"));
    }
    Ok(CheckOutcome::pass(format!("{} delivered without error", ids(&logs))))
}

pub(super) fn fields(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let logs = all(world, subject)?;
    let mut best: Option<(&FlowLog, Vec<&(&str, &str)>)> = None;
    for log in &logs {
        let Some(format) = &log.log_format else { continue };
        let has = |name: &str| format.contains(&format!("${{{name}}}"));
        let missing: Vec<_> = STRONG.iter().filter(|(name, _)| !has(name)).collect();
        if best.as_ref().is_none_or(|(_, least)| missing.len() < least.len()) {
            best = Some((log, missing));
        }
    }
    let Some((log, missing)) = best else {
        let what = format!("LogFormat of {}", ids(&logs));
        return Err(NotApplicable::missing_from_inventory(&what, "describe-flow-logs"));
    };
    let id = &log.flow_log_id;
    let format = log.log_format.as_deref().unwrap_or_default();
    if missing.is_empty() {
        let tier = match format.contains("${next-hop-interface-type}") {
            true => "proven",
            false => "strong; next-hop-interface-type (version 11) would make them proven",
        };
        return Ok(CheckOutcome::pass(format!("{id} has the fields for verdicts that are {tier}")));
    }
    let names: Vec<&str> = missing.iter().map(|(name, _)| *name).collect();
    let why =
        format!("{id} lacks {}: verdicts that need these fields are inferred", names.join(", "));
    let evidence = missing.iter().map(|(name, tells)| format!("{name} is needed for {tells}"));
    Ok(CheckOutcome::fail(why).evidence(evidence).fix(fix(subject, REPLACE)))
}

pub(super) fn interval(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let logs = all(world, subject)?;
    let least = logs.iter().filter_map(|log| Some((log.max_aggregation_secs?, log))).min();
    let Some((secs, log)) = least else {
        let what = format!("MaxAggregationInterval of {}", ids(&logs));
        return Err(NotApplicable::missing_from_inventory(&what, "describe-flow-logs"));
    };
    if secs <= INTERVAL_SECS {
        return Ok(CheckOutcome::pass(format!("{} sums up over {secs} seconds", log.flow_log_id)));
    }
    let why = format!(
        "{} sums up over {secs} seconds: a job of minutes is one record, and times are as coarse (instances of \
         the Nitro system are logged by the minute all the same)",
        log.flow_log_id
    );
    Ok(CheckOutcome::fail(why).severity(Severity::Low).fix(fix(subject, REPLACE)))
}
