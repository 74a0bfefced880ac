//! Findings as OCSF Detection Finding (class 2004), schema version 1.5.0.
//!
//! Source: <https://schema.ocsf.io/1.5.0/classes/detection_finding>. Traffic times go into `start_time` and
//! `end_time`; `time` is when the finding was made. Every time is in milliseconds, as OCSF's `timestamp_t`.

use serde_json::{Map, Value, json};

use crate::detection::{Confidence, Detection, Finding, Severity};
use crate::flow::protocol::protocol_name;

/// Returns a finding as one OCSF event. `now`: Unix seconds, UTC.
pub fn detection_finding(finding: &Finding, detection: Option<&Detection>, now: i64) -> Value {
    let (severity_id, severity) = severity(finding.severity);
    let (confidence_id, confidence) = confidence(finding.confidence);
    without_nulls(json!({
        "activity_id": 1,
        "activity_name": "Create",
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": 2004,
        "class_name": "Detection Finding",
        "type_uid": 200_401,
        "type_name": "Detection Finding: Create",
        "time": now * 1000,
        "start_time": millis(finding.first_seen),
        "end_time": millis(finding.last_seen),
        "count": finding.flows.filter(|flows| *flows > 0),
        "severity_id": severity_id,
        "severity": severity,
        "confidence_id": confidence_id,
        "confidence": confidence,
        "status_id": 1,
        "status": "New",
        "is_alert": true,
        "message": finding.reason.as_deref().unwrap_or(&finding.title),
        "metadata": {
            "version": "1.5.0",
            "profiles": ["cloud"],
            "uid": &finding.finding_id,
            "product": {
                "name": "flowq",
                "vendor_name": "flowq",
                "version": env!("CARGO_PKG_VERSION"),
            },
            "log_name": "VPC flow logs",
        },
        "cloud": {
            "provider": "AWS",
            "region": finding.region,
            "account": finding.account_id.as_ref().map(|uid| json!({
                "uid": uid, "type_id": 10, "type": "AWS Account",
            })),
        },
        "finding_info": finding_info(finding, detection, now),
        "evidences": [evidence(finding)],
        "resources": resources(finding),
        "remediation": finding.remediation.as_ref().map(|desc| json!({ "desc": desc })),
        "unmapped": unmapped(finding),
    }))
}

fn finding_info(finding: &Finding, detection: Option<&Detection>, now: i64) -> Value {
    let attacks = detection.map(|detection| {
        let techniques = detection.mitre.iter();
        let attack = |uid: &String| {
            json!({
                "technique": { "uid": uid },
                "version": "17",
            })
        };
        Value::Array(techniques.map(attack).collect())
    });
    json!({
        "uid": &finding.finding_id,
        "title": &finding.title,
        "desc": detection.map(|detection| detection.description.trim()),
        "types": [&finding.detection],
        "created_time": now * 1000,
        "first_seen_time": millis(finding.first_seen),
        "last_seen_time": millis(finding.last_seen),
        "analytic": { "type_id": 1, "type": "Rule", "uid": &finding.detection, "name": &finding.title },
        "attacks": attacks,
        "data_sources": ["Amazon VPC flow logs"],
    })
}

/// The connection: from the job's interface to its peer, since findings are oriented that way.
fn evidence(finding: &Finding) -> Value {
    let address = finding.remote_addr.as_ref().or(finding.local_addr.as_ref());
    let version = address.map(|addr| if addr.contains(':') { (6, "IPv6") } else { (4, "IPv4") });
    let protocol = finding.protocol.and_then(|number| i32::try_from(number).ok());
    // The schema requires an attribute that identifies an endpoint: a port, a subnet or a VPC is none.
    let is_local_known = finding.local_addr.is_some() || finding.interface_id.is_some();
    let is_remote_known = finding.remote_addr.is_some() || finding.remote_interface_id.is_some();
    json!({
        "src_endpoint": is_local_known.then(|| json!({
            "ip": finding.local_addr,
            "interface_uid": finding.interface_id,
            "subnet_uid": finding.subnet_id,
            "vpc_uid": finding.vpc_id,
        })),
        "dst_endpoint": is_remote_known.then(|| json!({
            "ip": finding.remote_addr,
            "port": finding.remote_port,
            "interface_uid": finding.remote_interface_id,
        })),
        "connection_info": {
            "direction_id": direction(finding).0,
            "direction": direction(finding).1,
            "protocol_num": finding.protocol,
            "protocol_name": protocol.and_then(protocol_name).map(str::to_lowercase),
            "protocol_ver_id": version.map(|(id, _)| id),
            "protocol_ver": version.map(|(_, name)| name),
        },
        "data": {
            "flows": finding.flows,
            "packets": finding.packets,
            "bytes_out": finding.bytes_out,
            "bytes_in": finding.bytes_in,
            "records": &finding.evidence,
        },
    })
}

fn direction(finding: &Finding) -> (u8, &'static str) {
    match finding.remote_scope.as_deref() {
        Some("same-job" | "other-job" | "vpc") => (3, "Lateral"),
        Some(_) => (2, "Outbound"),
        None => (0, "Unknown"),
    }
}

fn resources(finding: &Finding) -> Value {
    let mut resources = Vec::new();
    let place = json!({ "region": finding.region, "cloud_partition": partition(finding) });
    let mut add = |kind: &str, uid: Option<&str>, name: &str| {
        let mut resource = place.clone();
        resource["type"] = kind.into();
        resource["name"] = name.into();
        resource["uid"] = uid.into();
        resources.push(resource);
    };
    let jobs = finding.job_name.iter().chain(&finding.job_candidates);
    for job in jobs {
        let arn = finding.job_arn.as_deref().filter(|_| finding.job_name.as_ref() == Some(job));
        add("AWS::SageMaker::ProcessingJob", arn.or(Some(job)), job);
    }
    if let Some(eni) = &finding.interface_id {
        add("AWS::EC2::NetworkInterface", Some(eni), eni);
    } else {
        // About configuration: where it is.
        let subnet = finding.subnet_id.iter().map(|id| ("AWS::EC2::Subnet", id));
        let vpc = finding.vpc_id.iter().map(|id| ("AWS::EC2::VPC", id));
        subnet.chain(vpc).for_each(|(kind, id)| add(kind, Some(id), id));
    }
    Value::Array(resources)
}

fn partition(finding: &Finding) -> Option<&str> {
    finding.job_arn.as_deref().and_then(|arn| arn.split(':').nth(1))
}

fn unmapped(finding: &Finding) -> Value {
    json!({
        "attribution": finding.attribution,
        "confidence": finding.confidence,
        "remote_scope": finding.remote_scope,
        "path": finding.path,
        "cause": finding.cause,
    })
}

fn millis(seconds: Option<i64>) -> Option<i64> {
    seconds.map(|seconds| seconds * 1000)
}

fn severity(severity: Severity) -> (u8, &'static str) {
    match severity {
        Severity::Informational => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    }
}

fn confidence(confidence: Confidence) -> (u8, &'static str) {
    match confidence {
        Confidence::Weak => (1, "Low"),
        Confidence::Inferred => (2, "Medium"),
        Confidence::Strong | Confidence::Proven => (3, "High"),
    }
}

/// OCSF has no null: what is not known is left out, and so is what holds nothing.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(entries) => {
            let fields = entries.into_iter().map(|(name, value)| (name, without_nulls(value)));
            Value::Object(fields.filter(|(_, value)| !is_nothing(value)).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(entries) => entries.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}
