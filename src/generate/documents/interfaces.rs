//! Answers about interfaces: those alive at the end by snapshot, those gone by CloudTrail.

use serde_json::{Value, json};

use crate::generate::conversation::NAT_ENI;
use crate::generate::documents::{format, iso};
use crate::generate::network::{
    ACCOUNT, ENDPOINTS, Eni, GROUPS, Kind, NAT_GATEWAY, PRIVATE_A, PUBLIC, REGION, S3_ENDPOINT,
    SERVICE_ACCOUNT, SUBNETS, VPC, id, mix,
};
use crate::generate::world::World;

const OPEN_POLICY: &str = r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;

pub(super) fn vpc_endpoints(world: &World) -> Value {
    let endpoint = |id: &str, kind: &str, service: &str| {
        json!({
            "CreationTimestamp": iso(world.start - 40 * 86400),
            "DnsEntries": [],
            "Groups": [],
            "IpAddressType": "ipv4",
            "NetworkInterfaceIds": [],
            "OwnerId": ACCOUNT,
            "PolicyDocument": OPEN_POLICY,
            "PrivateDnsEnabled": kind == "Interface",
            "RequesterManaged": false,
            "RouteTableIds": [],
            "ServiceName": format!("com.amazonaws.{REGION}.{service}"),
            "State": "available",
            "SubnetIds": [],
            "Tags": [],
            "VpcEndpointId": id,
            "VpcEndpointType": kind,
            "VpcId": VPC,
        })
    };
    let mut gateway = endpoint(S3_ENDPOINT, "Gateway", "s3");
    gateway["RouteTableIds"] = json!([SUBNETS[PRIVATE_A].route_table]);
    let mut endpoints = vec![gateway];
    for eni in &world.enis {
        if let Kind::Endpoint(service) = eni.kind {
            let mut interface = endpoint(&endpoint_id(service), "Interface", service);
            interface["Groups"] = json!([{"GroupId": ENDPOINTS.id, "GroupName": ENDPOINTS.name}]);
            interface["NetworkInterfaceIds"] = json!([eni.id]);
            interface["SubnetIds"] = json!([SUBNETS[eni.subnet].id]);
            endpoints.push(interface);
        }
    }
    json!({"VpcEndpoints": endpoints})
}

fn endpoint_id(service: &str) -> String {
    id("vpce", service.bytes().map(u64::from).sum())
}

pub(super) fn nat_gateways(world: &World) -> Value {
    let eni = &world.enis[NAT_ENI];
    json!({"NatGateways": [{
        "ConnectivityType": "public",
        "CreateTime": iso(eni.created),
        "NatGatewayAddresses": [{
            "AllocationId": "eipalloc-0a1b2c3d4e5f60720",
            "AssociationId": "eipassoc-0a1b2c3d4e5f60721",
            "IsPrimary": true,
            "NetworkInterfaceId": eni.id,
            "PrivateIp": eni.addr,
            "PublicIp": eni.public_ip,
            "Status": "succeeded",
        }],
        "NatGatewayId": NAT_GATEWAY,
        "State": "available",
        "SubnetId": SUBNETS[PUBLIC].id,
        "Tags": [],
        "VpcId": VPC,
    }]})
}

pub(super) fn network_interfaces(world: &World) -> Value {
    let alive = world.enis.iter().filter(|eni| eni.deleted.is_none());
    json!({"NetworkInterfaces": alive.map(network_interface).collect::<Vec<_>>()})
}

fn network_interface(eni: &Eni) -> Value {
    let (interface_type, description, managed) = match eni.kind {
        Kind::Job => ("interface", String::new(), false),
        Kind::Nat => ("nat_gateway", format!("Interface for NAT Gateway {NAT_GATEWAY}"), true),
        Kind::Endpoint(service) => {
            ("vpc_endpoint", format!("VPC Endpoint Interface {}", endpoint_id(service)), true)
        }
        Kind::Instance => ("interface", String::new(), false),
        Kind::Notebook => (
            "interface",
            "[Do not delete] Network Interface created to access resources in your VPC for SageMaker \
             Notebook Instance analyst-notebook"
                .to_owned(),
            false,
        ),
    };
    let association = eni.public_ip.map(|ip| json!({"IpOwnerId": ACCOUNT, "PublicIp": ip}));
    let mut address = json!({"Primary": true, "PrivateIpAddress": eni.addr});
    if let Some(association) = &association {
        address["Association"] = association.clone();
    }
    let addr6 = eni.addr6.map(|addr| json!({"Ipv6Address": addr}));
    let mut interface = json!({
        "Attachment": attachment(eni),
        "AvailabilityZone": SUBNETS[eni.subnet].zone,
        "Description": description,
        "Groups": groups(eni),
        "InterfaceType": interface_type,
        "Ipv6Addresses": addr6.into_iter().collect::<Vec<_>>(),
        "MacAddress": mac(eni),
        "NetworkInterfaceId": eni.id,
        "OwnerId": ACCOUNT,
        "PrivateIpAddress": eni.addr,
        "PrivateIpAddresses": [address],
        "RequesterManaged": managed,
        "SourceDestCheck": eni.kind != Kind::Nat,
        "Status": "in-use",
        "SubnetId": SUBNETS[eni.subnet].id,
        "TagSet": [],
        "VpcId": VPC,
    });
    if let Some(association) = association {
        interface["Association"] = association;
    }
    interface
}

/// An instance of the account's own, or one of the service's account for all others.
fn attachment(eni: &Eni) -> Value {
    let mut attachment = json!({
        "AttachTime": iso(eni.created),
        "AttachmentId": eni.id.replace("eni-", "eni-attach-"),
        "DeleteOnTermination": eni.kind == Kind::Instance,
        "DeviceIndex": i32::from(eni.kind != Kind::Instance),
        "Status": "attached",
    });
    let owner = match eni.kind {
        Kind::Instance => ACCOUNT,
        Kind::Job | Kind::Notebook => SERVICE_ACCOUNT,
        Kind::Nat | Kind::Endpoint(_) => "amazon-aws",
    };
    attachment["InstanceOwnerId"] = json!(owner);
    if let Some(instance) = &eni.instance {
        attachment["InstanceId"] = json!(instance);
    }
    attachment
}

fn groups(eni: &Eni) -> Vec<Value> {
    let name = |id: &str| GROUPS.iter().find(|group| group.id == id).map(|group| group.name);
    eni.groups.iter().map(|id| json!({"GroupId": id, "GroupName": name(id)})).collect()
}

fn mac(eni: &Eni) -> String {
    let [_, b, c, d] = eni.addr.octets();
    format!("02:5a:6d:{b:02x}:{c:02x}:{d:02x}")
}

/// Returns the creation and the deletion of every interface that is gone, in order of time; each creation comes
/// after a dry run of the service.
pub(super) fn cloudtrail(world: &World) -> Value {
    let mut events = Vec::new();
    for eni in &world.enis {
        if let Some(deleted) = eni.deleted {
            let mut dry_run = event(eni, "CreateNetworkInterface", eni.created - 1, 1);
            dry_run["errorCode"] = json!("Client.DryRunOperation");
            dry_run["errorMessage"] =
                json!("Request would have succeeded, but DryRun flag is set.");
            dry_run["requestParameters"] = json!({"subnetId": SUBNETS[eni.subnet].id});
            let mut create = event(eni, "CreateNetworkInterface", eni.created, 2);
            create["requestParameters"] = requested(eni);
            create["responseElements"] = created(eni);
            let mut delete = event(eni, "DeleteNetworkInterface", deleted, 3);
            delete["requestParameters"] = json!({"networkInterfaceId": eni.id});
            delete["responseElements"] = json!({"_return": true, "requestId": delete["requestID"]});
            events.extend([(eni.created - 1, dry_run), (eni.created, create), (deleted, delete)]);
        }
    }
    events.sort_by_key(|(time, _)| *time);
    json!({"Records": events.into_iter().map(|(_, event)| event).collect::<Vec<_>>()})
}

fn event(eni: &Eni, name: &str, time: i64, part: u64) -> Value {
    let role = eni.role.as_deref().unwrap_or("unknown");
    let number = u64::from(u32::from(eni.addr)) << 32 ^ eni.created.unsigned_abs() << 2 | part;
    let uuid = |number: u64| {
        let bits = mix(number);
        let (a, b, c) = (bits >> 32, bits >> 16 & 0xffff, bits & 0xfff);
        format!("{a:08x}-{b:04x}-4{c:03x}-a{c:03x}-{:012x}", mix(bits) >> 16)
    };
    json!({
        "awsRegion": REGION,
        "eventCategory": "Management",
        "eventID": uuid(number),
        "eventName": name,
        "eventSource": "ec2.amazonaws.com",
        "eventTime": format(time, "%Y-%m-%dT%H:%M:%SZ"),
        "eventType": "AwsApiCall",
        "eventVersion": "1.11",
        "managementEvent": true,
        "readOnly": false,
        "recipientAccountId": ACCOUNT,
        "requestID": uuid(!number),
        "requestParameters": null,
        "responseElements": null,
        "sourceIPAddress": "sagemaker.amazonaws.com",
        "userAgent": "sagemaker.amazonaws.com",
        "userIdentity": {
            "accountId": ACCOUNT,
            "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/SageMaker"),
            "invokedBy": "sagemaker.amazonaws.com",
            "principalId": "AROAEXAMPLEEXAMPLE123:SageMaker",
            "sessionContext": {"sessionIssuer": {
                "accountId": ACCOUNT,
                "arn": format!("arn:aws:iam::{ACCOUNT}:role/{role}"),
                "principalId": "AROAEXAMPLEEXAMPLE123",
                "type": "Role",
                "userName": role,
            }},
            "type": "AssumedRole",
        },
    })
}

fn requested(eni: &Eni) -> Value {
    let groups: Vec<Value> = eni.groups.iter().map(|id| json!({"groupId": id})).collect();
    json!({
        "groupSet": {"items": groups},
        "privateIpAddressesSet": {},
        "subnetId": SUBNETS[eni.subnet].id,
    })
}

fn created(eni: &Eni) -> Value {
    let groups: Vec<Value> = groups(eni)
        .iter()
        .map(|group| json!({"groupId": group["GroupId"], "groupName": group["GroupName"]}))
        .collect();
    let addr6: Vec<Value> = eni.addr6.iter().map(|a| json!({"ipv6Address": a})).collect();
    let private = json!({"items": [{"primary": true, "privateIpAddress": eni.addr}]});
    json!({
        "networkInterface": {
            "availabilityZone": SUBNETS[eni.subnet].zone,
            "description": "",
            "groupSet": {"items": groups},
            "interfaceType": "interface",
            "ipv6AddressesSet": {"items": addr6},
            "macAddress": mac(eni),
            "networkInterfaceId": eni.id,
            "ownerId": ACCOUNT,
            "privateIpAddress": eni.addr,
            "privateIpAddressesSet": private,
            "requesterId": "AROAEXAMPLEEXAMPLE123:SageMaker",
            "requesterManaged": false,
            "sourceDestCheck": true,
            "status": "pending",
            "subnetId": SUBNETS[eni.subnet].id,
            "vpcId": VPC,
        },
        "requestId": "5ample00-0000-4000-8000-000000000000",
    })
}
