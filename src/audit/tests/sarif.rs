//! SARIF, checked against its specification.

use serde_json::Value;

use crate::audit::sarif::log;
use crate::audit::tests::report_of_base;
use crate::audit::{AuditReport, CHECKS, CheckVerdict};

/// Objects: where they are, what each must have, and what it may have besides (sections 3.13 to 3.52).
const OBJECTS: &[(&str, &str, &str)] = &[
    ("", "version runs", "$schema"),
    ("/runs/*", "tool", "results"),
    ("/runs/*/tool", "driver", ""),
    ("/runs/*/tool/driver", "name", "semanticVersion rules"),
    (
        "/runs/*/tool/driver/rules/*",
        "id",
        "name shortDescription fullDescription helpUri help defaultConfiguration properties",
    ),
    ("/runs/*/tool/driver/rules/*/defaultConfiguration", "level", ""),
    (
        "/runs/*/results/*",
        "message locations",
        "ruleId ruleIndex kind level partialFingerprints properties",
    ),
    ("/runs/*/results/*/message", "text", ""),
    ("/runs/*/results/*/locations/*", "physicalLocation", "logicalLocations"),
    ("/runs/*/results/*/locations/*/physicalLocation", "artifactLocation region", ""),
    ("/runs/*/results/*/locations/*/physicalLocation/artifactLocation", "uri", ""),
    ("/runs/*/results/*/locations/*/physicalLocation/region", "startLine", ""),
    ("/runs/*/results/*/locations/*/logicalLocations/*", "name fullyQualifiedName kind", ""),
];

/// Returns the values at a path; `*` is every item.
fn at<'a>(root: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut values = vec![root];
    for step in path.split('/').skip(1) {
        let next = values.into_iter().flat_map(|value| match step {
            "*" => value.as_array().into_iter().flatten().collect::<Vec<_>>(),
            key => value.get(key).into_iter().collect(),
        });
        values = next.collect();
    }
    values
}

fn complaints(log: &Value) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, must, may) in OBJECTS {
        for object in at(log, path) {
            let Some(object) = object.as_object() else {
                complaints.push(format!("{path} is no object"));
                continue;
            };
            for key in must.split_whitespace().filter(|key| !object.contains_key(*key)) {
                complaints.push(format!("{path} lacks {key}"));
            }
            let known = |key: &str| {
                must.split_whitespace().chain(may.split_whitespace()).any(|one| one == key)
            };
            complaints.extend(
                object.keys().filter(|key| !known(key)).map(|key| format!("{path} has {key}")),
            );
        }
    }
    let rules = at(log, "/runs/*/tool/driver/rules/*");
    for result in at(log, "/runs/*/results/*") {
        let (kind, level) = (result["kind"].as_str().unwrap(), result["level"].as_str().unwrap());
        // 3.27.10: a level other than none is of failed results only.
        let fits = match kind {
            "fail" => ["error", "warning", "note"].contains(&level),
            "pass" | "open" => level == "none",
            _ => false,
        };
        if !fits {
            complaints.push(format!("kind {kind} with level {level}"));
        }
        let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        if rules[rule]["id"] != result["ruleId"] {
            complaints.push(format!("ruleIndex {rule} is not {}", result["ruleId"]));
        }
    }
    if log["version"] != "2.1.0" {
        complaints.push("version".to_owned());
    }
    complaints
}

#[test]
fn what_is_written_is_sarif() {
    let mut report = report_of_base();
    // One of each kind.
    report.outcomes[0].verdict = CheckVerdict::Fail;
    report.outcomes[0].fix = Some("turn it on".to_owned());
    report.outcomes[1].verdict = CheckVerdict::NotKnown;
    let log = log(&report);
    assert_eq!(complaints(&log), [""; 0]);
    assert_eq!(at(&log, "/runs/*/tool/driver/rules/*").len(), CHECKS.len());
    let kinds: Vec<&Value> = at(&log, "/runs/*/results/*/kind");
    assert!(kinds.iter().any(|kind| **kind == "open") && kinds.iter().any(|kind| **kind == "fail"));
    // GitHub takes the first location of a result, which must be a physical one.
    for result in at(&log, "/runs/*/results/*") {
        let uri = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        assert!(uri.as_str().unwrap().starts_with("aws/"), "{uri}");
    }
    let first = at(&log, "/runs/*/results/*")[0];
    assert!(first["message"]["text"].as_str().unwrap().contains("To do: turn it on"));
}

#[test]
fn the_checker_sees_what_is_wrong() {
    let mut log = log(&report_of_base());
    log["runs"][0]["results"][0]["level"] = "error".into();
    log["runs"][0]["results"][1]["ruleIndex"] = 9.into();
    log["runs"][0]["tool"]["driver"].as_object_mut().unwrap().remove("name");
    log["runs"][0]["results"][2]["colour"] = "red".into();
    let complaints = complaints(&log).join("\n");
    for part in ["kind pass with level error", "ruleIndex 9", "lacks name", "has colour"] {
        assert!(complaints.contains(part), "{part}: {complaints}");
    }
    assert_eq!(
        at(&crate::audit::sarif::log(&AuditReport::default()), "/runs/*/results/*").len(),
        0
    );
}
