//! Failed checks as findings, so that sinks and suppressions apply to them.

use crate::audit::outcome::{CheckVerdict, Outcome};
use crate::detection::Finding;
use crate::detection::finding::id_of;

/// Returns the id of a check's subject. Jobs are no part of it: they come and go, and the VPC stays.
pub(super) fn id(key: &[String]) -> String {
    id_of(key)
}

impl Outcome {
    /// Returns it as a finding; `None` if the check did not fail. The jobs are its candidates: each of them has it.
    pub fn finding(&self) -> Option<Finding> {
        if self.verdict != CheckVerdict::Fail {
            return None;
        }
        let evidence = match self.evidence.as_slice() {
            [] => None,
            evidence => Some(evidence.join("; ")),
        };
        let parts = [&self.fix, &self.cli].into_iter().flatten().cloned();
        let remediation = parts.collect::<Vec<_>>().join("\n");
        let one = |ids: &[String]| if let [id] = ids { Some(id.clone()) } else { None };
        Some(Finding {
            finding_id: self.finding_id.clone(),
            detection: format!("audit-{}", self.check),
            title: self.title.to_owned(),
            severity: self.severity,
            confidence: self.confidence,
            reason: Some(self.why.clone()),
            first_seen: None,
            last_seen: None,
            account_id: self.account_id.clone(),
            region: self.region.clone(),
            vpc_id: self.vpc_id.clone(),
            subnet_id: one(&self.subnet_ids),
            interface_id: None,
            job_name: None,
            job_arn: None,
            job_candidates: self.jobs.clone(),
            attribution: None,
            local_addr: None,
            remote_addr: None,
            remote_port: None,
            protocol: None,
            remote_interface_id: None,
            remote_scope: None,
            flows: None,
            packets: None,
            bytes_out: None,
            bytes_in: None,
            path: None,
            cause: evidence,
            remediation: Some(remediation).filter(|text| !text.is_empty()),
            evidence: Vec::new(),
        })
    }
}
