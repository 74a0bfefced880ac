//! Output of findings, as rows and as text.

use std::fmt::Write as _;
use std::path::Path;

use crate::cli::args::FindingFormat;
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::messages::number;
use crate::cli::output::destination::Output;
use crate::cli::output::{Format, destination};
use crate::detection::finding_batch::Lists;
use crate::detection::{Detection, DetectionRun, Evidence, Finding, Severity, ocsf};
use crate::flow::protocol::protocol_name;

/// Width of the column of labels: the longest, and a blank.
const LABEL_WIDTH: usize = 11;

/// Prints findings, to a file if one is named. `now`: Unix seconds.
pub(crate) fn print(
    findings: &[Finding],
    detections: &[Detection],
    (format, path, csv_safe): (FindingFormat, Option<&Path>, bool),
    now: i64,
) -> Result<(), Failure> {
    let (format, lists) = match format {
        FindingFormat::Table => return destination::people(&table(findings), path),
        FindingFormat::Ocsf => {
            return destination::text(&ocsf_lines(findings, detections, now), path);
        }
        FindingFormat::Json => return destination::json(findings, path),
        FindingFormat::Ndjson => return destination::json_lines(findings, path),
        FindingFormat::Csv => (Format::Csv, Lists::Text),
        FindingFormat::Parquet => (Format::Parquet, Lists::Nested),
    };
    let batch = Finding::to_batch(findings, lists).or_exit(Exit::Output)?;
    let mut output = Output::new(format, path, batch.schema())?.csv_safe(csv_safe);
    output.write(&batch)?;
    output.finish().map(drop)
}

fn ocsf_lines(findings: &[Finding], detections: &[Detection], now: i64) -> String {
    let line = |finding: &Finding| {
        let detection = detections.iter().find(|detection| detection.id == finding.detection);
        format!("{}\n", ocsf::detection_finding(finding, detection, now))
    };
    findings.iter().map(line).collect()
}

/// One block for each finding: id, job, flow, reason, cause, confidence, fix, and the records behind it.
pub(crate) fn table(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        block(&mut text, finding);
        text.push('\n');
    }
    text
}

fn block(text: &mut String, finding: &Finding) {
    let job = match (&finding.job_name, finding.job_candidates.as_slice()) {
        (Some(job), _) => job.clone(),
        (None, []) => "none".to_owned(),
        // About the configuration that they share.
        (None, jobs) if finding.interface_id.is_none() && finding.attribution.is_none() => {
            jobs.join(", ")
        }
        (None, jobs) => format!("one of {}", jobs.join(", ")),
    };
    let attribution = match &finding.attribution {
        Some(attribution) => format!(" ({attribution})"),
        None if finding.interface_id.is_none() => String::new(),
        None => " (unknown)".to_owned(),
    };
    let evidence: Vec<String> = finding.evidence.iter().map(record).collect();
    let given = |value: &Option<String>| value.clone().unwrap_or_default();
    let severity = finding.severity.as_str().to_uppercase();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{severity} {}: {}", finding.detection, finding.title);
    for (label, value) in [
        ("id", finding.finding_id.clone()),
        ("job", format!("{job}{attribution}, {}", place(finding))),
        ("flow", conversation(finding)),
        ("reason", given(&finding.reason)),
        ("cause", given(&finding.cause)),
        ("confidence", finding.confidence.to_string()),
        ("fix", given(&finding.remediation)),
        ("evidence", evidence.join("\n")),
    ] {
        if !value.is_empty() {
            let indent = " ".repeat(2 + LABEL_WIDTH);
            let value = value.replace('\n', &format!("\n{indent}"));
            let value = value.replace(&format!("\n{indent}\n"), "\n\n");
            let _ = writeln!(text, "  {label:<LABEL_WIDTH$}{value}");
        }
    }
}

fn record(evidence: &Evidence) -> String {
    match evidence.line {
        Some(line) => format!("{}:{line}", evidence.object),
        None => evidence.object.clone(),
    }
}

fn place(finding: &Finding) -> String {
    let parts = [&finding.interface_id, &finding.subnet_id, &finding.vpc_id, &finding.region];
    parts.into_iter().flatten().cloned().collect::<Vec<_>>().join(" ")
}

fn conversation(finding: &Finding) -> String {
    if finding.local_addr.is_none() && finding.remote_addr.is_none() {
        // It is about no traffic: of a configuration, or of a time.
        return match finding.last_seen {
            Some(_) => format!("{} to {}", time(finding.first_seen), time(finding.last_seen)),
            None => String::new(),
        };
    }
    let local = finding.local_addr.as_deref().unwrap_or("?");
    let remote = finding.remote_addr.as_deref().unwrap_or("several addresses");
    let protocol = finding.protocol.map(|number| {
        let name = i32::try_from(number).ok().and_then(protocol_name);
        name.map_or_else(|| format!(" protocol {number}"), |name| format!(" {name}"))
    });
    let port = finding.remote_port.filter(|port| *port > 0).map(|port| format!(" port {port}"));
    let scope = finding.remote_scope.as_ref().map(|scope| format!(" ({scope})"));
    let path = finding.path.as_ref().map(|path| format!(", by {path}"));
    let count = |value: Option<i64>| number(value.unwrap_or(0).unsigned_abs());
    format!(
        "{local} → {remote}{}{}{}{}; {} records, {} bytes out, {} in; {} to {}",
        scope.unwrap_or_default(),
        port.unwrap_or_default(),
        protocol.unwrap_or_default(),
        path.unwrap_or_default(),
        count(finding.flows),
        count(finding.bytes_out),
        count(finding.bytes_in),
        time(finding.first_seen),
        time(finding.last_seen),
    )
}

fn time(seconds: Option<i64>) -> String {
    let time = seconds.and_then(|seconds| chrono::DateTime::from_timestamp(seconds, 0));
    time.map_or_else(|| "?".to_owned(), |time| time.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// How many findings there are, by severity, and how many were suppressed.
pub(crate) fn count_line(outcome: &DetectionRun) -> String {
    let mut parts = Vec::new();
    for severity in Severity::ALL.iter().rev() {
        let count = outcome.findings.iter().filter(|f| f.severity == *severity).count();
        if count > 0 {
            parts.push(format!("{count} {severity}"));
        }
    }
    let mut line = format!("{} findings", number(outcome.findings.len() as u64));
    if !parts.is_empty() {
        line = format!("{line}: {}", parts.join(", "));
    }
    let suppressed: usize = outcome.suppressed.iter().sum();
    if suppressed > 0 {
        line = format!("{line}; {suppressed} suppressed");
    }
    line
}
