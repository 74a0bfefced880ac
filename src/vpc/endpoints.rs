//! What kind of VPC endpoint a row is, and what it carries.

use crate::inventory::model::VpcEndpoint;
use crate::vpc::service_name;

/// What kind of endpoint it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointKind {
    /// Routes of a table lead to it; it has no interface.
    Gateway,
    /// It has interfaces with private addresses.
    Interface,
    /// Something else: a Gateway Load Balancer's, a resource's, a service network's.
    Other,
}

/// Returns the kind of an endpoint: by its type, else by what it has.
pub fn kind(endpoint: &VpcEndpoint) -> EndpointKind {
    match endpoint.endpoint_type.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("gateway") => EndpointKind::Gateway,
        Some("interface") => EndpointKind::Interface,
        None if !endpoint.interface_ids.is_empty() => EndpointKind::Interface,
        None if !endpoint.route_table_ids.is_empty() => EndpointKind::Gateway,
        _ => EndpointKind::Other,
    }
}

/// Returns whether routes lead to an endpoint.
pub fn is_gateway(endpoint: &VpcEndpoint) -> bool {
    kind(endpoint) == EndpointKind::Gateway
}

/// Returns the region whose S3 an endpoint serves. `None` when it serves another service.
pub fn s3_region(endpoint: &VpcEndpoint) -> Option<&str> {
    service_name::s3_region(endpoint.service_name.as_deref()?)
}

/// Returns whether an endpoint carries IPv4 only. AWS made that the default before it gave the field.
pub fn is_ipv4_only(endpoint: &VpcEndpoint) -> bool {
    endpoint.ip_address_type.as_deref().is_none_or(|kind| kind.eq_ignore_ascii_case("ipv4"))
}

/// Returns whether an endpoint serves. A state that is not known is taken as such.
pub fn is_available(endpoint: &VpcEndpoint) -> bool {
    endpoint.state.as_deref().is_none_or(|state| state.eq_ignore_ascii_case("available"))
}
