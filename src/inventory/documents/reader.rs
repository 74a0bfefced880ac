//! The reader that all documents share, and conversions of their values.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::inventory::fact::{Fact, Facts};

/// A response: the top level of a JSON document.
pub(super) type JsonObject = Map<String, Value>;

/// Takes documents of one file and stores their facts.
#[derive(Debug, Default)]
pub(in crate::inventory) struct Reader {
    /// What was understood.
    pub(in crate::inventory) facts: Facts,
    /// What was not, one sentence each.
    pub(in crate::inventory) complaints: Vec<String>,
}

impl Reader {
    /// Adds a fact.
    pub(super) fn add(&mut self, fact: Fact) {
        self.facts.insert(fact);
    }
}

/// Reads a value as an AWS shape.
pub(super) fn shape<T: DeserializeOwned>(value: Value) -> Result<T, serde_json::Error> {
    serde_json::from_value(value)
}

/// Drops nulls: to AWS they mean the same as an absent key.
pub(super) fn clean(mut value: Value) -> Value {
    drop_nulls(&mut value);
    value
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(drop_nulls),
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        _ => {}
    }
}

/// Drops nulls and writes keys as the EC2 and SageMaker responses do: `vpcId` becomes `VpcId`.
pub(super) fn pascal(value: Value) -> Value {
    let rename = |mut key: String| {
        if let Some(first) = key.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        key
    };
    match value {
        Value::Array(values) => Value::Array(values.into_iter().map(pascal).collect()),
        Value::Object(map) => {
            let entries = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(entries.map(|(key, value)| (rename(key), pascal(value))).collect())
        }
        other => other,
    }
}
