//! An audit report as SARIF 2.1.0.
//!
//! Source: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>. What is judged is no file; but GitHub code
//! scanning refuses results without a physical location, so each result names its resource as a path.

use serde_json::{Value, json};

use crate::audit::check::Check;
use crate::audit::checks::CHECKS;
use crate::audit::outcome::{CheckVerdict, Outcome};
use crate::audit::runner::AuditReport;
use crate::detection::Severity;

/// Returns an audit as one SARIF log: a rule for each check, a result for each outcome.
pub fn log(report: &AuditReport) -> Value {
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "flowq",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": CHECKS.iter().map(rule).collect::<Vec<_>>(),
            } },
            "results": report.outcomes.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

fn rule(check: &Check) -> Value {
    json!({
        "id": check.detection(),
        "name": check.id,
        "shortDescription": { "text": check.title },
        "fullDescription": { "text": check.help },
        "helpUri": check.section.url,
        "help": { "text": format!("{} ({})", check.help, check.section.title) },
        "defaultConfiguration": { "level": level(check.severity) },
        "properties": { "security-severity": score(check.severity), "tags": ["security", "aws", "vpc"] },
    })
}

fn result(outcome: &Outcome) -> Value {
    let (kind, level) = match outcome.verdict {
        CheckVerdict::Fail => ("fail", level(outcome.severity)),
        CheckVerdict::Pass => ("pass", "none"),
        // It could not be judged.
        CheckVerdict::NotKnown => ("open", "none"),
    };
    let detection = format!("audit-{}", outcome.check);
    let index = CHECKS.iter().position(|check| check.id == outcome.check);
    let mut text = outcome.why.clone();
    if let Some(fix) = &outcome.fix {
        text = format!("{text}. To do: {fix}");
    }
    let mut result = json!({
        "ruleId": detection,
        "ruleIndex": index,
        "kind": kind,
        "level": level,
        "message": { "text": text },
        "partialFingerprints": { "flowq/v1": outcome.finding_id },
        "properties": {
            "verdict": outcome.verdict,
            "severity": outcome.severity,
            "confidence": outcome.confidence,
            "evidence": outcome.evidence,
            "jobs": outcome.jobs,
            "cli": outcome.cli,
            "terraform": outcome.terraform,
        },
    });
    let places = places(outcome);
    let path = places.last().and_then(|place| place["fullyQualifiedName"].as_str());
    let mut location = json!({
        "physicalLocation": {
            "artifactLocation": { "uri": format!("aws/{}", path.unwrap_or("account")) },
            "region": { "startLine": 1 },
        },
    });
    if !places.is_empty() {
        location["logicalLocations"] = places.into();
    }
    result["locations"] = json!([location]);
    result
}

/// The resources that an outcome is about, the VPC before what lies in it.
fn places(outcome: &Outcome) -> Vec<Value> {
    let vpc = outcome.vpc_id.as_deref();
    let place = |id: &str, kind: &str| {
        let inside = vpc.filter(|vpc| *vpc != id).map(|vpc| format!("{vpc}/{id}"));
        json!({
            "name": id,
            "fullyQualifiedName": inside.unwrap_or_else(|| id.to_owned()),
            "kind": kind,
        })
    };
    let vpcs = vpc.iter().map(|id| place(id, "AWS::EC2::VPC"));
    let subnets = outcome.subnet_ids.iter().map(|id| place(id, "AWS::EC2::Subnet"));
    let groups = outcome.security_group_ids.iter().map(|id| place(id, "AWS::EC2::SecurityGroup"));
    vpcs.chain(subnets).chain(groups).collect()
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Informational => "note",
    }
}

/// What GitHub sorts by: a number up to 10, as text.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "3.0",
        Severity::Informational => "0.0",
    }
}
