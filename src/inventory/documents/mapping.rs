//! The user's own mapping: which interface served which job, from when to when.

use serde::Deserialize;
use serde_json::Value;

use crate::inventory::aws_time;
use crate::inventory::documents::ec2_network::{Done, missing};
use crate::inventory::documents::reader::{JsonObject, Reader, shape};
use crate::inventory::fact::{Fact, MappingRow};

/// A row, under any of the names it may have in a header or as JSON keys.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Row {
    #[serde(alias = "interface_id")]
    interface: Option<String>,
    #[serde(alias = "job_name")]
    job: Option<String>,
    from: Value,
    to: Value,
    #[serde(alias = "eni_role")]
    role: Option<String>,
}

/// Returns whether an object is a row of a mapping.
pub(super) fn is_row(answer: &JsonObject) -> bool {
    let either = |a, b| answer.contains_key(a) || answer.contains_key(b);
    either("interface", "interface_id") && either("job", "job_name")
}

/// Reads one row.
pub(super) fn row(reader: &mut Reader, value: Value) -> Done {
    let row: Row = shape(value)?;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty() && text != "-");
    let interface_id = given(row.interface).ok_or_else(|| missing("interface"))?;
    let job = given(row.job).ok_or_else(|| missing("job"))?;
    let mut bounds = [None, None];
    for (bound, value) in bounds.iter_mut().zip([&row.from, &row.to]) {
        *bound = match value {
            Value::Null => None,
            Value::String(text) if text.trim().is_empty() || text.trim() == "-" => None,
            value => Some(aws_time::of_value(value).ok_or_else(|| {
                serde::de::Error::custom(format!("{value} is not a time; hint: write RFC 3339"))
            })?),
        };
    }
    if let [Some(from), Some(to)] = bounds
        && to <= from
    {
        return Err(serde::de::Error::custom(format!("{interface_id}: `to` is not after `from`")));
    }
    reader.add(Fact::Declared(MappingRow {
        interface_id,
        // A job may be given by its ARN: the name is its last part.
        job_name: job.rsplit('/').next().unwrap_or(&job).to_owned(),
        from: bounds[0],
        to: bounds[1],
        role: given(row.role),
    }));
    Ok(())
}

/// Reads rows of CSV; `false` when the header names no interface or no job.
pub(super) fn csv(reader: &mut Reader, text: &[u8]) -> bool {
    let mut rows = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .flexible(true)
        .comment(Some(b'#'))
        .from_reader(text);
    let Ok(header) = rows.headers().cloned() else { return false };
    let names: Vec<String> =
        header.iter().map(|name| name.trim_start_matches('\u{feff}').to_lowercase()).collect();
    let object = |record: &csv::StringRecord| -> JsonObject {
        names.iter().cloned().zip(record.iter().map(|text| Value::from(text.to_owned()))).collect()
    };
    if !is_row(&object(&header)) {
        return false;
    }
    for record in rows.records() {
        let done = record.map_err(|err| err.to_string()).and_then(|record| {
            let line = record.position().map_or(0, csv::Position::line);
            row(reader, Value::Object(object(&record))).map_err(|err| format!("line {line}: {err}"))
        });
        if let Err(complaint) = done {
            reader.complaints.push(format!("mapping: {complaint}"));
        }
    }
    true
}
