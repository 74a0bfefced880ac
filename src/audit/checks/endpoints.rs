//! Checks of interface endpoints of services other than S3.

use std::collections::{BTreeMap, BTreeSet};

use crate::audit::checks::s3::{is_s3, is_type};
use crate::audit::outcome::{CheckOutcome, CheckResult, Fix, NotApplicable};
use crate::audit::rules::{HTTPS, Traffic, holds_all, nets, ports_blocked_by_groups};
use crate::audit::subject::{AuditContext, Subject};
use crate::inventory::model::VpcEndpoint;
use crate::reachability::command::Command;
use crate::reachability::escape::{hcl, hcl_list};
use crate::reachability::snippets::block;
use crate::vpc::endpoints::is_available;
use crate::vpc::rules::TCP;

/// Services that code of processing jobs usually asks.
const USUAL: &str = "sts, logs, monitoring, sagemaker.api, kms, ecr.api, secretsmanager";

fn interfaces<'a>(
    world: &AuditContext<'a>,
    subject: &Subject<'_>,
) -> Result<Vec<&'a VpcEndpoint>, NotApplicable> {
    let mut endpoints = world.endpoints(subject)?;
    endpoints.retain(|one| is_type(one, "Interface") && !is_s3(one));
    if endpoints.is_empty() { Err(NotApplicable::DoesNotApply) } else { Ok(endpoints) }
}

/// `vpce-… (sts)`
fn name(endpoint: &VpcEndpoint) -> String {
    format!("{} ({})", endpoint.vpc_endpoint_id, service(endpoint))
}

/// `sagemaker.api` of `com.amazonaws.us-east-1.sagemaker.api`.
fn service(endpoint: &VpcEndpoint) -> &str {
    let name = endpoint.service_name.as_deref().unwrap_or("service not known");
    name.splitn(4, '.').nth(3).unwrap_or(name)
}

pub(super) fn private_dns(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let endpoints = interfaces(world, subject)?;
    let off: Vec<&VpcEndpoint> =
        endpoints.iter().filter(|one| one.private_dns == Some(false)).copied().collect();
    if let Some(first) = off.first() {
        let fix = Fix::new("turn private DNS on")
            .cli(
                Command::new("ec2 modify-vpc-endpoint")
                    .region(&subject.region())
                    .option("--vpc-endpoint-id", &first.vpc_endpoint_id)
                    .flag("--private-dns-enabled"),
            )
            .terraform(&["resource \"aws_vpc_endpoint\" \"service\" {\n  # …\n  private_dns_enabled = true\n}".to_owned()]);
        let names: Vec<String> = off.iter().map(|one| name(one)).collect();
        let why = format!(
            "{} has no private DNS: code that uses the service's default name bypasses it",
            names.join(", ")
        );
        return Ok(CheckOutcome::fail(why).fix(fix));
    }
    if let Some(unknown) = endpoints.iter().find(|one| one.private_dns.is_none()) {
        let what = format!("PrivateDnsEnabled of {}", unknown.vpc_endpoint_id);
        return Err(NotApplicable::missing_from_inventory(&what, "describe-vpc-endpoints"));
    }
    Ok(CheckOutcome::pass("all interface endpoints have private DNS"))
}

pub(super) fn groups(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let endpoints = interfaces(world, subject)?;
    let ask = Traffic { direction: "ingress", protocol: TCP, ports: HTTPS };
    let mut kept_out = BTreeMap::new();
    for endpoint in &endpoints {
        if endpoint.security_group_ids.is_empty() {
            let what = format!("the groups of {}", endpoint.vpc_endpoint_id);
            return Err(NotApplicable::missing_from_inventory(&what, "describe-vpc-endpoints"));
        }
        for job in &subject.jobs {
            let subnets = job.subnet_ids.iter().filter_map(|id| world.network.subnet(id));
            let members = nets(subnets.flat_map(|subnet| &subnet.cidrs));
            let members: Vec<_> = members.into_iter().filter(|net| net.addr().is_ipv4()).collect();
            let fits = |peer: &str| {
                job.security_group_ids.iter().any(|group| group == peer)
                    || holds_all(peer, &members)
            };
            let closed =
                ports_blocked_by_groups(world.network, &endpoint.security_group_ids, ask, fits);
            let closed = closed.map_err(|unknown| NotApplicable::unknown_groups(&unknown))?;
            if !closed.is_empty() {
                let groups = job.security_group_ids.join(", ");
                kept_out.entry((endpoint.vpc_endpoint_id.as_str(), groups)).or_insert(*endpoint);
            }
        }
    }
    let Some(((_, group), endpoint)) = kept_out.first_key_value() else {
        return Ok(CheckOutcome::pass(
            "the groups of all interface endpoints let the jobs in on tcp/443",
        ));
    };
    let fix = Fix::new("let the jobs' groups in").cli(
        Command::new("ec2 authorize-security-group-ingress")
            .region(&subject.region())
            .option("--group-id", &endpoint.security_group_ids[0])
            .option("--protocol", "tcp")
            .option("--port", "443")
            .option("--source-group", group.split(',').next().unwrap_or_default()),
    );
    let why = format!("the groups of {} do not let jobs of {group} in on tcp/443", name(endpoint));
    let evidence = kept_out.iter().map(|((_, group), endpoint)| {
        format!(
            "{}: {} lacks tcp/443 from {group}",
            name(endpoint),
            endpoint.security_group_ids.join(", ")
        )
    });
    Ok(CheckOutcome::fail(why).evidence(evidence).fix(fix))
}

/// Whether what the jobs ask of AWS goes by endpoints.
pub(super) fn services(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let seen = world.seen(subject)?;
    let endpoints = world.endpoints(subject)?;
    let used: BTreeSet<&str> = seen
        .iter()
        .filter_map(|one| one.endpoint_interface_id.as_ref())
        .filter_map(|id| endpoints.iter().find(|one| one.interface_ids.contains(id)))
        .map(|one| service(one))
        .collect();
    let there = endpoints.iter().filter(|one| is_type(one, "Interface") && is_available(one));
    let there: BTreeSet<&str> = there.map(|one| service(one)).collect();
    let list = |names: &BTreeSet<&str>| match names.len() {
        0 => "none".to_owned(),
        _ => names.iter().copied().collect::<Vec<_>>().join(", "),
    };
    let evidence = [
        format!("interface endpoints: {}", list(&there)),
        format!("used by the jobs: {}", list(&used)),
    ];
    let public = seen.iter().filter(|one| {
        one.is_to("aws") && one.opened_by.as_deref() == Some("local") && one.service_port == 443
    });
    let (connections, bytes) = public.fold((0, 0), |(connections, bytes), one| {
        (connections + one.connections, bytes + one.bytes_out + one.bytes_in)
    });
    if connections == 0 {
        return Ok(CheckOutcome::pass(
            "the jobs contacted no AWS service except S3 by public addresses",
        )
        .evidence(evidence));
    }
    let vpc = subject.vpc_id.as_deref().unwrap_or("VPC");
    let service = format!("com.amazonaws.{}.SERVICE", subject.region());
    let fix = Fix::new(format!(
        "create an interface endpoint for each service that the jobs ask, usually {USUAL}; flow logs do not name \
         the service behind a public address"
    ))
    .cli(
        Command::new("ec2 create-vpc-endpoint")
            .region(&subject.region())
            .option("--vpc-id", vpc)
            .option("--vpc-endpoint-type", "Interface")
            .option("--service-name", &service)
            .list("--subnet-ids", subject.subnets.iter().map(String::as_str))
            .option("--security-group-ids", "SG")
            .flag("--private-dns-enabled"),
    )
    .terraform(&[block(
        "aws_vpc_endpoint",
        "service",
        &[
            ("vpc_id", hcl(vpc)),
            ("vpc_endpoint_type", hcl("Interface")),
            ("service_name", hcl(&service)),
            ("subnet_ids", hcl_list(&subject.subnets)),
            ("private_dns_enabled", "true".to_owned()),
        ],
    )]);
    Ok(CheckOutcome::fail(format!(
        "jobs contacted AWS services by public addresses: {connections} connections, {bytes} bytes"
    ))
    .evidence(evidence)
    .fix(fix))
}
