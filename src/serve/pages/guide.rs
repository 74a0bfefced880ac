//! AWS's guide, as a checklist: what passes, fails, and is not known.

use maud::{Markup, html};

use crate::audit::{AuditReport, CHECKS, Check, CheckVerdict, Outcome};
use crate::serve::cell::{shown, state};
use crate::serve::layout::{snippet, tile};
use crate::serve::{
    DataCell, DataTable, Error, PageContent, PageFilter, PageSection, QueryArgs, Snapshot, text,
};

/// Jobs that are named for a result.
const JOBS_MAX: usize = 6;

pub(super) fn content(
    snapshot: &Snapshot,
    args: &QueryArgs,
    filter: &PageFilter,
) -> Result<PageContent, Error> {
    let page = |notes: Vec<String>, sections| PageContent {
        title: "AWS's guide".to_owned(),
        entry: "/guide",
        path: "/guide".to_owned(),
        notes,
        sections,
    };
    let Some(audit) = &snapshot.audit else {
        return Ok(page(
            vec!["There is no inventory, so nothing can be checked.".to_owned()],
            Vec::new(),
        ));
    };
    let verdict = args.choice("verdict", &["", "fail", "not known", "pass"])?;
    let is_shown = |one: &&Outcome| {
        (verdict.is_empty() || one.verdict.as_str() == verdict) && (filter.has_any_job(&one.jobs))
    };
    let outcomes: Vec<&Outcome> = audit.outcomes.iter().filter(is_shown).collect();
    let mut sections = vec![PageSection::figure("", "", tiles(audit, args, filter))];
    // What programs read: all results, as flowq audit gives them.
    let all = PageSection {
        figure: None,
        is_figure_only: true,
        ..PageSection::new("results", "", table(&outcomes))
    };
    let mut guides: Vec<&str> = Vec::new();
    for check in CHECKS {
        if !guides.contains(&check.section.title) {
            guides.push(check.section.title);
        }
    }
    for guide in guides {
        let checks: Vec<(&Check, Vec<&Outcome>)> = CHECKS
            .iter()
            .filter(|check| check.section.title == guide)
            .map(|check| {
                (check, outcomes.iter().filter(|one| one.check == check.id).copied().collect())
            })
            .collect();
        if checks.iter().any(|(_, results)| !results.is_empty()) {
            sections.push(PageSection::figure("", guide, checklist(&checks)));
        }
    }
    let mut page = page(Vec::new(), sections);
    page.sections.push(all);
    page.notes.push(format!(
        "{} of {}. As flowq audit with the logs of the sources.",
        text::plural(audit.outcomes.len(), "result"),
        text::plural(audit.jobs, "job")
    ));
    Ok(page)
}

fn tiles(audit: &AuditReport, args: &QueryArgs, filter: &PageFilter) -> Markup {
    let count = |verdict: CheckVerdict| {
        let all = audit.outcomes.iter().filter(|one| filter.has_any_job(&one.jobs));
        text::count(all.filter(|one| one.verdict == verdict).count() as i64)
    };
    let link = |verdict: Option<&str>| args.with("verdict", verdict).link("/guide");
    html! {
        div.tiles {
            (tile(&count(CheckVerdict::Fail), "fail", Some(&link(Some("fail")))))
            (tile(&count(CheckVerdict::NotKnown), "not known", Some(&link(Some("not known")))))
            (tile(&count(CheckVerdict::Pass), "pass", Some(&link(Some("pass")))))
            @if args.get("verdict").is_some() { (tile("All", "show every result", Some(&link(None)))) }
        }
    }
}

fn checklist(checks: &[(&Check, Vec<&Outcome>)]) -> Markup {
    let url = checks.first().map(|(check, _)| check.section.url);
    html! {
        @if let Some(url) = url { p.empty { a href=(url) rel="noreferrer" { "The section in AWS's documentation" } } }
        @for (check, results) in checks {
            @if !results.is_empty() {
                h3 { (check.title) " " code { (check.id) } }
                p.empty { (check.help) }
                @for one in results { (result(one)) }
            }
        }
    }
}

fn result(one: &Outcome) -> Markup {
    let jobs = one.jobs.iter().take(JOBS_MAX).cloned().collect::<Vec<_>>().join(", ");
    let more = one.jobs.len().saturating_sub(JOBS_MAX);
    let place: Vec<&str> = one
        .vpc_id
        .iter()
        .chain(&one.subnet_ids)
        .chain(&one.security_group_ids)
        .map(String::as_str)
        .collect();
    let is_failed = one.verdict == CheckVerdict::Fail;
    html! {
        details open[is_failed] {
            summary { (state(one.verdict.as_str())) " " @if is_failed { (state(one.severity.as_str())) " " } (shown(&one.why)) }
            p.empty {
                @if !jobs.is_empty() { "Jobs: " (shown(&jobs)) @if more > 0 { " and " (more) " more" } ". " }
                @if !place.is_empty() { code { (shown(&place.join(" "))) } " " }
                "Confidence: " (one.confidence) "."
            }
            @if !one.evidence.is_empty() {
                ul.notes { @for line in &one.evidence { li { code { (shown(line)) } } } }
            }
            @if let Some(fix) = &one.fix { p { b { "What to do: " } (shown(fix)) } }
            @if let Some(cli) = &one.cli { (snippet(cli)) }
            @if let Some(terraform) = &one.terraform { (snippet(terraform)) }
        }
    }
}

fn table(outcomes: &[&Outcome]) -> DataTable {
    let list = |list: &[String]| DataCell::Text(list.join(","));
    let row = |one: &&Outcome| {
        vec![
            DataCell::Code(one.check.to_owned()),
            DataCell::State(one.verdict.to_string()),
            DataCell::State(one.severity.to_string()),
            DataCell::Text(one.confidence.to_string()),
            DataCell::Text(one.why.clone()),
            DataCell::code(one.vpc_id.as_deref()),
            list(&one.subnet_ids),
            list(&one.security_group_ids),
            list(&one.jobs),
            list(&one.evidence),
            DataCell::text(one.fix.as_deref()),
            DataCell::text(one.cli.as_deref()),
            DataCell::text(one.terraform.as_deref()),
            DataCell::Code(one.finding_id.clone()),
        ]
    };
    let columns = [
        "check",
        "verdict",
        "severity",
        "confidence",
        "why",
        "vpc_id",
        "subnet_ids",
        "security_group_ids",
        "jobs",
        "evidence",
        "fix",
        "cli",
        "terraform",
        "finding_id",
    ];
    DataTable::new(&columns, outcomes.iter().map(row))
}
