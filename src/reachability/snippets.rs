//! Rules and entries as a user pastes them: commands of the AWS CLI, and Terraform.

use crate::inventory::model::{NetworkAclEntry, SecurityGroupRule};
use crate::reachability::command::Command;
use crate::reachability::escape::{hcl, name, shell, shorthand};

/// The command that adds a rule to a group.
pub fn security_group_cli(rule: &SecurityGroupRule) -> Command {
    Command::quoted(group_line(rule))
}

fn group_line(rule: &SecurityGroupRule) -> String {
    let (group, protocol) = (shell(&rule.security_group_id), &rule.protocol);
    let start = format!("aws ec2 authorize-security-group-{} --group-id {group}", rule.direction);
    let is_group = rule.peer.starts_with("sg-");
    let is_ipv6 = rule.peer.contains(':');
    let is_list = rule.peer.starts_with("pl-");
    let ports = matches!(protocol.as_str(), "tcp" | "udp");
    if let (true, false, "ingress", Some(from), Some(to)) =
        (ports, is_ipv6 || is_list, rule.direction.as_str(), rule.from_port, rule.to_port)
    {
        let port = if from == to { from.to_string() } else { format!("{from}-{to}") };
        let peer = if is_group { "--source-group" } else { "--cidr" };
        return format!(
            "{start} --protocol {} --port {port} {peer} {}",
            shell(protocol),
            shell(&rule.peer)
        );
    }
    let any = if protocol.starts_with("icmp") { Some(-1) } else { None };
    let from = rule.from_port.or(any).map(|port| format!(",FromPort={port}")).unwrap_or_default();
    let to = rule.to_port.or(any).map(|port| format!(",ToPort={port}")).unwrap_or_default();
    let key = match (is_group, is_list, is_ipv6) {
        (true, ..) => "UserIdGroupPairs=[{GroupId",
        (_, true, _) => "PrefixListIds=[{PrefixListId",
        (.., true) => "Ipv6Ranges=[{CidrIpv6",
        _ => "IpRanges=[{CidrIp",
    };
    let peer = format!("{key}={}}}]", shorthand(&rule.peer));
    format!(
        "{start} --ip-permissions {}",
        shell(&format!("IpProtocol={}{from}{to},{peer}", shorthand(protocol)))
    )
}

/// The same as Terraform.
pub fn group_block(rule: &SecurityGroupRule, id: &str) -> String {
    let any = if rule.protocol.starts_with("icmp") { Some(-1) } else { None };
    let peer = match &rule.peer {
        peer if peer.starts_with("sg-") => "referenced_security_group_id",
        peer if peer.starts_with("pl-") => "prefix_list_id",
        peer if peer.contains(':') => "cidr_ipv6",
        _ => "cidr_ipv4",
    };
    let mut lines = vec![
        ("security_group_id", hcl(&rule.security_group_id)),
        (peer, hcl(&rule.peer)),
        ("ip_protocol", hcl(&rule.protocol)),
    ];
    lines.extend(rule.from_port.or(any).map(|port| ("from_port", port.to_string())));
    lines.extend(rule.to_port.or(any).map(|port| ("to_port", port.to_string())));
    block(&format!("aws_vpc_security_group_{}_rule", rule.direction), id, &lines)
}

/// The command that adds an entry to an ACL.
pub fn acl_command(entry: &NetworkAclEntry) -> Command {
    Command::quoted(acl_line(entry))
}

fn acl_line(entry: &NetworkAclEntry) -> String {
    let cidr = if entry.cidr.contains(':') { "--ipv6-cidr-block" } else { "--cidr-block" };
    let ports = match entry.protocol.as_str() {
        "1" | "58" => format!(
            " --icmp-type-code Code={},Type={}",
            entry.to_port.unwrap_or(-1),
            entry.from_port.unwrap_or(-1)
        ),
        _ => match (entry.from_port, entry.to_port) {
            (Some(from), Some(to)) => format!(" --port-range From={from},To={to}"),
            _ => String::new(),
        },
    };
    format!(
        "aws ec2 create-network-acl-entry --network-acl-id {} --{} --rule-action allow --rule-number {} \
         {cidr} {} --protocol {}{ports}",
        shell(&entry.network_acl_id),
        entry.direction,
        entry.rule_number,
        shell(&entry.cidr),
        shell(&entry.protocol),
    )
}

/// The same as Terraform.
pub fn network_acl_terraform(entry: &NetworkAclEntry, id: &str) -> String {
    let cidr = if entry.cidr.contains(':') { "ipv6_cidr_block" } else { "cidr_block" };
    let mut lines = vec![
        ("network_acl_id", hcl(&entry.network_acl_id)),
        ("egress", (entry.direction == "egress").to_string()),
        ("rule_number", entry.rule_number.to_string()),
        ("rule_action", hcl("allow")),
        ("protocol", hcl(&entry.protocol)),
        (cidr, hcl(&entry.cidr)),
    ];
    if matches!(entry.protocol.as_str(), "1" | "58") {
        lines.push(("icmp_type", entry.from_port.unwrap_or(-1).to_string()));
        lines.push(("icmp_code", entry.to_port.unwrap_or(-1).to_string()));
    } else {
        lines.extend(entry.from_port.map(|port| ("from_port", port.to_string())));
        lines.extend(entry.to_port.map(|port| ("to_port", port.to_string())));
    }
    block("aws_network_acl_rule", id, &lines)
}

/// One Terraform resource.
pub fn block(kind: &str, id: &str, lines: &[(&str, String)]) -> String {
    let width = lines.iter().map(|(key, _)| key.len()).max().unwrap_or_default();
    let lines = lines.iter().map(|(key, value)| format!("  {key:<width$} = {value}\n"));
    format!("resource \"{kind}\" \"{}\" {{\n{}}}", name(id), lines.collect::<String>())
}
