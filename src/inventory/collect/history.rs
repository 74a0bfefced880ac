//! What was: interfaces that are gone, as CloudTrail and AWS Config remember them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::aws;
use crate::aws::operations;
use crate::inventory::aws_time;
use crate::inventory::collect::pass::{CollectionPass, OVERLAP_SECS, read};

/// The events about interfaces and the jobs that they are created for.
const EVENTS: &[&str] = &[
    "CreateNetworkInterface",
    "DeleteNetworkInterface",
    "CreateNetworkInterfacePermission",
    "AssignPrivateIpAddresses",
    "UnassignPrivateIpAddresses",
    "CreateProcessingJob",
];

/// How long `LookupEvents` remembers.
const EVENTS_SECS_MAX: i64 = 90 * 24 * 60 * 60;

/// How long after the requested time an interface may be deleted and still count.
const AFTER_SECS: i64 = 60 * 60;

/// How often AWS Config is queried: it records within minutes, and listing all interfaces ever takes many calls.
const CONFIG_EVERY_SECS: i64 = 10 * 60;

/// The most interfaces whose history is requested in one pass.
const HISTORIES_MAX: usize = 1000;

/// What is recorded by AWS Config.
const INTERFACE: &str = "AWS::EC2::NetworkInterface";

/// Looks the events of a time up. Returns whether all were returned.
pub(super) async fn events(
    pass: &mut CollectionPass<'_>,
    since: i64,
    until: i64,
) -> Result<bool, aws::Error> {
    let call = &operations::LOOKUP_EVENTS;
    let earliest = pass.now - EVENTS_SECS_MAX;
    let start = since.saturating_sub(OVERLAP_SECS);
    if start < earliest {
        pass.warnings.push(
            "LookupEvents: CloudTrail event history covers 90 days; earlier times need --trail"
                .into(),
        );
    }
    let end = until.saturating_add(AFTER_SECS).min(pass.now);
    if end <= earliest {
        return Ok(true);
    }
    let lost = "interfaces deleted by now are known only from other sources";
    for name in EVENTS {
        let params = json!({
            "LookupAttributes": [{ "AttributeKey": "EventName", "AttributeValue": name }],
            "StartTime": start.max(earliest), "EndTime": end,
        });
        let (api, now, reader) = (pass.api, pass.now, &mut pass.reader);
        let result = api.pages(call, &params, |answer| read(reader, answer, now)).await;
        if pass.or_warn(result, call.action, lost)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Requests from AWS Config the history of interfaces that are known or were deleted since, if it records them.
/// `collected_until`: time of the last query. Returns whether the result is complete.
pub(super) async fn config(
    pass: &mut CollectionPass<'_>,
    since: i64,
    asked: Option<i64>,
    known: &BTreeSet<String>,
) -> Result<bool, aws::Error> {
    if asked.is_some_and(|asked| pass.now - asked < CONFIG_EVERY_SECS) {
        return Ok(false);
    }
    // Most accounts have none: that is worth a note and no warning.
    let api = pass.api;
    match api.all(&operations::DESCRIBE_CONFIGURATION_RECORDERS, &json!({})).await {
        Ok(answer) if records_interfaces(answer.document.get("ConfigurationRecorders")) => {}
        Ok(_) => {
            pass.notes.push("AWS Config does not record network interfaces here".into());
            return Ok(false);
        }
        Err(error) if error.kind == aws::Kind::Credentials => return Err(error),
        Err(error) => {
            pass.notes.push(format!("AWS Config is left out: {error}"));
            return Ok(false);
        }
    }
    let call = &operations::LIST_DISCOVERED_RESOURCES;
    let params = json!({ "resourceType": INTERFACE, "includeDeletedResources": true });
    let mut ids = BTreeSet::new();
    let take = |answer: aws::client::Response| {
        let listed = answer.document.get(call.list).and_then(Value::as_array);
        for resource in listed.into_iter().flatten() {
            let Some(id) = resource.get("resourceId").and_then(Value::as_str) else { continue };
            let deleted = resource.get("resourceDeletionTime").and_then(aws_time::of_value);
            if known.contains(id) || deleted.is_some_and(|deleted| deleted >= since) {
                ids.insert(id.to_owned());
            }
        }
    };
    let result = api.pages(call, &params, take).await;
    let lost = "interfaces that only AWS Config remembers are not known";
    let mut all = pass.or_warn(result, call.action, lost)?.is_some();
    if ids.len() > HISTORIES_MAX {
        let more = ids.len() - HISTORIES_MAX;
        pass.warnings.push(format!(
            "GetResourceConfigHistory: {more} interfaces more than {HISTORIES_MAX} were not asked for; \
             a shorter time between --since and --until has fewer"
        ));
    }
    for id in ids.iter().take(HISTORIES_MAX) {
        let call = &operations::GET_RESOURCE_CONFIG_HISTORY;
        let result = api.all(call, &json!({ "resourceType": INTERFACE, "resourceId": id })).await;
        match pass.or_warn(result, call.action, lost)? {
            Some(answer) => pass.read(answer),
            None => all = false,
        }
        if !all {
            break;
        }
    }
    Ok(all)
}

/// Returns whether any recorder records interfaces.
fn records_interfaces(recorders: Option<&Value>) -> bool {
    let holds = |group: &Value, path: &str| {
        let types = group.pointer(path).and_then(Value::as_array);
        types.into_iter().flatten().any(|kind| kind == INTERFACE)
    };
    let mut groups = recorders
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|recorder| recorder.get("recordingGroup"));
    groups.any(|group| {
        let excluding = group.pointer("/recordingStrategy/useOnly").and_then(Value::as_str)
            == Some("EXCLUSION_BY_RESOURCE_TYPES");
        group.get("allSupported") == Some(&Value::Bool(true))
            || holds(group, "/resourceTypes")
            || (excluding && !holds(group, "/exclusionByResourceTypes/resourceTypes"))
    })
}
