//! The flow of a finding.

use crate::detection::Finding;
use crate::explain::{Error, Explanation, LoggedFlow, flow};
use crate::flow::address;
use crate::reachability::{Analyzer, BypassObservation};
use crate::vpc::FiveTuple;

/// The flow that a finding is about.
#[derive(Debug, Clone)]
pub struct FindingQuery {
    /// From the finding's local side to its remote one.
    pub tuple: FiveTuple,
    interface: Option<String>,
    remote_interface: Option<String>,
    vpc: Option<String>,
    subnet: Option<String>,
    region: Option<String>,
    path: Option<String>,
    at: Option<i64>,
}

/// Returns the finding whose id begins so.
pub fn find<'a>(findings: &'a [Finding], id: &str) -> Result<&'a Finding, Error> {
    let mut found = findings.iter().filter(|finding| finding.finding_id.starts_with(id));
    let first = found.next().ok_or_else(|| Error::NoFinding(id.to_owned()))?;
    let others: Vec<&str> = found.map(|finding| finding.finding_id.as_str()).collect();
    if others.is_empty() {
        return Ok(first);
    }
    let ids = format!("{}, {}", first.finding_id, others.join(", "));
    Err(Error::Several(id.to_owned(), ids))
}

impl FindingQuery {
    /// Returns the flow of a finding. `None`: it is about no flow, but about the configuration or the logs.
    pub fn of(finding: &Finding) -> Option<Self> {
        let port = finding.remote_port.and_then(|port| u16::try_from(port).ok());
        let tuple = FiveTuple {
            source: address::parse(finding.local_addr.as_deref()?)?,
            destination: address::parse(finding.remote_addr.as_deref()?)?,
            source_port: None,
            destination_port: port,
            protocol: u8::try_from(finding.protocol?).ok()?,
            icmp: None,
        };
        Some(Self {
            tuple,
            interface: finding.interface_id.clone(),
            remote_interface: finding.remote_interface_id.clone(),
            vpc: finding.vpc_id.clone(),
            subnet: finding.subnet_id.clone(),
            region: finding.region.clone(),
            path: finding.path.clone(),
            at: finding.first_seen,
        })
    }

    /// Explains it. Where it is traffic to S3 around the endpoint, the fixes lead it there.
    pub fn explain(&self, reach: &Analyzer, logged: Vec<LoggedFlow>) -> Explanation {
        let from = reach.end(self.interface.as_deref(), self.tuple.source, self.at);
        let to = reach.end(self.remote_interface.as_deref(), self.tuple.destination, self.at);
        let mut explained = flow::of(reach, &self.tuple, (&from, &to), self.at, logged);
        if let Some(path) = &self.path {
            let bypass = reach.bypass(&BypassObservation {
                vpc: self.vpc.as_deref().or(from.vpc),
                subnet: self.subnet.as_deref().or(from.subnet),
                region: self.region.as_deref(),
                remote: self.tuple.destination,
                path,
            });
            explained.summary =
                format!("{}; it went by {path}: {}", explained.summary, bypass.cause);
            explained.fixes = bypass.fixes;
        }
        explained
    }
}
