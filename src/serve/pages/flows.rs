//! The flow map: from jobs by ways to destinations.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::chart::{Sankey, SankeyPath};
use crate::serve::layout::chart;
use crate::serve::pages::findings::shared_pairs;
use crate::serve::pages::series::way_tone;
use crate::serve::{
    ConnectionGroup, DataCell, DataTable, Error, PageContent, PageFilter, PageSection, QueryArgs,
    Snapshot, TrafficSums, text,
};

/// Rows of the table.
const ROWS_MAX: usize = 500;

/// What the width of a band is.
const MEASURES: &[&str] = &["bytes", "rejected", "connections"];

/// Whether the left side is jobs or families of jobs.
const SIDES: &[&str] = &["family", "job"];

pub(super) fn content(
    snapshot: &Snapshot,
    args: &QueryArgs,
    filter: &PageFilter,
) -> Result<PageContent, Error> {
    let measure = args.choice("measure", MEASURES)?;
    let side = args.choice("side", SIDES)?;
    let fits = |group: &&ConnectionGroup| {
        args.get("way").is_none_or(|way| group.way == way)
            && args.get("destination").is_none_or(|destination| group.destination == destination)
    };
    let name = |job: &str| if side == "job" { job.to_owned() } else { family(job) };
    let mut sums: BTreeMap<(String, String, String), TrafficSums> = BTreeMap::new();
    for group in snapshot.traffic.connections(filter).filter(fits) {
        let key = (name(&group.job), group.way.clone(), group.destination.clone());
        sums.entry(key).or_default().add(&group.sums);
    }
    let value = |sums: &TrafficSums| match measure {
        "rejected" => sums.rejected_records,
        "connections" => sums.connections,
        _ => sums.bytes(),
    };
    let mut rows: Vec<_> = sums.into_iter().filter(|(_, sums)| value(sums) > 0).collect();
    rows.sort_by_key(|(_, sums)| std::cmp::Reverse(value(sums)));
    let link = |param: &str, text: &str| DataCell::Link {
        text: text.to_owned(),
        href: args.with(param, Some(text)).link("/flows"),
    };
    let row = |((job, way, destination), sums): &((String, String, String), TrafficSums)| {
        vec![
            link("job", job),
            link("way", way),
            link("destination", destination),
            DataCell::Count(sums.connections),
            DataCell::Bytes(sums.bytes_out),
            DataCell::Bytes(sums.bytes_in),
            DataCell::Count(sums.accepted_records),
            DataCell::Count(sums.rejected_records),
        ]
    };
    let columns = [
        "job",
        "way",
        "destination",
        "connections",
        "bytes_out",
        "bytes_in",
        "accepted_records",
        "rejected_records",
    ];
    let table = DataTable::new(&columns, rows.iter().take(ROWS_MAX).map(row));
    let mut section = PageSection::new("flows", "", table);
    section.figure = Some(html! { (form(args)) (chart(map(&rows, (measure, side), args))) });
    let mut notes =
        vec![format!("{} of job, way and destination.", text::plural(rows.len(), "combination"))];
    if rows.len() > ROWS_MAX {
        notes.push(format!("The table has the first {ROWS_MAX} of them."));
    }
    if snapshot.traffic.is_cut {
        notes.push("There are more connections than a snapshot holds: those with the fewest bytes are left out.".to_owned());
    }
    Ok(PageContent {
        title: "Flow map".to_owned(),
        entry: "/flows",
        path: "/flows".to_owned(),
        notes,
        sections: vec![section],
    })
}

type FlowRow = ((String, String, String), TrafficSums);

/// The map. A node filters by itself.
fn map(rows: &[FlowRow], (measure, side): (&str, &str), args: &QueryArgs) -> String {
    let value = |sums: &TrafficSums| match measure {
        "rejected" => sums.rejected_records,
        "connections" => sums.connections,
        _ => sums.bytes(),
    };
    let path = |((job, way, destination), sums): &'_ FlowRow| SankeyPath {
        nodes: vec![job.clone(), way.clone(), destination.clone()],
        value: value(sums) as f64,
    };
    let paths: Vec<SankeyPath> = rows.iter().map(path).collect();
    let href = |layer: usize, name: &str| {
        let param = ["job", "way", "destination"].get(layer)?;
        Some(args.with(param, Some(name)).link("/flows"))
    };
    let amount: fn(f64) -> String = match measure {
        "bytes" => |value| text::bytes(value as i64),
        _ => |value| text::count(value as i64),
    };
    let layers = [if side == "job" { "Job" } else { "Job family" }, "Way", "Destination"];
    let title = format!("Flow map: {measure} by job, way and destination");
    let (href, tone) = (&href, &|way: &str| way_tone(way));
    Sankey { title: &title, layers: &layers, paths: &paths, amount, href, tone }.svg()
}

/// The family of a job: its name with each run of digits, or of hex digits that has one, as `*`.
fn family(job: &str) -> String {
    let is_number = |part: &str| {
        part.chars().any(|c| c.is_ascii_digit()) && part.chars().all(|c| c.is_ascii_hexdigit())
    };
    let parts = job.split('-').map(|part| if is_number(part) { "*" } else { part });
    let mut name: Vec<&str> = Vec::new();
    for part in parts {
        if part != "*" || name.last() != Some(&"*") {
            name.push(part);
        }
    }
    name.join("-")
}

fn form(args: &QueryArgs) -> Markup {
    let option = |name: &str, value: &str, label: &str| {
        let is_set = args.get(name) == Some(value);
        html! { option value=(value) selected[is_set] { (label) } }
    };
    let given = |name: &str| args.get(name).map(str::to_owned);
    html! {
        form.inline method="get" action="/flows" {
            @for (name, value) in shared_pairs(args) { input type="hidden" name=(name) value=(value); }
            label.field { "Width of a band"
                select name="measure" {
                    (option("measure", "bytes", "bytes, both directions"))
                    (option("measure", "rejected", "rejected records"))
                    (option("measure", "connections", "connections"))
                }
            }
            label.field { "Left side"
                select name="side" { (option("side", "family", "job families")) (option("side", "job", "jobs")) }
            }
            @for name in ["way", "destination"] {
                @if let Some(value) = given(name) { label.field { (name) input type="text" name=(name) value=(value); } }
            }
            button.primary type="submit" { "Show" }
            @if args.own().next().is_some() { a.button href=(args.shared().link("/flows")) { "Clear" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_a_name_without_its_numbers() {
        assert_eq!(family("nightly-00042"), "nightly-*");
        assert_eq!(family("churn-2026-03-09-1f3a"), "churn-*");
        assert_eq!(family("spark-no-self-rule"), "spark-no-self-rule");
        assert_eq!(family("s3-through-nat"), "s3-through-nat");
    }
}
