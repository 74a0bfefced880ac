//! The columns that this room adds to a flow record.

use DataType::{Boolean, Int32, Utf8View};
use arrow::datatypes::DataType;

/// One column that is added to a flow record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "COLUMNS says what each one means")]
pub enum Column {
    JobName,
    JobArn,
    JobCandidates,
    Attribution,
    EniRole,
    NetworkIsolation,
    EniBelongsTo,
    LocalAccountId,
    LocalRegion,
    LocalVpcId,
    LocalSubnetId,
    Direction,
    LocalAddr,
    LocalPort,
    RemoteAddr,
    RemotePort,
    SynBy,
    RemoteInterfaceId,
    RemoteJobName,
    RemoteScope,
    S3Path,
    S3Evidence,
}

/// What is known of a [`Column`]. Every column is nullable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnInfo {
    /// The column.
    pub column: Column,
    /// Its name in SQL.
    pub name: &'static str,
    /// Its Arrow type.
    pub data_type: DataType,
    /// The columns of `flow_logs` that it is made from. One that is missing is read as NULL.
    pub needs: &'static [&'static str],
    /// One line of meaning.
    pub meaning: &'static str,
}

impl Column {
    /// Returns the column with this SQL name.
    pub fn by_name(name: &str) -> Option<Self> {
        COLUMNS.iter().find(|info| info.name == name).map(|info| info.column)
    }

    /// Returns what is known of this column.
    pub fn info(self) -> &'static ColumnInfo {
        // COLUMNS lists every variant in the order of the enum; a test checks it.
        &COLUMNS[self as usize]
    }
}

const fn info(
    column: Column,
    name: &'static str,
    data_type: DataType,
    needs: &'static [&'static str],
    meaning: &'static str,
) -> ColumnInfo {
    ColumnInfo { column, name, data_type, needs, meaning }
}

#[rustfmt::skip]
const JOB: &[&str] = &[
    "interface_id", "start", "end", "subnet_id", "instance_id", "interface_type",
];
const OWNER: &[&str] =
    &["interface_id", "start", "end", "interface_type", "instance_id", "resource_id"];
const ACCOUNT: &[&str] = &["interface_id", "start", "end", "account_id"];
const REGION: &[&str] =
    &["interface_id", "start", "end", "region", "subnet_id", "instance_id", "interface_type"];
const VPC: &[&str] = &["interface_id", "start", "end", "vpc_id", "subnet_id"];
const SUBNET: &[&str] = &["interface_id", "start", "end", "subnet_id"];
#[rustfmt::skip]
const SIDE: &[&str] = &[
    "interface_id", "start", "end", "log_status", "flow_direction", "srcaddr", "dstaddr",
];
#[rustfmt::skip]
const ADDR: &[&str] = &[
    "interface_id", "start", "end", "log_status", "flow_direction", "srcaddr", "dstaddr", "pkt_srcaddr",
    "pkt_dstaddr",
];
#[rustfmt::skip]
const PORT: &[&str] = &[
    "interface_id", "start", "end", "log_status", "flow_direction", "srcaddr", "dstaddr", "srcport",
    "dstport",
];
#[rustfmt::skip]
const SYN: &[&str] = &[
    "interface_id", "start", "end", "log_status", "flow_direction", "srcaddr", "dstaddr", "protocol",
    "tcp_flags",
];
#[rustfmt::skip]
const REMOTE: &[&str] = &[
    "interface_id", "start", "end", "log_status", "flow_direction", "srcaddr", "dstaddr", "pkt_srcaddr",
    "pkt_dstaddr", "vpc_id", "subnet_id",
];
#[rustfmt::skip]
const SCOPE: &[&str] = &[
    "interface_id", "start", "end", "log_status", "flow_direction", "srcaddr", "dstaddr", "pkt_srcaddr",
    "pkt_dstaddr", "vpc_id", "subnet_id", "instance_id", "interface_type", "pkt_src_aws_service",
    "pkt_dst_aws_service",
];
#[rustfmt::skip]
const S3: &[&str] = &[
    "interface_id", "start", "end", "log_status", "flow_direction", "srcaddr", "dstaddr", "pkt_srcaddr",
    "pkt_dstaddr", "vpc_id", "subnet_id", "instance_id", "interface_type", "pkt_src_aws_service",
    "pkt_dst_aws_service", "region", "traffic_path", "next_hop_interface_id", "next_hop_interface_type",
];

/// Every column that this room adds, in the order in which SQL shows them.
#[rustfmt::skip]
pub const COLUMNS: &[ColumnInfo] = &[
    info(Column::JobName,           "job_name",            Utf8View, JOB,     "processing job that the ENI serves; NULL when none or several fit"),
    info(Column::JobArn,            "job_arn",             Utf8View, JOB,     "ARN of that job"),
    info(Column::JobCandidates,     "job_candidates",      Utf8View, JOB,     "the jobs that fit when there are several, joined by a comma"),
    info(Column::Attribution,       "attribution",         Utf8View, JOB,     "declared, exact, shared or inferred; NULL: serves no known job"),
    info(Column::EniRole,           "eni_role",            Utf8View, JOB,     "container or platform; NULL when not known"),
    info(Column::NetworkIsolation,  "network_isolation",   Boolean,  JOB,     "whether the job runs in network isolation"),
    info(Column::EniBelongsTo,      "eni_belongs_to",      Utf8View, OWNER,   "what the ENI belongs to when not to a job: nat_gateway, vpc_endpoint, instance …"),
    info(Column::LocalAccountId,    "local_account_id",    Utf8View, ACCOUNT, "account of the ENI: the record's, else the inventory's"),
    info(Column::LocalRegion,       "local_region",        Utf8View, REGION,  "region of the ENI: the record's, else the inventory's"),
    info(Column::LocalVpcId,        "local_vpc_id",        Utf8View, VPC,     "VPC of the ENI: the record's, else the inventory's, else that of its subnet"),
    info(Column::LocalSubnetId,     "local_subnet_id",     Utf8View, SUBNET,  "subnet of the ENI: the record's, else the inventory's"),
    info(Column::Direction,         "direction",           Utf8View, SIDE,    "ingress or egress, as the ENI sees it: the record's, else by the ENI's own address"),
    info(Column::LocalAddr,         "local_addr",          Utf8View, ADDR,    "address on the ENI's side, packet-level where the log has it"),
    info(Column::LocalPort,         "local_port",          Int32,    PORT,    "port on the ENI's side; 0 for protocols without ports"),
    info(Column::RemoteAddr,        "remote_addr",         Utf8View, ADDR,    "address on the other side, packet-level where the log has it"),
    info(Column::RemotePort,        "remote_port",         Int32,    PORT,    "port on the other side; 0 for protocols without ports"),
    info(Column::SynBy,             "syn_by",              Utf8View, SYN,     "local or remote: who opened, by the TCP flags of this record alone"),
    info(Column::RemoteInterfaceId, "remote_interface_id", Utf8View, REMOTE,  "ENI that had the remote address in the VPC at that time"),
    info(Column::RemoteJobName,     "remote_job_name",     Utf8View, REMOTE,  "processing job that the remote ENI serves"),
    info(Column::RemoteScope,       "remote_scope",        Utf8View, SCOPE,   "same-job, other-job, endpoint, vpc, s3, aws, local, private or internet"),
    info(Column::S3Path,            "s3_path",             Utf8View, S3,      "which way traffic to or from S3 took; NULL for other traffic"),
    info(Column::S3Evidence,        "s3_evidence",         Utf8View, S3,      "proven, strong, inferred or unknown: how sure s3_path is"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::field::Layout;

    #[test]
    fn table_is_in_the_order_of_the_enum() {
        for (index, info) in COLUMNS.iter().enumerate() {
            assert_eq!(info.column as usize, index, "{}", info.name);
            assert_eq!(Column::by_name(info.name), Some(info.column));
        }
    }

    #[test]
    fn needs_only_columns_of_flow_logs() {
        let schema = Layout::Vpc.schema(&[]);
        for info in COLUMNS {
            for need in info.needs {
                assert!(schema.column_with_name(need).is_some(), "{need} of {}", info.name);
            }
        }
    }
}
