//! Imports alerts into Security Hub, in the AWS Security Finding Format (ASFF).
//!
//! Source: <https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings-format.html>. A finding
//! keeps its `Id`, so that one that grew replaces what was imported before.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;

use crate::alert::transports::aws_batch::{AwsCaller, entry_failure};
use crate::alert::transports::{DeliveryError, DeliveryResult, ErrorKind, Transport};
use crate::alert::{Alert, message};
use crate::aws::operations::{BATCH_IMPORT_FINDINGS, GET_CALLER_IDENTITY};
use crate::aws::{Account, partition};
use crate::detection::finding::time_text;
use crate::detection::{Confidence, Finding};
use crate::flow::protocol::protocol_name;

/// The most characters of texts of ASFF.
const TITLE_MAX: usize = 256;
const DESCRIPTION_MAX: usize = 1024;
const RECOMMENDATION_MAX: usize = 512;
const PRODUCT_FIELD_MAX: usize = 1024;

/// The most resources that a finding may name.
const RESOURCES_MAX: usize = 32;

#[derive(Debug)]
pub(in crate::alert) struct SecurityHubTransport {
    caller: AwsCaller,
    /// The account that findings are imported by, and so of.
    account_id: OnceCell<String>,
}

impl SecurityHubTransport {
    pub(in crate::alert) fn new(
        account: &Arc<Account>,
        region: Option<&str>,
        timeout: Duration,
    ) -> Self {
        Self { caller: AwsCaller::new(account, region, timeout), account_id: OnceCell::new() }
    }

    async fn place(&self) -> Result<HubAccount, DeliveryError> {
        let api = self.caller.api().await.map_err(|error| DeliveryError::of_call(&error))?;
        let ask = || async {
            let answer = self.caller.call(&GET_CALLER_IDENTITY, &json!({})).await?;
            let result = answer.document.get("GetCallerIdentityResult");
            let account = result.and_then(|result| result.get("Account")?.as_str());
            let lacks = "GetCallerIdentity does not name the account";
            account.map(str::to_owned).ok_or_else(|| DeliveryError::new(ErrorKind::Passing, lacks))
        };
        let account_id = self.account_id.get_or_try_init(ask).await?.clone();
        Ok(HubAccount { account_id, region: api.region().to_owned() })
    }

    async fn import(&self, alerts: &[Alert]) -> Result<Vec<DeliveryResult>, DeliveryError> {
        let place = self.place().await?;
        // A call takes each finding once: of one that grew twice, the last alert says all.
        let ids: Vec<String> = alerts.iter().map(|alert| place.id(alert)).collect();
        let findings: BTreeMap<&String, &Alert> = ids.iter().zip(alerts).collect();
        let findings = findings.values().map(|alert| place.finding(alert));
        let params = json!({ "Findings": findings.collect::<Vec<_>>() });
        let answer = self.caller.call(&BATCH_IMPORT_FINDINGS, &params).await?;
        let failed = answer.document.get("FailedFindings").and_then(Value::as_array);
        let failed = failed.cloned().unwrap_or_default();
        let fate = |id: &String| {
            let failed = failed.iter().find(|failed| failed["Id"] == id.as_str());
            failed.map_or(Ok(()), |failed| {
                let word = |key: &str| failed[key].as_str().unwrap_or_default();
                Err(entry_failure(word("ErrorCode"), word("ErrorMessage"), None))
            })
        };
        Ok(ids.iter().map(fate).collect())
    }
}

#[async_trait]
impl Transport for SecurityHubTransport {
    fn batch_size(&self) -> usize {
        100
    }

    async fn send(&self, alerts: &[Alert], _: i64) -> Vec<DeliveryResult> {
        match self.import(alerts).await {
            Ok(fates) => fates,
            Err(failure) => vec![Err(failure); alerts.len()],
        }
    }
}

/// Whose findings these are, and where.
struct HubAccount {
    account_id: String,
    region: String,
}

impl HubAccount {
    /// Returns what a finding is known by.
    fn id(&self, alert: &Alert) -> String {
        format!("{}/{}/flowq/{}", self.region, self.account_id, alert.finding.finding_id)
    }

    fn finding(&self, alert: &Alert) -> Value {
        let Self { account_id, region } = self;
        let partition = partition(region);
        let finding = &alert.finding;
        let time = |seconds: Option<i64>| seconds.and_then(time_text);
        let posted = time(alert.posted_at);
        let created = time(finding.first_seen).or_else(|| posted.clone());
        let description = finding.reason.as_deref().unwrap_or(&finding.title);
        let to_do = finding.remediation.as_deref().filter(|text| !text.is_empty());
        let types = ["Unusual Behaviors/Network Flow"];
        let severity = json!({
            "Label": finding.severity.as_str().to_uppercase(),
            "Original": finding.severity,
        });
        without_nulls(json!({
            "SchemaVersion": "2018-10-08",
            "Id": self.id(alert),
            "ProductArn":
                format!("arn:{partition}:securityhub:{region}:{account_id}:product/{account_id}/default"),
            "ProductName": "flowq",
            "CompanyName": "flowq",
            "GeneratorId": format!("flowq/{}", finding.detection),
            "AwsAccountId": account_id,
            "Region": region,
            "Types": types,
            "CreatedAt": created,
            "UpdatedAt": posted,
            "FirstObservedAt": time(finding.first_seen),
            "LastObservedAt": time(finding.last_seen),
            "Severity": severity,
            "Confidence": confidence(finding.confidence),
            // What a grown finding changes; the same fields above are the customer's after the first import.
            "FindingProviderFields": {
                "Severity": severity,
                "Types": types,
                "Confidence": confidence(finding.confidence),
            },
            "Title": message::cut(&finding.title, TITLE_MAX),
            "Description": message::cut(description, DESCRIPTION_MAX),
            "Remediation": to_do.map(|to_do| {
                json!({ "Recommendation": { "Text": message::cut(to_do, RECOMMENDATION_MAX) } })
            }),
            "ProductFields": product_fields(alert),
            "Network": network(finding),
            "Resources": self.resources(finding),
            "RecordState": "ACTIVE",
        }))
    }

    fn resources(&self, finding: &Finding) -> Vec<Value> {
        let region = finding.region.as_deref().unwrap_or(&self.region);
        let account = finding.account_id.as_deref().unwrap_or(&self.account_id);
        let partition = partition(region);
        let resource = |kind: &str, id: String| json!({ "Type": kind, "Id": id, "Partition": partition, "Region": region });
        let mut resources = Vec::new();
        let arn = |job: &str| {
            format!("arn:{partition}:sagemaker:{region}:{account}:processing-job/{job}")
        };
        match (&finding.job_arn, &finding.job_name) {
            (Some(job), _) => resources.push(resource("Other", job.clone())),
            (None, Some(job)) => resources.push(resource("Other", arn(job))),
            (None, None) => {}
        }
        if let Some(eni) = &finding.interface_id {
            let arn = format!("arn:{partition}:ec2:{region}:{account}:network-interface/{eni}");
            resources.push(resource("AwsEc2NetworkInterface", arn));
        } else {
            // About configuration: where it is.
            let place = |name: &str, id: &str| {
                format!("arn:{partition}:ec2:{region}:{account}:{name}/{id}")
            };
            let subnet = finding.subnet_id.iter().map(|id| ("AwsEc2Subnet", place("subnet", id)));
            let vpc = finding.vpc_id.iter().map(|id| ("AwsEc2Vpc", place("vpc", id)));
            resources.extend(subnet.chain(vpc).map(|(kind, arn)| resource(kind, arn)));
        }
        for job in &finding.job_candidates {
            resources.push(resource("Other", arn(job)));
        }
        if resources.is_empty() {
            resources.push(resource("AwsAccount", format!("AWS::::Account:{account}")));
        }
        resources.truncate(RESOURCES_MAX);
        resources
    }
}

/// Security Hub's confidence is a number to 100.
fn confidence(confidence: Confidence) -> u8 {
    match confidence {
        Confidence::Weak => 25,
        Confidence::Inferred => 50,
        Confidence::Strong => 80,
        Confidence::Proven => 99,
    }
}

/// What ASFF has no field for, as texts.
fn product_fields(alert: &Alert) -> Value {
    let finding = &alert.finding;
    let number = |value: Option<i64>| value.map(|value| value.to_string());
    let candidates = finding.job_candidates.join(", ");
    let mut fields = Map::new();
    for (name, value) in [
        ("alert_id", Some(alert.alert_id.clone())),
        ("test", alert.test.then(|| "true".to_owned())),
        ("detection", Some(finding.detection.clone())),
        ("job_name", finding.job_name.clone()),
        ("job_candidates", Some(candidates)),
        ("attribution", finding.attribution.clone()),
        ("account_id", finding.account_id.clone()),
        ("vpc_id", finding.vpc_id.clone()),
        ("subnet_id", finding.subnet_id.clone()),
        ("interface_id", finding.interface_id.clone()),
        ("remote_scope", finding.remote_scope.clone()),
        ("remote_interface_id", finding.remote_interface_id.clone()),
        ("flows", number(finding.flows)),
        ("packets", number(finding.packets)),
        ("bytes_out", number(finding.bytes_out)),
        ("bytes_in", number(finding.bytes_in)),
        ("path", finding.path.clone()),
        ("cause", finding.cause.clone()),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            fields.insert(format!("flowq/{name}"), message::cut(&value, PRODUCT_FIELD_MAX).into());
        }
    }
    for (at, record) in finding.evidence.iter().enumerate() {
        let line = record.line.map(|line| format!(":{line}")).unwrap_or_default();
        let value = message::cut(&format!("{}{line}", record.object), PRODUCT_FIELD_MAX);
        fields.insert(format!("flowq/evidence/{}", at + 1), value.into());
    }
    Value::Object(fields)
}

fn network(finding: &Finding) -> Value {
    let of = |addr: &Option<String>, v6: bool| addr.clone().filter(|addr| addr.contains(':') == v6);
    let protocol = finding.protocol.and_then(|number| i32::try_from(number).ok());
    json!({
        "Protocol": protocol.and_then(protocol_name),
        "SourceIpV4": of(&finding.local_addr, false),
        "SourceIpV6": of(&finding.local_addr, true),
        "DestinationIpV4": of(&finding.remote_addr, false),
        "DestinationIpV6": of(&finding.remote_addr, true),
        "DestinationPort": finding.remote_port.filter(|port| *port > 0),
    })
}

/// ASFF has no null.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(entries) => {
            let non_null = entries.into_iter().filter(|(_, value)| !value.is_null());
            let non_null = non_null.map(|(name, value)| (name, without_nulls(value)));
            Value::Object(non_null.filter(|(_, value)| *value != json!({})).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}
