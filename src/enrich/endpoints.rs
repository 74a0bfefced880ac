//! VPC endpoints: which service an interface leads to, and what a VPC's S3 gateway endpoints carry.

use foldhash::HashMap;

use crate::inventory::model::Inventory;
use crate::vpc::endpoints::{EndpointKind, is_ipv4_only, kind};
use crate::vpc::service_name;

/// The endpoints of an inventory, by interface, by id and by VPC.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    by_id: HashMap<String, Endpoint>,
    by_interface: HashMap<String, String>,
    s3_gateways: HashMap<String, bool>,
}

#[derive(Debug)]
struct Endpoint {
    kind: EndpointKind,
    service: String,
}

impl Endpoints {
    pub(super) fn new(inventory: &Inventory) -> Self {
        let mut endpoints = Self::default();
        for row in &inventory.vpc_endpoints {
            let kind = kind(row);
            let service = row.service_name.clone().unwrap_or_default();
            if let Some(vpc) = row.vpc_id.as_ref()
                && kind == EndpointKind::Gateway
                && service_name::s3_region(&service).is_some()
            {
                *endpoints.s3_gateways.entry(vpc.clone()).or_insert(true) &= is_ipv4_only(row);
            }
            for interface in &row.interface_ids {
                endpoints.by_interface.insert(interface.clone(), row.vpc_endpoint_id.clone());
            }
            endpoints.by_id.insert(row.vpc_endpoint_id.clone(), Endpoint { kind, service });
        }
        endpoints
    }

    /// Returns kind and service name of the endpoint that an interface belongs to. The name may be empty.
    pub(super) fn of_interface(&self, interface_id: &str) -> Option<(EndpointKind, &str)> {
        let endpoint = self.by_id.get(self.by_interface.get(interface_id)?)?;
        Some((endpoint.kind, &endpoint.service))
    }

    /// Returns whether an interface belongs to an interface endpoint of S3.
    pub(super) fn is_s3_interface(&self, interface_id: &str) -> bool {
        self.of_interface(interface_id).is_some_and(|(kind, service)| {
            kind == EndpointKind::Interface && service_name::s3_region(service).is_some()
        })
    }

    /// Returns whether a VPC has gateway endpoints of S3 and none of them carries IPv6.
    pub(super) fn s3_gateway_is_ipv4_only(&self, vpc: &str) -> bool {
        self.s3_gateways.get(vpc).copied().unwrap_or(false)
    }
}
