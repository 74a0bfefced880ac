//! Findings: filtered, sorted, grouped.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::detection::{Finding, Severity};
use crate::serve::filter::path_segment;
use crate::serve::{
    DataCell, DataTable, Error, PageContent, PageFilter, PageSection, QueryArgs, Snapshot, text,
};

/// Rows of one page, at most.
const ROWS_MAX: usize = 500;

/// Columns that findings can be sorted by; the first is the default.
const SORTS: &[&str] = &[
    "severity",
    "detection",
    "job",
    "first_seen",
    "last_seen",
    "bytes_out",
    "bytes_in",
    "confidence",
];

/// What findings can be grouped by.
const GROUPS: &[&str] = &["", "detection", "job", "severity", "remote_addr", "cause"];

pub(super) fn content(
    snapshot: &Snapshot,
    args: &QueryArgs,
    filter: &PageFilter,
) -> Result<PageContent, Error> {
    let sort = args.choice("sort", SORTS)?;
    let group = args.choice("group", GROUPS)?;
    let skip = args.number("skip", 0, usize::MAX)?;
    let all: Vec<&Finding> = snapshot.findings(filter).collect();
    let mut found: Vec<&Finding> = select(&all, args)?;
    order(&mut found, sort, args.get("order") == Some("reverse"));
    let shown: Vec<&Finding> = found.iter().skip(skip).take(ROWS_MAX).copied().collect();
    let mut sections = vec![PageSection::figure("", "", form(&all, args))];
    if !group.is_empty() {
        let title = format!("By {}", group.replace('_', " "));
        sections.push(PageSection::new("groups", title, groups(&found, group, args)));
    }
    let mut list = PageSection::new("findings", "", table(&shown, args));
    if found.len() > shown.len() {
        list.notes.push(format!(
            "{} to {} of {}",
            skip + 1,
            skip + shown.len(),
            text::plural(found.len(), "finding")
        ));
        list.figure = Some(pager(args, skip, found.len()));
    }
    sections.push(list);
    let mut notes = vec![format!(
        "{} of {}{}",
        text::count(found.len() as i64),
        text::plural(snapshot.run.findings.len(), "finding"),
        if snapshot.run.suppressed.iter().sum::<usize>() > 0 {
            format!("; {} suppressed by flowq.toml", snapshot.run.suppressed.iter().sum::<usize>())
        } else {
            String::new()
        }
    )];
    if let Some(unknown) = snapshot.coverage.summary() {
        notes.push(format!("What no finding can show: {unknown}"));
    }
    Ok(PageContent {
        title: "Findings".to_owned(),
        entry: "/findings",
        path: "/findings".to_owned(),
        notes,
        sections,
    })
}

/// Findings that the parameters of this page leave.
fn select<'a>(all: &[&'a Finding], args: &QueryArgs) -> Result<Vec<&'a Finding>, Error> {
    let least: Option<Severity> = args
        .get("severity")
        .map(str::parse)
        .transpose()
        .map_err(|error: crate::detection::Error| Error::Parameter(error.to_string()))?;
    let (detection, words) = (args.get("detection"), args.get("q").map(str::to_lowercase));
    let equals =
        |name: &str, value: Option<&str>| args.get(name).is_none_or(|given| value == Some(given));
    let fits = |finding: &&&Finding| {
        least.is_none_or(|least| finding.severity >= least)
            && detection.is_none_or(|id| finding.detection == id)
            && equals("remote_addr", finding.remote_addr.as_deref())
            && equals("cause", finding.cause.as_deref())
            && words.as_ref().is_none_or(|words| has_words(finding, words))
    };
    Ok(all.iter().filter(fits).copied().collect())
}

fn has_words(finding: &Finding, words: &str) -> bool {
    let fields = [
        Some(finding.finding_id.as_str()),
        Some(&finding.title),
        finding.reason.as_deref(),
        finding.cause.as_deref(),
        finding.job_name.as_deref(),
        finding.local_addr.as_deref(),
        finding.remote_addr.as_deref(),
        finding.interface_id.as_deref(),
        finding.vpc_id.as_deref(),
        finding.subnet_id.as_deref(),
        finding.path.as_deref(),
    ];
    fields.into_iter().flatten().any(|field| field.to_lowercase().contains(words))
}

fn order(found: &mut [&Finding], sort: &str, is_reverse: bool) {
    match sort {
        // Already so: worst first.
        "severity" => {}
        "detection" => found.sort_by(|a, b| a.detection.cmp(&b.detection)),
        "job" => found.sort_by(|a, b| a.job_name.cmp(&b.job_name)),
        "first_seen" => found.sort_by_key(|finding| Reverse(finding.first_seen)),
        "last_seen" => found.sort_by_key(|finding| Reverse(finding.last_seen)),
        "bytes_out" => found.sort_by_key(|finding| Reverse(finding.bytes_out)),
        "bytes_in" => found.sort_by_key(|finding| Reverse(finding.bytes_in)),
        _ => found.sort_by_key(|finding| Reverse(finding.confidence)),
    }
    if is_reverse {
        found.reverse();
    }
}

/// The job of a finding as a cell.
pub(super) fn job_cell(finding: &Finding, args: &QueryArgs) -> DataCell {
    let link = |name: &str| DataCell::Link {
        text: name.to_owned(),
        href: args.shared().link(&format!("/jobs/{}", path_segment(name))),
    };
    match (&finding.job_name, finding.job_candidates.as_slice()) {
        (Some(name), _) => link(name),
        (None, [one]) => link(one),
        (None, []) => DataCell::text(finding.job()),
        (None, several) => DataCell::Text(format!("one of {}", several.join(", "))),
    }
}

/// Findings as rows.
pub(super) fn table(found: &[&Finding], args: &QueryArgs) -> DataTable {
    let row = |finding: &&Finding| {
        let port = finding.remote_port.map(|port| port.to_string());
        vec![
            DataCell::State(finding.severity.to_string()),
            DataCell::Link {
                text: finding.detection.clone(),
                href: args
                    .shared()
                    .link(&format!("/findings/{}", path_segment(&finding.finding_id))),
            },
            job_cell(finding, args),
            DataCell::text(finding.reason.as_deref().or(Some(&finding.title))),
            DataCell::code(finding.remote_addr.as_deref()),
            DataCell::code(port.as_deref()),
            DataCell::bytes(finding.bytes_out),
            DataCell::bytes(finding.bytes_in),
            DataCell::time(finding.first_seen),
            DataCell::time(finding.last_seen),
            DataCell::Text(finding.confidence.to_string()),
            DataCell::code(finding.local_addr.as_deref()),
            DataCell::text(finding.cause.as_deref()),
            DataCell::Code(finding.finding_id.clone()),
        ]
    };
    let columns = [
        "severity",
        "detection",
        "job",
        "reason",
        "remote_addr",
        "remote_port",
        "bytes_out",
        "bytes_in",
        "first_seen",
        "last_seen",
        "confidence",
        "local_addr",
        "cause",
        "finding_id",
    ];
    let hidden =
        vec!["remote_port", "last_seen", "confidence", "local_addr", "cause", "finding_id"];
    DataTable { hidden, ..DataTable::new(&columns, found.iter().map(row)) }
}

/// How many findings each value of a column has.
fn groups(found: &[&Finding], group: &str, args: &QueryArgs) -> DataTable {
    let value = |finding: &Finding| match group {
        "detection" => Some(finding.detection.clone()),
        "severity" => Some(finding.severity.to_string()),
        "job" => finding.job_name.clone(),
        "remote_addr" => finding.remote_addr.clone(),
        _ => finding.cause.clone(),
    };
    let mut groups: BTreeMap<Option<String>, (i64, i64, Option<Severity>)> = BTreeMap::new();
    for finding in found {
        let entry = groups.entry(value(finding)).or_default();
        entry.0 += 1;
        entry.1 = entry.1.saturating_add(finding.bytes_out.unwrap_or(0));
        entry.2 = entry.2.max(Some(finding.severity));
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, (count, _, worst))| (Reverse(*worst), Reverse(*count)));
    let row = |(value, (count, bytes, worst)): (Option<String>, (i64, i64, Option<Severity>))| {
        let name = match &value {
            None => DataCell::Empty,
            Some(value) => DataCell::Link {
                text: value.clone(),
                href: args.with("group", None).with(group, Some(value)).link("/findings"),
            },
        };
        let worst = worst.map_or(DataCell::Empty, |worst| DataCell::State(worst.to_string()));
        vec![name, DataCell::Count(count), worst, DataCell::Bytes(bytes)]
    };
    DataTable::new(&[group, "findings", "worst", "bytes_out"], groups.into_iter().map(row))
}

/// The filters of this page.
fn form(all: &[&Finding], args: &QueryArgs) -> Markup {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    all.iter().for_each(|finding| *counts.entry(&finding.detection).or_default() += 1);
    let option = |name: &str, value: &str, label: String| {
        let is_set = args.get(name).unwrap_or_default() == value;
        html! { option value=(value) selected[is_set] { (label) } }
    };
    let shared = args.shared();
    html! {
        form.inline method="get" action="/findings" {
            @for (name, value) in shared_pairs(&shared) { input type="hidden" name=(name) value=(value); }
            label.field { "Severity"
                select name="severity" {
                    (option("severity", "", "all".to_owned()))
                    @for severity in Severity::ALL.iter().rev() {
                        (option("severity", severity.as_str(), format!("{severity} and above")))
                    }
                }
            }
            label.field { "Detection"
                select name="detection" {
                    (option("detection", "", "all".to_owned()))
                    @for (id, count) in &counts { (option("detection", id, format!("{id} ({count})"))) }
                }
            }
            label.field { "Contains" input type="search" name="q" value=(args.get("q").unwrap_or_default()) placeholder="address, id, words"; }
            label.field { "Sort by"
                select name="sort" { @for sort in SORTS { (option("sort", sort, sort.replace('_', " "))) } }
            }
            label.field { "Group by"
                select name="group" { @for group in GROUPS { (option("group", group, if group.is_empty() { "nothing".to_owned() } else { group.replace('_', " ") })) } }
            }
            button.primary type="submit" { "Show" }
            @if args.own().next().is_some() { a.button href=(shared.link("/findings")) { "Clear" } }
        }
    }
}

/// The parameters that go along.
pub(super) fn shared_pairs(shared: &QueryArgs) -> Vec<(&'static str, String)> {
    let names = ["since", "until", "job"];
    names.into_iter().filter_map(|name| Some((name, shared.get(name)?.to_owned()))).collect()
}

fn pager(args: &QueryArgs, skip: usize, count: usize) -> Markup {
    let to = |skip: usize| args.with("skip", Some(&skip.to_string())).link("/findings");
    html! {
        p {
            @if skip > 0 { a.button href=(to(skip.saturating_sub(ROWS_MAX))) { "Previous" } " " }
            @if skip + ROWS_MAX < count { a.button href=(to(skip + ROWS_MAX)) { "Next" } }
        }
    }
}
