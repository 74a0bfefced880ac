//! Checks of DNS: the names of S3 resolve in the VPC.

use std::collections::BTreeSet;

use crate::audit::outcome::{CheckOutcome, CheckResult, Fix, NotApplicable};
use crate::audit::rules::{Traffic, holds_all, nets, ports_blocked_by_groups};
use crate::audit::subject::{AuditContext, Subject};
use crate::reachability::command::Command;
use crate::reachability::escape::shell;
use crate::vpc::rules::{TCP, UDP};

/// DNS.
const DNS: (u16, u16) = (53, 53);

/// AWS's word for its own resolver.
const AMAZON: &str = "AmazonProvidedDNS";

pub(super) fn support(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let vpc = world.vpc(subject)?;
    attribute(subject, &vpc.vpc_id, "enableDnsSupport", "--enable-dns-support", vpc.dns_support)
}

pub(super) fn hostnames(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let vpc = world.vpc(subject)?;
    let option = "--enable-dns-hostnames";
    attribute(subject, &vpc.vpc_id, "enableDnsHostnames", option, vpc.dns_hostnames)
}

fn attribute(
    subject: &Subject<'_>,
    vpc: &str,
    name: &str,
    option: &'static str,
    value: Option<bool>,
) -> CheckResult {
    let Some(value) = value else {
        let call = format!("describe-vpc-attribute --vpc-id {} --attribute {name}", shell(vpc));
        return Err(NotApplicable::missing_from_inventory(&format!("{name} of {vpc}"), &call));
    };
    if value {
        return Ok(CheckOutcome::pass(format!("{name} is on")));
    }
    let word = name.replace("enableDnsSupport", "enable_dns_support");
    let word = word.replace("enableDnsHostnames", "enable_dns_hostnames");
    let fix = Fix::new("turn it on")
        .cli(
            Command::new("ec2 modify-vpc-attribute")
                .region(&subject.region())
                .option("--vpc-id", vpc)
                .flag(option),
        )
        .terraform(&[format!("resource \"aws_vpc\" \"jobs\" {{\n  # …\n  {word} = true\n}}")]);
    Ok(CheckOutcome::fail(format!("{name} is off")).fix(fix))
}

/// Whether the DNS servers are AWS's own, or can be reached and answer.
pub(super) fn servers(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let vpc = world.vpc(subject)?;
    let options = vpc.dhcp_options_id.as_deref();
    let options = options.ok_or_else(|| {
        NotApplicable::missing_from_inventory(
            &format!("DhcpOptionsId of {}", vpc.vpc_id),
            "describe-vpcs",
        )
    })?;
    let row = world.inventory().dhcp_options.iter().find(|row| row.dhcp_options_id == options);
    let servers = match row {
        Some(row) => row.domain_name_servers.as_slice(),
        // The word for no options at all.
        None if options == "default" => &[],
        None => {
            return Err(NotApplicable::missing_from_inventory(options, "describe-dhcp-options"));
        }
    };
    let evidence = [format!("{options}: {}", servers.join(", "))];
    if servers.iter().any(|server| server == AMAZON) {
        return Ok(CheckOutcome::pass("the VPC's own resolver is used").evidence(evidence));
    }
    if servers.is_empty() {
        let fix = Fix::new("associate DHCP options that name AmazonProvidedDNS").cli(
            Command::new("ec2 associate-dhcp-options")
                .region(&subject.region())
                .option("--vpc-id", &vpc.vpc_id)
                .option("--dhcp-options-id", "DOPT"),
        );
        let why = "the DHCP options name no DNS server: no name resolves";
        return Ok(CheckOutcome::fail(why).inferred().evidence(evidence).fix(fix));
    }
    let answer = match (refused(world, subject, servers)?, unanswered(world, subject, servers)) {
        (Some(why), unanswered) => CheckOutcome::fail(why).evidence(unanswered),
        (None, seen) if !seen.is_empty() => {
            CheckOutcome::fail("the logs show that own DNS servers do not answer").evidence(seen)
        }
        (None, _) => CheckOutcome::pass(format!(
            "the VPC's own DNS servers are reachable: {}; whether they resolve S3's names is not visible here",
            servers.join(", ")
        ))
        .inferred(),
    };
    let fix = Fix::new(
        "let the jobs' groups, and the servers, pass port 53 by UDP and TCP; or use AmazonProvidedDNS: without \
         S3's names a job times out",
    );
    Ok(answer.evidence(evidence).fix(fix))
}

/// Says which server the jobs' groups keep them from.
fn refused(
    world: &AuditContext<'_>,
    subject: &Subject<'_>,
    servers: &[String],
) -> Result<Option<String>, NotApplicable> {
    let groups: BTreeSet<&Vec<String>> =
        subject.jobs.iter().map(|job| &job.security_group_ids).collect();
    for groups in groups {
        for server in servers {
            let nets = nets([server]);
            for protocol in [UDP, TCP] {
                let ask = Traffic { direction: "egress", protocol, ports: DNS };
                let closed = ports_blocked_by_groups(world.network, groups, ask, |peer| {
                    holds_all(peer, &nets)
                });
                match closed {
                    Ok(closed) if closed.is_empty() => {}
                    Ok(_) => {
                        let name = if protocol == UDP { "udp" } else { "tcp" };
                        let why = format!(
                            "{}: no rule for DNS server {server} on {name}/53 out",
                            groups.join(", ")
                        );
                        return Ok(Some(why));
                    }
                    Err(unknown) => return Err(NotApplicable::unknown_groups(&unknown)),
                }
            }
        }
    }
    Ok(None)
}

fn unanswered(world: &AuditContext<'_>, subject: &Subject<'_>, servers: &[String]) -> Vec<String> {
    let hints = world.hints(subject);
    let to_server = hints.iter().filter(|seen| {
        let server = seen.dns_server.as_ref();
        server.is_some_and(|server| servers.contains(server))
            && (seen.rejected > 0 || seen.unanswered > 0)
    });
    to_server
        .map(|seen| {
            format!(
                "the logs show {} records to {} refused and {} connections not answered",
                seen.rejected,
                seen.dns_server.as_deref().unwrap_or_default(),
                seen.unanswered
            )
        })
        .collect()
}
