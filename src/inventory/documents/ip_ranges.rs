//! AWS's published ranges, `ip-ranges.json`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::inventory::aws_time;
use crate::inventory::documents::reader::{JsonObject, Reader};
use crate::inventory::fact::Fact;

/// Reads one file; several of them are the history.
pub(super) fn read(reader: &mut Reader, answer: &JsonObject) {
    let at =
        ["createDate", "syncToken"].iter().find_map(|key| aws_time::of_value(answer.get(*key)?));
    let Some(at) = at else {
        return reader.complaints.push("ip ranges without createDate or syncToken".into());
    };
    let mut unfit = 0;
    let mut ranges = BTreeSet::new();
    for (list, key) in [("prefixes", "ip_prefix"), ("ipv6_prefixes", "ipv6_prefix")] {
        for entry in answer.get(list).and_then(Value::as_array).into_iter().flatten() {
            let text = |key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
            match (text(key), text("region"), text("service")) {
                (Some(cidr), Some(region), Some(service)) => {
                    ranges.insert((cidr, region, service));
                }
                _ => unfit += 1,
            }
        }
    }
    if unfit > 0 {
        reader.complaints.push(format!("{unfit} ip ranges without prefix, region or service"));
    }
    reader.add(Fact::IpRanges { at, ranges });
}
