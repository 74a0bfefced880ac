//! An audit report as text and as Markdown.

use std::fmt::Write as _;

use crate::audit::{AuditReport, CHECKS, Check, CheckVerdict, Outcome};
use crate::cli::output::{markdown as escaped, visible};

/// Jobs that are named at most.
const JOBS_MAX: usize = 5;

/// One block for each result that fails, one line for each that is not known, and a table of all checks. `all`:
/// also a block for each that passes or is not known.
pub(crate) fn blocks(report: &AuditReport, all: bool) -> String {
    let mut text = String::new();
    for outcome in report.outcomes.iter().filter(|one| all || one.verdict == CheckVerdict::Fail) {
        block(&mut text, outcome);
        text.push('\n');
    }
    let unknown = report.outcomes.iter().filter(|one| one.verdict == CheckVerdict::NotKnown);
    let mut lines: Vec<String> =
        unknown.map(|one| format!("  {}: {}: {}\n", one.check, place(one), one.why)).collect();
    lines.dedup();
    if !lines.is_empty() && !all {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "NOT KNOWN\n{}", lines.concat());
    }
    summary(&mut text, report);
    text
}

fn block(text: &mut String, outcome: &Outcome) {
    let verdict = match outcome.verdict {
        CheckVerdict::Fail => outcome.severity.as_str().to_uppercase(),
        other => other.as_str().to_uppercase(),
    };
    let title = match outcome.verdict {
        CheckVerdict::Fail => outcome.title,
        _ => Check::by_id(outcome.check).map_or(outcome.title, |check| check.help),
    };
    let _ = writeln!(text, "{verdict} {}: {title}", outcome.check);
    for (label, value) in [
        ("where", place(outcome)),
        ("jobs", jobs(&outcome.jobs)),
        ("reason", outcome.why.clone()),
        ("evidence", outcome.evidence.join("\n")),
        ("confidence", outcome.confidence.to_string()),
        ("guide", format!("{}\n{}", outcome.guide, outcome.guide_url)),
        ("fix", outcome.fix.clone().unwrap_or_default()),
        ("AWS CLI", outcome.cli.clone().unwrap_or_default()),
    ] {
        let is_of_failure =
            matches!(label, "confidence" | "guide") && outcome.verdict != CheckVerdict::Fail;
        if !value.is_empty() && !is_of_failure {
            let _ = writeln!(text, "  {label:<11}{}", value.replace('\n', "\n             "));
        }
    }
}

/// Where it is: the narrowest that tells it apart, and the VPC.
fn place(outcome: &Outcome) -> String {
    let mut parts = outcome.subnet_ids.clone();
    parts.extend(outcome.security_group_ids.iter().cloned());
    parts.extend(outcome.vpc_id.clone());
    match parts.is_empty() {
        true => outcome.account_id.clone().unwrap_or_else(|| "all jobs".to_owned()),
        false => parts.join(" "),
    }
}

fn jobs(jobs: &[String]) -> String {
    let shown = jobs.iter().take(JOBS_MAX).cloned().collect::<Vec<_>>().join(", ");
    match jobs.len().saturating_sub(JOBS_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// How each check came out.
fn summary(text: &mut String, report: &AuditReport) {
    let width = CHECKS.iter().map(|check| check.id.len()).max().unwrap_or(0);
    let _ = writeln!(text, "{:width$}  severity  fail  pass  not known", "check");
    for check in CHECKS {
        let own = || report.outcomes.iter().filter(|one| one.check == check.id);
        let count = |verdict| own().filter(|one| one.verdict == verdict).count();
        let (fail, pass) = (count(CheckVerdict::Fail), count(CheckVerdict::Pass));
        let row = match own().count() {
            0 => "     does not apply".to_owned(),
            _ => format!("{fail:>4}  {pass:>4}  {:>9}", count(CheckVerdict::NotKnown)),
        };
        let severity = check.severity.as_str();
        let _ = writeln!(text, "{:width$}  {severity:<8}  {row}", check.id);
    }
}

/// A Markdown table of all results.
pub(crate) fn markdown(report: &AuditReport) -> String {
    let mut text = String::from(
        "| check | verdict | severity | where | jobs | reason | fix | guide |\n|---|---|---|---|---|---|---|---|\n",
    );
    for one in &report.outcomes {
        let fix: Vec<String> = one.fix.iter().map(|fix| escaped(fix)).collect();
        let commands = one.cli.iter().flat_map(|commands| commands.lines()).map(code);
        let fix: Vec<String> = fix.into_iter().chain(commands).collect();
        let cells = [
            one.check.to_owned(),
            one.verdict.to_string(),
            one.severity.to_string(),
            escaped(&place(one)),
            escaped(&jobs(&one.jobs)),
            escaped(&one.why),
            fix.join("<br>"),
            format!("[{}]({})", one.guide, one.guide_url),
        ];
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

/// A command as code in a cell: one line, between marks that do not stand in it.
fn code(command: &str) -> String {
    let longest = command.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let (marks, blank) = ("`".repeat(longest + 1), if longest > 0 { " " } else { "" });
    format!("{marks}{blank}{}{blank}{marks}", visible(command).replace('|', "\\|"))
}
