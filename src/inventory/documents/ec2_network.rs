//! EC2 responses about interfaces, VPCs, subnets, endpoints, prefix lists, NAT gateways and flow logs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::Deserialize;
use serde_json::Value;

use crate::inventory::aws_time::AwsTime;
use crate::inventory::documents::reader::{JsonObject, Reader, shape};
use crate::inventory::fact::{CreatedBy, Details, Event, Fact, Sighting, Source};
use crate::inventory::model;
use crate::inventory::zone::region_of_zone;

/// Whether a value fits its AWS shape.
pub(super) type Done = Result<(), serde_json::Error>;

/// `NetworkInterface` of EC2; AWS Config writes the same with small first letters.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct NetworkInterface {
    pub(super) network_interface_id: String,
    owner_id: Option<String>,
    availability_zone: Option<String>,
    vpc_id: Option<String>,
    subnet_id: Option<String>,
    private_ip_address: Option<String>,
    private_ip_addresses: Vec<PrivateIp>,
    ipv6_addresses: Vec<Ipv6>,
    association: Association,
    groups: Vec<Group>,
    interface_type: Option<String>,
    description: Option<String>,
    requester_id: Option<String>,
    attachment: Attachment,
    operator: Operator,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct PrivateIp {
    private_ip_address: Option<String>,
    primary: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Ipv6 {
    ipv6_address: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Association {
    public_ip: Option<String>,
}

/// `GroupIdentifier` of EC2.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Group {
    group_id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Attachment {
    instance_id: Option<String>,
    instance_owner_id: Option<String>,
    attach_time: AwsTime,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Operator {
    principal: Option<String>,
}

impl NetworkInterface {
    /// Returns the evidence that SageMaker created it, if there is any.
    fn sagemaker(&self) -> Option<CreatedBy> {
        let operator = self.operator.principal.as_deref();
        let session = self.requester_id.as_deref().and_then(|id| id.rsplit_once(':'));
        match (operator, session) {
            (Some(name), _) if name.to_lowercase().contains("sagemaker") => {
                Some(CreatedBy::Operator)
            }
            (_, Some((_, "SageMaker"))) => Some(CreatedBy::Requester),
            _ => CreatedBy::of_description(self.description.as_deref()),
        }
    }

    /// Returns its facts, addresses in canonical text.
    pub(super) fn details(self) -> Details {
        let sagemaker = self.sagemaker();
        let mut listed = self.private_ip_addresses;
        listed.sort_by_key(|ip| !ip.primary);
        let all = self
            .private_ip_address
            .into_iter()
            .chain(listed.into_iter().filter_map(|ip| ip.private_ip_address))
            .chain(self.ipv6_addresses.into_iter().filter_map(|ip| ip.ipv6_address));
        Details {
            region: self.availability_zone.as_deref().and_then(region_of_zone).map(str::to_owned),
            account_id: self.owner_id,
            vpc_id: self.vpc_id,
            subnet_id: self.subnet_id,
            addresses: addresses(all),
            public_ip: self.association.public_ip,
            security_group_ids: group_ids(self.groups).into_iter().collect(),
            interface_type: self.interface_type,
            description: self.description,
            requester_id: self.requester_id,
            instance_id: self.attachment.instance_id,
            instance_owner_id: self.attachment.instance_owner_id,
            attached_at: self.attachment.attach_time.0,
            sagemaker,
            ..Details::default()
        }
    }
}

/// Returns addresses in canonical text, each once: the first stays first, the others are sorted.
pub(super) fn addresses(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<IpAddr> = Vec::new();
    for text in texts {
        if let Ok(address) = text.trim().parse::<IpAddr>()
            && !all.contains(&address.to_canonical())
        {
            all.push(address.to_canonical());
        }
    }
    if let Some((_, others)) = all.split_first_mut() {
        others.sort();
    }
    all.iter().map(ToString::to_string).collect()
}

/// Returns ids of security groups, sorted, each once.
pub(super) fn group_ids(groups: Vec<Group>) -> Vec<String> {
    let mut ids: Vec<String> = groups.into_iter().map(|group| group.group_id).collect();
    ids.sort();
    ids.dedup();
    ids
}

/// Reads one of `NetworkInterfaces`.
pub(super) fn network_interface(reader: &mut Reader, value: Value, at: Option<i64>) -> Done {
    let eni: NetworkInterface = shape(value)?;
    if eni.network_interface_id.is_empty() {
        return Err(missing("NetworkInterfaceId"));
    }
    reader.add(Fact::Eni(Sighting {
        interface_id: eni.network_interface_id.clone(),
        at,
        event: Event::Seen,
        source: Source::Snapshot,
        details: eni.details(),
    }));
    Ok(())
}

/// Reads the response of `create-network-interface`.
pub(super) fn created_interface(reader: &mut Reader, mut value: Value, at: Option<i64>) -> Done {
    network_interface(reader, value["NetworkInterface"].take(), at)
}

/// Notes which accounts, regions and VPCs a page of a listing covers, so that absence can be detected.
pub(super) fn pages(reader: &mut Reader, answer: &JsonObject, at: i64) {
    let more = answer.get("NextToken").and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    let mut covered: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for eni in answer.get("NetworkInterfaces").and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| eni.get(key).and_then(Value::as_str);
        let region = text("AvailabilityZone").and_then(region_of_zone).map(str::to_owned);
        let vpc_ids = covered.entry((text("OwnerId").map(str::to_owned), region)).or_default();
        vpc_ids.extend(text("VpcId").map(str::to_owned));
    }
    for ((account_id, region), vpc_ids) in covered {
        reader.add(Fact::Page { account_id, region, at, more, vpc_ids });
    }
}

/// An error that names the key an AWS shape cannot do without.
pub(super) fn missing(key: &'static str) -> serde_json::Error {
    serde::de::Error::missing_field(key)
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct CidrBlock {
    #[serde(alias = "Ipv6CidrBlock")]
    cidr_block: Option<String>,
    #[serde(alias = "Ipv6CidrBlockState")]
    cidr_block_state: State,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct State {
    state: Option<String>,
}

/// Returns the blocks that are in use: those without a state, and those that are associated.
fn cidrs(first: Option<String>, blocks: Vec<CidrBlock>) -> Vec<String> {
    let associated = blocks
        .into_iter()
        .filter(|block| block.cidr_block_state.state.as_deref().is_none_or(|s| s == "associated"))
        .filter_map(|block| block.cidr_block);
    let all: BTreeSet<String> = first.into_iter().chain(associated).collect();
    all.into_iter().collect()
}

/// Reads one of `Vpcs`.
pub(super) fn vpc(reader: &mut Reader, value: Value, at: Option<i64>) -> Done {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Shape {
        vpc_id: String,
        owner_id: Option<String>,
        cidr_block: Option<String>,
        #[serde(default)]
        cidr_block_association_set: Vec<CidrBlock>,
        #[serde(default)]
        ipv6_cidr_block_association_set: Vec<CidrBlock>,
        dhcp_options_id: Option<String>,
    }
    let mut shape: Shape = shape(value)?;
    shape.cidr_block_association_set.append(&mut shape.ipv6_cidr_block_association_set);
    let vpc = model::Vpc {
        vpc_id: shape.vpc_id,
        account_id: shape.owner_id,
        cidrs: cidrs(shape.cidr_block, shape.cidr_block_association_set),
        dns_support: None,
        dns_hostnames: None,
        dhcp_options_id: shape.dhcp_options_id,
    };
    reader.add(Fact::Vpc { at, vpc });
    Ok(())
}

/// Reads the response of `describe-vpc-attribute`, one attribute or both.
pub(super) fn vpc_dns(reader: &mut Reader, answer: &JsonObject, at: Option<i64>) {
    let flag = |key: &str| match answer.get(key)? {
        Value::Bool(flag) => Some(*flag),
        value => value.get("Value")?.as_bool(),
    };
    match answer.get("VpcId").and_then(Value::as_str) {
        Some(vpc_id) => reader.add(Fact::VpcDns {
            vpc_id: vpc_id.to_owned(),
            at,
            support: flag("EnableDnsSupport"),
            hostnames: flag("EnableDnsHostnames"),
        }),
        None => reader.complaints.push("the VPC attribute has no VpcId that is text".into()),
    }
}

/// Reads one of `DhcpOptions`: a set of keys with values each.
pub(super) fn dhcp_options(reader: &mut Reader, value: Value, at: Option<i64>) -> Done {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Shape {
        dhcp_options_id: String,
        #[serde(default)]
        dhcp_configurations: Vec<Configuration>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Configuration {
        key: String,
        #[serde(default)]
        values: Vec<ValueShape>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct ValueShape {
        value: Option<String>,
    }
    let shape: Shape = shape(value)?;
    let values = |key: &str| -> Vec<String> {
        let found = shape.dhcp_configurations.iter().filter(|one| one.key == key);
        found.flat_map(|one| &one.values).filter_map(|value| value.value.clone()).collect()
    };
    let options = model::DhcpOptions {
        domain_name: values("domain-name").into_iter().next(),
        domain_name_servers: values("domain-name-servers"),
        dhcp_options_id: shape.dhcp_options_id.clone(),
    };
    reader.add(Fact::DhcpOptions { at, options });
    Ok(())
}

/// Reads one of `Subnets`.
pub(super) fn subnet(reader: &mut Reader, value: Value, at: Option<i64>) -> Done {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Shape {
        subnet_id: String,
        vpc_id: Option<String>,
        owner_id: Option<String>,
        availability_zone: Option<String>,
        availability_zone_id: Option<String>,
        cidr_block: Option<String>,
        #[serde(default)]
        ipv6_cidr_block_association_set: Vec<CidrBlock>,
        available_ip_address_count: Option<i64>,
        map_public_ip_on_launch: Option<bool>,
    }
    let shape: Shape = shape(value)?;
    let subnet = model::Subnet {
        subnet_id: shape.subnet_id,
        vpc_id: shape.vpc_id,
        account_id: shape.owner_id,
        availability_zone: shape.availability_zone,
        az_id: shape.availability_zone_id,
        cidrs: cidrs(shape.cidr_block, shape.ipv6_cidr_block_association_set),
        available_addresses: shape.available_ip_address_count,
        map_public_ip: shape.map_public_ip_on_launch,
    };
    reader.add(Fact::Subnet { at, subnet });
    Ok(())
}
