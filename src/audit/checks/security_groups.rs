//! Checks of security groups.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use crate::audit::checks::s3::is_s3;
use crate::audit::observed_traffic::ObservedTraffic;
use crate::audit::outcome::{CheckOutcome, CheckResult, Fix, NotApplicable};
use crate::audit::rules::{
    ALL_PORTS, ALL_PROTOCOLS, HTTPS, Ports, Traffic, holds_all, nets, ports_blocked_by_groups,
    shown,
};
use crate::audit::subject::{AuditContext, Subject, names};
use crate::detection::Severity;
use crate::flow::address;
use crate::inventory::model::SecurityGroupRule;
use crate::reachability::command::Command;
use crate::reachability::escape::{hcl, shorthand};
use crate::reachability::snippets::{group_block, security_group_cli};
use crate::vpc::rules::{ESP, TCP, UDP};
use crate::vpc::{NextHop, RuleMatch, S3Region, service_name};

/// What does not pass between two members of the groups, in one direction.
struct Missing {
    what: String,
    direction: &'static str,
    /// `None`: all protocols.
    protocol: Option<u8>,
    /// The ports of the rule that is to be added.
    ports: Ports,
}

/// Returns what of these protocols and ports does not pass between two members of the groups.
fn between(
    world: &AuditContext<'_>,
    subject: &Subject<'_>,
    what: &[(u8, Ports, &str)],
) -> Result<Vec<Missing>, NotApplicable> {
    let subnets = subject.subnets.iter().filter_map(|id| world.network.subnet(id));
    let members = nets(subnets.flat_map(|subnet| &subnet.cidrs));
    let members: Vec<_> = members.into_iter().filter(|net| net.addr().is_ipv4()).collect();
    let fits =
        |peer: &str| subject.groups.iter().any(|group| group == peer) || holds_all(peer, &members);
    let mut missing = Vec::new();
    for (protocol, ports, name) in what {
        for direction in ["ingress", "egress"] {
            let ask = Traffic { direction, protocol: *protocol, ports: *ports };
            let closed = ports_blocked_by_groups(world.network, &subject.groups, ask, fits)
                .map_err(|unknown| NotApplicable::unknown_groups(&unknown))?;
            if !closed.is_empty() {
                let on = match *protocol {
                    ESP => String::new(),
                    _ => format!(" on {}", shown(&closed)),
                };
                let way = if direction == "ingress" { "from" } else { "to" };
                let what = format!("no rule for {name} {way} its own members{on}");
                let protocol = Some(*protocol);
                missing.push(Missing { what, direction, protocol, ports: *ports });
            }
        }
    }
    Ok(missing)
}

/// Returns how often the logs show refused traffic between two instances of one of these jobs.
fn refused_between(
    seen: &[&ObservedTraffic],
    fits: impl Fn(&ObservedTraffic) -> bool,
) -> Vec<String> {
    let refused = seen.iter().filter(|one| one.is_to("same-job") && fits(one));
    let count: i64 = refused.map(|one| one.rejected).sum();
    if count == 0 {
        return Vec::new();
    }
    vec![format!("the logs show {count} refused records between instances of these jobs")]
}

/// The rules that are missing, as commands.
fn fix(subject: &Subject<'_>, missing: &[Missing]) -> Fix {
    let group = subject.groups.first().map_or("SG", String::as_str);
    let (mut commands, mut blocks) = (Vec::new(), Vec::new());
    for Missing { direction, protocol, ports, .. } in missing {
        let ports = (!matches!(*protocol, Some(ESP) | None)).then_some(*ports);
        let rule = rule(group, direction, *protocol, ports, group);
        let id = format!("{group}-own-{direction}-{}", rule.protocol);
        commands.push(security_group_cli(&rule).region(&subject.region()));
        blocks.push(group_block(&rule, &id));
    }
    Fix::new("let the members of the group talk to each other")
        .commands(&commands)
        .terraform(&blocks)
}

/// A rule that a group lacks. `protocol`: `None` for all.
fn rule(
    group: &str,
    direction: &str,
    protocol: Option<u8>,
    ports: Option<Ports>,
    peer: &str,
) -> SecurityGroupRule {
    SecurityGroupRule {
        security_group_id: group.to_owned(),
        direction: direction.to_owned(),
        protocol: match protocol {
            Some(TCP) => "tcp".to_owned(),
            Some(UDP) => "udp".to_owned(),
            Some(number) => number.to_string(),
            None => ALL_PROTOCOLS.to_string(),
        },
        from_port: ports.map(|(from, _)| i32::from(from)),
        to_port: ports.map(|(_, to)| i32::from(to)),
        peer: peer.to_owned(),
        ..SecurityGroupRule::default()
    }
}

fn missing_text(missing: &[Missing], groups: &[String]) -> String {
    let parts: Vec<&str> = missing.iter().map(|one| one.what.as_str()).collect();
    format!("{}: {}", groups.join(", "), parts.join("; "))
}

/// The note on jobs whose instances may use EFA.
const EFA_UNSEEN: &str = "flow logs do not record OS-bypass traffic of EFA between these instances";

/// Returns what EFA lacks: a rule for all traffic whose other side is the group itself, in and out. A range of
/// addresses does not do, however wide.
///
/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-start.html>
fn efa(world: &AuditContext<'_>, subject: &Subject<'_>) -> Result<Vec<Missing>, NotApplicable> {
    let mut missing = Vec::new();
    for direction in ["ingress", "egress"] {
        let mut rules = subject.groups.iter().flat_map(|group| world.network.rules(group));
        let has = rules.any(|rule| {
            rule.direction == direction
                && rule.protocol == ALL_PROTOCOLS.to_string()
                && subject.groups.contains(&rule.peer)
        });
        if has {
            continue;
        }
        let is_known = |group: &&String| {
            world.network.group(group).is_some() || world.network.rules(group).next().is_some()
        };
        let unknown: Vec<String> =
            subject.groups.iter().filter(|group| !is_known(group)).cloned().collect();
        if !unknown.is_empty() {
            return Err(NotApplicable::unknown_groups(&unknown));
        }
        let way = if direction == "ingress" { "from" } else { "to" };
        let what = format!("no rule for all traffic {way} the group itself, which EFA needs");
        missing.push(Missing { what, direction, protocol: None, ports: ALL_PORTS });
    }
    Ok(missing)
}

pub(super) fn own_members(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let of = subject.distributed();
    if of.is_empty() {
        return Err(NotApplicable::DoesNotApply);
    }
    // Port 0 is no port of TCP, so a rule need not name it.
    let mut missing = between(world, subject, &[(TCP, (1, 65_535), "TCP")])?;
    let jobs = [format!("jobs of several instances: {}", names(&of))];
    let by_efa: Vec<_> = of.iter().filter(|job| job.may_use_efa()).copied().collect();
    let unseen = (!by_efa.is_empty()).then(|| EFA_UNSEEN.to_owned());
    if missing.is_empty() {
        let lacks = if by_efa.is_empty() { Vec::new() } else { efa(world, subject)? };
        if lacks.is_empty() {
            let why = "the groups let their own members talk by TCP, both ways";
            return Ok(CheckOutcome::pass(why).evidence(jobs).evidence(unseen).about(&of));
        }
        // Whether the containers use EFA, nothing tells.
        let jobs = [format!("jobs on instances that have EFA: {}", names(&by_efa))];
        return Ok(CheckOutcome::fail(missing_text(&lacks, &subject.groups))
            .inferred()
            .evidence(jobs)
            .evidence(unseen)
            .about(&by_efa)
            .fix(fix(subject, &lacks)));
    }
    missing.iter_mut().for_each(|one| one.ports = ALL_PORTS);
    if !by_efa.is_empty() {
        missing.extend(efa(world, subject)?);
    }
    let refused = refused_between(&world.hints(subject), |seen| seen.protocol == i64::from(TCP));
    Ok(CheckOutcome::fail(missing_text(&missing, &subject.groups))
        .evidence(jobs)
        .evidence(unseen)
        .about(&of)
        .evidence(refused)
        .fix(fix(subject, &missing)))
}

pub(super) fn encryption(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let of: Vec<_> = subject
        .distributed()
        .into_iter()
        .filter(|job| job.inter_container_encryption == Some(true))
        .collect();
    if of.is_empty() {
        return Err(NotApplicable::DoesNotApply);
    }
    let missing = between(
        world,
        subject,
        &[(UDP, (500, 500), "UDP"), (ESP, ALL_PORTS, "ESP (protocol 50)")],
    )?;
    let jobs = [format!("jobs with inter-container encryption: {}", names(&of))];
    if missing.is_empty() {
        let why = "the groups let their own members exchange keys (udp/500) and ESP, both ways";
        return Ok(CheckOutcome::pass(why).evidence(jobs).about(&of));
    }
    let is_ipsec = |seen: &ObservedTraffic| {
        seen.protocol == i64::from(ESP)
            || (seen.protocol == i64::from(UDP) && seen.service_port == 500)
    };
    Ok(CheckOutcome::fail(missing_text(&missing, &subject.groups))
        .evidence(jobs)
        .about(&of)
        .evidence(refused_between(&world.hints(subject), is_ipsec))
        .fix(fix(subject, &missing)))
}

/// Whether HTTPS to S3 is let out.
pub(super) fn egress(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let lists: Vec<&str> = {
        let rows = world.inventory().prefix_lists.iter();
        let region = world.region(subject);
        let of_s3 = rows.filter(|row| {
            let of = row.name.as_deref().and_then(service_name::s3_region);
            of.is_some_and(|of| region.as_deref().is_none_or(|region| region == of))
        });
        of_s3.map(|row| row.prefix_list_id.as_str()).collect()
    };
    let ranges: Vec<_> = lists
        .iter()
        .filter_map(|list| world.network.prefix_list(list))
        .flatten()
        .copied()
        .collect();
    let endpoints = world.endpoints(subject).unwrap_or_default();
    let endpoints: Vec<_> = endpoints.into_iter().filter(|one| is_s3(one)).collect();
    let of_endpoints = nets(
        endpoints
            .iter()
            .flat_map(|one| &one.subnet_ids)
            .filter_map(|id| world.network.subnet(id))
            .flat_map(|subnet| &subnet.cidrs),
    );
    let fits = |peer: &str| {
        let everything = address::parse_net(peer)
            .is_some_and(|net| net.prefix_len() == 0 && net.addr().is_ipv4());
        everything
            || lists.contains(&peer)
            || holds_all(peer, &ranges)
            || endpoints.iter().any(|one| one.security_group_ids.iter().any(|group| group == peer))
            || holds_all(peer, &of_endpoints)
    };
    let ask = Traffic { direction: "egress", protocol: TCP, ports: HTTPS };
    let closed = ports_blocked_by_groups(world.network, &subject.groups, ask, fits)
        .map_err(|unknown| NotApplicable::unknown_groups(&unknown))?;
    if closed.is_empty() {
        return to_nat(world, subject);
    }
    let group = subject.groups.first().map_or("SG", String::as_str);
    let list = lists.first().copied().unwrap_or("pl-OF_S3");
    let rule = rule(group, "egress", Some(TCP), Some(HTTPS), list);
    let fix = Fix::new("let HTTPS out to S3's prefix list")
        .cli(security_group_cli(&rule).region(&subject.region()))
        .terraform(&[group_block(&rule, &format!("{group}-egress-s3"))]);
    let why = format!("{}: no rule for S3 on tcp/443 out", subject.groups.join(", "));
    Ok(CheckOutcome::fail(why).fix(fix))
}

/// Whether the groups let the jobs use the NAT gateway that their subnets lead to. That S3 is open is no fault where
/// nothing asks for more, so it fails only where the logs show what was refused.
fn to_nat(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let pass = CheckOutcome::pass("the groups let HTTPS out to S3");
    // Any public address would do: the route by which the internet is reached.
    let outside = IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1));
    let tables = subject.subnets.iter().filter_map(|subnet| world.network.table_of(subnet));
    let gateways: BTreeSet<&str> = tables
        .filter_map(|table| {
            let lookup =
                world.network.route_tables().from_table(table.id, outside, &|| S3Region::Unknown);
            let route = lookup.route.filter(|_| lookup.hop == NextHop::NatGateway)?;
            Some(route.target.as_str())
        })
        .collect();
    if gateways.is_empty() {
        return Ok(pass);
    }
    let everywhere = |peer: &str| {
        address::parse_net(peer).is_some_and(|net| net.prefix_len() == 0 && net.addr().is_ipv4())
    };
    let ask = Traffic { direction: "egress", protocol: TCP, ports: HTTPS };
    let closed = ports_blocked_by_groups(world.network, &subject.groups, ask, everywhere)
        .map_err(|unknown| NotApplicable::unknown_groups(&unknown))?;
    let gateways = gateways.into_iter().collect::<Vec<_>>().join(", ");
    if closed.is_empty() {
        return Ok(pass.evidence([format!("the groups let HTTPS out to {gateways} as well")]));
    }
    let seen = world.hints(subject);
    let refused = seen.iter().filter(|one| {
        (one.is_to("internet") || one.is_to("aws")) && one.opened_by.as_deref() != Some("remote")
    });
    let refused: i64 = refused.map(|one| one.rejected).sum();
    let evidence =
        format!("the subnets lead to {gateways}, and no rule lets HTTPS out to everywhere");
    if refused == 0 {
        return Ok(pass.evidence([evidence]));
    }
    let logged = format!("the logs show {refused} refused records to what lies behind it");
    let group = subject.groups.first().map_or("SG", String::as_str);
    let fix = Fix::new(
        "let out what the jobs are meant to reach by the NAT gateway, as narrow as it goes; AWS services are better \
         reached by endpoints",
    )
    .cli(
        security_group_cli(&rule(group, "egress", Some(TCP), Some(HTTPS), "CIDR"))
            .region(&subject.region()),
    );
    let why = format!(
        "{}: egress to S3 on tcp/443 is allowed, and egress to what the jobs reach through {gateways} is not",
        subject.groups.join(", ")
    );
    Ok(CheckOutcome::fail(why)
        .severity(Severity::Low)
        .inferred()
        .evidence([evidence, logged])
        .fix(fix))
}

/// Whether anybody on the internet is let in by the jobs' groups.
pub(super) fn open_to_world(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let is_known = |group: &&String| {
        world.network.group(group).is_some() || world.network.rules(group).next().is_some()
    };
    let rules = subject.groups.iter().flat_map(|group| world.network.rules(group));
    let is_open = |rule: &&SecurityGroupRule| {
        rule.direction == "ingress"
            && address::parse_net(&rule.peer).is_some_and(|net| net.prefix_len() == 0)
    };
    let open: Vec<&SecurityGroupRule> = rules.filter(is_open).collect();
    let Some(first) = open.first() else {
        let unknown: Vec<String> =
            subject.groups.iter().filter(|group| !is_known(group)).cloned().collect();
        return match unknown.is_empty() {
            true => Ok(CheckOutcome::pass("no rule of the groups lets everybody in")),
            false => Err(NotApplicable::unknown_groups(&unknown)),
        };
    };
    let words = |rule: &SecurityGroupRule| {
        let service = RuleMatch::from(rule).words();
        format!("{} lets {} in on {service}", rule.security_group_id, rule.peer)
    };
    let commands: Vec<Command> = open.iter().map(|rule| revoke(subject, rule)).collect();
    let fix = Fix::new(
        "remove the rule: a job's interface only needs to answer the job's other instances",
    )
    .commands(&commands)
    .terraform(&[format!(
        "# remove the ingress rule of {} that names {}",
        hcl(&first.security_group_id),
        hcl(&first.peer)
    )]);
    let why = "a group of the jobs lets everybody in: no job needs it, and a way in from a peer, a VPN or by IPv6 \
               is open at once";
    Ok(CheckOutcome::fail(why).evidence(open.into_iter().map(words)).fix(fix))
}

/// The command that takes an ingress rule away.
fn revoke(subject: &Subject<'_>, rule: &SecurityGroupRule) -> Command {
    let command = Command::new("ec2 revoke-security-group-ingress")
        .region(&subject.region())
        .option("--group-id", &rule.security_group_id);
    if let Some(id) = &rule.rule_id {
        return command.option("--security-group-rule-ids", id);
    }
    let port = |name: &str, port: Option<i32>| port.map(|port| format!(",{name}={port}"));
    let ports = [port("FromPort", rule.from_port), port("ToPort", rule.to_port)];
    let ports: String = ports.into_iter().flatten().collect();
    let key = match rule.peer.contains(':') {
        true => "Ipv6Ranges=[{CidrIpv6",
        false => "IpRanges=[{CidrIp",
    };
    let (protocol, peer) = (shorthand(&rule.protocol), shorthand(&rule.peer));
    command.option("--ip-permissions", &format!("IpProtocol={protocol}{ports},{key}={peer}}}]"))
}
