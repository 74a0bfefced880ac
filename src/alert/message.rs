//! Alerts as text, and as JSON within the size limit of a service.

use std::fmt::Write as _;

use crate::alert::{Alert, AlertReason};
use crate::detection::Finding;
use crate::detection::finding::time_text;
use crate::flow::protocol::protocol_name;

/// The longest that a text of a finding may be once its alert has to be made smaller.
const SHORT_CHARS: usize = 300;

/// The most candidates for a job that are named once an alert has to be made smaller.
const SHORT_CANDIDATES: usize = 10;

/// Returns one line: severity, title and job.
pub(super) fn headline(alert: &Alert) -> String {
    let finding = &alert.finding;
    // A sample begins with its mark, whatever reads it.
    let lead = match alert.why {
        AlertReason::Test => String::new(),
        _ => format!("{} {}: ", finding.severity.as_str().to_uppercase(), finding.detection),
    };
    format!("{lead}{} ({})", finding.title, who(finding))
}

/// Returns the rest, one line each: flow, reason, cause, why it is sent again, confidence, fix, records.
pub(super) fn details(alert: &Alert) -> String {
    let finding = &alert.finding;
    let mut text = String::new();
    let records: Vec<String> = finding
        .evidence
        .iter()
        .map(|record| match record.line {
            Some(line) => format!("{}:{line}", record.object),
            None => record.object.clone(),
        })
        .collect();
    let given = |value: &Option<String>| value.clone().unwrap_or_default();
    for (label, value) in [
        ("flow", conversation(finding)),
        ("reason", given(&finding.reason)),
        ("cause", given(&finding.cause)),
        ("sent again", growth_line(alert)),
        ("confidence", finding.confidence.to_string()),
        ("fix", given(&finding.remediation)),
        ("evidence", records.join(", ")),
        ("omitted", given(&alert.left_out)),
        ("finding", format!("{} (alert {})", finding.finding_id, alert.alert_id)),
    ] {
        if !value.is_empty() {
            let _ = writeln!(text, "{label}: {}", value.replace('\n', " "));
        }
    }
    text.truncate(text.trim_end().len());
    text
}

fn who(finding: &Finding) -> String {
    let job = match (&finding.job_name, finding.job_candidates.as_slice()) {
        (Some(job), _) => format!("job {job}"),
        (None, []) => "no job".to_owned(),
        (None, [first, rest @ ..]) => match rest.len() {
            0 => format!("job {first}"),
            more => format!("job {first} or one of {more} more"),
        },
    };
    match &finding.region {
        Some(region) => format!("{job}, {region}"),
        None => job,
    }
}

fn conversation(finding: &Finding) -> String {
    // About configuration, not about traffic.
    if finding.local_addr.is_none() && finding.remote_addr.is_none() && finding.flows.is_none() {
        return String::new();
    }
    let given = |value: &Option<String>| value.clone().unwrap_or_else(|| "?".to_owned());
    let mut text = format!("{} → {}", given(&finding.local_addr), given(&finding.remote_addr));
    if let Some(scope) = &finding.remote_scope {
        let _ = write!(text, " ({scope})");
    }
    if let Some(port) = finding.remote_port.filter(|port| *port > 0) {
        let _ = write!(text, " port {port}");
    }
    if let Some(number) = finding.protocol {
        match i32::try_from(number).ok().and_then(protocol_name) {
            Some(name) => text.push_str(&format!(" {name}")),
            None => text.push_str(&format!(" protocol {number}")),
        }
    }
    let count = |value: Option<i64>| value.unwrap_or(0);
    let time = |seconds: Option<i64>| seconds.and_then(time_text).unwrap_or_else(|| "?".to_owned());
    let _ = write!(
        text,
        "; {} records, {} bytes out, {} in; {} to {}",
        count(finding.flows),
        count(finding.bytes_out),
        count(finding.bytes_in),
        time(finding.first_seen),
        time(finding.last_seen),
    );
    text
}

fn growth_line(alert: &Alert) -> String {
    match (alert.why, &alert.previous) {
        (AlertReason::Severity, Some(previous)) => format!("it was {} before", previous.severity),
        (AlertReason::Bytes, Some(previous)) => format!("it was {} bytes before", previous.bytes),
        _ => String::new(),
    }
}

/// Returns the JSON of an alert, which has at most this many bytes: evidence goes first, then candidates for
/// the job, then the ends of long texts. `left_out` of what is returned says so.
pub(super) fn json_within(alert: &Alert, bytes_max: usize) -> String {
    let json = |alert: &Alert| serde_json::to_string(alert).unwrap_or_default();
    let whole = json(alert);
    if whole.len() <= bytes_max {
        return whole;
    }
    let mut small = alert.clone();
    let mut left = Vec::new();
    let finding = &mut small.finding;
    if finding.evidence.len() > 1 {
        left.push(format!("{} records of the evidence", finding.evidence.len() - 1));
        finding.evidence.truncate(1);
    }
    if finding.job_candidates.len() > SHORT_CANDIDATES {
        let more = finding.job_candidates.len() - SHORT_CANDIDATES;
        left.push(format!("{more} candidates for the job"));
        finding.job_candidates.truncate(SHORT_CANDIDATES);
    }
    small.left_out = Some(left.join(", ")).filter(|left| !left.is_empty());
    let json_now = json(&small);
    if json_now.len() <= bytes_max {
        return json_now;
    }
    left.push("the ends of long texts".to_owned());
    let finding = &mut small.finding;
    let texts = [
        &mut finding.reason,
        &mut finding.cause,
        &mut finding.remediation,
        &mut finding.path,
        &mut finding.job_name,
        &mut finding.job_arn,
    ];
    for text in texts.into_iter().flatten() {
        *text = cut(text, SHORT_CHARS);
    }
    finding.title = cut(&finding.title, SHORT_CHARS);
    for text in &mut finding.job_candidates {
        *text = cut(text, SHORT_CHARS);
    }
    for record in &mut finding.evidence {
        record.object = cut(&record.object, SHORT_CHARS);
    }
    small.left_out = Some(left.join(", "));
    json(&small)
}

/// Returns the text, or its first characters and a mark that it is cut.
pub(super) fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some(_) => text.chars().take(chars_max.saturating_sub(1)).chain(['…']).collect(),
    }
}
