//! AWS Config history and snapshots of interfaces.

use serde::Deserialize;
use serde_json::Value;

use crate::inventory::aws_time::AwsTime;
use crate::inventory::documents::ec2_network::{Done, NetworkInterface};
use crate::inventory::documents::reader::{Reader, pascal, shape};
use crate::inventory::fact::{Details, Event, Fact, Sighting, Source};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Item {
    resource_type: Option<String>,
    resource_id: Option<String>,
    #[serde(alias = "awsAccountId")]
    account_id: Option<String>,
    aws_region: Option<String>,
    configuration_item_status: Option<String>,
    configuration_item_capture_time: AwsTime,
    resource_creation_time: AwsTime,
    configuration: Value,
}

/// Reads a notification that wraps one item.
pub(super) fn wrapped(reader: &mut Reader, mut value: Value, at: Option<i64>) -> Done {
    item(reader, value["configurationItem"].take(), at)
}

/// Reads one configuration item. Items of other resource types are ignored.
pub(super) fn item(reader: &mut Reader, value: Value, _at: Option<i64>) -> Done {
    let item: Item = shape(value)?;
    if item.resource_type.is_none() {
        reader.complaints.push("not recognised: a configuration item without resourceType".into());
        return Ok(());
    }
    if item.resource_type.as_deref() != Some("AWS::EC2::NetworkInterface") {
        return Ok(());
    }
    let configuration = match item.configuration {
        Value::String(text) if text.trim().is_empty() => Value::Null,
        Value::String(text) => serde_json::from_str(&text)?,
        other => other,
    };
    let eni: Option<NetworkInterface> = match configuration {
        Value::Object(map) if !map.is_empty() => Some(shape(pascal(Value::Object(map)))?),
        _ => None,
    };
    let in_configuration = eni.as_ref().map(|eni| eni.network_interface_id.clone());
    let Some(id) = item.resource_id.or(in_configuration).filter(|id| !id.is_empty()) else {
        reader.complaints.push("a configuration item of an interface without resourceId".into());
        return Ok(());
    };
    let deleted = item
        .configuration_item_status
        .as_deref()
        .is_some_and(|status| status.starts_with("ResourceDeleted"));
    let mut details = eni.map(NetworkInterface::details).unwrap_or_default();
    details.account_id = details.account_id.or(item.account_id);
    details.region = details.region.or(item.aws_region);
    details.created_at = item.resource_creation_time.0;
    reader.add(Fact::Eni(Sighting {
        interface_id: id,
        at: item.configuration_item_capture_time.0,
        event: if deleted { Event::Deleted } else { Event::Seen },
        source: Source::Config,
        details: if deleted { without_state(details) } else { details },
    }));
    Ok(())
}

/// Facts of a deleted interface that remain valid for its life: all but what could change.
fn without_state(details: Details) -> Details {
    Details { addresses: Vec::new(), public_ip: None, ..details }
}
