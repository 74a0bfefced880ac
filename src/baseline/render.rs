//! Learned rules as the text of a file that a person reviews and commits.

use std::fmt::Write as _;

use toml::Value;

use crate::baseline::learn::{Excluded, Learned, LearnedRule, Options};
use crate::baseline::observed::protocol_text;
use crate::detection::finding::time_text;

/// Most names that one line lists.
const NAMES_MAX: usize = 10;

/// Writes what was learned of a family as TOML: a head of comments, then an `[[allow]]` for each rule. The same
/// input always gives the same text.
pub fn render(learned: &Learned, options: &Options) -> String {
    let mut text = head(learned, options);
    for rule in &learned.rules {
        text.push('\n');
        text.push_str(&entry(rule, learned.runs.names.len(), options));
    }
    text
}

fn head(learned: &Learned, options: &Options) -> String {
    let runs = learned.runs.names.len();
    let mut lines = vec![
        format!(
            "Baseline of the jobs {}, learned by flowq from {}, seen {}.",
            options.job.as_str(),
            count(runs, "run"),
            span(learned.runs.first_seen, learned.runs.last_seen)
        ),
        "Look at each rule, then name this file in flowq.toml (baseline = \"FILE\"), or append the rules to it."
            .to_owned(),
        format!(
            "bytes-out-max is {} times the most that one run sent there, and at least 1 MiB.",
            options.headroom
        ),
        format!("Runs: {}", names(learned.runs.names.iter().map(String::as_str))),
    ];
    if runs < 2 {
        lines.push(
            "WEAK: one run shows nothing about differences between runs; learn again after more runs."
                .to_owned(),
        );
    }
    if !learned.left_out.is_empty() {
        lines.push("Left out:".to_owned());
        lines.extend(learned.left_out.iter().map(|out| format!("  {}", out.line())));
    }
    lines.iter().fold(String::new(), |mut text, line| {
        // A name may hold anything but must stay in its comment.
        let line = line.replace(char::is_control, " ");
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# {}", line.trim_end());
        text
    })
}

fn entry(rule: &LearnedRule, runs: usize, options: &Options) -> String {
    let quoted = |text: &str| Value::String(text.to_owned()).to_string();
    let mut text = format!("[[allow]]\nto = {}\n", quoted(&rule.to));
    let mut line = |key: &str, value: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{key} = {value}");
    };
    line("job", quoted(options.job.as_str()));
    if !rule.ports.is_empty() {
        let port = |port: &String| match port.parse::<u16>() {
            Ok(number) => number.to_string(),
            Err(_) => quoted(port),
        };
        line("ports", format!("[{}]", rule.ports.iter().map(port).collect::<Vec<_>>().join(", ")));
    }
    if let Some(number) = rule.protocol {
        let name = protocol_text(Some(number));
        line("protocol", if name == number.to_string() { name } else { quoted(&name) });
    }
    line("bytes-out-max", rule.bytes_out_max.to_string());
    line("learned", "true".to_owned());
    line("reason", quoted(&reason(rule, runs)));
    text
}

fn reason(rule: &LearnedRule, runs: usize) -> String {
    let (least, most) = rule.bytes_out;
    let bytes = if least == most { most.to_string() } else { format!("{least} to {most}") };
    let mut reason = format!(
        "seen {} in {} of {}, {bytes} bytes out a run",
        span(rule.first_seen, rule.last_seen),
        rule.runs,
        count(runs, "run")
    );
    if rule.ports_unknown {
        reason.push_str("; the log has no port fields");
    }
    if !rule.flagged_by.is_empty() {
        let by = names(rule.flagged_by.iter().map(String::as_str));
        let _ = write!(reason, "; flagged by {by}, learned on request");
    }
    reason
}

impl Excluded {
    /// Says what was left out, why, and which jobs went there.
    pub fn line(&self) -> String {
        let port = self.port.filter(|port| *port > 0).map(|port| format!(" {port}"));
        format!(
            "{} {}{}: {} ({})",
            self.destination,
            protocol_text(self.protocol),
            port.unwrap_or_default(),
            self.why,
            names(self.jobs.iter().map(String::as_str))
        )
    }
}

/// `1 run`, `2 runs`.
fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn span(first: Option<i64>, last: Option<i64>) -> String {
    let time = |at: Option<i64>| at.and_then(time_text).unwrap_or_else(|| "?".to_owned());
    format!("{} to {}", time(first), time(last))
}

fn names<'a>(all: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = all.len().saturating_sub(NAMES_MAX);
    let mut text = all.take(NAMES_MAX).collect::<Vec<_>>().join(", ");
    if more > 0 {
        let _ = write!(text, " and {more} more");
    }
    text
}
