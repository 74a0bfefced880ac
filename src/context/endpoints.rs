//! VPC endpoints: which service an interface leads to, and what a VPC's S3 gateway endpoints carry.

use foldhash::HashMap;

use crate::context::places;
use crate::inventory::model::Inventory;
use crate::inventory::model::VpcEndpoint;

/// The endpoints of an inventory, by interface, by id and by VPC.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    by_id: HashMap<String, Endpoint>,
    by_interface: HashMap<String, String>,
    s3_gateways: HashMap<String, bool>,
}

#[derive(Debug)]
struct Endpoint {
    kind: Kind,
    service: String,
}

/// What kind of endpoint it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Routes of a table lead to it; it has no interface.
    Gateway,
    /// It has interfaces with private addresses.
    Interface,
    /// Something else: a Gateway Load Balancer's, a resource's, a service network's.
    Other,
}

impl Endpoints {
    pub(super) fn new(inventory: &Inventory) -> Self {
        let mut endpoints = Self::default();
        for row in &inventory.vpc_endpoints {
            let kind = kind(row);
            let service = row.service_name.clone().unwrap_or_default();
            if let Some(vpc) = row.vpc_id.as_ref()
                && kind == Kind::Gateway
                && places::s3_region(&service).is_some()
            {
                // AWS made IPv4 the default before it gave the field.
                let ipv4_only =
                    row.ip_address_type.as_deref().is_none_or(|t| t.eq_ignore_ascii_case("ipv4"));
                *endpoints.s3_gateways.entry(vpc.clone()).or_insert(true) &= ipv4_only;
            }
            for interface in &row.interface_ids {
                endpoints.by_interface.insert(interface.clone(), row.vpc_endpoint_id.clone());
            }
            endpoints.by_id.insert(row.vpc_endpoint_id.clone(), Endpoint { kind, service });
        }
        endpoints
    }

    /// Returns the kind of the endpoint with this id.
    pub(super) fn kind(&self, id: &str) -> Option<Kind> {
        self.by_id.get(id).map(|endpoint| endpoint.kind)
    }

    /// Tells whether an endpoint is a gateway endpoint of S3. NULL when it is not known.
    pub(super) fn is_s3_gateway(&self, id: &str) -> Option<bool> {
        let endpoint = self.by_id.get(id)?;
        let s3 = places::s3_region(&endpoint.service).is_some();
        Some(endpoint.kind == Kind::Gateway && s3)
    }

    /// Returns kind and service name of the endpoint that an interface belongs to. The name may be empty.
    pub(super) fn of_interface(&self, interface_id: &str) -> Option<(Kind, &str)> {
        let endpoint = self.by_id.get(self.by_interface.get(interface_id)?)?;
        Some((endpoint.kind, &endpoint.service))
    }

    /// Tells whether an interface belongs to an interface endpoint of S3.
    pub(super) fn is_s3_interface(&self, interface_id: &str) -> bool {
        self.of_interface(interface_id).is_some_and(|(kind, service)| {
            kind == Kind::Interface && places::s3_region(service).is_some()
        })
    }

    /// Tells whether a VPC has gateway endpoints of S3 and none of them carries IPv6.
    pub(super) fn s3_gateway_is_ipv4_only(&self, vpc: &str) -> bool {
        self.s3_gateways.get(vpc).copied().unwrap_or(false)
    }
}

fn kind(row: &VpcEndpoint) -> Kind {
    match row.endpoint_type.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("gateway") => Kind::Gateway,
        Some("interface") => Kind::Interface,
        None if !row.interface_ids.is_empty() => Kind::Interface,
        None if !row.route_table_ids.is_empty() => Kind::Gateway,
        _ => Kind::Other,
    }
}

/// Returns the service part of an endpoint's service name: `sagemaker.api` of
/// `com.amazonaws.us-east-1.sagemaker.api`. Names of other shapes are returned whole.
pub(super) fn short_service(name: &str) -> &str {
    let short = name.split_once("com.amazonaws.").and_then(|(_, rest)| rest.split_once('.'));
    short.map_or(name, |(_, service)| service)
}
