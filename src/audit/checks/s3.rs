//! Checks of the routes to S3: through an endpoint, and only through it.

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::audit::checks::routes::delete_route;
use crate::audit::observed_traffic::ObservedTraffic;
use crate::audit::outcome::{CheckOutcome, CheckResult, CheckVerdict, Fix, NotApplicable};
use crate::audit::subject::{AuditContext, Subject};
use crate::detection::Severity;
use crate::flow::address;
use crate::inventory::model::VpcEndpoint;
use crate::reachability::command::Command;
use crate::reachability::escape::hcl;
use crate::reachability::snippets::block;
use crate::vpc::endpoints::{is_available, s3_region};

/// Returns whether an endpoint is of S3, and not of its directory buckets.
pub(super) fn is_s3(endpoint: &VpcEndpoint) -> bool {
    s3_region(endpoint).is_some()
}

/// Returns whether an endpoint is of the S3 of a region. A region that is not known is taken as its own.
pub(super) fn is_s3_of(endpoint: &VpcEndpoint, region: Option<&str>) -> bool {
    s3_region(endpoint).is_some_and(|of| region.is_none_or(|region| region == of))
}

pub(super) fn is_type(endpoint: &VpcEndpoint, kind: &str) -> bool {
    endpoint.endpoint_type.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(kind))
}

/// Returns the gateway endpoint of S3 that a route table leads to.
pub(super) fn gateway_of<'a>(
    world: &AuditContext<'_>,
    endpoints: &[&'a VpcEndpoint],
    table: &str,
) -> Option<&'a VpcEndpoint> {
    let leads = |endpoint: &&&VpcEndpoint| {
        let id = &endpoint.vpc_endpoint_id;
        endpoint.route_table_ids.iter().any(|own| own == table)
            || world.network.routes(table).any(|route| route.target == *id)
    };
    let gateways = endpoints.iter().filter(|one| is_s3(one) && is_type(one, "Gateway"));
    let mut leading = gateways.filter(leads);
    let first = leading.next()?;
    // One that serves, if there are several.
    Some(if is_available(first) {
        first
    } else {
        leading.find(|one| is_available(one)).unwrap_or(first)
    })
}

pub(super) fn endpoint(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let region = world.region(subject);
    let (endpoints, elsewhere): (Vec<_>, Vec<_>) = world
        .endpoints(subject)?
        .into_iter()
        .partition(|one| !is_s3(one) || is_s3_of(one, region.as_deref()));
    let table = world.table_of(subject.subnet())?;
    let mut evidence = vec![format!("{} uses route table {}", subject.subnet(), table.id)];
    evidence.extend(elsewhere.iter().filter_map(|one| {
        let (of, region) = (s3_region(one)?, region.as_deref()?);
        Some(format!("{} serves S3 of {of}, and the jobs run in {region}", one.vpc_endpoint_id))
    }));
    let answer = match gateway_of(world, &endpoints, table.id) {
        Some(endpoint) => by_gateway(endpoint, subject),
        None => {
            let of = |kind: &str| {
                let mut of_kind = endpoints.iter().filter(|one| is_s3(one) && is_type(one, kind));
                of_kind.find(|one| is_available(one)).copied()
            };
            match (of("Interface"), of("Gateway")) {
                (Some(endpoint), _) => by_interface(endpoint, subject),
                (None, Some(endpoint)) => not_routed(endpoint, subject, table.id),
                (None, None) => missing(subject, region.as_deref(), table.id),
            }
        }
    };
    Ok(answer.evidence(evidence).evidence(s3_paths(&world.hints(subject))))
}

fn by_gateway(endpoint: &VpcEndpoint, subject: &Subject<'_>) -> CheckOutcome {
    let id = &endpoint.vpc_endpoint_id;
    if is_available(endpoint) {
        return CheckOutcome::pass(format!("the route table leads to gateway endpoint {id}"));
    }
    let state = endpoint.state.as_deref().unwrap_or_default();
    let fix = Fix::new("make the endpoint again if it does not come up by itself").cli(
        Command::new("ec2 describe-vpc-endpoints")
            .region(&subject.region())
            .option("--vpc-endpoint-ids", id),
    );
    CheckOutcome::fail(format!("the state of gateway endpoint {id} is {state}")).fix(fix)
}

fn by_interface(endpoint: &VpcEndpoint, subject: &Subject<'_>) -> CheckOutcome {
    let id = &endpoint.vpc_endpoint_id;
    let lacks = match (endpoint.private_dns, endpoint.private_dns_inbound_only) {
        (Some(true), Some(false)) => {
            return CheckOutcome::pass(format!(
                "interface endpoint {id} serves S3, with private DNS"
            ));
        }
        (Some(true), None) => {
            let why = format!(
                "interface endpoint {id} serves S3, with private DNS; whether that is for inbound Resolver \
                 endpoints alone is not known"
            );
            return CheckOutcome::pass(why).inferred();
        }
        (Some(true), Some(true)) => "its private DNS is for inbound Resolver endpoints alone",
        _ => "it has no private DNS",
    };
    let fix = Fix::new(
        "add a gateway endpoint, which costs nothing, or turn private DNS on for the VPC: SageMaker asks for S3 by \
         its public names",
    )
    .cli(
        modify_endpoint(subject, id)
            .flag("--private-dns-enabled")
            .option("--dns-options", "PrivateDnsOnlyForInboundResolverEndpoint=false"),
    );
    let why = format!(
        "only interface endpoint {id} serves S3, and {lacks}: what asks for S3 by its public names does not get \
         there"
    );
    CheckOutcome::fail(why).severity(Severity::Medium).fix(fix)
}

fn not_routed(endpoint: &VpcEndpoint, subject: &Subject<'_>, table: &str) -> CheckOutcome {
    let id = &endpoint.vpc_endpoint_id;
    let fix = Fix::new(format!("add route table {table} to the endpoint"))
        .cli(modify_endpoint(subject, id).option("--add-route-table-ids", table))
        .terraform(&[block(
            "aws_vpc_endpoint_route_table_association",
            &format!("{id}-{table}"),
            &[("vpc_endpoint_id", hcl(id)), ("route_table_id", hcl(table))],
        )]);
    CheckOutcome::fail(format!("the route table does not lead to gateway endpoint {id}")).fix(fix)
}

/// The beginning of a command that changes an endpoint.
fn modify_endpoint(subject: &Subject<'_>, id: &str) -> Command {
    Command::new("ec2 modify-vpc-endpoint")
        .region(&subject.region())
        .option("--vpc-endpoint-id", id)
}

fn missing(subject: &Subject<'_>, region: Option<&str>, table: &str) -> CheckOutcome {
    let vpc = subject.vpc_id.as_deref().unwrap_or("VPC");
    let region = region.unwrap_or("REGION");
    let service = format!("com.amazonaws.{region}.s3");
    let fix = Fix::new("create a gateway endpoint for S3")
        .cli(
            Command::new("ec2 create-vpc-endpoint")
                .region(region)
                .option("--vpc-id", vpc)
                .option("--service-name", &service)
                .option("--route-table-ids", table),
        )
        .terraform(&[block(
            "aws_vpc_endpoint",
            &format!("{vpc}-s3"),
            &[
                ("vpc_id", hcl(vpc)),
                ("service_name", hcl(&service)),
                ("route_table_ids", format!("[{}]", hcl(table))),
            ],
        )]);
    CheckOutcome::fail("the VPC has no endpoint for S3 of the jobs' region").fix(fix)
}

/// Returns the paths to S3 that the logs show.
fn s3_paths(seen: &[&ObservedTraffic]) -> Vec<String> {
    let mut s3_paths: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for one in seen.iter().filter(|one| one.accepted > 0) {
        if let Some(path) = &one.s3_path {
            let (connections, bytes) = s3_paths.entry(path).or_default();
            *connections += one.connections;
            *bytes += one.bytes_out + one.bytes_in;
        }
    }
    let shown = |(path, (connections, bytes)): (&str, (i64, i64))| {
        format!("the logs show S3 by {path}: {connections} connections, {bytes} bytes")
    };
    s3_paths.into_iter().map(shown).collect()
}

pub(super) fn ipv6(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let subnet = world.subnet(subject.subnet())?;
    let cidr =
        subnet.cidrs.iter().find(|cidr| cidr.contains(':')).ok_or(NotApplicable::DoesNotApply)?;
    let endpoints = world.endpoints(subject)?;
    let table = world.table_of(subject.subnet())?;
    let endpoint = gateway_of(world, &endpoints, table.id).ok_or(NotApplicable::DoesNotApply)?;
    let id = &endpoint.vpc_endpoint_id;
    let way = world.network.routes(table.id).find(|route| route.destination == "::/0");
    let kind = endpoint.ip_address_type.as_deref();
    let Some(kind) = kind else {
        let what = format!("IpAddressType of {id}");
        return Err(NotApplicable::missing_from_inventory(&what, "describe-vpc-endpoints"));
    };
    let evidence = [format!("{} has {cidr}", subnet.subnet_id), format!("{id} takes {kind}")];
    let answer = match way {
        _ if kind != "ipv4" => CheckOutcome::pass("the endpoint takes IPv6 too"),
        None => CheckOutcome::pass(
            "the endpoint takes IPv4 only, and no route leads IPv6 out of the VPC",
        ),
        Some(way) => {
            let fix = Fix::new(
                "make the endpoint dualstack, or keep the jobs from S3's dualstack names \
                 (AWS_USE_DUALSTACK_ENDPOINT=false)",
            )
            .cli(modify_endpoint(subject, id).option("--ip-address-type", "dualstack"))
            .terraform(&["resource \"aws_vpc_endpoint\" \"s3\" {\n  # …\n  ip_address_type = \"dualstack\"\n}".to_owned()]);
            CheckOutcome::fail(format!(
                "the endpoint is IPv4 only: clients of S3's dualstack names use IPv6 to {} and bypass it",
                way.target
            ))
            .evidence([format!("{}: ::/0 to {}", table.id, way.target)])
            .fix(fix)
        }
    };
    let seen = world.hints(subject);
    let is_around = |one: &&ObservedTraffic| one.s3_path.as_deref() == Some("ipv6-around-endpoint");
    let answer = match answer.verdict {
        CheckVerdict::Fail if !seen.iter().any(is_around) => answer.inferred(),
        _ => answer,
    };
    Ok(answer.evidence(evidence).evidence(s3_paths(&seen)))
}

/// Ranges that routes send elsewhere though the endpoint would take them.
pub(super) fn beaten(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let endpoints = world.endpoints(subject)?;
    let table = world.table_of(subject.subnet())?;
    let endpoint = gateway_of(world, &endpoints, table.id).ok_or(NotApplicable::DoesNotApply)?;
    let id = &endpoint.vpc_endpoint_id;
    let own = world.network.routes(table.id).find(|route| route.target == *id);
    let Some(own) = own else {
        return Err(NotApplicable::missing_from_inventory(
            &format!("the route of {id} in {}", table.id),
            "describe-route-tables",
        ));
    };
    let Some(ranges) = world.network.prefix_list(&own.destination) else {
        let what = format!("the ranges of {}", own.destination);
        return Err(NotApplicable::missing_from_inventory(&what, "describe-prefix-lists"));
    };
    let beats = |net: &IpNet| ranges.iter().any(|range| range.contains(net));
    let routes = world.network.routes(table.id);
    let winning: Vec<_> = routes
        .filter(|route| route.target != *id)
        .filter(|route| address::parse_net(&route.destination).is_some_and(|net| beats(&net)))
        .collect();
    let Some(first) = winning.first() else {
        let why = "no other route of the table is as narrow as a range that the endpoint takes";
        return Ok(CheckOutcome::pass(why));
    };
    let evidence = winning
        .iter()
        .map(|route| format!("{}: {} to {}", table.id, route.destination, route.target));
    let fix = Fix::new("delete the route, unless the traffic is meant to go there")
        .cli(delete_route(subject, first));
    Ok(CheckOutcome::fail(format!(
        "traffic to {} of S3 goes to {}, since the narrowest route wins, and past the endpoint",
        first.destination, first.target
    ))
    .evidence(evidence)
    .fix(fix))
}
