//! The rows of an inventory as Arrow tables, under the names that SQL knows.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use serde::Serialize;

use crate::inventory::error::Error;
use crate::inventory::model::Inventory;

/// Every table: its name and what it contains.
pub const TABLES: &[(&str, &str)] = &[
    ("jobs", "SageMaker processing jobs"),
    ("enis", "interfaces, one row for each interval in which nothing about them changed"),
    ("eni_addresses", "addresses of interfaces, one row for each address and interval"),
    ("vpcs", "VPCs"),
    ("subnets", "subnets"),
    ("routes", "routes of all route tables"),
    ("route_table_associations", "which route table a subnet uses"),
    ("vpc_endpoints", "VPC endpoints, gateway and interface"),
    ("prefix_lists", "entries of prefix lists"),
    ("security_groups", "security groups, those without a rule included"),
    ("security_group_rules", "security group rules, one row for each peer"),
    ("network_acl_entries", "network ACL entries, one row for each subnet"),
    ("nat_gateways", "NAT gateways, one row for each address"),
    ("ip_ranges", "public ranges of AWS, with the time in which they were valid"),
    ("dhcp_options", "DHCP options, which name the DNS servers of a VPC"),
    ("aws_flow_logs", "flow logs as configured"),
    ("bucket_policies", "policies of buckets, where documents have them"),
];

/// Type of a column. Times are seconds, UTC. `NULL` means not known.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    List,
    Time,
    Flag,
    Int,
    Long,
}
use Kind::{Flag, Int, List, Long, Text, Time};

type Columns = &'static [(&'static str, Kind)];

#[rustfmt::skip]
const JOBS: Columns = &[
    ("job_name", Text), ("job_arn", Text), ("account_id", Text), ("region", Text), ("status", Text),
    ("created_at", Time), ("started_at", Time), ("ended_at", Time), ("in_vpc", Flag),
    ("subnet_ids", List), ("security_group_ids", List), ("role_arn", Text),
    ("instance_count", Int), ("instance_type", Text), ("network_isolation", Flag),
    ("inter_container_encryption", Flag), ("image_uri", Text), ("s3_uris", List),
    ("failure_reason", Text),
];
#[rustfmt::skip]
const ENIS: Columns = &[
    ("interface_id", Text), ("valid_from", Time), ("valid_to", Time), ("created_at", Time),
    ("account_id", Text), ("region", Text), ("vpc_id", Text), ("subnet_id", Text),
    ("addresses", List), ("public_ip", Text), ("security_group_ids", List),
    ("interface_type", Text), ("description", Text), ("instance_id", Text),
    ("creator_role_arn", Text), ("made_by", Text), ("made_by_from", Text), ("belongs_to", Text),
    ("source", Text), ("job_name", Text), ("job_arn", Text), ("job_candidates", List),
    ("attribution", Text), ("eni_role", Text), ("reason", Text),
];
#[rustfmt::skip]
const ENI_ADDRESSES: Columns = &[
    ("interface_id", Text), ("address", Text), ("vpc_id", Text), ("job_name", Text),
    ("valid_from", Time), ("valid_to", Time),
];
#[rustfmt::skip]
const VPCS: Columns = &[
    ("vpc_id", Text), ("account_id", Text), ("cidrs", List), ("dns_support", Flag),
    ("dns_hostnames", Flag), ("dhcp_options_id", Text),
];
#[rustfmt::skip]
const SUBNETS: Columns = &[
    ("subnet_id", Text), ("vpc_id", Text), ("account_id", Text), ("availability_zone", Text),
    ("az_id", Text), ("cidrs", List), ("available_addresses", Long), ("map_public_ip", Flag),
];
#[rustfmt::skip]
const ROUTES: Columns = &[
    ("route_table_id", Text), ("vpc_id", Text), ("destination", Text), ("target", Text),
    ("state", Text), ("origin", Text),
];
#[rustfmt::skip]
const ROUTE_TABLE_ASSOCIATIONS: Columns = &[
    ("route_table_id", Text), ("vpc_id", Text), ("subnet_id", Text), ("main", Flag),
];
#[rustfmt::skip]
const VPC_ENDPOINTS: Columns = &[
    ("vpc_endpoint_id", Text), ("endpoint_type", Text), ("vpc_id", Text), ("service_name", Text),
    ("state", Text), ("route_table_ids", List), ("subnet_ids", List), ("interface_ids", List),
    ("security_group_ids", List), ("private_dns", Flag), ("private_dns_inbound_only", Flag), ("ip_address_type", Text),
    ("policy", Text), ("created_at", Time),
];
#[rustfmt::skip]
const PREFIX_LISTS: Columns = &[("prefix_list_id", Text), ("name", Text), ("cidr", Text)];
const SECURITY_GROUPS: Columns = &[("security_group_id", Text), ("vpc_id", Text), ("name", Text)];
#[rustfmt::skip]
const SECURITY_GROUP_RULES: Columns = &[
    ("security_group_id", Text), ("vpc_id", Text), ("direction", Text), ("protocol", Text),
    ("from_port", Int), ("to_port", Int), ("peer", Text), ("rule_id", Text),
];
#[rustfmt::skip]
const NETWORK_ACL_ENTRIES: Columns = &[
    ("network_acl_id", Text), ("vpc_id", Text), ("subnet_id", Text), ("direction", Text),
    ("rule_number", Int), ("rule_action", Text), ("protocol", Text), ("cidr", Text),
    ("from_port", Int), ("to_port", Int),
];
#[rustfmt::skip]
const NAT_GATEWAYS: Columns = &[
    ("nat_gateway_id", Text), ("vpc_id", Text), ("subnet_id", Text), ("interface_id", Text),
    ("private_ip", Text), ("public_ip", Text), ("state", Text), ("connectivity_type", Text),
    ("created_at", Time), ("deleted_at", Time),
];
#[rustfmt::skip]
const IP_RANGES: Columns = &[
    ("cidr", Text), ("region", Text), ("service", Text), ("valid_from", Time), ("valid_to", Time),
];
const DHCP_OPTIONS: Columns =
    &[("dhcp_options_id", Text), ("domain_name", Text), ("domain_name_servers", List)];
#[rustfmt::skip]
const AWS_FLOW_LOGS: Columns = &[
    ("flow_log_id", Text), ("resource_id", Text), ("traffic_type", Text),
    ("destination_type", Text), ("destination", Text), ("log_format", Text),
    ("max_aggregation_secs", Int), ("status", Text), ("deliver_logs_status", Text),
    ("deliver_logs_error", Text), ("created_at", Time),
];

const BUCKET_POLICIES: Columns = &[("bucket", Text), ("policy", Text)];

#[derive(Serialize)]
struct EniAddress<'a> {
    interface_id: &'a str,
    address: &'a str,
    vpc_id: Option<&'a str>,
    job_name: Option<&'a str>,
    valid_from: Option<i64>,
    valid_to: Option<i64>,
}

impl Inventory {
    /// Returns every table of [`TABLES`], in its order, one batch each.
    ///
    /// # Errors
    ///
    /// [`Error::Table`] when rows do not fit their columns, which is a mistake of this build.
    pub fn tables(&self) -> Result<Vec<(&'static str, RecordBatch)>, Error> {
        let addresses: Vec<EniAddress<'_>> = self
            .enis
            .iter()
            .flat_map(|eni| {
                eni.addresses.iter().map(|address| EniAddress {
                    interface_id: &eni.interface_id,
                    address,
                    vpc_id: eni.vpc_id.as_deref(),
                    job_name: eni.job_name.as_deref(),
                    valid_from: eni.valid_from,
                    valid_to: eni.valid_to,
                })
            })
            .collect();
        Ok(vec![
            table("jobs", JOBS, &self.jobs)?,
            table("enis", ENIS, &self.enis)?,
            table("eni_addresses", ENI_ADDRESSES, &addresses)?,
            table("vpcs", VPCS, &self.vpcs)?,
            table("subnets", SUBNETS, &self.subnets)?,
            table("routes", ROUTES, &self.routes)?,
            table(
                "route_table_associations",
                ROUTE_TABLE_ASSOCIATIONS,
                &self.route_table_associations,
            )?,
            table("vpc_endpoints", VPC_ENDPOINTS, &self.vpc_endpoints)?,
            table("prefix_lists", PREFIX_LISTS, &self.prefix_lists)?,
            table("security_groups", SECURITY_GROUPS, &self.security_groups)?,
            table("security_group_rules", SECURITY_GROUP_RULES, &self.security_group_rules)?,
            table("network_acl_entries", NETWORK_ACL_ENTRIES, &self.network_acl_entries)?,
            table("nat_gateways", NAT_GATEWAYS, &self.nat_gateways)?,
            table("ip_ranges", IP_RANGES, &self.ip_ranges)?,
            table("dhcp_options", DHCP_OPTIONS, &self.dhcp_options)?,
            table("aws_flow_logs", AWS_FLOW_LOGS, &self.flow_logs)?,
            table("bucket_policies", BUCKET_POLICIES, &self.bucket_policies)?,
        ])
    }
}

fn table<T: Serialize>(
    name: &'static str,
    columns: Columns,
    rows: &[T],
) -> Result<(&'static str, RecordBatch), Error> {
    let fields: Vec<FieldRef> = columns
        .iter()
        .map(|(column, kind)| Arc::new(Field::new(*column, kind.data_type(), true)))
        .collect();
    let batch = serde_arrow::to_record_batch(&fields, &rows)
        .map_err(|err| Error::Table { table: name, source: Box::new(err) })?;
    Ok((name, batch))
}

impl Kind {
    fn data_type(self) -> DataType {
        match self {
            Text => DataType::Utf8,
            List => DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))),
            Time => DataType::Timestamp(TimeUnit::Second, Some("UTC".into())),
            Flag => DataType::Boolean,
            Int => DataType::Int32,
            Long => DataType::Int64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::model::{Attribution, Eni};

    #[test]
    fn tables_are_those_that_are_documented() {
        let tables = Inventory::default().tables().unwrap();
        let names: Vec<&str> = tables.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, TABLES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    }

    #[test]
    fn every_column_holds_its_value() {
        let eni = Eni {
            interface_id: "eni-1".into(),
            valid_from: Some(1),
            addresses: vec!["10.0.0.1".into(), "10.0.0.2".into()],
            attribution: Some(Attribution::Exact),
            ..Eni::default()
        };
        let inventory = Inventory { enis: vec![eni], ..Inventory::default() };
        let tables = inventory.tables().unwrap();
        let (_, enis) = &tables[1];
        let shown = arrow::util::pretty::pretty_format_batches(std::slice::from_ref(enis)).unwrap();
        let shown = shown.to_string();
        for text in ["1970-01-01T00:00:01Z", "exact", "[10.0.0.1, 10.0.0.2]"] {
            assert!(shown.contains(text), "{text} in {shown}");
        }
        assert_eq!(tables[2].1.num_rows(), 2);
    }
}
