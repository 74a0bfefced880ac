//! Findings: what a detection reports, one row for each key.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use arrow::array::Array as _;
use arrow::record_batch::RecordBatch;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::batch::decode;
use crate::detection::definition::Detection;
use crate::detection::error::Error;
use crate::detection::severity::{Confidence, Severity};
use crate::diagnostics::nearest;

/// Most records that a finding shows as its evidence.
pub const EVIDENCE_MAX: usize = 5;

/// One flow log record behind a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Evidence {
    /// `start` of the record, Unix seconds; RFC 3339 when serialized.
    #[serde(with = "rfc3339")]
    pub start: Option<i64>,
    /// The object it came from.
    pub object: String,
    /// The line of the object.
    pub line: Option<i64>,
}

/// One row of a detection. Times are Unix seconds, UTC, and RFC 3339 when serialized. NULL is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the table in `queries/README.md`")]
pub struct Finding {
    /// The same for the same detection and key, however the finding grows.
    pub finding_id: String,
    pub detection: String,
    pub title: String,
    pub severity: Severity,
    pub confidence: Confidence,
    pub reason: Option<String>,
    #[serde(with = "rfc3339")]
    pub first_seen: Option<i64>,
    #[serde(with = "rfc3339")]
    pub last_seen: Option<i64>,
    pub account_id: Option<String>,
    pub region: Option<String>,
    pub vpc_id: Option<String>,
    pub subnet_id: Option<String>,
    pub interface_id: Option<String>,
    pub job_name: Option<String>,
    pub job_arn: Option<String>,
    pub job_candidates: Vec<String>,
    pub attribution: Option<String>,
    pub local_addr: Option<String>,
    pub remote_addr: Option<String>,
    pub remote_port: Option<i64>,
    pub protocol: Option<i64>,
    pub remote_interface_id: Option<String>,
    pub remote_scope: Option<String>,
    pub flows: Option<i64>,
    pub packets: Option<i64>,
    pub bytes_out: Option<i64>,
    pub bytes_in: Option<i64>,
    pub path: Option<String>,
    pub cause: Option<String>,
    pub remediation: Option<String>,
    /// The first records behind it, [`EVIDENCE_MAX`] at most, by (start, object, line).
    pub evidence: Vec<Evidence>,
}

/// Every field of a [`Finding`], in its order.
#[rustfmt::skip]
pub const FIELDS: &[&str] = &[
    "finding_id", "detection", "title", "severity", "confidence", "reason", "first_seen", "last_seen",
    "account_id", "region", "vpc_id", "subnet_id", "interface_id",
    "job_name", "job_arn", "job_candidates", "attribution",
    "local_addr", "remote_addr", "remote_port", "protocol", "remote_interface_id", "remote_scope",
    "flows", "packets", "bytes_out", "bytes_in", "path", "cause", "remediation", "evidence",
];

/// A column that a detection's SQL may return beside the fields: what else makes its finding one. It goes into the id.
const KEY: &str = "key";

/// Fields that flowq fills in itself; a detection's SQL may not return them.
const OURS: &[&str] = &["finding_id", "detection", "title"];

impl Finding {
    /// Reads the rows of a detection's SQL, in the total order of findings.
    pub fn from_batches(
        detection: &Detection,
        batches: &[RecordBatch],
    ) -> Result<Vec<Self>, Error> {
        let failed = |problem: String| Error::Rows { id: detection.id.clone(), problem };
        let mut findings = Vec::new();
        for batch in batches {
            check_columns(batch).map_err(failed)?;
            let columns = Columns::new(batch).map_err(|err| failed(err.to_string()))?;
            for row in 0..batch.num_rows() {
                findings.push(columns.finding(detection, row).map_err(failed)?);
            }
        }
        let mut seen = BTreeMap::new();
        for finding in &findings {
            if let Some(other) = seen.insert(finding.finding_id.as_str(), finding) {
                return Err(failed(format!("two rows have the key {:?}", other.key())));
            }
        }
        sort(&mut findings);
        Ok(findings)
    }

    /// Returns the job, or the interface when one job is not known, or what of the VPC it is about.
    pub fn job(&self) -> Option<&str> {
        let job = self.job_arn.as_deref().or(self.job_name.as_deref());
        let place = self.subnet_id.as_deref().or(self.vpc_id.as_deref());
        job.or(self.interface_id.as_deref()).or(place)
    }

    /// Returns what makes this finding one, beside the `key` of its detection where that has one: it keeps its id as
    /// long as these stay.
    pub fn key(&self) -> [String; 6] {
        let text = |value: Option<&str>| value.unwrap_or("-").to_owned();
        let number = |value: Option<i64>| value.map_or("-".to_owned(), |value| value.to_string());
        [
            self.detection.clone(),
            text(self.job()),
            text(self.local_addr.as_deref()),
            text(self.remote_addr.as_deref()),
            number(self.remote_port),
            number(self.protocol),
        ]
    }
}

/// Sorts findings: worst first, then by detection, job, time and key, so that no two are equal.
pub fn sort(findings: &mut [Finding]) {
    findings.sort_by_cached_key(|finding| {
        let job = finding.job_name.clone();
        let key = finding.key();
        let id = finding.finding_id.clone();
        (Reverse(finding.severity), finding.detection.clone(), job, finding.first_seen, key, id)
    });
}

fn check_columns(batch: &RecordBatch) -> Result<(), String> {
    let fields = || FIELDS.iter().copied().filter(|name| !OURS.contains(name));
    let returned = || fields().chain([KEY]);
    for field in batch.schema_ref().fields() {
        if !returned().any(|known| known == field.name()) {
            let near = nearest(field.name(), returned());
            let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            return Err(format!("column {} is no field of a finding{hint}", field.name()));
        }
    }
    Ok(())
}

/// The columns of one batch, cast to the types of the fields.
struct Columns {
    text: BTreeMap<String, arrow::array::StringArray>,
    number: BTreeMap<String, arrow::array::Int64Array>,
    evidence: Option<decode::EvidenceColumn>,
    candidates: Option<decode::TextListColumn>,
}

impl Columns {
    fn new(batch: &RecordBatch) -> Result<Self, arrow::error::ArrowError> {
        let mut columns = Self {
            text: BTreeMap::new(),
            number: BTreeMap::new(),
            evidence: None,
            candidates: None,
        };
        for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            let name = field.name().clone();
            match name.as_str() {
                "evidence" => columns.evidence = Some(decode::EvidenceColumn::new(array)?),
                "job_candidates" => columns.candidates = Some(decode::TextListColumn::new(array)?),
                "first_seen" | "last_seen" => {
                    columns.number.insert(name, decode::seconds(array)?);
                }
                "remote_port" | "protocol" | "flows" | "packets" | "bytes_out" | "bytes_in" => {
                    columns.number.insert(name, decode::numbers(array)?);
                }
                _ => {
                    columns.text.insert(name, decode::texts(array)?);
                }
            }
        }
        Ok(columns)
    }

    fn finding(&self, detection: &Detection, row: usize) -> Result<Finding, String> {
        let text = |name: &str| {
            let column = self.text.get(name).filter(|column| column.is_valid(row));
            column.map(|column| column.value(row).to_owned())
        };
        let number = |name: &str| {
            let column = self.number.get(name).filter(|column| column.is_valid(row));
            column.map(|column| column.value(row))
        };
        let severity = text("severity").map(|text| text.parse()).transpose();
        let confidence = text("confidence").map(|text| text.parse()).transpose();
        let in_row = severity.map_err(|err: Error| err.to_string())?;
        let mut finding = Finding {
            finding_id: String::new(),
            detection: detection.id.clone(),
            title: detection.title.clone(),
            severity: detection.severity_set.or(in_row).unwrap_or(detection.severity),
            confidence: confidence
                .map_err(|err: Error| err.to_string())?
                .unwrap_or(Confidence::Strong),
            reason: text("reason"),
            first_seen: number("first_seen"),
            last_seen: number("last_seen"),
            account_id: text("account_id"),
            region: text("region"),
            vpc_id: text("vpc_id"),
            subnet_id: text("subnet_id"),
            interface_id: text("interface_id"),
            job_name: text("job_name"),
            job_arn: text("job_arn"),
            job_candidates: self.candidates.as_ref().map_or_else(Vec::new, |list| list.get(row)),
            attribution: text("attribution"),
            local_addr: text("local_addr"),
            remote_addr: text("remote_addr"),
            remote_port: number("remote_port"),
            protocol: number("protocol"),
            remote_interface_id: text("remote_interface_id"),
            remote_scope: text("remote_scope"),
            flows: number("flows"),
            packets: number("packets"),
            bytes_out: number("bytes_out"),
            bytes_in: number("bytes_in"),
            path: text("path"),
            cause: text("cause"),
            remediation: text("remediation").or_else(|| Some(detection.remediation.clone())),
            evidence: self
                .evidence
                .iter()
                .flat_map(|list| list.get(row))
                .map(|(start, object, line)| Evidence { start, object, line })
                .collect(),
        };
        finding.evidence.sort();
        finding.evidence.dedup();
        finding.evidence.truncate(EVIDENCE_MAX);
        let mut key = finding.key().to_vec();
        key.extend(text(KEY));
        finding.finding_id = id_of(&key);
        Ok(finding)
    }
}

/// Returns the id of a key: the first 16 hex digits of its SHA-256.
pub(crate) fn id_of(key: &[String]) -> String {
    let digest = Sha256::digest(key.join("\0"));
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Returns a Unix time as RFC 3339, UTC.
pub fn time_text(seconds: i64) -> Option<String> {
    let time = chrono::DateTime::from_timestamp(seconds, 0)?;
    Some(time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
}

/// A time in Unix seconds, written as RFC 3339.
pub(crate) mod rfc3339 {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        seconds: &Option<i64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        seconds.and_then(super::time_text).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<i64>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let time = text.map(|text| chrono::DateTime::parse_from_rfc3339(&text)).transpose();
        Ok(time.map_err(D::Error::custom)?.map(|time| time.timestamp()))
    }
}
