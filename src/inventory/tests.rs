//! Documents in, inventory out. The parts are tested together: what counts is what a folder says.

mod attribution;
mod documents;
mod files;
mod intervals;
mod order;
mod thin;

use serde_json::{Value, json};

use crate::inventory::documents::Reader;
use crate::inventory::merge;
use crate::inventory::model::{Eni, Inventory};

/// Midnight of 2026-03-10, UTC.
const T0: i64 = 1_773_100_800;

/// Reads documents that must all be understood.
fn inventory(documents: &[Value]) -> Inventory {
    let (inventory, complaints) = complaining(documents);
    assert_eq!(complaints, Vec::<String>::new());
    inventory
}

fn complaining(documents: &[Value]) -> (Inventory, Vec<String>) {
    let mut reader = Reader::default();
    documents.iter().for_each(|document| reader.read_document(document.clone()));
    (merge::inventory(&reader.facts), reader.complaints)
}

fn eni<'a>(inventory: &'a Inventory, id: &str) -> &'a Eni {
    let rows: Vec<&Eni> = inventory.enis.iter().filter(|eni| eni.interface_id == id).collect();
    assert_eq!(rows.len(), 1, "rows of {id}: {rows:#?}");
    rows[0]
}

/// A described job in subnet-a with sg-a and the role `job-role`, from `created` to `ended`.
fn job(name: &str, created: i64, ended: Option<i64>) -> Value {
    let mut job = json!({
        "ProcessingJobName": name,
        "ProcessingJobArn": format!("arn:aws:sagemaker:eu-west-1:111122223333:processing-job/{name}"),
        "ProcessingJobStatus": if ended.is_some() { "Completed" } else { "InProgress" },
        "CreationTime": created as f64 + 0.25,
        "RoleArn": "arn:aws:iam::111122223333:role/service-role/job-role",
        "NetworkConfig": { "VpcConfig": { "Subnets": ["subnet-a"], "SecurityGroupIds": ["sg-a"] } },
    });
    if let Some(ended) = ended {
        job["ProcessingEndTime"] = json!(ended);
    }
    job
}

/// A creation in subnet-a with sg-a by the role `job-role`.
fn create(id: &str, at: i64, address: &str) -> Value {
    json!({
        "eventSource": "ec2.amazonaws.com",
        "eventName": "CreateNetworkInterface",
        "eventTime": iso(at),
        "awsRegion": "eu-west-1",
        "recipientAccountId": "111122223333",
        "errorCode": null,
        "userIdentity": {
            "type": "AssumedRole",
            "arn": "arn:aws:sts::111122223333:assumed-role/job-role/SageMaker",
        },
        "requestParameters": { "subnetId": "subnet-a", "groupSet": { "items": [{ "groupId": "sg-a" }] } },
        "responseElements": { "networkInterface": {
            "networkInterfaceId": id, "subnetId": "subnet-a", "vpcId": "vpc-a",
            "availabilityZone": "eu-west-1a", "ownerId": "111122223333",
            "privateIpAddress": address,
            "groupSet": { "items": [{ "groupId": "sg-a" }] },
        } },
    })
}

fn delete(id: &str, at: i64) -> Value {
    json!({
        "eventSource": "ec2.amazonaws.com",
        "eventName": "DeleteNetworkInterface",
        "eventTime": iso(at),
        "requestParameters": { "networkInterfaceId": id },
        "responseElements": { "_return": true },
    })
}

/// An interface as described, in subnet-a with sg-a.
fn described(id: &str, addresses: &[&str]) -> Value {
    let list: Vec<Value> = addresses
        .iter()
        .enumerate()
        .map(|(index, address)| json!({ "PrivateIpAddress": address, "Primary": index == 0 }))
        .collect();
    json!({
        "NetworkInterfaceId": id, "OwnerId": "111122223333", "AvailabilityZone": "eu-west-1a",
        "VpcId": "vpc-a", "SubnetId": "subnet-a", "InterfaceType": "interface",
        "PrivateIpAddresses": list, "Groups": [{ "GroupId": "sg-a", "GroupName": "jobs" }],
    })
}

fn listing(at: i64, enis: &[Value]) -> Value {
    json!({ "CollectedAt": iso(at), "NetworkInterfaces": enis })
}

fn iso(at: i64) -> String {
    chrono::DateTime::from_timestamp(at, 0).unwrap().to_rfc3339()
}
