//! What the jobs' security groups let pass.

use super::Told;
use super::s3::is_s3;
use crate::audit::Answer;
use crate::audit::Fix;
use crate::audit::Seen;
use crate::audit::Silence;
use crate::audit::rules::ALL_PORTS;
use crate::audit::rules::Ask;
use crate::audit::rules::ESP;
use crate::audit::rules::HTTPS;
use crate::audit::rules::Ports;
use crate::audit::rules::TCP;
use crate::audit::rules::UDP;
use crate::audit::rules::closed_by_groups;
use crate::audit::rules::holds_all;
use crate::audit::rules::nets;
use crate::audit::rules::shown;
use crate::audit::subject::Subject;
use crate::audit::subject::World;
use crate::audit::subject::names;
use crate::flow::addr;
use crate::inventory::model::SecurityGroupRule;
use crate::reach::paste::group_block;
use crate::reach::paste::group_command;

/// What does not pass between two members of the groups, in one direction.
struct Missing {
    what: String,
    direction: &'static str,
    protocol: i32,
    /// The ports of the rule that is to be added.
    ports: Ports,
}

/// Returns what of these protocols and ports does not pass between two members of the groups.
fn between(
    world: &World<'_>,
    subject: &Subject<'_>,
    what: &[(i32, Ports, &str)],
) -> Result<Vec<Missing>, Silence> {
    let subnets = subject.subnets.iter().filter_map(|id| world.network.subnet(id));
    let members = nets(subnets.flat_map(|subnet| &subnet.cidrs));
    let members: Vec<_> = members.into_iter().filter(|net| net.addr().is_ipv4()).collect();
    let fits =
        |peer: &str| subject.groups.iter().any(|group| group == peer) || holds_all(peer, &members);
    let mut missing = Vec::new();
    for (protocol, ports, name) in what {
        for direction in ["ingress", "egress"] {
            let ask = Ask { direction, protocol: *protocol, ports: *ports };
            let closed = closed_by_groups(world.network, &subject.groups, ask, fits)
                .map_err(|unknown| super::unknown_groups(&unknown))?;
            if !closed.is_empty() {
                let on = match *protocol {
                    ESP => String::new(),
                    _ => format!(" on {}", shown(&closed)),
                };
                let way = if direction == "ingress" { "from" } else { "to" };
                let what = format!("no rule for {name} {way} its own members{on}");
                missing.push(Missing { what, direction, protocol: *protocol, ports: *ports });
            }
        }
    }
    Ok(missing)
}

/// Says how often the logs show that two instances of one of these jobs were kept apart.
fn kept_apart(seen: &[&Seen], fits: impl Fn(&Seen) -> bool) -> Vec<String> {
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
        let ports = (*protocol != ESP).then_some(*ports);
        let rule = rule(group, direction, *protocol, ports, group);
        let id = format!("{group}-own-{direction}-{}", rule.protocol);
        commands.push(group_command(&rule).region(&subject.region()));
        blocks.push(group_block(&rule, &id));
    }
    Fix::new("let the members of the group talk to each other")
        .commands(&commands)
        .terraform(&blocks)
}

/// A rule that a group lacks.
fn rule(
    group: &str,
    direction: &str,
    protocol: i32,
    ports: Option<Ports>,
    peer: &str,
) -> SecurityGroupRule {
    SecurityGroupRule {
        security_group_id: group.to_owned(),
        direction: direction.to_owned(),
        protocol: match protocol {
            TCP => "tcp".to_owned(),
            UDP => "udp".to_owned(),
            number => number.to_string(),
        },
        from_port: ports.map(|(from, _)| i32::from(from)),
        to_port: ports.map(|(_, to)| i32::from(to)),
        peer: peer.to_owned(),
        ..SecurityGroupRule::default()
    }
}

fn told(missing: &[Missing], groups: &[String]) -> String {
    let parts: Vec<&str> = missing.iter().map(|one| one.what.as_str()).collect();
    format!("{}: {}", groups.join(", "), parts.join("; "))
}

pub(super) fn own_members(world: &World<'_>, subject: &Subject<'_>) -> Told {
    let of = subject.distributed();
    if of.is_empty() {
        return Err(Silence::DoesNotApply);
    }
    // Port 0 is no port of TCP, so a rule need not name it.
    let mut missing = between(world, subject, &[(TCP, (1, 65_535), "TCP")])?;
    let jobs = [format!("jobs of several instances: {}", names(&of))];
    if missing.is_empty() {
        let why = "the groups let their own members talk by TCP, both ways";
        return Ok(Answer::pass(why).evidence(jobs).about(&of));
    }
    missing.iter_mut().for_each(|one| one.ports = ALL_PORTS);
    let refused = kept_apart(&world.hints(subject), |seen| seen.protocol == i64::from(TCP));
    Ok(Answer::fail(told(&missing, &subject.groups))
        .evidence(jobs)
        .about(&of)
        .evidence(refused)
        .fix(fix(subject, &missing)))
}

pub(super) fn encryption(world: &World<'_>, subject: &Subject<'_>) -> Told {
    let of: Vec<_> = subject
        .distributed()
        .into_iter()
        .filter(|job| job.inter_container_encryption == Some(true))
        .collect();
    if of.is_empty() {
        return Err(Silence::DoesNotApply);
    }
    let missing = between(
        world,
        subject,
        &[(UDP, (500, 500), "UDP"), (ESP, ALL_PORTS, "ESP (protocol 50)")],
    )?;
    let jobs = [format!("jobs with inter-container encryption: {}", names(&of))];
    if missing.is_empty() {
        let why = "the groups let their own members exchange keys (udp/500) and ESP, both ways";
        return Ok(Answer::pass(why).evidence(jobs).about(&of));
    }
    let is_ipsec = |seen: &Seen| {
        seen.protocol == i64::from(ESP)
            || (seen.protocol == i64::from(UDP) && seen.service_port == 500)
    };
    Ok(Answer::fail(told(&missing, &subject.groups))
        .evidence(jobs)
        .about(&of)
        .evidence(kept_apart(&world.hints(subject), is_ipsec))
        .fix(fix(subject, &missing)))
}

/// Whether HTTPS to S3 is let out.
pub(super) fn egress(world: &World<'_>, subject: &Subject<'_>) -> Told {
    let lists: Vec<&str> = {
        let rows = world.inventory().prefix_lists.iter();
        let of_s3 =
            rows.filter(|row| row.name.as_deref().is_some_and(|name| name.ends_with(".s3")));
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
        let everything =
            addr::parse_net(peer).is_some_and(|net| net.prefix_len() == 0 && net.addr().is_ipv4());
        everything
            || lists.contains(&peer)
            || holds_all(peer, &ranges)
            || endpoints.iter().any(|one| one.security_group_ids.iter().any(|group| group == peer))
            || holds_all(peer, &of_endpoints)
    };
    let ask = Ask { direction: "egress", protocol: TCP, ports: HTTPS };
    let closed = closed_by_groups(world.network, &subject.groups, ask, fits)
        .map_err(|unknown| super::unknown_groups(&unknown))?;
    if closed.is_empty() {
        return Ok(Answer::pass("the groups let HTTPS out to S3"));
    }
    let group = subject.groups.first().map_or("SG", String::as_str);
    let list = lists.first().copied().unwrap_or("pl-OF_S3");
    let rule = rule(group, "egress", TCP, Some(HTTPS), list);
    let fix = Fix::new("let HTTPS out to S3's prefix list")
        .cli(group_command(&rule).region(&subject.region()))
        .terraform(&[group_block(&rule, &format!("{group}-egress-s3"))]);
    let why = format!("{}: no rule for S3 on tcp/443 out", subject.groups.join(", "));
    Ok(Answer::fail(why).fix(fix))
}
