//! The invented VPC: its subnets, routes, security groups, public ranges and interfaces.
//!
//! Every public address lies in a documentation range (RFC 5737, RFC 3849); the account is AWS's own
//! example account. Routing follows from the tables here, so records and inventory cannot disagree.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Account that owns everything.
pub(super) const ACCOUNT: &str = "123456789012";
/// Account that SageMaker attaches job interfaces from (invented).
pub(super) const SERVICE_ACCOUNT: &str = "210987654321";
/// Region of the VPC.
pub(super) const REGION: &str = "us-east-1";
/// The VPC.
pub(super) const VPC: &str = "vpc-0d1e5a2b3c4f60718";
/// Its IPv4 block.
pub(super) const VPC_CIDR: &str = "10.20.0.0/16";
/// Its IPv6 block.
pub(super) const VPC_CIDR6: &str = "2001:db8:1234:1a00::/56";
/// The flow log of the VPC.
pub(super) const FLOW_LOG: &str = "fl-0f1a2b3c4d5e6f708";
/// The flow log of subnet `private-b`, which records the traffic of its interfaces a second time.
pub(super) const SUBNET_FLOW_LOG: &str = "fl-0f2b3c4d5e6f70819";
/// AWS-managed prefix list of S3 in the region.
pub(super) const S3_PREFIX_LIST: &str = "pl-63a5400a";
/// S3's IPv4 range in the region: the content of the prefix list.
pub(super) const S3_CIDR: &str = "198.51.100.0/25";
/// S3's IPv4 range in another region.
pub(super) const S3_OTHER_REGION_CIDR: &str = "198.51.100.128/25";
/// S3's IPv6 range in the region: the endpoint, IPv4 only, does not take it.
pub(super) const S3_CIDR6: &str = "2001:db8:53::/48";
/// EC2's public range in the region.
pub(super) const EC2_CIDR: &str = "192.0.2.0/25";
/// The peered VPC.
pub(super) const PEER_CIDR: &str = "10.50.0.0/16";
/// Internet gateway.
pub(super) const INTERNET_GATEWAY: &str = "igw-0a9b8c7d6e5f40312";
/// Egress-only internet gateway.
pub(super) const EGRESS_ONLY_GATEWAY: &str = "eigw-0b7c6d5e4f3a29180";
/// NAT gateway, in the public subnet.
pub(super) const NAT_GATEWAY: &str = "nat-0c5d4e3f2a1b60798";
/// Peering connection.
pub(super) const PEERING: &str = "pcx-0d3e2f1a0b9c87465";
/// Gateway endpoint of S3.
pub(super) const S3_ENDPOINT: &str = "vpce-0e1f0a9b8c7d65432";

/// A subnet and what its route table does.
pub(super) struct Subnet {
    pub id: &'static str,
    pub name: &'static str,
    pub zone: &'static str,
    pub zone_id: &'static str,
    pub cidr: &'static str,
    /// Third octet of its first address.
    pub third: u8,
    pub cidr6: Option<&'static str>,
    pub route_table: &'static str,
    /// Whether the route table has the S3 gateway endpoint's route.
    pub endpoint: bool,
    /// Whether its way out is the internet gateway, not the NAT gateway.
    pub public: bool,
    pub network_acl: &'static str,
}

pub(super) const PUBLIC: usize = 0;
pub(super) const PRIVATE_A: usize = 1;
pub(super) const PRIVATE_B: usize = 2;
pub(super) const PRIVATE_C: usize = 3;

/// The subnets; [`PUBLIC`] and its neighbours index them.
pub(super) const SUBNETS: [Subnet; 4] = [
    Subnet {
        id: "subnet-0aa1b2c3d4e5f6071",
        name: "public",
        zone: "us-east-1a",
        zone_id: "use1-az1",
        cidr: "10.20.0.0/20",
        third: 0,
        cidr6: None,
        route_table: "rtb-0aa11bb22cc33dd44",
        endpoint: false,
        public: true,
        network_acl: "acl-0aa1bb2cc3dd4ee5f",
    },
    Subnet {
        id: "subnet-0ab1b2c3d4e5f6072",
        name: "private-a",
        zone: "us-east-1a",
        zone_id: "use1-az1",
        cidr: "10.20.16.0/20",
        third: 16,
        cidr6: Some("2001:db8:1234:1a01::/64"),
        route_table: "rtb-0ab11bb22cc33dd45",
        endpoint: true,
        public: false,
        network_acl: "acl-0aa1bb2cc3dd4ee5f",
    },
    Subnet {
        id: "subnet-0ac1b2c3d4e5f6073",
        name: "private-b",
        zone: "us-east-1b",
        zone_id: "use1-az2",
        cidr: "10.20.32.0/20",
        third: 32,
        cidr6: None,
        route_table: "rtb-0ac11bb22cc33dd46",
        endpoint: false,
        public: false,
        network_acl: "acl-0aa1bb2cc3dd4ee5f",
    },
    Subnet {
        id: "subnet-0ad1b2c3d4e5f6074",
        name: "private-c",
        zone: "us-east-1c",
        zone_id: "use1-az4",
        cidr: "10.20.48.0/20",
        third: 48,
        cidr6: None,
        route_table: "rtb-0ab11bb22cc33dd45",
        endpoint: true,
        public: false,
        network_acl: "acl-0bb1cc2dd3ee4ff50",
    },
];

/// Protocol, first port, last port (-1: all), peer: `self`, a CIDR or a prefix list.
pub(super) type Rule = (&'static str, i32, i32, &'static str);

/// A security group.
pub(super) struct Group {
    pub id: &'static str,
    pub name: &'static str,
    pub ingress: &'static [Rule],
    pub egress: &'static [Rule],
}

const ALL: Rule = ("-1", -1, -1, "0.0.0.0/0");
const ALL6: Rule = ("-1", -1, -1, "::/0");
const SELF: Rule = ("-1", -1, -1, "self");

/// Ordinary jobs: open to themselves, and out to everything.
pub(super) const JOBS: Group =
    Group { id: "sg-0a10000000000f001", name: "jobs", ingress: &[SELF], egress: &[ALL] };
/// Research jobs, the same rules under another name.
pub(super) const RESEARCH: Group =
    Group { id: "sg-0a10000000000f002", name: "research", ingress: &[SELF], egress: &[ALL] };
/// Lets the peered VPC in on port 8080.
pub(super) const SERVING: Group = Group {
    id: "sg-0a10000000000f003",
    name: "serving",
    ingress: &[("tcp", 8080, 8080, PEER_CIDR)],
    egress: &[ALL],
};
/// Lacks the rule that lets its members talk to each other.
pub(super) const SPARK_CLOSED: Group =
    Group { id: "sg-0a10000000000f004", name: "spark-closed", ingress: &[], egress: &[ALL] };
/// Distributed jobs, open to themselves.
pub(super) const SPARK: Group =
    Group { id: "sg-0a10000000000f005", name: "spark", ingress: &[SELF], egress: &[ALL] };
/// Network-isolated jobs.
pub(super) const ISOLATED: Group =
    Group { id: "sg-0a10000000000f006", name: "isolated", ingress: &[], egress: &[ALL] };
/// Only S3 and the VPC itself.
pub(super) const LOCKED: Group = Group {
    id: "sg-0a10000000000f007",
    name: "locked",
    ingress: &[],
    egress: &[("tcp", 443, 443, S3_PREFIX_LIST), ("tcp", 443, 443, VPC_CIDR)],
};
/// Lets TCP through to its members, but neither ESP nor UDP 500.
pub(super) const ENCRYPTED: Group = Group {
    id: "sg-0a10000000000f008",
    name: "encrypted",
    ingress: &[("tcp", 0, 65535, "self")],
    egress: &[ALL],
};
/// Dual-stack jobs.
pub(super) const DUALSTACK: Group =
    Group { id: "sg-0a10000000000f009", name: "dualstack", ingress: &[SELF], egress: &[ALL, ALL6] };
/// Interface endpoints.
pub(super) const ENDPOINTS: Group = Group {
    id: "sg-0a10000000000f00a",
    name: "endpoints",
    ingress: &[("tcp", 443, 443, VPC_CIDR)],
    egress: &[ALL],
};
/// EC2 instances and notebooks.
pub(super) const INSTANCES: Group = Group {
    id: "sg-0a10000000000f00b",
    name: "instances",
    ingress: &[SELF, ("tcp", 443, 443, "0.0.0.0/0")],
    egress: &[ALL],
};

/// Only S3: no interface endpoint can be reached.
pub(super) const S3_ONLY: Group = Group {
    id: "sg-0a10000000000f00c",
    name: "s3-only",
    ingress: &[],
    egress: &[("tcp", 443, 443, S3_PREFIX_LIST)],
};

/// Every security group of the VPC.
pub(super) const GROUPS: [&Group; 12] = [
    &JOBS,
    &RESEARCH,
    &SERVING,
    &SPARK_CLOSED,
    &SPARK,
    &ISOLATED,
    &LOCKED,
    &ENCRYPTED,
    &DUALSTACK,
    &ENDPOINTS,
    &INSTANCES,
    &S3_ONLY,
];

/// A flow log, as `describe-flow-logs` lists it.
pub(super) struct FlowLog {
    pub id: &'static str,
    /// The VPC or subnet whose interfaces it records.
    pub resource: &'static str,
    pub log_format: String,
}

/// What an interface belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Job,
    Nat,
    /// Interface endpoint of this service.
    Endpoint(&'static str),
    Instance,
    Notebook,
}

/// A network interface.
#[derive(Debug, Clone)]
pub(super) struct Eni {
    pub id: String,
    pub kind: Kind,
    pub subnet: usize,
    pub addr: Ipv4Addr,
    pub addr6: Option<Ipv6Addr>,
    pub public_ip: Option<Ipv4Addr>,
    pub instance: Option<String>,
    pub groups: Vec<&'static str>,
    /// Role that created it, for job interfaces.
    pub role: Option<String>,
    pub created: i64,
    pub deleted: Option<i64>,
}

impl Eni {
    /// Returns its address of the same family as `other`.
    pub(super) fn addr_like(&self, other: IpAddr) -> IpAddr {
        match (other, self.addr6) {
            (IpAddr::V6(_), Some(addr)) => IpAddr::V6(addr),
            _ => IpAddr::V4(self.addr),
        }
    }

    /// Returns its `interface-type`.
    pub(super) fn interface_type(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Nat => Some("nat_gateway"),
            Kind::Endpoint(_) => Some("vpc_endpoint"),
            Kind::Job | Kind::Instance | Kind::Notebook => None,
        }
    }
}

/// Where the route table sends a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hop {
    Local,
    GatewayEndpoint,
    Nat,
    InternetGateway,
    Peering,
}

impl Hop {
    /// Returns the `traffic-path` of an egress record that goes this way.
    pub(super) fn traffic_path(self) -> u8 {
        match self {
            Self::Local | Self::Nat => 1,
            Self::Peering => 4,
            Self::GatewayEndpoint => 7,
            Self::InternetGateway => 8,
        }
    }
}

/// Returns the way from a subnet to an address.
pub(super) fn route(subnet: usize, to: IpAddr) -> Hop {
    match to {
        IpAddr::V4(addr) => match addr.octets() {
            [10, 20, ..] => Hop::Local,
            [10, 50, ..] => Hop::Peering,
            [198, 51, 100, 0..128] if SUBNETS[subnet].endpoint => Hop::GatewayEndpoint,
            _ if SUBNETS[subnet].public => Hop::InternetGateway,
            _ => Hop::Nat,
        },
        IpAddr::V6(addr) => match addr.segments() {
            [0x2001, 0xdb8, 0x1234, ..] => Hop::Local,
            _ => Hop::InternetGateway,
        },
    }
}

/// Returns the AWS service whose public range contains an address.
pub(super) fn service(addr: IpAddr) -> Option<&'static str> {
    match addr {
        IpAddr::V4(addr) => match addr.octets() {
            [198, 51, 100, _] => Some("S3"),
            [192, 0, 2, 0..128] => Some("EC2"),
            _ => None,
        },
        IpAddr::V6(addr) => (addr.segments()[..3] == [0x2001, 0xdb8, 0x53]).then_some("S3"),
    }
}

/// Returns an id as AWS makes them, `eni-0` and 16 hexadecimal digits; the same for the same number.
pub(super) fn id(prefix: &str, number: u64) -> String {
    format!("{prefix}-0{:016x}", mix(number))
}

/// Spreads a number over 64 bits (SplitMix64).
pub(super) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
