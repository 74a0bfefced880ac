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
use crate::audit::rules::TCP;
use crate::audit::rules::nets;
use crate::audit::rules::refused_by_acl;
use crate::audit::rules::shown;
use crate::audit::subject::Subject;
use crate::audit::subject::World;

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
    let mut refused = BTreeSet::new();
    for (asks, remotes) in [(to_remotes, remotes), (between, others(world, subject)?)] {
        for (direction, ports, what) in asks {
            for net in &remotes {
                let found = closed(world, subnet, direction, ports, *net)?;
                refused.extend(found.into_iter().map(|why| format!("{what}: {why}")));
            }
        }
    }
    if refused.is_empty() {
        return Ok(Answer::pass("the network ACL lets requests to S3 and their replies pass"));
    }
    let acl =
        world.network.acl_of(subnet).and_then(|mut rows| Some(rows.next()?.network_acl_id.clone()));
    let acl = acl.unwrap_or_else(|| "ACL".to_owned());
    let fix = Fix::new(
        "allow the ports on which replies come; a network ACL does not remember who asked",
    )
    .cli(format!(
        "aws ec2 create-network-acl-entry --region {} --network-acl-id {acl} --rule-number NUMBER --protocol 6 \
         --port-range From=1024,To=65535 --cidr-block CIDR --rule-action allow (--ingress or --egress)",
        subject.region()
    ))
    .terraform(format!(
        "resource \"aws_network_acl_rule\" \"replies\" {{\n  network_acl_id = \"{acl}\"\n  rule_number    = NUMBER\n  \
         egress         = true # and once more with false\n  protocol       = \"tcp\"\n  rule_action    = \
         \"allow\"\n  cidr_block     = CIDR\n  from_port      = 1024\n  to_port        = 65535\n}}"
    ));
    let why = format!("network ACL {acl} refuses what the jobs need");
    Ok(Answer::fail(why).evidence(refused).fix(fix))
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

/// Says which ports the ACL refuses, and by which rule.
fn closed(
    world: &World<'_>,
    subnet: &str,
    direction: &'static str,
    ports: Ports,
    net: IpNet,
) -> Result<Option<String>, Silence> {
    let ask = Ask { direction, protocol: TCP, ports };
    let refused = refused_by_acl(world.network, subnet, ask, net);
    let refused = refused.ok_or_else(|| {
        Silence::lacks(&format!("the network ACL of {subnet}"), "describe-network-acls")
    })?;
    let Some((_, rule)) = refused.first() else { return Ok(None) };
    let by = rule.map_or_else(|| "no rule allows".to_owned(), |rule| format!("rule {rule} denies"));
    let ports: Vec<Ports> = refused.iter().map(|(ports, _)| *ports).collect();
    let way = if direction == "egress" { "to" } else { "from" };
    Ok(Some(format!("{by} {direction} of tcp/{} {way} {net}", shown(&ports))))
}
