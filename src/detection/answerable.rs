//! Which question the flow logs can answer for which interface of a job.
//!
//! A question needs records of some actions and with some fields; a flow log holds what it is configured for. So it
//! is checked for each flow log that has records of an interface, never for all of them together.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array as _, new_null_array};
use arrow::datatypes::{DataType, TimeUnit};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use crate::batch::decode;
use crate::detection::finding::id_of;
use crate::detection::{Confidence, Detection, Finding, NotRun, Severity};

/// The detection that findings about unanswered questions name.
pub const UNANSWERED: &str = "unanswered-question";

/// How far apart two flow logs' records of an interface may lie, so that nothing lies between them: the longest
/// aggregation interval.
const NEAR_SECS: i64 = 600;

/// Fields that every record has whose flow log has the field, and the column that counts records without it.
const COUNTED: &[(&str, &str)] = &[
    ("action", "without_action"),
    ("srcport", "without_ports"),
    ("dstport", "without_ports"),
    ("start", "without_start"),
    ("end", "without_end"),
    ("bytes", "without_bytes"),
];

/// What one flow log holds of one interface of a job. Times are Unix seconds, UTC.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InterfaceLog {
    /// The interface.
    pub interface_id: String,
    /// Its job, or the candidates joined by commas.
    pub job: String,
    /// The flow log. `None`: the names of the objects do not tell it.
    pub flow_log_id: Option<String>,
    /// Which records it can hold: `ALL`, `ACCEPT` or `REJECT`.
    pub traffic_type: String,
    /// Whether describe-flow-logs says so; else the records do.
    pub is_configured: bool,
    /// Its aggregation interval, where describe-flow-logs tells it.
    pub aggregation_secs: Option<i64>,
    /// Records with traffic.
    pub records: i64,
    /// Records without a field, by the field's column.
    pub without: BTreeMap<&'static str, i64>,
    /// The start of the earliest record.
    pub first_seen: Option<i64>,
    /// The last one.
    pub last_seen: Option<i64>,
}

/// Questions that a flow log cannot answer for an interface, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    /// The interface.
    pub interface_id: String,
    /// Its job, or the candidates joined by commas.
    pub job: String,
    /// The flow log. `None`: the names of the objects do not tell it.
    pub flow_log_id: Option<String>,
    /// What the flow log lacks.
    pub why: String,
    /// The detections, with ` (in part)` behind those that it can answer for some of the traffic.
    pub questions: Vec<String>,
    /// From when.
    pub first_seen: Option<i64>,
    /// Until when.
    pub last_seen: Option<i64>,
}

impl InterfaceLog {
    /// Reads the rows of `queries/coverage/interface-logs.sql`.
    pub fn read(batch: &RecordBatch) -> Result<Vec<Self>, ArrowError> {
        let column = |name: &str, missing: DataType| {
            let column = batch.column_by_name(name).cloned();
            column.unwrap_or_else(|| new_null_array(&missing, batch.num_rows()))
        };
        let texts = |name: &str| decode::texts(&column(name, DataType::Utf8));
        let numbers = |name: &str| decode::numbers(&column(name, DataType::Int64));
        let times = |name: &str| {
            decode::seconds(&column(name, DataType::Timestamp(TimeUnit::Second, None)))
        };
        let (interface, job) = (texts("interface_id")?, texts("job")?);
        let (flow_log, traffic) = (texts("flow_log_id")?, texts("traffic_type")?);
        let configured = texts("is_configured")?;
        let (interval, records) = (numbers("aggregation_secs")?, numbers("records")?);
        let (first, last) = (times("first_seen")?, times("last_seen")?);
        let mut counts = BTreeMap::new();
        for (_, name) in COUNTED {
            counts.insert(*name, numbers(name)?);
        }
        let number =
            |array: &arrow::array::Int64Array, row| array.is_valid(row).then(|| array.value(row));
        let text = |array: &arrow::array::StringArray, row| {
            array.is_valid(row).then(|| array.value(row).to_owned())
        };
        let log = |row| Self {
            interface_id: text(&interface, row).unwrap_or_default(),
            job: text(&job, row).unwrap_or_default(),
            flow_log_id: text(&flow_log, row),
            traffic_type: text(&traffic, row).unwrap_or_default(),
            is_configured: text(&configured, row).as_deref() == Some("true"),
            aggregation_secs: number(&interval, row),
            records: number(&records, row).unwrap_or(0),
            without: counts
                .iter()
                .map(|(name, counts)| (*name, number(counts, row).unwrap_or(0)))
                .collect(),
            first_seen: number(&first, row),
            last_seen: number(&last, row),
        };
        Ok((0..batch.num_rows()).map(log).collect())
    }

    /// How many of its records lack a field; 0 for fields that a record may have no value of.
    fn without(&self, field: &str) -> i64 {
        let counted = COUNTED.iter().find(|(name, _)| *name == field.trim());
        counted.and_then(|(_, column)| self.without.get(column)).copied().unwrap_or(0)
    }

    /// Returns what it lacks to answer a question; nothing when it can.
    fn lacks(&self, detection: &Detection) -> Option<Lack> {
        let is_only = |action: &String| self.traffic_type != "ALL" && *action != self.traffic_type;
        let mut why = Vec::new();
        let missing = detection.actions.iter().filter(|action| is_only(action)).count();
        let mut in_part = missing < detection.actions.len();
        if missing > 0 {
            let only = &self.traffic_type;
            why.push(match self.is_configured {
                true => format!("only {only} is logged (TrafficType of describe-flow-logs)"),
                false => format!(
                    "it holds only {only} records; describe-flow-logs in the inventory would tell \
                     whether others are logged"
                ),
            });
        }
        for required in &detection.requires {
            let lacking = required.split('|').map(|field| self.without(field)).min().unwrap_or(0);
            if lacking > 0 {
                in_part &= lacking < self.records;
                let (records, field) = (self.records, required);
                why.push(format!("{lacking} of {records} records lack {field}"));
            }
        }
        (!why.is_empty()).then(|| Lack { why: why.join("; "), in_part })
    }

    fn span(&self) -> (i64, i64) {
        (self.first_seen.unwrap_or(i64::MIN), self.last_seen.unwrap_or(i64::MAX))
    }
}

/// What a flow log lacks for a question, and whether it can answer it for some of the traffic.
struct Lack {
    why: String,
    in_part: bool,
}

/// A flow log with the questions that it cannot answer, by its id and the reason.
type LogsByReason<'a> = BTreeMap<(Option<&'a str>, String), (&'a InterfaceLog, Vec<String>)>;

/// Returns the questions that cannot be answered, by interface, flow log and reason. What one flow log lacks at a time
/// at which another one of the same interface can answer is left out.
pub fn unanswered<'a>(
    logs: &[InterfaceLog],
    questions: impl Iterator<Item = &'a Detection> + Clone,
) -> Vec<Unanswered> {
    let mut by_interface: BTreeMap<(&str, &str), Vec<&InterfaceLog>> = BTreeMap::new();
    for log in logs {
        by_interface.entry((&log.job, &log.interface_id)).or_default().push(log);
    }
    let mut found = Vec::new();
    for ((job, interface_id), logs) in by_interface {
        let mut lacks = LogsByReason::new();
        for question in questions.clone() {
            let judged = logs.iter().map(|log| (*log, log.lacks(question)));
            let (able, unable): (Vec<_>, Vec<_>) = judged.partition(|(_, lack)| lack.is_none());
            let mut able: Vec<(i64, i64)> = able.iter().map(|(log, _)| log.span()).collect();
            able.sort_unstable();
            for (log, lack) in unable {
                let Some(lack) = lack.filter(|_| !is_covered(log.span(), &able)) else { continue };
                let part = if lack.in_part { " (in part)" } else { "" };
                let named = lacks.entry((log.flow_log_id.as_deref(), lack.why));
                named.or_insert((log, Vec::new())).1.push(format!("{}{part}", question.id));
            }
        }
        found.extend(lacks.into_iter().map(|((_, why), (log, questions))| Unanswered {
            interface_id: interface_id.to_owned(),
            job: job.to_owned(),
            flow_log_id: log.flow_log_id.clone(),
            why,
            questions,
            first_seen: log.first_seen,
            last_seen: log.last_seen,
        }));
    }
    found
}

/// Returns whether a span lies within others, sorted, between which no record need be missing.
fn is_covered((mut from, to): (i64, i64), others: &[(i64, i64)]) -> bool {
    for (first, last) in others {
        if first.saturating_sub(NEAR_SECS) <= from {
            from = from.max(last.saturating_add(NEAR_SECS));
        }
    }
    !others.is_empty() && from >= to
}

/// Returns the questions whose answers a longer aggregation interval than they need makes less sure.
pub fn coarse<'a>(
    logs: &[InterfaceLog],
    questions: impl Iterator<Item = &'a Detection>,
) -> Vec<NotRun> {
    let longest = logs.iter().filter_map(|log| log.aggregation_secs).max();
    let is_coarse = |question: &&Detection| longest > question.aggregation_secs;
    let coarse = questions.filter(|question| question.aggregation_secs.is_some());
    let less_sure = |question: &Detection| NotRun {
        id: question.id.clone(),
        missing: vec![format!(
            "an aggregation interval of {} s (a flow log has {} s)",
            question.aggregation_secs.unwrap_or(0),
            longest.unwrap_or(0)
        )],
        needs: None,
    };
    coarse.filter(is_coarse).map(less_sure).collect()
}

impl Unanswered {
    /// Returns the flow log, in words.
    pub fn flow_log(&self) -> String {
        match &self.flow_log_id {
            Some(id) => format!("flow log {id}"),
            None => "a flow log whose objects do not name it".to_owned(),
        }
    }

    /// Returns it as a row among the findings, for formats that have nothing but rows. It is no finding: it counts
    /// neither for `--fail-on` nor for alerts.
    pub fn finding(&self) -> Finding {
        let detection = UNANSWERED.to_owned();
        let candidates: Vec<String> = self.job.split(',').map(str::to_owned).collect();
        let (job_name, job_candidates) = match candidates.as_slice() {
            [job] => (Some(job.clone()), Vec::new()),
            _ => (None, candidates),
        };
        let flow_log = self.flow_log_id.clone().unwrap_or_default();
        let key =
            [&detection, &self.job, &self.interface_id, &flow_log, &self.why].map(Clone::clone);
        Finding {
            finding_id: id_of(&key),
            detection,
            title: "Questions that the flow logs cannot answer for an interface of a job".to_owned(),
            severity: Severity::Informational,
            confidence: Confidence::Strong,
            reason: Some(format!(
                "{}: {}; not answered: {}",
                self.flow_log(),
                self.why,
                self.questions.join(", ")
            )),
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            account_id: None,
            region: None,
            vpc_id: None,
            subnet_id: None,
            interface_id: Some(self.interface_id.clone()),
            job_name,
            job_arn: None,
            job_candidates,
            attribution: None,
            local_addr: None,
            remote_addr: None,
            remote_port: None,
            protocol: None,
            remote_interface_id: None,
            remote_scope: None,
            flows: None,
            packets: None,
            bytes_out: None,
            bytes_in: None,
            path: None,
            cause: None,
            remediation: Some(
                "make a flow log of TrafficType ALL with the fields of version 5 for the VPC; what \
                 was not logged cannot be read afterwards"
                    .to_owned(),
            ),
            evidence: Vec::new(),
        }
    }
}

/// What is not answered of one question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfQuestion {
    /// The interfaces for which it is not.
    pub interfaces: BTreeSet<String>,
    /// Whether some of the traffic of any of them is judged all the same.
    pub in_part: bool,
    reasons: BTreeSet<String>,
}

impl OfQuestion {
    /// Returns what is not answered of a detection.
    pub fn new(unanswered: &[Unanswered], id: &str) -> Self {
        let mut all = Self::default();
        for one in unanswered {
            let named = one.questions.iter().find(|name| name.split(' ').next() == Some(id));
            let Some(name) = named else { continue };
            all.interfaces.insert(one.interface_id.clone());
            all.in_part |= name.as_str() != id;
            all.reasons.insert(format!("{}: {}", one.flow_log(), one.why));
        }
        all
    }

    /// Says why.
    pub fn why(&self) -> String {
        self.reasons.iter().cloned().collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::built_in;

    fn log(flow_log: &str, traffic: &str, first: i64, last: i64) -> InterfaceLog {
        InterfaceLog {
            interface_id: "eni-1".to_owned(),
            job: "a".to_owned(),
            flow_log_id: Some(flow_log.to_owned()),
            traffic_type: traffic.to_owned(),
            is_configured: true,
            records: 10,
            first_seen: Some(first),
            last_seen: Some(last),
            ..InterfaceLog::default()
        }
    }

    fn without(mut log: InterfaceLog, column: &'static str, count: i64) -> InterfaceLog {
        log.without.insert(column, count);
        log
    }

    /// The questions that a flow log cannot answer, one text for each reason.
    fn of(logs: &[InterfaceLog]) -> Vec<String> {
        let detections = built_in().unwrap();
        let found = unanswered(logs, detections.iter());
        let line = |one: Unanswered| {
            let flow_log = one.flow_log_id.unwrap_or_default();
            format!("{flow_log}: {}: {}", one.why, one.questions.join(" "))
        };
        found.into_iter().map(line).collect()
    }

    #[test]
    fn every_question_about_actions_states_which_it_needs() {
        for detection in built_in().unwrap() {
            let asks = detection.requires.iter().any(|field| field == "action");
            assert_eq!(asks, !detection.actions.is_empty(), "{}", detection.id);
        }
    }

    #[test]
    fn one_action_answers_the_questions_about_it() {
        assert!(of(&[log("fl-a", "ALL", 0, 60)]).is_empty());
        let reject = of(&[log("fl-a", "REJECT", 0, 60)]);
        assert_eq!(reject.len(), 1, "{reject:?}");
        let (why, questions) = reject[0].rsplit_once(": ").unwrap();
        assert!(why.contains("only REJECT is logged"), "{why}");
        for id in ["unexpected-egress", "s3-endpoint-bypass", "beaconing (in part)"] {
            assert!(questions.contains(id), "{questions}");
        }
        assert!(!questions.contains("blocked-inter-container"), "{questions}");
        assert!(!questions.contains("log-gap"), "{questions}");
        let accept = of(&[log("fl-a", "ACCEPT", 0, 60)]);
        assert!(
            accept[0].contains("attempted-egress") && accept[0].contains("blocked-inter-container")
        );
        assert!(!accept[0].contains("unexpected-egress"), "{accept:?}");
    }

    #[test]
    fn another_flow_log_of_the_interface_answers_at_its_own_time_only() {
        let all = |first, last| log("fl-b", "ALL", first, last);
        let reject = log("fl-a", "REJECT", 3600, 7200);
        assert!(of(&[reject.clone(), all(3600, 7200)]).is_empty());
        // Two that follow each other do as well.
        assert!(of(&[reject.clone(), all(3000, 5000), log("fl-c", "ALL", 5060, 7000)]).is_empty());
        assert_eq!(of(&[reject.clone(), all(0, 5000)]).len(), 1);
        // Neither has a field that the other one lacks.
        let other = InterfaceLog { interface_id: "eni-2".to_owned(), ..all(3600, 7200) };
        assert_eq!(of(&[reject, other]).len(), 1);
    }

    #[test]
    fn a_field_that_records_lack_is_named_with_how_many() {
        let some = of(&[without(log("fl-a", "ALL", 0, 60), "without_action", 10)]);
        assert!(some[0].starts_with("fl-a: 10 of 10 records lack action: "), "{some:?}");
        assert!(!some[0].contains("(in part)") && !some[0].contains("log-gap"), "{some:?}");
        let ports = of(&[without(log("fl-a", "ALL", 0, 60), "without_ports", 3)]);
        assert!(ports.iter().any(|line| line.contains("remote-admin (in part)")), "{ports:?}");
        assert!(!ports.concat().contains("unexpected-egress"), "{ports:?}");
    }

    #[test]
    fn a_long_interval_makes_rhythms_less_sure() {
        let detections = built_in().unwrap();
        let with =
            |secs| InterfaceLog { aggregation_secs: Some(secs), ..log("fl-a", "ALL", 0, 60) };
        assert!(coarse(&[with(60)], detections.iter()).is_empty());
        let less = coarse(&[with(600)], detections.iter());
        assert_eq!(less.len(), 1);
        assert_eq!(less[0].id, "beaconing");
    }
}
