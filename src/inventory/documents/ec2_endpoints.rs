//! EC2 responses about paths and records of traffic: endpoints, prefix lists, NAT gateways, flow
//! logs.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::inventory::aws_time::AwsTime;
use crate::inventory::documents::ec2_network::{Done, Group, group_ids};
use crate::inventory::documents::reader::{JsonObject, Reader, shape};
use crate::inventory::fact::Fact;
use crate::inventory::model;

/// Reads one of `VpcEndpoints`.
pub(super) fn vpc_endpoint(reader: &mut Reader, value: Value, at: Option<i64>) -> Done {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Shape {
        vpc_endpoint_id: String,
        vpc_endpoint_type: Option<String>,
        vpc_id: Option<String>,
        service_name: Option<String>,
        state: Option<String>,
        #[serde(default)]
        route_table_ids: BTreeSet<String>,
        #[serde(default)]
        subnet_ids: BTreeSet<String>,
        #[serde(default)]
        network_interface_ids: BTreeSet<String>,
        #[serde(default)]
        groups: Vec<Group>,
        private_dns_enabled: Option<bool>,
        #[serde(default)]
        dns_options: DnsOptions,
        ip_address_type: Option<String>,
        policy_document: Option<String>,
        #[serde(default)]
        creation_timestamp: AwsTime,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "PascalCase", default)]
    struct DnsOptions {
        private_dns_only_for_inbound_resolver_endpoint: Option<bool>,
    }
    let shape: Shape = shape(value)?;
    let inbound_only = shape.dns_options.private_dns_only_for_inbound_resolver_endpoint;
    let endpoint = model::VpcEndpoint {
        vpc_endpoint_id: shape.vpc_endpoint_id,
        endpoint_type: shape.vpc_endpoint_type,
        vpc_id: shape.vpc_id,
        service_name: shape.service_name,
        state: shape.state,
        route_table_ids: shape.route_table_ids.into_iter().collect(),
        subnet_ids: shape.subnet_ids.into_iter().collect(),
        interface_ids: shape.network_interface_ids.into_iter().collect(),
        security_group_ids: group_ids(shape.groups),
        private_dns: shape.private_dns_enabled,
        private_dns_inbound_only: inbound_only,
        ip_address_type: shape.ip_address_type,
        policy: shape.policy_document,
        created_at: shape.creation_timestamp.0,
    };
    reader.add(Fact::VpcEndpoint { at, endpoint });
    Ok(())
}

/// Reads one of `PrefixLists`: with its ranges from one API, without them from the other.
pub(super) fn prefix_list(reader: &mut Reader, value: Value, _at: Option<i64>) -> Done {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Shape {
        prefix_list_id: String,
        prefix_list_name: Option<String>,
        #[serde(default)]
        cidrs: Vec<String>,
    }
    let shape: Shape = shape(value)?;
    let entry = |cidr| {
        Fact::PrefixList(model::PrefixListEntry {
            prefix_list_id: shape.prefix_list_id.clone(),
            name: shape.prefix_list_name.clone(),
            cidr,
        })
    };
    reader.add(entry(None));
    shape.cidrs.into_iter().for_each(|cidr| reader.add(entry(Some(cidr))));
    Ok(())
}

/// Reads `GetManagedPrefixListEntries`: the response does not state of which list, so a key beside it must.
pub(super) fn prefix_list_entries(reader: &mut Reader, answer: &JsonObject) {
    let id = ["PrefixListId", "prefix_list_id"].iter().find_map(|key| answer.get(*key)?.as_str());
    let Some(id) = id else {
        return reader.complaints.push(
            "entries of a prefix list that is not named; hint: add \"PrefixListId\": \"pl-…\" \
             beside Entries, or collect describe-prefix-lists instead"
                .into(),
        );
    };
    for entry in answer.get("Entries").and_then(Value::as_array).into_iter().flatten() {
        match entry.get("Cidr").and_then(Value::as_str) {
            Some(cidr) => reader.add(Fact::PrefixList(model::PrefixListEntry {
                prefix_list_id: id.to_owned(),
                name: None,
                cidr: Some(cidr.to_owned()),
            })),
            None => reader.complaints.push(format!("an entry of prefix list {id} has no Cidr")),
        }
    }
}

/// Reads one of `NatGateways`: one row for each of its addresses, and one without when it has none.
pub(super) fn nat_gateway(reader: &mut Reader, value: Value, at: Option<i64>) -> Done {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Shape {
        nat_gateway_id: String,
        vpc_id: Option<String>,
        subnet_id: Option<String>,
        state: Option<String>,
        connectivity_type: Option<String>,
        #[serde(default)]
        create_time: AwsTime,
        #[serde(default)]
        delete_time: AwsTime,
        #[serde(default)]
        nat_gateway_addresses: Vec<Address>,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "PascalCase", default)]
    struct Address {
        network_interface_id: Option<String>,
        private_ip: Option<String>,
        public_ip: Option<String>,
    }
    let mut shape: Shape = shape(value)?;
    if shape.nat_gateway_addresses.is_empty() {
        shape.nat_gateway_addresses.push(Address::default());
    }
    let addresses = shape.nat_gateway_addresses.into_iter().map(|address| model::NatGateway {
        nat_gateway_id: shape.nat_gateway_id.clone(),
        vpc_id: shape.vpc_id.clone(),
        subnet_id: shape.subnet_id.clone(),
        interface_id: address.network_interface_id,
        private_ip: address.private_ip,
        public_ip: address.public_ip,
        state: shape.state.clone(),
        connectivity_type: shape.connectivity_type.clone(),
        created_at: shape.create_time.0,
        deleted_at: shape.delete_time.0,
    });
    let addresses = addresses.collect();
    reader.add(Fact::NatGateway { at, id: shape.nat_gateway_id, addresses });
    Ok(())
}

/// Reads one of `FlowLogs`.
pub(super) fn flow_log(reader: &mut Reader, value: Value, at: Option<i64>) -> Done {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Shape {
        flow_log_id: String,
        resource_id: Option<String>,
        traffic_type: Option<String>,
        log_destination_type: Option<String>,
        log_destination: Option<String>,
        log_group_name: Option<String>,
        log_format: Option<String>,
        max_aggregation_interval: Option<i32>,
        flow_log_status: Option<String>,
        deliver_logs_status: Option<String>,
        deliver_logs_error_message: Option<String>,
        #[serde(default)]
        creation_time: AwsTime,
    }
    let shape: Shape = shape(value)?;
    let flow_log = model::FlowLog {
        flow_log_id: shape.flow_log_id,
        resource_id: shape.resource_id,
        traffic_type: shape.traffic_type,
        destination_type: shape.log_destination_type,
        destination: shape.log_destination.or(shape.log_group_name),
        log_format: shape.log_format,
        max_aggregation_secs: shape.max_aggregation_interval,
        status: shape.flow_log_status,
        deliver_logs_status: shape.deliver_logs_status,
        deliver_logs_error: shape.deliver_logs_error_message,
        created_at: shape.creation_time.0,
    };
    reader.add(Fact::FlowLog { at, flow_log });
    Ok(())
}
