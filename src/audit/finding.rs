//! What fails, as a finding: for the same sinks and suppressions as what detections find.

use crate::audit::{CheckVerdict, Outcome};
use crate::detection::Finding;
use crate::detection::finding::id_of;

/// Returns the id of a check's subject. Jobs are no part of it: they come and go, and the VPC stays.
pub(super) fn id(key: &[String]) -> String {
    id_of(key)
}

pub(super) fn of(outcome: &Outcome) -> Option<Finding> {
    if outcome.verdict != CheckVerdict::Fail {
        return None;
    }
    let evidence = match outcome.evidence.as_slice() {
        [] => None,
        evidence => Some(evidence.join("; ")),
    };
    let parts = [&outcome.fix, &outcome.cli].into_iter().flatten().cloned();
    let remediation = parts.collect::<Vec<_>>().join("\n");
    let one = |ids: &[String]| if let [id] = ids { Some(id.clone()) } else { None };
    Some(Finding {
        finding_id: outcome.finding_id.clone(),
        detection: format!("audit-{}", outcome.check),
        title: outcome.title.to_owned(),
        severity: outcome.severity,
        confidence: outcome.confidence,
        reason: Some(outcome.why.clone()),
        first_seen: None,
        last_seen: None,
        account_id: outcome.account_id.clone(),
        region: outcome.region.clone(),
        vpc_id: outcome.vpc_id.clone(),
        subnet_id: one(&outcome.subnet_ids),
        interface_id: None,
        job_name: None,
        job_arn: None,
        job_candidates: outcome.jobs.clone(),
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
