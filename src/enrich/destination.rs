//! The destination of a job, as an allow rule writes it.

use std::net::IpAddr;

use crate::enrich::enricher::Enricher;

/// Services of AWS's ranges that contain hosts and sites of all customers: to expect one of them does not mean to
/// expect the next.
const SHARED_SERVICES: &[&str] =
    &["AMAZON", "API_GATEWAY", "CLOUDFRONT", "EC2", "GLOBALACCELERATOR"];

impl Enricher {
    /// Returns the most general correct `to` of an allow rule for an address: the service
    /// of an endpoint or of AWS's ranges as they are now, `same-job`, `vpc`, a prefix list; else the address
    /// alone. Services with hosts of customers (EC2, CloudFront …) are given by address.
    ///
    /// `scope` is the `remote_scope` of the record. A rule with this `to` always fits that record.
    pub fn destination(&self, ip: IpAddr, scope: Option<&str>) -> String {
        let ip = ip.to_canonical();
        let service = match scope {
            Some("same-job") => return "same-job".to_owned(),
            Some("other-job" | "vpc") => return "vpc".to_owned(),
            Some("endpoint") => self.allow.services_at(ip).first().map(String::as_str),
            Some("s3") => Some("S3"),
            Some("aws") => {
                self.aws_service(ip, None).filter(|name| !SHARED_SERVICES.contains(name))
            }
            _ => None,
        };
        let service = service.map(|name| format!("service:{name}"));
        let list = || self.places.list_of(ip).map(|id| format!("prefix-list:{id}"));
        service.or_else(list).unwrap_or_else(|| ip.to_string())
    }
}
