//! Messages on standard error, apart from the result.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::cli::output::{visible, visible_lines};
use crate::scan::ScanSummary;

/// Malformed lines that are shown; all of them go to `--malformed FILE`.
const SHOWN_MAX: usize = 5;

/// Warnings and the summary, unless `--quiet`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Messages<'a> {
    /// Whether to keep silent but for warnings.
    pub(crate) quiet: bool,
    /// Takes the warnings instead of standard error.
    captured: Option<&'a CapturedWarnings>,
}

/// Warnings for somebody to tell later.
#[derive(Debug, Default)]
pub(crate) struct CapturedWarnings(Mutex<Vec<String>>);

impl CapturedWarnings {
    /// Returns the warnings, in the order that they were given in.
    pub(crate) fn take(self) -> Vec<String> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Messages<'_> {
    /// Speaks to people.
    pub(crate) fn new(quiet: bool) -> Self {
        Self { quiet, captured: None }
    }
}

/// Writes a line to standard error. A closed standard error is no failure: there is no other place to report it.
pub(crate) fn line(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "{}", visible_lines(text)));
}

impl<'a> Messages<'a> {
    /// Says nothing, and keeps the warnings.
    pub(crate) fn capture(captured: &'a CapturedWarnings) -> Self {
        Self { quiet: true, captured: Some(captured) }
    }

    /// Something odd that the user should know of, even with `--quiet`.
    pub(crate) fn warn(self, text: &str) {
        match self.captured {
            Some(captured) => {
                captured.0.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_owned());
            }
            // What is named in it must not look like a line of flowq's own.
            None => line(&format!("flowq: warning: {}", visible(text))),
        }
    }

    /// One line of what was done.
    pub(crate) fn note(self, text: &str) {
        if !self.quiet {
            line(text);
        }
    }

    /// What was read: objects, records by status, malformed lines, time; then what went wrong.
    pub(crate) fn summary(self, summary: &ScanSummary, took: Duration) {
        self.note(&summary_line(summary, took));
        if !summary.adds_up() {
            self.warn("the counts above do not add up: please report this, with the object");
        }
        for note in &summary.notes {
            self.warn(note);
        }
        for names in summary.copies.values().take(SHOWN_MAX) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            self.warn(&format!(
                "objects with the same content, whose records count more than once: {}; leave out all but one",
                names.join(", ")
            ));
        }
        let more = summary.copies.len().saturating_sub(SHOWN_MAX);
        if more > 0 {
            self.warn(&format!("{more} more contents are in several objects"));
        }
        flow_log_lines(summary).iter().for_each(|line| self.note(line));
        for (reason, count) in &summary.malformed.by_reason {
            self.note(&format!("  malformed: {} {reason}", number(*count)));
        }
        for line in summary.malformed.first.iter().take(SHOWN_MAX) {
            let (object, text) = (visible(&line.object), visible(&line.text));
            self.note(&format!("    {object}:{}: {}: {text}", line.line, line.reason));
        }
        if summary.records() == 0 && summary.malformed.total() > 0 {
            self.warn(
                "not one record was read, only malformed lines: does the format of the log fit?",
            );
        }
        for column in &summary.untimed {
            let option = if *column == "end" { "--since" } else { "--until" };
            self.warn(&format!(
                "some objects have no field `{column}`: their records are not filtered by {option}"
            ));
        }
        for column in &summary.late_columns {
            self.warn(&format!(
                "field {column} turned up in an object that was not looked at beforehand: it is not a column here"
            ));
        }
    }

    /// Names the objects that could not be read to their end.
    pub(crate) fn problems(self, summary: &ScanSummary) {
        for (object, reason) in &summary.problems {
            self.warn(&format!("object {object}: {reason}"));
        }
        let unnamed = summary.problem_objects - summary.problems.len() as u64;
        if unnamed > 0 {
            self.warn(&format!("{} more objects could not be read to their end", number(unnamed)));
        }
    }
}

/// Says which flow log was chosen for the interfaces that several record.
fn flow_log_lines(summary: &ScanSummary) -> Vec<String> {
    let shares = summary.shares();
    let mut lines = Vec::new();
    let interfaces: BTreeSet<&str> =
        shares.iter().map(|share| share.interface_id.as_str()).collect();
    if !interfaces.is_empty() {
        lines.push(format!(
            "{} interfaces are recorded by several flow logs; each packet counts once (--all-flow-logs counts all records):",
            number(interfaces.len() as u64)
        ));
    }
    let mut logs: BTreeMap<&str, (&str, u64, u64, u64)> = BTreeMap::new();
    for share in &shares {
        let sums = logs.entry(&share.flow_log_id).or_insert((share.traffic_type.as_str(), 0, 0, 0));
        sums.1 += u64::from(share.is_chosen);
        sums.2 += share.counted;
        sums.3 += share.left_out;
    }
    for (id, (traffic_type, chosen, counted, left_out)) in logs {
        lines.push(format!(
            "  {id} (traffic type {traffic_type}) is chosen for {} of them; {} records count, {} are copies and left out",
            number(chosen),
            number(counted),
            number(left_out)
        ));
    }
    if let Some(interface) = summary.unchosen_from() {
        lines.push(format!(
            "too many interfaces to choose a flow log for each: from {interface} on, by id, all records count"
        ));
    }
    lines
}

fn summary_line(summary: &ScanSummary, took: Duration) -> String {
    let mut parts = vec![format!(
        "{} of {} objects",
        number(summary.objects_begun),
        number(summary.objects_listed)
    )];
    if summary.stopped_early() {
        parts.push("stopped early: the query had enough".to_owned());
    }
    if summary.objects_pruned > 0 {
        parts.push(format!("{} left out by their names", number(summary.objects_pruned)));
    }
    parts.push(format!("{} lines", number(summary.lines)));
    parts.push(format!("{} records OK", number(summary.ok)));
    for (count, name) in [
        (summary.nodata, "NODATA"),
        (summary.skipdata, "SKIPDATA"),
        (summary.other + summary.other_layout, "of another kind"),
        (summary.blank, "headers and blanks"),
        (summary.rows_pruned, "rows pruned unread"),
    ] {
        if count > 0 {
            parts.push(format!("{} {name}", number(count)));
        }
    }
    parts.push(format!("{} malformed", number(summary.malformed.total())));
    format!("read {} in {:.2} s", parts.join(", "), took.as_secs_f64())
}

/// `1234567` as `1,234,567`.
pub(crate) fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
