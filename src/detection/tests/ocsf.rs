//! Findings as OCSF, checked against class 2004 of schema 1.5.0.

use serde_json::Value;

use crate::detection::ocsf::detection_finding;
use crate::detection::tests::{World, detection, findings};
use crate::detection::{Confidence, Finding, Severity};

/// An object of the event: where it is, what it must have, and what it may have besides.
const OBJECTS: &[(&str, &str, &str)] = &[
    (
        "",
        "activity_id category_uid class_uid type_uid severity_id time metadata finding_info cloud",
        "activity_name category_name class_name type_name severity start_time end_time count \
         confidence_id confidence status_id status is_alert message evidences resources remediation unmapped",
    ),
    ("/metadata", "product version", "profiles uid log_name"),
    ("/metadata/product", "vendor_name", "name version"),
    ("/cloud", "provider", "region account"),
    ("/cloud/account", "uid", "type_id type"),
    (
        "/finding_info",
        "uid",
        "title desc types created_time first_seen_time last_seen_time analytic attacks data_sources",
    ),
    ("/finding_info/analytic", "type_id", "type uid name"),
    ("/finding_info/attacks/0", "technique", "version"),
    ("/finding_info/attacks/0/technique", "uid", "name"),
    ("/evidences/0", "connection_info", "src_endpoint dst_endpoint data"),
    ("/evidences/0/src_endpoint", "", "ip interface_uid subnet_uid vpc_uid"),
    ("/evidences/0/dst_endpoint", "", "ip port interface_uid"),
    (
        "/evidences/0/connection_info",
        "direction_id",
        "direction protocol_num protocol_name protocol_ver_id protocol_ver",
    ),
    ("/resources/0", "uid", "type name region cloud_partition"),
    ("/remediation", "desc", ""),
];

/// Where an enum is, the attribute of its caption, and the values that the schema has.
type Enum = (&'static str, &'static str, &'static [(i64, &'static str)]);

const ENUMS: &[Enum] = &[
    ("/activity_id", "/activity_name", &[(1, "Create"), (2, "Update"), (3, "Close")]),
    ("/category_uid", "/category_name", &[(2, "Findings")]),
    ("/class_uid", "/class_name", &[(2004, "Detection Finding")]),
    ("/type_uid", "/type_name", &[(200_401, "Detection Finding: Create")]),
    (
        "/severity_id",
        "/severity",
        &[(1, "Informational"), (2, "Low"), (3, "Medium"), (4, "High"), (5, "Critical")],
    ),
    ("/confidence_id", "/confidence", &[(1, "Low"), (2, "Medium"), (3, "High")]),
    ("/status_id", "/status", &[(1, "New")]),
    ("/cloud/account/type_id", "/cloud/account/type", &[(10, "AWS Account")]),
    ("/finding_info/analytic/type_id", "/finding_info/analytic/type", &[(1, "Rule")]),
    (
        "/evidences/0/connection_info/direction_id",
        "/evidences/0/connection_info/direction",
        &[(0, "Unknown"), (1, "Inbound"), (2, "Outbound"), (3, "Lateral")],
    ),
    (
        "/evidences/0/connection_info/protocol_ver_id",
        "/evidences/0/connection_info/protocol_ver",
        &[(4, "IPv4"), (6, "IPv6")],
    ),
];

/// Times of the event itself, in milliseconds.
const TIMES: &[&str] = &[
    "/time",
    "/start_time",
    "/end_time",
    "/finding_info/created_time",
    "/finding_info/first_seen_time",
    "/finding_info/last_seen_time",
];

/// Returns what the schema would not accept.
fn violations(event: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (at, required, optional) in OBJECTS {
        let Some(object) = event.pointer(at) else { continue };
        let Some(object) = object.as_object() else {
            found.push(format!("{at} is no object"));
            continue;
        };
        for name in required.split_whitespace().filter(|name| !object.contains_key(*name)) {
            found.push(format!("{at} lacks {name}"));
        }
        let known = |name: &str| required.split(' ').chain(optional.split(' ')).any(|n| n == name);
        for name in object.keys().filter(|name| !known(name)) {
            found.push(format!("{at} has {name}, which the schema does not know"));
        }
        if at.ends_with("_endpoint")
            && !object.contains_key("ip")
            && !object.contains_key("interface_uid")
        {
            found.push(format!("{at} has neither ip nor interface_uid"));
        }
    }
    for (at, caption, values) in ENUMS {
        let Some(id) = event.pointer(at) else { continue };
        let name = event.pointer(caption).and_then(Value::as_str);
        if !values.iter().any(|(known, text)| id.as_i64() == Some(*known) && name == Some(*text)) {
            found.push(format!("{at} = {id} with {name:?}"));
        }
    }
    for at in TIMES {
        let time = event.pointer(at).map(|time| time.as_i64().is_some_and(|ms| ms % 1000 == 0));
        if time == Some(false) {
            found.push(format!("{at} is no time in milliseconds"));
        }
    }
    let number = |at: &str| event.pointer(at).and_then(Value::as_i64).unwrap_or_default();
    if number("/type_uid") != number("/class_uid") * 100 + number("/activity_id") {
        found.push("type_uid is not class_uid * 100 + activity_id".to_owned());
    }
    found
}

async fn a_finding() -> Finding {
    let world = World {
        conversations: "
            interface_id account_id   vpc_id subnet_id job_name job_arn                                                        attribution region    local_addr remote_addr remote_port protocol remote_scope opened_by accepted_out accepted_first accepted_last
            eni-1        123456789012 vpc-1  subnet-1  a        arn:aws:sagemaker:us-east-1:123456789012:processing-job/a exact       us-east-1 10.0.1.5   203.0.113.9 443         6        internet     local     1            100            200",
        ..World::default()
    };
    findings("unexpected-egress", &world).await.remove(0)
}

#[tokio::test]
async fn every_severity_and_confidence_fits_the_schema() {
    let rule = detection("unexpected-egress");
    let finding = a_finding().await;
    for severity in Severity::ALL {
        for confidence in Confidence::ALL {
            let finding =
                Finding { severity: *severity, confidence: *confidence, ..finding.clone() };
            let event = detection_finding(&finding, Some(&rule), 1_000);
            assert_eq!(violations(&event), Vec::<String>::new());
        }
    }
}

#[tokio::test]
async fn a_finding_that_says_next_to_nothing_fits_the_schema() {
    let full = a_finding().await;
    let bare = Finding {
        reason: None,
        first_seen: None,
        last_seen: None,
        account_id: None,
        region: None,
        vpc_id: None,
        subnet_id: None,
        job_name: None,
        job_arn: None,
        local_addr: None,
        remote_addr: None,
        protocol: None,
        remote_scope: None,
        remediation: None,
        flows: None,
        evidence: Vec::new(),
        ..full
    };
    let event = detection_finding(&bare, None, 1_000);
    assert_eq!(violations(&event), Vec::<String>::new());
    assert_eq!(event.pointer("/evidences/0/dst_endpoint"), None);
}

#[tokio::test]
async fn a_finding_about_configuration_names_where_it_is() {
    let text = |text: &str| Some(text.to_owned());
    let finding = Finding {
        interface_id: None,
        job_name: None,
        job_arn: None,
        subnet_id: text("subnet-a"),
        vpc_id: text("vpc-a"),
        local_addr: None,
        remote_addr: None,
        ..a_finding().await
    };
    let event = detection_finding(&finding, None, 1_000);
    assert_eq!(violations(&event), Vec::<String>::new());
    assert_eq!(event.pointer("/evidences/0/src_endpoint"), None);
    let types: Vec<&Value> =
        event["resources"].as_array().unwrap().iter().map(|one| &one["type"]).collect();
    assert_eq!(types, ["AWS::EC2::Subnet", "AWS::EC2::VPC"]);
}

#[tokio::test]
async fn the_checker_sees_what_is_wrong() {
    let mut event = detection_finding(&a_finding().await, None, 1_000);
    event["severity"] = "Huge".into();
    event["time"] = 1.into();
    event["finding_info"]["colour"] = "red".into();
    event["metadata"].as_object_mut().unwrap().remove("product");
    assert_eq!(violations(&event).len(), 4);
}
