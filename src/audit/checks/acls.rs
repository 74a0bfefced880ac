//! What the subnets' network ACLs let pass: they keep no state, so replies need rules of their own.

use std::collections::BTreeSet;

use ipnet::IpNet;
use ipnet::Ipv4Net;

use super::Told;
use crate::audit::Answer;
use crate::audit::Fix;
use crate::audit::Silence;
use crate::audit::rules::Ask;
use crate::audit::rules::EPHEMERAL;
use crate::audit::rules::HTTPS;
use crate::audit::rules::Ports;
use crate::audit::rules::nets;
use crate::audit::rules::refused_by_acl;
use crate::audit::rules::shown;
use crate::audit::subject::Subject;
use crate::audit::subject::World;
use crate::inventory::model::NetworkAclEntry;
use crate::vpc::ports::CLIENT_PORTS;
use crate::vpc::rules::LAST_ACL_ENTRY;
use crate::vpc::rules::TCP;

pub(super) fn replies(world: &World<'_>, subject: &Subject<'_>) -> Told {
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
                let ask = Ask { direction, protocol: TCP, ports };
                refusals.extend(refusal(world, subnet, ask, *net, what)?);
            }
        }
    }
    if refusals.is_empty() {
        return Ok(Answer::pass("the network ACL lets requests to S3 and their replies pass"));
    }
    let rows: Vec<&NetworkAclEntry> = world.network.acl_of(subnet).into_iter().flatten().collect();
    let acl = rows.first().map_or("ACL", |row| row.network_acl_id.as_str());
    let evidence: BTreeSet<String> = refusals.iter().map(|one| one.why.clone()).collect();
    let why = format!("network ACL {acl} refuses what the jobs need");
    Ok(Answer::fail(why).evidence(evidence).fix(fix(subject, acl, &rows, &refusals)))
}

/// What an ACL refuses of what it should let pass.
struct Refusal {
    why: String,
    ask: Ask,
    net: IpNet,
    /// The rule that refuses the first of it; NULL: none allows it.
    rule: Option<i32>,
}

/// The rules that are missing, each under a number that is free and comes early enough.
fn fix(subject: &Subject<'_>, acl: &str, rows: &[&NetworkAclEntry], refusals: &[Refusal]) -> Fix {
    let (mut commands, mut resources) = (Vec::new(), Vec::new());
    let mut taken: BTreeSet<(&str, i32)> =
        rows.iter().map(|row| (row.direction.as_str(), row.rule_number)).collect();
    for Refusal { ask, net, rule, .. } in refusals {
        let own = taken
            .iter()
            .filter(|(direction, number)| *direction == ask.direction && *number < LAST_ACL_ENTRY);
        let last = own.map(|(_, number)| *number).max().unwrap_or(0);
        let wanted = rule.map_or(last + 10, |rule| rule - 1);
        let is_free = wanted > 0 && taken.insert((ask.direction, wanted));
        let number = if is_free { wanted.to_string() } else { "NUMBER".to_owned() };
        // AWS's own advice for ephemeral ports, wider than Linux.
        let (from, to) = if ask.ports == EPHEMERAL {
            (*CLIENT_PORTS.start(), *CLIENT_PORTS.end())
        } else {
            ask.ports
        };
        commands.push(format!(
            "aws ec2 create-network-acl-entry --region {} --network-acl-id {acl} --{} --rule-number {number} \
             --protocol 6 --port-range From={from},To={to} --cidr-block {net} --rule-action allow",
            subject.region(),
            ask.direction
        ));
        resources.push(format!(
            "resource \"aws_network_acl_rule\" \"jobs_{}_{number}\" {{\n  network_acl_id = \"{acl}\"\n  \
             rule_number    = {number}\n  egress         = {}\n  protocol       = \"tcp\"\n  rule_action    = \
             \"allow\"\n  cidr_block     = \"{net}\"\n  from_port      = {from}\n  to_port        = {to}\n}}",
            ask.direction,
            ask.direction == "egress"
        ));
    }
    Fix::new(
        "allow it; a network ACL does not remember who asked, so replies need rules of their own",
    )
    .cli(commands.join("\n"))
    .terraform(resources.join("\n"))
}

/// Returns the IPv4 ranges of the other subnets that the distributed jobs of this one run in.
fn others(world: &World<'_>, subject: &Subject<'_>) -> Result<Vec<IpNet>, Silence> {
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
    world: &World<'_>,
    subnet: &str,
    ask: Ask,
    net: IpNet,
    what: &str,
) -> Result<Option<Refusal>, Silence> {
    let refused = refused_by_acl(world.network, subnet, ask, net);
    let refused = refused.ok_or_else(|| {
        Silence::lacks(&format!("the network ACL of {subnet}"), "describe-network-acls")
    })?;
    let Some(&(_, rule)) = refused.first() else { return Ok(None) };
    let by = rule.map_or_else(|| "no rule allows".to_owned(), |rule| format!("rule {rule} denies"));
    let ports: Vec<Ports> = refused.iter().map(|(ports, _)| *ports).collect();
    let way = if ask.direction == "egress" { "to" } else { "from" };
    let why = format!("{what}: {by} {} of tcp/{} {way} {net}", ask.direction, shown(&ports));
    Ok(Some(Refusal { why, ask, net, rule }))
}
