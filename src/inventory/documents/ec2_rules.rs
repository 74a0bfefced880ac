//! EC2 responses about rules and routes: route tables, security groups, network ACLs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use crate::inventory::documents::ec2_network::Done;
use crate::inventory::documents::reader::{Reader, shape};
use crate::inventory::fact::Fact;
use crate::inventory::model;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RouteShape {
    #[serde(alias = "DestinationIpv6CidrBlock", alias = "DestinationPrefixListId")]
    destination_cidr_block: Option<String>,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

/// Keys that name the target of a route. An instance comes with its interface, which is the target.
const TARGETS: &[&str] = &[
    "NatGatewayId",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
    "EgressOnlyInternetGatewayId",
    "LocalGatewayId",
    "CarrierGatewayId",
    "CoreNetworkArn",
    "OdbNetworkArn",
    "GatewayId",
    "NetworkInterfaceId",
    "InstanceId",
];

/// Reads one of `RouteTables`.
pub(super) fn route_table(reader: &mut Reader, value: Value, at: Option<i64>) -> Done {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Shape {
        route_table_id: String,
        vpc_id: Option<String>,
        #[serde(default)]
        routes: Vec<RouteShape>,
        #[serde(default)]
        associations: Vec<Association>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Association {
        subnet_id: Option<String>,
        #[serde(default)]
        main: bool,
        #[serde(default)]
        association_state: AssociationState,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "PascalCase", default)]
    struct AssociationState {
        state: Option<String>,
    }
    let shape: Shape = shape(value)?;
    let routes = shape.routes.into_iter().map(|route| {
        let text = |key: &str| route.others.get(key).and_then(Value::as_str).map(str::to_owned);
        model::Route {
            route_table_id: shape.route_table_id.clone(),
            vpc_id: shape.vpc_id.clone(),
            target: TARGETS.iter().find_map(|key| text(key)).unwrap_or_default(),
            state: text("State"),
            origin: text("Origin"),
            destination: route.destination_cidr_block.unwrap_or_default(),
        }
    });
    let routes = routes.collect();
    // An association with a gateway (edge routing) has neither a subnet nor `Main`.
    let associations = shape
        .associations
        .into_iter()
        .filter(|a| a.main || a.subnet_id.is_some())
        .filter(|a| a.association_state.state.as_deref().is_none_or(|s| !s.starts_with("disass")))
        .map(|association| model::RouteTableAssociation {
            route_table_id: shape.route_table_id.clone(),
            vpc_id: shape.vpc_id.clone(),
            subnet_id: association.subnet_id,
            main: association.main,
        });
    let associations = associations.collect();
    reader.add(Fact::RouteTable { at, id: shape.route_table_id, routes, associations });
    Ok(())
}

/// Reads one of `SecurityGroups`: one rule for each peer of each permission.
pub(super) fn security_group(reader: &mut Reader, value: Value, at: Option<i64>) -> Done {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Shape {
        group_id: String,
        group_name: Option<String>,
        vpc_id: Option<String>,
        #[serde(default)]
        ip_permissions: Vec<Permission>,
        #[serde(default)]
        ip_permissions_egress: Vec<Permission>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Permission {
        ip_protocol: String,
        from_port: Option<i32>,
        to_port: Option<i32>,
        #[serde(default)]
        ip_ranges: Vec<Peer>,
        #[serde(default)]
        ipv6_ranges: Vec<Peer>,
        #[serde(default)]
        prefix_list_ids: Vec<Peer>,
        #[serde(default)]
        user_id_group_pairs: Vec<Peer>,
    }
    #[derive(Deserialize)]
    struct Peer {
        #[serde(rename = "CidrIp", alias = "CidrIpv6", alias = "PrefixListId", alias = "GroupId")]
        id: Option<String>,
    }
    let shape: Shape = shape(value)?;
    let mut rules = BTreeSet::new();
    let both = [("ingress", shape.ip_permissions), ("egress", shape.ip_permissions_egress)];
    for (direction, permissions) in both {
        for permission in permissions {
            let peers = [
                permission.ip_ranges,
                permission.ipv6_ranges,
                permission.prefix_list_ids,
                permission.user_id_group_pairs,
            ];
            for peer in peers.into_iter().flatten().filter_map(|peer| peer.id) {
                rules.insert(model::SecurityGroupRule {
                    security_group_id: shape.group_id.clone(),
                    vpc_id: shape.vpc_id.clone(),
                    direction: direction.to_owned(),
                    protocol: permission.ip_protocol.clone(),
                    from_port: port(permission.from_port),
                    to_port: port(permission.to_port),
                    peer,
                    rule_id: None,
                });
            }
        }
    }
    let Shape { group_id: id, group_name: name, vpc_id, .. } = shape;
    reader.add(Fact::SecurityGroup { at, id, vpc_id, name, rules });
    Ok(())
}

/// AWS writes "all" as -1 in one response and leaves it out in the other.
fn port(port: Option<i32>) -> Option<i32> {
    port.filter(|port| *port >= 0)
}

/// Reads one of `SecurityGroupRules`.
pub(super) fn security_group_rule(reader: &mut Reader, value: Value, at: Option<i64>) -> Done {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Shape {
        security_group_rule_id: Option<String>,
        group_id: String,
        #[serde(default)]
        is_egress: bool,
        ip_protocol: String,
        from_port: Option<i32>,
        to_port: Option<i32>,
        #[serde(alias = "CidrIpv6", alias = "PrefixListId")]
        cidr_ipv4: Option<String>,
        #[serde(default)]
        referenced_group_info: Referenced,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "PascalCase", default)]
    struct Referenced {
        group_id: Option<String>,
    }
    let shape: Shape = shape(value)?;
    let rule = model::SecurityGroupRule {
        security_group_id: shape.group_id,
        vpc_id: None,
        direction: if shape.is_egress { "egress" } else { "ingress" }.to_owned(),
        protocol: shape.ip_protocol,
        from_port: port(shape.from_port),
        to_port: port(shape.to_port),
        peer: shape.cidr_ipv4.or(shape.referenced_group_info.group_id).unwrap_or_default(),
        rule_id: shape.security_group_rule_id,
    };
    reader.add(Fact::SecurityGroupRule { at, rule });
    Ok(())
}

/// Reads one of `NetworkAcls`: every entry for every subnet it is associated with.
pub(super) fn network_acl(reader: &mut Reader, value: Value, at: Option<i64>) -> Done {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Shape {
        network_acl_id: String,
        vpc_id: Option<String>,
        #[serde(default)]
        associations: Vec<Association>,
        #[serde(default)]
        entries: Vec<Entry>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Association {
        subnet_id: Option<String>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Entry {
        #[serde(default)]
        egress: bool,
        rule_number: i32,
        rule_action: String,
        protocol: String,
        #[serde(alias = "Ipv6CidrBlock")]
        cidr_block: Option<String>,
        #[serde(default)]
        port_range: PortRange,
        #[serde(default)]
        icmp_type_code: Value,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "PascalCase", default)]
    struct PortRange {
        from: Option<i32>,
        to: Option<i32>,
    }
    let shape: Shape = shape(value)?;
    let mut subnets: Vec<_> = shape.associations.into_iter().map(|a| a.subnet_id).collect();
    if subnets.is_empty() {
        subnets.push(None);
    }
    let mut entries = BTreeSet::new();
    for entry in &shape.entries {
        let icmp = |key: &str| icmp_number(entry.icmp_type_code.get(key)?);
        entries.extend(subnets.iter().map(|subnet_id| model::NetworkAclEntry {
            network_acl_id: shape.network_acl_id.clone(),
            vpc_id: shape.vpc_id.clone(),
            subnet_id: subnet_id.clone(),
            direction: if entry.egress { "egress" } else { "ingress" }.to_owned(),
            rule_number: entry.rule_number,
            rule_action: entry.rule_action.clone(),
            protocol: entry.protocol.clone(),
            cidr: entry.cidr_block.clone().unwrap_or_default(),
            from_port: entry.port_range.from.or_else(|| icmp("Type")),
            to_port: entry.port_range.to.or_else(|| icmp("Code")),
        }));
    }
    reader.add(Fact::NetworkAcl { at, id: shape.network_acl_id, entries });
    Ok(())
}

/// Reads an ICMP type or code; in XML responses it is text. `None` for all.
fn icmp_number(value: &Value) -> Option<i32> {
    let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
    port(i32::try_from(number?).ok())
}
