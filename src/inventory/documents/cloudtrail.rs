//! CloudTrail records, from trails and from `LookupEvents`.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::inventory::aws_time::AwsTime;
use crate::inventory::documents::ec2_network::{Done, addresses};
use crate::inventory::documents::reader::{Reader, pascal, shape};
use crate::inventory::documents::sagemaker;
use crate::inventory::fact::{CreatedBy, Details, Event, Fact, Sighting, Source};
use crate::inventory::zone::region_of_zone;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Record {
    event_name: Option<String>,
    event_source: Option<String>,
    event_time: AwsTime,
    aws_region: Option<String>,
    recipient_account_id: Option<String>,
    error_code: Option<String>,
    #[serde(rename = "sourceIPAddress")]
    source_ip_address: Option<String>,
    user_identity: UserIdentity,
    request_parameters: Value,
    response_elements: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct UserIdentity {
    arn: Option<String>,
    invoked_by: Option<String>,
    session_context: SessionContext,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SessionContext {
    session_issuer: SessionIssuer,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SessionIssuer {
    arn: Option<String>,
}

/// The name of SageMaker as a service that calls others.
const SAGEMAKER: &str = "sagemaker.amazonaws.com";

impl Record {
    /// Returns whether SageMaker made the call: by its name, or in a session that is called so, as it calls
    /// its own when it takes up a job's role.
    fn is_sagemakers(&self) -> bool {
        let identity = &self.user_identity;
        let named = [&self.source_ip_address, &identity.invoked_by];
        let session = identity.arn.as_deref().and_then(|arn| arn.rsplit_once("/"));
        named.into_iter().flatten().any(|name| name == SAGEMAKER)
            || session.is_some_and(|(role, session)| {
                role.contains(":assumed-role/") && session == "SageMaker"
            })
    }
}

/// Reads one of `Events` of `LookupEvents`: the record is text inside it.
pub(super) fn looked_up(reader: &mut Reader, value: Value, at: Option<i64>) -> Done {
    match value.get("CloudTrailEvent") {
        Some(Value::String(text)) => record(
            reader,
            crate::inventory::documents::reader::clean(serde_json::from_str(text)?),
            at,
        ),
        _ => {
            reader.complaints.push("not recognised: an event without CloudTrailEvent".into());
            Ok(())
        }
    }
}

/// Reads one record. Dry runs and failed calls did nothing; calls of other kinds are ignored.
pub(super) fn record(reader: &mut Reader, value: Value, _at: Option<i64>) -> Done {
    let record: Record = shape(value)?;
    let (Some(name), Some(source)) = (&record.event_name, &record.event_source) else {
        reader.complaints.push("not recognised: a record without eventName and eventSource".into());
        return Ok(());
    };
    if record.error_code.is_some() {
        return Ok(());
    }
    match (source.as_str(), name.as_str()) {
        ("ec2.amazonaws.com", "CreateNetworkInterface") => created(reader, &record),
        ("ec2.amazonaws.com", "CreateNetworkInterfacePermission") => {
            let to = ["awsService", "AwsService"];
            let services = to.map(|key| text_at(&record.request_parameters, key)).concat();
            let made = record.is_sagemakers() || services.iter().any(|name| name == SAGEMAKER);
            let sagemaker = made.then_some(CreatedBy::Permission);
            sighted(reader, &record, Event::Granted, Details { sagemaker, ..Details::default() });
        }
        ("ec2.amazonaws.com", "AssignPrivateIpAddresses") => {
            let assigned = text_at(&record.response_elements, "privateIpAddress");
            sighted(reader, &record, Event::Assigned, of_addresses(&record, assigned));
        }
        ("ec2.amazonaws.com", "UnassignPrivateIpAddresses") => {
            sighted(reader, &record, Event::Unassigned, of_addresses(&record, Vec::new()));
        }
        ("ec2.amazonaws.com", "DeleteNetworkInterface") => {
            sighted(reader, &record, Event::Deleted, Details::default());
        }
        ("sagemaker.amazonaws.com", "CreateProcessingJob") => return created_job(reader, record),
        _ => {}
    }
    Ok(())
}

/// Takes the addresses of the response, else those that were requested.
fn of_addresses(record: &Record, mut texts: Vec<String>) -> Details {
    if texts.is_empty() {
        texts = text_at(&record.request_parameters, "privateIpAddress");
    }
    Details { addresses: addresses(texts.into_iter()), ..Details::default() }
}

fn created(reader: &mut Reader, record: &Record) {
    let eni = &record.response_elements["networkInterface"];
    let request = &record.request_parameters;
    let text = |key: &str| {
        eni.get(key).or_else(|| request.get(key)).and_then(Value::as_str).map(str::to_owned)
    };
    let mut groups = text_at(&eni["groupSet"], "groupId");
    if groups.is_empty() {
        groups = text_at(&request["groupSet"], "groupId");
    }
    // The primary address is outside the sets.
    let mut found: Vec<String> = text("privateIpAddress").into_iter().collect();
    found.extend(text_at(&eni["privateIpAddressesSet"], "privateIpAddress"));
    found.extend(text_at(&eni["ipv6AddressesSet"], "ipv6Address"));
    let zone = text("availabilityZone");
    let identity = &record.user_identity;
    let details = Details {
        account_id: text("ownerId"),
        region: zone.as_deref().and_then(region_of_zone).map(str::to_owned),
        vpc_id: text("vpcId"),
        subnet_id: text("subnetId"),
        addresses: addresses(found.into_iter()),
        security_group_ids: groups.into_iter().collect::<BTreeSet<_>>(),
        interface_type: text("interfaceType"),
        sagemaker: record
            .is_sagemakers()
            .then_some(CreatedBy::CloudTrail)
            .or_else(|| CreatedBy::of_description(text("description").as_deref())),
        description: text("description"),
        requester_id: text("requesterId"),
        creator_arn: identity
            .session_context
            .session_issuer
            .arn
            .clone()
            .or_else(|| identity.arn.clone()),
        ..Details::default()
    };
    sighted(reader, record, Event::Created, details);
}

fn sighted(reader: &mut Reader, record: &Record, event: Event, mut details: Details) {
    // Newer calls are logged inside an object of their own, with large first letters.
    let id = [&record.response_elements, &record.request_parameters]
        .into_iter()
        .flat_map(|value| ["networkInterfaceId", "NetworkInterfaceId"].map(|key| (value, key)))
        .find_map(|(value, key)| text_at(value, key).into_iter().next());
    let (Some(id), Some(at)) = (id, record.event_time.0) else {
        let name = record.event_name.as_deref().unwrap_or_default();
        return reader.complaints.push(format!("{name} without an interface id or eventTime"));
    };
    details.account_id = details.account_id.or_else(|| record.recipient_account_id.clone());
    details.region = details.region.or_else(|| record.aws_region.clone());
    reader.add(Fact::Eni(Sighting {
        interface_id: id,
        at: Some(at),
        event,
        source: Source::CloudTrail,
        details,
    }));
}

/// A job from its request, created when the call was made.
fn created_job(reader: &mut Reader, record: Record) -> Done {
    let Value::Object(mut job) = pascal(record.request_parameters) else {
        reader.complaints.push("CreateProcessingJob without requestParameters".into());
        return Ok(());
    };
    if let Some(arn) = record.response_elements.get("processingJobArn") {
        job.insert("ProcessingJobArn".into(), arn.clone());
    }
    job.insert("CreationTime".into(), json!(record.event_time.0));
    sagemaker::job(reader, Value::Object(job), record.event_time.0)
}

/// Returns the text under a key, at any depth, in document order.
fn text_at(value: &Value, key: &str) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().flat_map(|value| text_at(value, key)).collect(),
        Value::Object(map) => map
            .iter()
            .flat_map(|(name, value)| match value {
                Value::String(text) if name == key => vec![text.clone()],
                other => text_at(other, key),
            })
            .collect(),
        _ => Vec::new(),
    }
}
