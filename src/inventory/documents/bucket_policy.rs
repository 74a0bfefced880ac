//! The response of `get-bucket-policy`. It does not state of which bucket: the policy's own resources do, since
//! they can only be in the bucket that has it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::inventory::documents::reader::{JsonObject, Reader};
use crate::inventory::fact::Fact;
use crate::inventory::model::BucketPolicy;

pub(super) fn read(reader: &mut Reader, answer: &JsonObject, at: Option<i64>) {
    let text = answer.get("Policy").and_then(Value::as_str).unwrap_or_default();
    match bucket(text) {
        Some(bucket) => {
            let policy = BucketPolicy { bucket, policy: Some(text.to_owned()) };
            reader.add(Fact::BucketPolicy { at, policy });
        }
        None => reader
            .complaints
            .push("a policy whose bucket is not known: its resources name no single bucket".into()),
    }
}

/// Returns the one bucket that all resources of a policy name.
fn bucket(policy: &str) -> Option<String> {
    let root: Value = serde_json::from_str(policy).ok()?;
    let items = |value: &Value| match value {
        Value::Array(items) => items.clone(),
        other => vec![other.clone()],
    };
    let mut buckets = BTreeSet::new();
    for statement in items(root.get("Statement")?) {
        let resource = statement.get("Resource").or_else(|| statement.get("NotResource"))?;
        for arn in items(resource) {
            let mut parts = arn.as_str()?.splitn(6, ':');
            let (service, name) = (parts.nth(2)?, parts.nth(2)?);
            let bucket =
                name.split('/').next().filter(|bucket| !bucket.contains(['*', '?', '$']))?;
            buckets.insert((service == "s3").then(|| bucket.to_owned())?);
        }
    }
    buckets.pop_first().filter(|_| buckets.is_empty())
}
