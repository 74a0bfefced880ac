//! Explanations as plain text and as Markdown.

use std::fmt::Write as _;

use serde::Serialize;

use crate::cli::args::{ExplainFormat, Explaining};
use crate::cli::failure::Failure;
use crate::cli::output::{destination, markdown as escaped, markdown_block, visible};
use crate::explain::{End, Explanation, FlowLine, SimulationResult};
use crate::reachability::{Fix, StageVerdict, Verdict};

/// What is printed: the explanation, the finding that it is of, and the fix tried out.
#[derive(Serialize)]
pub(super) struct ExplainOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) finding: Option<crate::detection::Finding>,
    #[serde(flatten)]
    pub(super) explanation: Option<Explanation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) replay: Option<SimulationResult>,
}

impl ExplainOutput {
    pub(super) fn print(&self, how: &Explaining) -> Result<(), Failure> {
        let text = match how.format {
            ExplainFormat::Table => plain(self),
            ExplainFormat::Markdown => markdown(self),
            ExplainFormat::Json => return destination::json(self, how.output.as_deref()),
        };
        destination::people(&text, how.output.as_deref())
    }
}

/// Most lines of one list of a replay that are shown; `--format json` has all.
const LINES_MAX: usize = 20;

/// Words of an answer, in columns.
fn word(answer: StageVerdict) -> &'static str {
    match answer {
        StageVerdict::Allowed => "allows",
        StageVerdict::Denied => "DENIES",
        StageVerdict::Unknown => "unknown",
    }
}

fn end(end: &End) -> String {
    let mut parts = vec![end.address.clone()];
    parts.extend(end.interface_id.clone());
    parts.extend(end.job_name.as_ref().map(|job| format!("job {job}")));
    parts.extend(end.subnet_id.clone());
    parts.extend(end.vpc_id.clone());
    if !end.security_group_ids.is_empty() {
        parts.push(end.security_group_ids.join(","));
    }
    parts.join(" ")
}

/// Says it in plain text.
pub(crate) fn plain(explain_output: &ExplainOutput) -> String {
    let mut text = String::new();
    if let Some(finding) = &explain_output.finding {
        line(&mut text, "finding", &format!("{} {}", finding.finding_id, finding.title));
        line(&mut text, "reason", finding.reason.as_deref().unwrap_or_default());
        if explain_output.explanation.is_none() {
            line(&mut text, "cause", finding.cause.as_deref().unwrap_or_default());
            line(&mut text, "fix", finding.remediation.as_deref().unwrap_or_default());
        }
    }
    if let Some(explained) = &explain_output.explanation {
        explanation(&mut text, explained);
    }
    if let Some(replay) = &explain_output.replay {
        text.push('\n');
        for (label, value) in replayed(replay) {
            line(&mut text, &label, &value);
        }
    }
    text
}

fn explanation(text: &mut String, explained: &Explanation) {
    line(text, "from", &end(&explained.source));
    line(text, "to", &end(&explained.destination));
    let at = explained.at.as_deref().map(|at| format!(" at {at}")).unwrap_or_default();
    line(text, "flow", &format!("{}{at}, by the {}", explained.service, explained.inventory));
    line(text, "verdict", &explained.summary);
    line(text, "", explained.inconsistent.as_deref().unwrap_or_default());
    let places = explained.steps.iter().map(|step| step.place.label().len());
    let width = places.max().unwrap_or_default();
    let steps = explained.steps.iter().map(|step| {
        format!("{:<width$}  {:<7}  {}", step.place.label(), word(step.answer), step.text)
    });
    line(text, "places", &steps.collect::<Vec<_>>().join("\n"));
    let logged: Vec<String> =
        explained.logged.iter().map(crate::explain::LoggedFlow::words).collect();
    line(text, "logged", &logged.join("\n"));
    for fix in &explained.fixes {
        text.push('\n');
        line(text, fix_word(explained), &format!("{}: {}", fix.id, fix.title));
        line(text, "", &format!("{}\n\n{}", fix.cli, fix.terraform));
    }
}

/// Where it is not known what refuses, a fix is for what may.
fn fix_word(explained: &Explanation) -> &'static str {
    if explained.verdict == Verdict::NotKnown { "may fix" } else { "fix" }
}

/// One label and its value; nothing for no value.
fn line(text: &mut String, label: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    let value = value.replace('\n', "\n          ").replace("\n          \n", "\n\n");
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{label:<9} {value}");
}

/// What a replay says, with a label each.
fn replayed(replay: &SimulationResult) -> Vec<(String, String)> {
    let mut explain_output = vec![("applied".to_owned(), replay.applied.join(", "))];
    explain_output.push(("opens".to_owned(), replay.opens.join("\n")));
    let lists = [
        ("refused before, and let through now", &replay.let_through),
        ("still refused", &replay.still_refused),
        ("not known", &replay.not_known),
        ("open before: what refused them the inventory does not show", &replay.open_before),
        ("opened beyond what was seen refused: pairs of interfaces", &replay.newly_open),
    ];
    for (what, lines) in lists {
        let mut shown: Vec<String> = lines.iter().take(LINES_MAX).map(flow).collect();
        if lines.len() > LINES_MAX {
            shown.push(format!("… and {} more: --format json has all", lines.len() - LINES_MAX));
        }
        shown.insert(0, format!("{what}: {}", lines.len()));
        explain_output.push(("replay".to_owned(), shown.join("\n  ")));
    }
    if replay.is_cut {
        let note = "there are more pairs of interfaces than were tried: more may be open";
        explain_output.push(("replay".to_owned(), note.to_owned()));
    }
    explain_output
}

fn flow(line: &FlowLine) -> String {
    let job = line.job_name.as_ref().map(|job| format!(", job {job}")).unwrap_or_default();
    let text = line.text.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
    format!("{} to {} {}{job}{text}", line.source, line.destination, line.service)
}

/// Says it in Markdown.
pub(crate) fn markdown(explain_output: &ExplainOutput) -> String {
    let mut text = String::new();
    if let Some(finding) = &explain_output.finding {
        let reason = finding.reason.as_deref().unwrap_or_default();
        let _ =
            writeln!(text, "# {}\n\n`{}`: {}\n", finding.title, finding.finding_id, cell(reason));
        if explain_output.explanation.is_none() {
            let to_do = finding.remediation.as_deref().unwrap_or_default();
            let _ = writeln!(
                text,
                "{}\n\n{to_do}\n",
                cell(finding.cause.as_deref().unwrap_or_default())
            );
        }
    }
    if let Some(explained) = &explain_output.explanation {
        markdown_explanation(&mut text, explained);
    }
    if let Some(replay) = &explain_output.replay {
        text.push_str("## With the fix applied\n\n");
        for (_, value) in replayed(replay) {
            let _ = writeln!(text, "- {}", value.replace("\n  ", "\n  - "));
        }
    }
    text
}

fn markdown_explanation(text: &mut String, explained: &Explanation) {
    let at = explained.at.as_deref().map(|at| format!(" at {at}")).unwrap_or_default();
    let (from, to) = (&explained.source, &explained.destination);
    let _ = writeln!(text, "## {} to {}, {}{at}\n", from.address, to.address, explained.service);
    let _ = writeln!(text, "- from: {}\n- to: {}", cell(&end(from)), cell(&end(to)));
    let _ = writeln!(text, "- checked against the {}\n", explained.inventory);
    let _ = writeln!(text, "**{}**\n", cell(&explained.summary));
    if let Some(why) = &explained.inconsistent {
        let _ = writeln!(text, "{}\n", cell(why));
    }
    let _ = writeln!(text, "| Place | | Rule |\n|---|---|---|");
    for step in &explained.steps {
        let (place, answer) = (step.place.label(), word(step.answer));
        let _ = writeln!(text, "| {place} | {answer} | {} |", cell(&step.text));
    }
    text.push('\n');
    for row in &explained.logged {
        let _ = writeln!(text, "- logged: {}", cell(&row.words()));
    }
    for fix in &explained.fixes {
        let Fix { id, title, cli, terraform, .. } = fix;
        let (title, cli) = (cell(title), cli);
        let _ = writeln!(
            text,
            "\n### {} {}\n\n{title}\n\n{}\n\n{}",
            fix_word(explained),
            code(id),
            markdown_block("sh", cli),
            markdown_block("terraform", terraform),
        );
    }
}

/// Text that stands in a cell of a table: what would end the cell is escaped.
fn cell(text: &str) -> String {
    escaped(text)
}

/// A name that stands as code; a mark that would end it is left out.
fn code(text: &str) -> String {
    format!("`{}`", visible(text).replace('`', ""))
}
