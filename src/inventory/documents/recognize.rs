//! Recognizes a document by its keys, and calls its reader.

use serde_json::Value;

use crate::inventory::aws_time;
use crate::inventory::documents::reader::{JsonObject, Reader, clean};
use crate::inventory::documents::{
    aws_config, bucket_policy, cloudtrail, ec2_endpoints, ec2_network, ec2_rules, ip_ranges,
    mapping, sagemaker,
};
use crate::inventory::fact::Fact;

/// Reads one element of a list of a response.
type Item = fn(&mut Reader, Value, Option<i64>) -> Result<(), serde_json::Error>;

/// The lists that AWS responses are recognised by, and the reader of one element of each.
const LIST_DOCUMENTS: &[(&str, Item)] = &[
    ("NetworkInterfaces", ec2_network::network_interface),
    ("Vpcs", ec2_network::vpc),
    ("Subnets", ec2_network::subnet),
    ("DhcpOptions", ec2_network::dhcp_options),
    ("VpcEndpoints", ec2_endpoints::vpc_endpoint),
    ("PrefixLists", ec2_endpoints::prefix_list),
    ("NatGateways", ec2_endpoints::nat_gateway),
    ("FlowLogs", ec2_endpoints::flow_log),
    ("RouteTables", ec2_rules::route_table),
    ("SecurityGroups", ec2_rules::security_group),
    ("SecurityGroupRules", ec2_rules::security_group_rule),
    ("NetworkAcls", ec2_rules::network_acl),
    ("ProcessingJobSummaries", sagemaker::summary),
    ("ProcessingJobs", sagemaker::job),
    ("Events", cloudtrail::looked_up),
    ("Records", cloudtrail::record),
    ("configurationItems", aws_config::item),
    ("ConfigurationItems", aws_config::item),
];

/// Documents of one object each: recognised by a key, read as a whole.
const OBJECT_DOCUMENTS: &[(&str, Item)] = &[
    ("NetworkInterface", ec2_network::created_interface),
    ("ProcessingJobName", sagemaker::job),
    ("configurationItemCaptureTime", aws_config::item),
    ("configurationItem", aws_config::wrapped),
];

impl Reader {
    /// Takes one JSON value: a document, or an array of documents.
    pub(in crate::inventory) fn read_document(&mut self, value: Value) {
        match value {
            Value::Array(values) => values.into_iter().for_each(|value| self.read_document(value)),
            Value::Object(answer) => self.take_answer(answer),
            other => {
                let text: String = other.to_string().chars().take(40).collect();
                self.complaints.push(format!("not recognised: no JSON object, but {text}"));
            }
        }
    }

    /// Takes the rows of a mapping in CSV; `false` when the header is that of something else.
    pub(in crate::inventory) fn take_csv(&mut self, text: &[u8]) -> bool {
        mapping::csv(self, text)
    }

    fn take_answer(&mut self, mut answer: JsonObject) {
        let at = collected_at(&answer);
        let mut known = self.take_special(&answer, at);
        if answer.contains_key("NetworkInterfaces")
            && let Some(at) = at
        {
            ec2_network::pages(self, &answer, at);
        }
        for (key, item) in LIST_DOCUMENTS {
            if let Some(Value::Array(values)) = answer.get_mut(*key).map(Value::take) {
                known = true;
                self.add(Fact::Listed((*key).to_owned()));
                for (index, value) in values.into_iter().enumerate() {
                    if let Err(err) = item(self, clean(value), at) {
                        self.complaints.push(format!("{key}[{index}] does not fit: {err}"));
                    }
                }
            }
        }
        if let Some((key, item)) =
            OBJECT_DOCUMENTS.iter().find(|(key, _)| answer.contains_key(*key))
        {
            if let Err(err) = item(self, clean(Value::Object(answer)), at) {
                self.complaints.push(format!("the document with {key} does not fit: {err}"));
            }
        } else if !known {
            self.complaints.push(not_recognised(&answer));
        }
    }

    /// Takes the documents that are recognised by more than one key.
    fn take_special(&mut self, answer: &JsonObject, at: Option<i64>) -> bool {
        let has = |key: &str| answer.contains_key(key);
        if has("prefixes") || has("ipv6_prefixes") {
            ip_ranges::read(self, answer);
        } else if has("Entries") {
            ec2_endpoints::prefix_list_entries(self, answer);
        } else if has("VpcId") && (has("EnableDnsSupport") || has("EnableDnsHostnames")) {
            ec2_network::vpc_dns(self, answer, at);
        } else if answer.get("Policy").is_some_and(Value::is_string) {
            bucket_policy::read(self, answer, at);
        } else if has("detail-type") && has("detail") {
            self.take_event(answer, at);
        } else if has("eventName") && has("eventSource") {
            self.keep_error("event", |reader| {
                cloudtrail::record(reader, clean(Value::Object(answer.clone())), at)
            });
        } else if mapping::is_row(answer) {
            self.keep_error("mapping", |reader| {
                mapping::row(reader, Value::Object(answer.clone()))
            });
        } else {
            return false;
        }
        true
    }

    /// Takes an EventBridge event: its `detail` is a job, a CloudTrail record or a Config item.
    fn take_event(&mut self, event: &JsonObject, at: Option<i64>) {
        let Some(Value::Object(detail)) = event.get("detail") else {
            return self.complaints.push("not recognised: an event without a detail object".into());
        };
        if !detail.contains_key("ProcessingJobName") {
            return self.take_answer(detail.clone());
        }
        let at = event.get("time").and_then(aws_time::of_value).or(at);
        self.keep_error("event", |reader| {
            sagemaker::job(reader, clean(Value::Object(detail.clone())), at)
        });
    }

    fn keep_error(
        &mut self,
        what: &str,
        read: impl FnOnce(&mut Self) -> Result<(), serde_json::Error>,
    ) {
        if let Err(err) = read(self) {
            self.complaints.push(format!("the {what} does not fit: {err}"));
        }
    }
}

/// Returns when a response was given: a key that the collector added, else the response's own date.
fn collected_at(answer: &JsonObject) -> Option<i64> {
    ["CollectedAt", "collected_at"]
        .iter()
        .find_map(|key| answer.get(*key).and_then(aws_time::of_value))
        .or_else(|| {
            let headers = answer.get("ResponseMetadata")?.get("HTTPHeaders")?.as_object()?;
            let (_, date) = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case("date"))?;
            aws_time::of_value(date)
        })
}

fn not_recognised(answer: &JsonObject) -> String {
    if answer.is_empty() {
        return "not recognised: an empty object".into();
    }
    let mut keys: Vec<&str> = answer.keys().take(6).map(String::as_str).collect();
    if answer.len() > keys.len() {
        keys.push("…");
    }
    format!("not recognised: it has the keys {}", keys.join(", "))
}
