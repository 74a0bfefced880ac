//! An alert: a finding with the reason for which a sink gets it.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::detection::finding::rfc3339;
use crate::detection::{Confidence, Evidence, Finding, Severity};

/// Why an alert is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertReason {
    /// The sink did not get the finding yet.
    New,
    /// The severity is higher than in the previous alert.
    Severity,
    /// The bytes are ten times those of the previous alert, or more.
    Bytes,
    /// It is a sample.
    Test,
}

/// The finding as it was in the previous alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousAlert {
    /// The highest severity.
    pub severity: Severity,
    /// The most bytes, out and in.
    pub bytes: i64,
}

/// A finding on its way to a sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The same for the same finding at the same step, so that a receiver can drop what comes twice.
    pub alert_id: String,
    /// The number of alerts about this finding to the sink, this one included.
    pub sequence: u32,
    /// Why it is sent.
    pub why: AlertReason,
    /// Whether it is a sample that `flowq alert test` sends.
    pub test: bool,
    /// When it was made, Unix seconds; RFC 3339 when serialized.
    #[serde(with = "rfc3339")]
    pub posted_at: Option<i64>,
    /// The previous alert to the sink. `None`: there is none.
    pub previous: Option<PreviousAlert>,
    /// The parts of the finding that were left out, since the sink takes no more. `None`: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
    /// The finding, as it was when the alert was made.
    pub finding: Finding,
}

impl Alert {
    /// Makes an alert. `now`: Unix seconds.
    pub(super) fn new(
        finding: &Finding,
        step: u32,
        why: AlertReason,
        previous: Option<PreviousAlert>,
        now: i64,
    ) -> Self {
        Self {
            alert_id: id_of(&finding.finding_id, step),
            sequence: step,
            why,
            test: false,
            posted_at: Some(now),
            previous,
            left_out: None,
            finding: finding.clone(),
        }
    }

    /// Makes a sample that cannot be mistaken for a finding. `now`: Unix seconds.
    pub fn sample(now: i64) -> Self {
        let text = |text: &str| Some(text.to_owned());
        let finding = Finding {
            finding_id: "flowq-test".to_owned(),
            detection: "flowq-test".to_owned(),
            title: "[flowq test] This is a sample, not a finding".to_owned(),
            severity: Severity::Informational,
            confidence: Confidence::Weak,
            reason: text("somebody ran `flowq alert test` to see that alerts arrive here"),
            first_seen: Some(now - 60),
            last_seen: Some(now),
            account_id: text("111122223333"),
            region: text("us-east-1"),
            vpc_id: text("vpc-0123456789abcdef0"),
            subnet_id: text("subnet-0123456789abcdef0"),
            interface_id: text("eni-0123456789abcdef0"),
            job_name: text("flowq-test"),
            job_arn: text("arn:aws:sagemaker:us-east-1:111122223333:processing-job/flowq-test"),
            job_candidates: Vec::new(),
            attribution: text("exact"),
            local_addr: text("192.0.2.10"),
            remote_addr: text("198.51.100.7"),
            remote_port: Some(443),
            protocol: Some(6),
            remote_interface_id: None,
            remote_scope: text("internet"),
            flows: Some(2),
            packets: Some(20),
            bytes_out: Some(52_000),
            bytes_in: Some(4_000),
            path: None,
            cause: None,
            remediation: text("nothing is to be done"),
            evidence: vec![Evidence {
                start: Some(now - 60),
                object: "s3://flowq-test/sample.log.gz".to_owned(),
                line: Some(1),
            }],
        };
        // Each run is a step of its own: queues with an order drop what they know.
        let id = id_of(&format!("flowq-test {now}"), 1);
        Self { alert_id: id, test: true, ..Self::new(&finding, 1, AlertReason::Test, None, now) }
    }
}

/// Returns the bytes of a finding, out and in.
pub(super) fn bytes(finding: &Finding) -> i64 {
    finding.bytes_out.unwrap_or(0).saturating_add(finding.bytes_in.unwrap_or(0))
}

/// Returns the id of an alert: the first 16 hex digits of its SHA-256.
pub(super) fn id_of(finding_id: &str, step: u32) -> String {
    let digest = Sha256::digest(format!("{finding_id}\0{step}"));
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
