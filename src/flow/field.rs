//! The one list of flow log fields. Schema, decoder, `flowq fields`, and the table of `docs/fields.md` come from it.

use std::sync::Arc;

use Kind::{Addr, Code, Count, Name, Time};
use arrow::datatypes::{DataType, Field as ArrowField, Schema, SchemaRef, TimeUnit};

/// The AWS page that defines every field in [`FIELDS`].
pub const VPC_PAGE: &str = "https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html";

/// The AWS page that defines every field in [`TRANSIT_GATEWAY_FIELDS`].
pub const TRANSIT_GATEWAY_PAGE: &str =
    "https://docs.aws.amazon.com/vpc/latest/tgw/tgw-flow-logs.html";

/// One field of a flow log record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// AWS's name, as in a header line: `interface-id`.
    pub name: &'static str,
    /// The flow log version that introduced it.
    pub version: u8,
    /// What kind of value it contains.
    pub kind: Kind,
    /// One line of meaning. `-` in a record is NULL in SQL.
    pub meaning: &'static str,
}

/// The kind of value that a field contains; decides its Arrow type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An IPv4 or IPv6 address, stored as text.
    Addr,
    /// Free text: ids, names, enumerations.
    Name,
    /// A small number: ports, protocol, flags (AWS: INT_32).
    Code,
    /// A large number: packets, bytes (AWS: INT_64).
    Count,
    /// Unix seconds, UTC (AWS: INT_64).
    Time,
}

impl Kind {
    /// Returns the Arrow type of a column of this kind.
    pub fn data_type(self) -> DataType {
        match self {
            Addr | Name => DataType::Utf8View,
            Code => DataType::Int32,
            Count => DataType::Int64,
            Time => DataType::Timestamp(TimeUnit::Second, Some("UTC".into())),
        }
    }

    /// Returns AWS's own name of the type, as in its Parquet files.
    pub fn aws_type(self) -> &'static str {
        match self {
            Addr | Name => "STRING",
            Code => "INT_32",
            Count | Time => "INT_64",
        }
    }
}

impl Field {
    /// Returns the SQL column: AWS's name with `_` for `-`.
    pub fn column(&self) -> String {
        column_name(self.name)
    }
}

/// Returns the SQL column of a field that flowq knows: `-` becomes `_`.
pub fn column_name(name: &str) -> String {
    name.replace('-', "_")
}

const fn field(name: &'static str, version: u8, kind: Kind, meaning: &'static str) -> Field {
    Field { name, version, kind, meaning }
}

/// Every field of VPC flow logs, versions 2 to 11, in the order of [`VPC_PAGE`].
#[rustfmt::skip]
pub const FIELDS: &[Field] = &[
    field("version",                    2, Code,  "highest version among the fields of this record"),
    field("account-id",                 2, Name,  "account that owns the interface; `unknown` for some AWS-made ones"),
    field("interface-id",               2, Name,  "ENI that the traffic was recorded on"),
    field("srcaddr",                    2, Addr,  "source; on egress the ENI's primary private address"),
    field("dstaddr",                    2, Addr,  "destination; on ingress the ENI's primary private address"),
    field("srcport",                    2, Code,  "source port; 0 for protocols without ports"),
    field("dstport",                    2, Code,  "destination port; 0 for protocols without ports"),
    field("protocol",                   2, Code,  "IANA protocol number: 6 TCP, 17 UDP, 1 ICMP, 50 ESP"),
    field("packets",                    2, Count, "packets in the aggregation interval"),
    field("bytes",                      2, Count, "bytes in the aggregation interval, headers included"),
    field("start",                      2, Time,  "first packet of the interval, up to 60 s off"),
    field("end",                        2, Time,  "last packet of the interval, up to 60 s off"),
    field("action",                     2, Name,  "ACCEPT or REJECT; NULL in NODATA and SKIPDATA records"),
    field("log-status",                 2, Name,  "OK, NODATA (no traffic) or SKIPDATA (records were lost)"),
    field("vpc-id",                     3, Name,  "VPC of the interface"),
    field("subnet-id",                  3, Name,  "subnet of the interface"),
    field("instance-id",                3, Name,  "EC2 instance of the interface, if it is yours; NULL for job ENIs"),
    field("tcp-flags",                  3, Code,  "OR of FIN 1, SYN 2, RST 4, SYN-ACK 18 over the interval"),
    field("type",                       3, Name,  "IPv4, IPv6 or EFA"),
    field("pkt-srcaddr",                3, Addr,  "source in the packet, before a NAT gateway or EKS rewrote it"),
    field("pkt-dstaddr",                3, Addr,  "destination in the packet, before a NAT gateway or EKS rewrote it"),
    field("region",                     4, Name,  "region of the interface"),
    field("az-id",                      4, Name,  "availability zone id of the interface: use1-az1"),
    field("sublocation-type",           4, Name,  "wavelength, outpost or localzone"),
    field("sublocation-id",             4, Name,  "id of the sublocation"),
    field("pkt-src-aws-service",        5, Name,  "AWS service whose public range contains pkt-srcaddr"),
    field("pkt-dst-aws-service",        5, Name,  "AWS service whose public range contains pkt-dstaddr"),
    field("flow-direction",             5, Name,  "ingress or egress, as the ENI sees it"),
    field("traffic-path",               5, Code,  "way out of an egress flow: 7 gateway endpoint, 8 internet gateway"),
    field("ecs-cluster-arn",            7, Name,  "ARN of the ECS cluster"),
    field("ecs-cluster-name",           7, Name,  "name of the ECS cluster"),
    field("ecs-container-instance-arn", 7, Name,  "ARN of the ECS container instance"),
    field("ecs-container-instance-id",  7, Name,  "id of the ECS container instance"),
    field("ecs-container-id",           7, Name,  "runtime id of the first container"),
    field("ecs-second-container-id",    7, Name,  "runtime id of the second container"),
    field("ecs-service-name",           7, Name,  "name of the ECS service"),
    field("ecs-task-definition-arn",    7, Name,  "ARN of the ECS task definition"),
    field("ecs-task-arn",               7, Name,  "ARN of the ECS task"),
    field("ecs-task-id",                7, Name,  "id of the ECS task"),
    field("reject-reason",              8, Name,  "why it was rejected: BPA or EC; NULL for every other reason"),
    field("resource-id",                9, Name,  "regional NAT gateway that the record belongs to"),
    field("encryption-status",         10, Code,  "0 none, 1 Nitro, 2 application, 3 both"),
    field("instance-tag",              11, Name,  "value of the first configured instance tag key, percent-encoded"),
    field("instance-tag-2",            11, Name,  "value of the second configured instance tag key, percent-encoded"),
    field("interface-tag",             11, Name,  "value of the first configured ENI tag key, percent-encoded"),
    field("interface-tag-2",           11, Name,  "value of the second configured ENI tag key, percent-encoded"),
    field("asg-tag",                   11, Name,  "value of the first auto scaling group tag key, percent-encoded"),
    field("asg-tag-2",                 11, Name,  "value of the second auto scaling group tag key, percent-encoded"),
    field("interface-type",            11, Name,  "nat_gateway, vpc_endpoint, transit_gateway …; NULL for job ENIs"),
    field("next-hop-interface-id",     11, Name,  "ENI that receives (egress) or sends (ingress) the traffic next"),
    field("next-hop-subnet-id",        11, Name,  "subnet of the next hop"),
    field("next-hop-az-id",            11, Name,  "availability zone id of the next hop"),
    field("next-hop-vpc-id",           11, Name,  "VPC of the next hop"),
    field("next-hop-interface-type",   11, Name,  "what the next hop is: nat_gateway, vpc_endpoint …"),
];

/// Every field of transit gateway flow logs (version 6), in the order of [`TRANSIT_GATEWAY_PAGE`].
#[rustfmt::skip]
pub const TRANSIT_GATEWAY_FIELDS: &[Field] = &[
    field("version",                    2, Code,  "highest version among the fields of this record"),
    field("resource-type",              6, Name,  "TransitGateway"),
    field("account-id",                 2, Name,  "account that owns the transit gateway"),
    field("tgw-id",                     6, Name,  "transit gateway that the traffic was recorded on"),
    field("tgw-attachment-id",          6, Name,  "attachment that the traffic was recorded on"),
    field("tgw-src-vpc-account-id",     6, Name,  "account of the source VPC"),
    field("tgw-dst-vpc-account-id",     6, Name,  "account of the destination VPC"),
    field("tgw-src-vpc-id",             6, Name,  "source VPC"),
    field("tgw-dst-vpc-id",             6, Name,  "destination VPC"),
    field("tgw-src-subnet-id",          6, Name,  "subnet of the source attachment"),
    field("tgw-dst-subnet-id",          6, Name,  "subnet of the destination attachment"),
    field("tgw-src-eni",                6, Name,  "ENI of the source attachment"),
    field("tgw-dst-eni",                6, Name,  "ENI of the destination attachment"),
    field("tgw-src-az-id",              6, Name,  "availability zone id of the source"),
    field("tgw-dst-az-id",              6, Name,  "availability zone id of the destination"),
    field("tgw-pair-attachment-id",     6, Name,  "attachment on the other side"),
    field("srcaddr",                    2, Addr,  "source"),
    field("dstaddr",                    2, Addr,  "destination"),
    field("srcport",                    2, Code,  "source port; 0 for protocols without ports"),
    field("dstport",                    2, Code,  "destination port; 0 for protocols without ports"),
    field("protocol",                   2, Code,  "IANA protocol number"),
    field("packets",                    2, Count, "packets in the aggregation interval"),
    field("bytes",                      2, Count, "bytes in the aggregation interval, headers included"),
    field("start",                      2, Time,  "first packet of the interval, up to 60 s off"),
    field("end",                        2, Time,  "last packet of the interval, up to 60 s off"),
    field("log-status",                 2, Name,  "OK, NODATA or SKIPDATA"),
    field("type",                       3, Name,  "IPv4 or IPv6"),
    field("packets-lost-no-route",      6, Count, "packets dropped because no route fits"),
    field("packets-lost-blackhole",     6, Count, "packets dropped by a blackhole route"),
    field("packets-lost-mtu-exceeded",  6, Count, "packets dropped because they are larger than the MTU"),
    field("packets-lost-ttl-expired",   6, Count, "packets dropped because their TTL ran out"),
    field("tcp-flags",                  3, Code,  "OR of FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32 over the interval"),
    field("region",                     4, Name,  "region of the transit gateway"),
    field("flow-direction",             5, Name,  "ingress or egress, as the transit gateway sees it"),
    field("pkt-src-aws-service",        5, Name,  "AWS service whose public range contains the source"),
    field("pkt-dst-aws-service",        5, Name,  "AWS service whose public range contains the destination"),
];

/// Which list of fields a record belongs to. The two never share a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layout {
    /// VPC flow logs: table `flow_logs`.
    Vpc,
    /// Transit gateway flow logs: table `transit_gateway_flow_logs`.
    TransitGateway,
}

impl Layout {
    /// Returns every known field of this layout.
    pub fn fields(self) -> &'static [Field] {
        match self {
            Self::Vpc => FIELDS,
            Self::TransitGateway => TRANSIT_GATEWAY_FIELDS,
        }
    }

    /// Returns the known field with this AWS name.
    pub fn field(self, name: &str) -> Option<&'static Field> {
        self.fields().iter().find(|field| field.name == name)
    }

    /// Returns the table's schema: every known field, then `extra` (columns of fields that this build does
    /// not know, see [`columns_of`](crate::flow::columns::columns_of), as text), then where the row came from:
    /// `object` and `line`. All columns are nullable.
    pub fn schema(self, extra: &[String]) -> SchemaRef {
        let known = self.fields().iter();
        let mut columns: Vec<ArrowField> =
            known.map(|f| ArrowField::new(f.column(), f.kind.data_type(), true)).collect();
        columns.extend(extra.iter().map(|name| ArrowField::new(name, DataType::Utf8View, true)));
        columns.push(ArrowField::new(OBJECT, DataType::Utf8View, true));
        columns.push(ArrowField::new(LINE, DataType::Int64, true));
        Arc::new(Schema::new(columns))
    }
}

/// Column that names the object a row came from: a path, `-` for standard input, `s3://bucket/key`.
pub const OBJECT: &str = "object";

/// Column with the line of [`OBJECT`] that a row came from, counted from 1 in the decompressed text; in
/// Parquet the row, in a JSON envelope the log event.
pub const LINE: &str = "line";
