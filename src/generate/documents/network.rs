//! Answers about what does not change: subnets, routes, security groups, ranges.

use serde_json::{Value, json};

use crate::generate::documents::{format, iso};
use crate::generate::network::{
    ACCOUNT, EC2_CIDR, EGRESS_ONLY_GATEWAY, FlowLog, GROUPS, Group, INTERNET_GATEWAY, NAT_GATEWAY,
    PEER_CIDR, PEERING, PRIVATE_A, PRIVATE_B, PRIVATE_C, PUBLIC, REGION, Rule, S3_CIDR, S3_CIDR6,
    S3_ENDPOINT, S3_OTHER_REGION_CIDR, S3_PREFIX_LIST, SUBNETS, VPC, VPC_CIDR, VPC_CIDR6,
};
use crate::generate::world::World;

const MAIN_ROUTE_TABLE: &str = "rtb-0ad11bb22cc33dd47";
const DHCP_OPTIONS: &str = "dopt-0a1b2c3d4e5f6071a";

pub(super) fn vpcs() -> Value {
    let associated = json!({"State": "associated"});
    json!({"Vpcs": [{
        "CidrBlock": VPC_CIDR,
        "CidrBlockAssociationSet": [{
            "AssociationId": "vpc-cidr-assoc-0a1b2c3d4e5f60719",
            "CidrBlock": VPC_CIDR,
            "CidrBlockState": associated,
        }],
        "DhcpOptionsId": DHCP_OPTIONS,
        "InstanceTenancy": "default",
        "Ipv6CidrBlockAssociationSet": [{
            "AssociationId": "vpc-cidr-assoc-0a1b2c3d4e5f6071b",
            "Ipv6CidrBlock": VPC_CIDR6,
            "Ipv6CidrBlockState": associated,
            "NetworkBorderGroup": REGION,
        }],
        "IsDefault": false,
        "OwnerId": ACCOUNT,
        "State": "available",
        "Tags": [{"Key": "Name", "Value": "sample"}],
        "VpcId": VPC,
    }]})
}

/// The attributes of DNS, an answer each.
pub(super) fn vpc_attributes() -> [Value; 2] {
    ["EnableDnsSupport", "EnableDnsHostnames"]
        .map(|name| json!({name: {"Value": true}, "VpcId": VPC}))
}

pub(super) fn dhcp_options() -> Value {
    let values = |value: &str| json!([{ "Value": value }]);
    json!({"DhcpOptions": [{
        "DhcpConfigurations": [
            {"Key": "domain-name", "Values": values("ec2.internal")},
            {"Key": "domain-name-servers", "Values": values("AmazonProvidedDNS")},
        ],
        "DhcpOptionsId": DHCP_OPTIONS,
        "OwnerId": ACCOUNT,
        "Tags": [],
    }]})
}

pub(super) fn subnets() -> Value {
    let subnets = SUBNETS.iter().map(|subnet| {
        let cidr6 = subnet.cidr6.map(
            |cidr| json!({"Ipv6CidrBlock": cidr, "Ipv6CidrBlockState": {"State": "associated"}}),
        );
        json!({
            "AvailabilityZone": subnet.zone,
            "AvailabilityZoneId": subnet.zone_id,
            "AvailableIpAddressCount": 4083,
            "CidrBlock": subnet.cidr,
            "Ipv6CidrBlockAssociationSet": cidr6.into_iter().collect::<Vec<_>>(),
            "MapPublicIpOnLaunch": subnet.public,
            "OwnerId": ACCOUNT,
            "State": "available",
            "SubnetArn": format!("arn:aws:ec2:{REGION}:{ACCOUNT}:subnet/{}", subnet.id),
            "SubnetId": subnet.id,
            "Tags": [{"Key": "Name", "Value": subnet.name}],
            "VpcId": VPC,
        })
    });
    json!({"Subnets": subnets.collect::<Vec<_>>()})
}

pub(super) fn route_tables() -> Value {
    let route = |destination: (&str, &str), target: (&str, &str), origin: &str| json!({destination.0: destination.1, target.0: target.1, "Origin": origin, "State": "active"});
    let v4 = |cidr, target| route(("DestinationCidrBlock", cidr), target, "CreateRoute");
    let local = [
        route(("DestinationCidrBlock", VPC_CIDR), ("GatewayId", "local"), "CreateRouteTable"),
        route(("DestinationIpv6CidrBlock", VPC_CIDR6), ("GatewayId", "local"), "CreateRouteTable"),
    ];
    let table = |id: &str, subnets: &[usize], routes: Vec<Value>| {
        let association = |subnet: Option<&str>| {
            let mut association = json!({
                "AssociationState": {"State": "associated"},
                "Main": subnet.is_none(),
                "RouteTableAssociationId": format!("rtbassoc-{}", &subnet.unwrap_or(id)[7..]),
                "RouteTableId": id,
            });
            if let Some(subnet) = subnet {
                association["SubnetId"] = json!(subnet);
            }
            association
        };
        let associations: Vec<Value> = match subnets {
            [] => vec![association(None)],
            _ => subnets.iter().map(|&subnet| association(Some(SUBNETS[subnet].id))).collect(),
        };
        let routes = [local.to_vec(), routes].concat();
        json!({
            "Associations": associations,
            "OwnerId": ACCOUNT,
            "PropagatingVgws": [],
            "RouteTableId": id,
            "Routes": routes,
            "Tags": [],
            "VpcId": VPC,
        })
    };
    let nat = || v4("0.0.0.0/0", ("NatGatewayId", NAT_GATEWAY));
    let peer = || v4(PEER_CIDR, ("VpcPeeringConnectionId", PEERING));
    let out6 = || {
        let target = ("EgressOnlyInternetGatewayId", EGRESS_ONLY_GATEWAY);
        route(("DestinationIpv6CidrBlock", "::/0"), target, "CreateRoute")
    };
    let s3 = || {
        let destination = ("DestinationPrefixListId", S3_PREFIX_LIST);
        route(destination, ("GatewayId", S3_ENDPOINT), "CreateRoute")
    };
    let internet = v4("0.0.0.0/0", ("GatewayId", INTERNET_GATEWAY));
    json!({"RouteTables": [
        table(SUBNETS[PUBLIC].route_table, &[PUBLIC], vec![internet]),
        table(
            SUBNETS[PRIVATE_A].route_table,
            &[PRIVATE_A, PRIVATE_C],
            vec![nat(), peer(), out6(), s3()],
        ),
        table(SUBNETS[PRIVATE_B].route_table, &[PRIVATE_B], vec![nat(), peer()]),
        table(MAIN_ROUTE_TABLE, &[], Vec::new()),
    ]})
}

pub(super) fn prefix_lists() -> Value {
    json!({"PrefixLists": [{
        "Cidrs": [S3_CIDR],
        "PrefixListId": S3_PREFIX_LIST,
        "PrefixListName": format!("com.amazonaws.{REGION}.s3"),
    }]})
}

pub(super) fn security_groups() -> Value {
    let permission = |group: &Group, (protocol, from, to, peer): Rule| {
        let mut permission = json!({
            "IpProtocol": protocol,
            "IpRanges": [],
            "Ipv6Ranges": [],
            "PrefixListIds": [],
            "UserIdGroupPairs": [],
        });
        if protocol != "-1" {
            permission["FromPort"] = json!(from);
            permission["ToPort"] = json!(to);
        }
        let (list, entry) = match peer {
            "self" => ("UserIdGroupPairs", json!({"GroupId": group.id, "UserId": ACCOUNT})),
            peer if peer.starts_with("pl-") => ("PrefixListIds", json!({"PrefixListId": peer})),
            peer if peer.contains(':') => ("Ipv6Ranges", json!({"CidrIpv6": peer})),
            peer => ("IpRanges", json!({"CidrIp": peer})),
        };
        permission[list] = json!([entry]);
        permission
    };
    let groups = GROUPS.iter().map(|group| {
        let rules = |rules: &[Rule]| -> Vec<Value> {
            rules.iter().map(|&rule| permission(group, rule)).collect()
        };
        json!({
            "Description": format!("{} of the sample VPC", group.name),
            "GroupId": group.id,
            "GroupName": group.name,
            "IpPermissions": rules(group.ingress),
            "IpPermissionsEgress": rules(group.egress),
            "OwnerId": ACCOUNT,
            "SecurityGroupArn":
                format!("arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/{}", group.id),
            "VpcId": VPC,
        })
    });
    json!({"SecurityGroups": groups.collect::<Vec<_>>()})
}

pub(super) fn network_acls() -> Value {
    let entry = |egress: bool, number: i32, action: &str, protocol: &str| {
        json!({
            "CidrBlock": "0.0.0.0/0",
            "Egress": egress,
            "Protocol": protocol,
            "RuleAction": action,
            "RuleNumber": number,
        })
    };
    let ports = |mut entry: Value, cidr: &str, from: i32, to: i32| {
        entry["CidrBlock"] = json!(cidr);
        entry["PortRange"] = json!({"From": from, "To": to});
        entry
    };
    let acl = |id: &str, subnets: &[usize], default: bool, entries: Vec<Value>| {
        let associations = subnets.iter().map(|&subnet| {
            json!({
                "NetworkAclAssociationId": format!("aclassoc-{}", &SUBNETS[subnet].id[7..]),
                "NetworkAclId": id,
                "SubnetId": SUBNETS[subnet].id,
            })
        });
        json!({
            "Associations": associations.collect::<Vec<_>>(),
            "Entries": entries,
            "IsDefault": default,
            "NetworkAclId": id,
            "OwnerId": ACCOUNT,
            "Tags": [],
            "VpcId": VPC,
        })
    };
    let ipv6 = |egress: bool, number: i32, action: &str| {
        json!({
            "Egress": egress,
            "Ipv6CidrBlock": "::/0",
            "Protocol": "-1",
            "RuleAction": action,
            "RuleNumber": number,
        })
    };
    let open = |egress| {
        [
            entry(egress, 100, "allow", "-1"),
            ipv6(egress, 101, "allow"),
            entry(egress, 32767, "deny", "-1"),
            ipv6(egress, 32768, "deny"),
        ]
    };
    // Out of private-c go requests to HTTPS and to the shuffle service, and nothing to ephemeral ports.
    let closed = [
        ports(entry(true, 100, "allow", "6"), "0.0.0.0/0", 443, 443),
        ports(entry(true, 110, "allow", "6"), VPC_CIDR, 7000, 8000),
        entry(true, 32767, "deny", "-1"),
    ];
    json!({"NetworkAcls": [
        acl(
            SUBNETS[PUBLIC].network_acl,
            &[PUBLIC, PRIVATE_A, PRIVATE_B],
            true,
            [open(true), open(false)].concat(),
        ),
        acl(
            SUBNETS[PRIVATE_C].network_acl,
            &[PRIVATE_C],
            false,
            [closed.to_vec(), open(false).to_vec()].concat(),
        ),
    ]})
}

pub(super) fn flow_logs(world: &World, flow_logs: &[FlowLog]) -> Value {
    let entry = |flow_log: &FlowLog| {
        json!({
            "CreationTime": iso(world.start - 30 * 86400),
            "DeliverLogsStatus": "SUCCESS",
            "DestinationOptions": {
                "FileFormat": "plain-text",
                "HiveCompatiblePartitions": false,
                "PerHourPartition": false,
            },
            "FlowLogId": flow_log.id,
            "FlowLogStatus": "ACTIVE",
            "LogDestination": "arn:aws:s3:::example-flow-logs",
            "LogDestinationType": "s3",
            "LogFormat": flow_log.log_format,
            "MaxAggregationInterval": 60,
            "ResourceId": flow_log.resource,
            "Tags": [],
            "TrafficType": "ALL",
        })
    };
    json!({ "FlowLogs": flow_logs.iter().map(entry).collect::<Vec<_>>() })
}

pub(super) fn ip_ranges(world: &World) -> Value {
    let created = world.start - 20 * 86400;
    let range = |key: &str, cidr: &str, region: &str, service: &str| json!({key: cidr, "network_border_group": region, "region": region, "service": service});
    let v4 = |cidr, region, service| range("ip_prefix", cidr, region, service);
    let v6 = |cidr, region, service| range("ipv6_prefix", cidr, region, service);
    json!({
        "createDate": format(created, "%Y-%m-%d-%H-%M-%S"),
        "ipv6_prefixes": [v6(S3_CIDR6, REGION, "AMAZON"), v6(S3_CIDR6, REGION, "S3")],
        "prefixes": [
            v4(S3_CIDR, REGION, "AMAZON"),
            v4(S3_CIDR, REGION, "S3"),
            v4(S3_OTHER_REGION_CIDR, "eu-west-1", "AMAZON"),
            v4(S3_OTHER_REGION_CIDR, "eu-west-1", "S3"),
            v4(EC2_CIDR, REGION, "AMAZON"),
            v4(EC2_CIDR, REGION, "EC2"),
        ],
        "syncToken": created.to_string(),
    })
}
