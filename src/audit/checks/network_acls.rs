//! Checks of network ACLs. They are stateless: replies need rules of their own.

use std::collections::BTreeSet;

use ipnet::{IpNet, Ipv4Net};

use crate::audit::outcome::{CheckOutcome, CheckResult, Fix, NotApplicable};
use crate::audit::rules::{EPHEMERAL, HTTPS, Ports, Traffic, nets, ports_blocked_by_acl, shown};
use crate::audit::subject::{AuditContext, Subject};
use crate::inventory::model::NetworkAclEntry;
use crate::reachability::snippets::{acl_command, network_acl_terraform};
use crate::vpc::ports::CLIENT_PORTS;
use crate::vpc::rules::{LAST_ACL_ENTRY, TCP};

pub(super) fn replies(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let subnet = subject.subnet();
    let everywhere = IpNet::V4(Ipv4Net::default());
    let s3 = world.inventory().prefix_lists.iter();
    let s3 = s3.filter(|row| row.name.as_deref().is_some_and(|name| name.ends_with(".s3")));
    let mut remotes = nets(s3.filter_map(|row| row.cidr.as_ref()));
    remotes.retain(|net| net.addr().is_ipv4());
    if remotes.is_empty() {
        remotes.push(everywhere);
    }
    let to_remotes = [
        ("egress", HTTPS, "requests to S3"),
        ("ingress", EPHEMERAL, "replies of S3, to the ports that Linux picks"),
    ];
    let between = [
        ("egress", EPHEMERAL, "replies to the job's other subnets"),
        ("ingress", EPHEMERAL, "replies from the job's other subnets"),
    ];
    let mut refusals = Vec::new();
    for (asks, remotes) in [(to_remotes, remotes), (between, others(world, subject)?)] {
        for (direction, ports, what) in asks {
            for net in &remotes {
                let ask = Traffic { direction, protocol: TCP, ports };
                refusals.extend(refusal(world, subnet, ask, *net, what)?);
            }
        }
    }
    if refusals.is_empty() {
        return Ok(CheckOutcome::pass(
            "the network ACL lets requests to S3 and their replies pass",
        ));
    }
    let rows: Vec<&NetworkAclEntry> = world.network.acl_of(subnet).into_iter().flatten().collect();
    let acl = rows.first().map_or("ACL", |row| row.network_acl_id.as_str());
    let evidence: BTreeSet<String> = refusals.iter().map(|one| one.why.clone()).collect();
    let why = format!("network ACL {acl} refuses what the jobs need");
    Ok(CheckOutcome::fail(why).evidence(evidence).fix(fix(subject, acl, &rows, &refusals)))
}

/// What an ACL refuses of what it should let pass.
struct Refusal {
    why: String,
    ask: Traffic,
    net: IpNet,
    /// The rule that refuses the first of it; `None`: none allows it.
    rule: Option<i32>,
}

/// The rules that are missing, each under a number that is free and comes before the rule that denies.
fn fix(subject: &Subject<'_>, acl: &str, rows: &[&NetworkAclEntry], refusals: &[Refusal]) -> Fix {
    let (mut commands, mut blocks) = (Vec::new(), Vec::new());
    let mut is_full = false;
    let mut taken: BTreeSet<(&str, i32)> =
        rows.iter().map(|row| (row.direction.as_str(), row.rule_number)).collect();
    for Refusal { ask, net, rule, .. } in refusals {
        let Some(number) = free_number(&taken, ask.direction, *rule) else {
            is_full = true;
            continue;
        };
        taken.insert((ask.direction, number));
        // AWS's own advice for ephemeral ports, wider than Linux.
        let (from, to) = if ask.ports == EPHEMERAL {
            (*CLIENT_PORTS.start(), *CLIENT_PORTS.end())
        } else {
            ask.ports
        };
        let entry = NetworkAclEntry {
            network_acl_id: acl.to_owned(),
            direction: ask.direction.to_owned(),
            rule_number: number,
            rule_action: "allow".to_owned(),
            protocol: TCP.to_string(),
            cidr: net.to_string(),
            from_port: Some(i32::from(from)),
            to_port: Some(i32::from(to)),
            ..NetworkAclEntry::default()
        };
        commands.push(acl_command(&entry).region(&subject.region()));
        blocks.push(network_acl_terraform(&entry, &format!("{acl}-{}-{number}", ask.direction)));
    }
    let what = "allow it; network ACLs are stateless, so replies need rules of their own";
    let full = if is_full {
        "; no rule number is free before the rule that denies: renumber the rules of the ACL first"
    } else {
        ""
    };
    Fix::new(format!("{what}{full}")).commands(&commands).terraform(&blocks)
}

/// Returns a rule number that is free: the last before the rule that denies, or one after all others.
fn free_number(taken: &BTreeSet<(&str, i32)>, direction: &str, denies: Option<i32>) -> Option<i32> {
    let is_free = |number: &i32| !taken.contains(&(direction, *number));
    let own = taken.iter().filter(|(of, number)| *of == direction && *number < LAST_ACL_ENTRY);
    let last = own.map(|(_, number)| *number).max().unwrap_or(0);
    if denies.is_none() && last + 10 < LAST_ACL_ENTRY {
        return Some(last + 10);
    }
    (1..denies.unwrap_or(LAST_ACL_ENTRY).min(LAST_ACL_ENTRY)).rev().find(is_free)
}

/// Returns the IPv4 ranges of the other subnets that the distributed jobs of this one run in.
fn others(world: &AuditContext<'_>, subject: &Subject<'_>) -> Result<Vec<IpNet>, NotApplicable> {
    let ids: BTreeSet<&String> =
        subject.distributed().into_iter().flat_map(|job| &job.subnet_ids).collect();
    let mut others = Vec::new();
    for id in ids.into_iter().filter(|id| *id != subject.subnet()) {
        others
            .extend(nets(&world.subnet(id)?.cidrs).into_iter().filter(|net| net.addr().is_ipv4()));
    }
    Ok(others)
}

/// Says what the ACL refuses of something, and by which rule.
fn refusal(
    world: &AuditContext<'_>,
    subnet: &str,
    ask: Traffic,
    net: IpNet,
    what: &str,
) -> Result<Option<Refusal>, NotApplicable> {
    let refused = ports_blocked_by_acl(world.network, subnet, ask, net);
    let refused = refused.ok_or_else(|| {
        NotApplicable::missing_from_inventory(
            &format!("the network ACL of {subnet}"),
            "describe-network-acls",
        )
    })?;
    let Some(&(_, rule)) = refused.first() else { return Ok(None) };
    let by = rule.map_or_else(|| "no rule allows".to_owned(), |rule| format!("rule {rule} denies"));
    let ports: Vec<Ports> = refused.iter().map(|(ports, _)| *ports).collect();
    let way = if ask.direction == "egress" { "to" } else { "from" };
    let why = format!("{what}: {by} {} of tcp/{} {way} {net}", ask.direction, shown(&ports));
    Ok(Some(Refusal { why, ask, net, rule }))
}
