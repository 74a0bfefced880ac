//! The configuration of VPCs, indexed: where a route table sends an address, which ports a rule covers.
//!
//! [`RouteTables`] has the only route lookup, [`RuleMatch`] the only matcher of security group rules and
//! network ACL entries. Enrichment, reachability and the audit all use these, so that their
//! results agree. Nothing here reads a record or runs SQL.

mod cidr_map;
pub mod endpoints;
pub(crate) mod interfaces;
pub(crate) mod ip_ranges;
pub(crate) mod network;
pub(crate) mod packet;
pub mod ports;
mod routes;
pub mod rules;
pub(crate) mod service_address;
pub mod service_name;

pub use cidr_map::CidrMap;
pub use network::VpcNetwork;
pub use packet::{Error, FiveTuple};
pub use routes::{
    EffectiveRouteTable, NextHop, RouteMatch, RouteTables, S3Region, S3RegionOf, Undetermined,
};
pub use rules::{MatchResult, RuleMatch};
