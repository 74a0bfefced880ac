//! One record, and how it is written in a log format.

use std::io::Write as _;
use std::net::IpAddr;

use crate::flow::field::FIELDS;
use crate::generate::Format;
use crate::generate::network::{ACCOUNT, Eni, REGION, SUBNETS, VPC, service};

/// One record of a flow log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    /// Index of the interface.
    pub eni: usize,
    /// Index of the interface at the next hop.
    pub next_hop: Option<usize>,
    pub src: IpAddr,
    pub dst: IpAddr,
    pub src_port: u16,
    pub dst_port: u16,
    pub protocol: u8,
    pub packets: u64,
    pub bytes: u64,
    pub start: i64,
    pub end: i64,
    pub accept: bool,
    pub status: Status,
    pub tcp_flags: u8,
    pub pkt_src: IpAddr,
    pub pkt_dst: IpAddr,
    pub egress: bool,
    pub path: Option<u8>,
}

/// `log-status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    NoData,
    SkipData,
}

struct Row<'a> {
    record: &'a Record,
    eni: &'a Eni,
    next_hop: Option<&'a Eni>,
    version: u8,
}

struct Column {
    name: &'static str,
    /// Whether NODATA and SKIPDATA records have it too.
    always: bool,
    put: fn(&mut Vec<u8>, &Row<'_>),
}

/// Writes records in one log format.
pub(super) struct Encoder {
    columns: Vec<Column>,
    version: u8,
}

impl Encoder {
    /// Returns the encoder of a format.
    pub(super) fn new(format: Format) -> Self {
        let names = names(format);
        let known = FIELDS.iter().filter(|field| names.contains(&field.name));
        let version = known.map(|field| field.version).max().unwrap_or(2);
        Self { columns: names.into_iter().map(column).collect(), version }
    }

    /// Returns the field names in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().map(|column| column.name)
    }

    /// Returns the header line, without its end.
    pub(super) fn header(&self) -> String {
        self.names().collect::<Vec<_>>().join(" ")
    }

    /// Returns the format as `CreateFlowLogs` takes it: `${version} ${account-id} …`.
    pub(super) fn log_format(&self) -> String {
        self.names().map(|name| format!("${{{name}}}")).collect::<Vec<_>>().join(" ")
    }

    /// Appends one line without its end.
    pub(super) fn line(&self, record: &Record, enis: &[Eni], out: &mut Vec<u8>) {
        let row = self.row(record, enis);
        for (i, column) in self.columns.iter().enumerate() {
            if i > 0 {
                out.push(b' ');
            }
            column.write(&row, out);
        }
    }

    /// Appends the text of the field at `column`.
    pub(super) fn value(&self, column: usize, record: &Record, enis: &[Eni], out: &mut Vec<u8>) {
        self.columns[column].write(&self.row(record, enis), out);
    }

    fn row<'a>(&self, record: &'a Record, enis: &'a [Eni]) -> Row<'a> {
        let next_hop = record.next_hop.map(|i| &enis[i]);
        Row { record, eni: &enis[record.eni], next_hop, version: self.version }
    }
}

impl Column {
    fn write(&self, row: &Row<'_>, out: &mut Vec<u8>) {
        if self.always || row.record.status == Status::Ok {
            (self.put)(out, row);
        } else {
            out.push(b'-');
        }
    }
}

/// The fields of [`Format::Custom`]: all that the verdicts need, in an order of its own.
const CUSTOM: &[&str] = &[
    "start",
    "end",
    "action",
    "log-status",
    "flow-direction",
    "traffic-path",
    "interface-id",
    "pkt-srcaddr",
    "pkt-dstaddr",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "tcp-flags",
    "packets",
    "bytes",
    "reject-reason",
    "pkt-src-aws-service",
    "pkt-dst-aws-service",
    "vpc-id",
    "subnet-id",
    "instance-id",
    "account-id",
    "region",
    "version",
];

fn names(format: Format) -> Vec<&'static str> {
    let up_to = |version: u8| -> Vec<&'static str> {
        FIELDS.iter().filter(|field| field.version <= version).map(|field| field.name).collect()
    };
    match format {
        Format::V2 => up_to(2),
        Format::V5 => up_to(5),
        Format::V11 => up_to(11),
        Format::Custom => CUSTOM.to_vec(),
    }
}

fn column(name: &'static str) -> Column {
    let (always, put): (bool, fn(&mut Vec<u8>, &Row<'_>)) = match name {
        "version" => (true, |out, row| number(out, u64::from(row.version))),
        "account-id" => (true, |out, _| text(out, Some(ACCOUNT))),
        "interface-id" => (true, |out, row| text(out, Some(&row.eni.id))),
        "srcaddr" => (false, |out, row| address(out, row.record.src)),
        "dstaddr" => (false, |out, row| address(out, row.record.dst)),
        "srcport" => (false, |out, row| number(out, u64::from(row.record.src_port))),
        "dstport" => (false, |out, row| number(out, u64::from(row.record.dst_port))),
        "protocol" => (false, |out, row| number(out, u64::from(row.record.protocol))),
        "packets" => (false, |out, row| number(out, row.record.packets)),
        "bytes" => (false, |out, row| number(out, row.record.bytes)),
        "start" => (true, |out, row| number(out, row.record.start.unsigned_abs())),
        "end" => (true, |out, row| number(out, row.record.end.unsigned_abs())),
        "action" => (false, |out, row| {
            text(out, Some(if row.record.accept { "ACCEPT" } else { "REJECT" }));
        }),
        "log-status" => (true, |out, row| text(out, Some(status(row.record.status)))),
        "vpc-id" => (true, |out, _| text(out, Some(VPC))),
        "subnet-id" => (true, |out, row| text(out, Some(SUBNETS[row.eni.subnet].id))),
        "instance-id" => (true, |out, row| text(out, row.eni.instance.as_deref())),
        "tcp-flags" => (false, |out, row| number(out, u64::from(row.record.tcp_flags))),
        "type" => (false, |out, row| {
            text(out, Some(if row.record.src.is_ipv4() { "IPv4" } else { "IPv6" }));
        }),
        "pkt-srcaddr" => (false, |out, row| address(out, row.record.pkt_src)),
        "pkt-dstaddr" => (false, |out, row| address(out, row.record.pkt_dst)),
        "region" => (true, |out, _| text(out, Some(REGION))),
        "az-id" => (true, |out, row| text(out, Some(SUBNETS[row.eni.subnet].zone_id))),
        "pkt-src-aws-service" => (false, |out, row| text(out, service(row.record.pkt_src))),
        "pkt-dst-aws-service" => (false, |out, row| text(out, service(row.record.pkt_dst))),
        "flow-direction" => (false, |out, row| {
            text(out, Some(if row.record.egress { "egress" } else { "ingress" }));
        }),
        "traffic-path" => (false, |out, row| match row.record.path {
            Some(path) => number(out, u64::from(path)),
            None => out.push(b'-'),
        }),
        "interface-type" => (true, |out, row| text(out, row.eni.interface_type())),
        "next-hop-interface-id" => (false, |out, row| text(out, row.next_hop.map(|e| &*e.id))),
        "next-hop-subnet-id" => {
            (false, |out, row| text(out, row.next_hop.map(|e| SUBNETS[e.subnet].id)))
        }
        "next-hop-az-id" => {
            (false, |out, row| text(out, row.next_hop.map(|e| SUBNETS[e.subnet].zone_id)))
        }
        "next-hop-vpc-id" => (false, |out, row| text(out, row.next_hop.map(|_| VPC))),
        "next-hop-interface-type" => {
            (false, |out, row| text(out, row.next_hop.and_then(Eni::interface_type)))
        }
        // Sublocations, ECS, tags, encryption controls: nothing of that is in this VPC.
        _ => (false, |out, _| out.push(b'-')),
    };
    Column { name, always, put }
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Ok => "OK",
        Status::NoData => "NODATA",
        Status::SkipData => "SKIPDATA",
    }
}

fn text(out: &mut Vec<u8>, value: Option<&str>) {
    out.extend_from_slice(value.unwrap_or("-").as_bytes());
}

/// Appends a number. By hand: `write!` takes a third of the time of a whole record.
fn number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

fn address(out: &mut Vec<u8>, addr: IpAddr) {
    match addr {
        IpAddr::V4(addr) => {
            for (i, octet) in addr.octets().into_iter().enumerate() {
                if i > 0 {
                    out.push(b'.');
                }
                number(out, u64::from(octet));
            }
        }
        // Writing to a Vec cannot fail.
        IpAddr::V6(addr) => write!(out, "{addr}").unwrap_or_default(),
    }
}
