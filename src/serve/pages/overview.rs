//! The overview: how many findings, how much traffic, and what could not be seen.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::audit::CheckVerdict;
use crate::detection::Severity;
use crate::serve::layout::tile;
use crate::serve::pages::series::{self, TimeAxis};
use crate::serve::{
    App, DataCell, DataTable, PageContent, PageFilter, PageSection, QueryArgs, Snapshot,
    TrafficSums, text,
};

pub(super) fn content(
    app: &App,
    snapshot: &Snapshot,
    args: &QueryArgs,
    filter: &PageFilter,
) -> PageContent {
    let axis = TimeAxis::new(snapshot, filter);
    let mut sections = vec![PageSection::figure("", "", tiles(snapshot, args, filter))];
    if let Some(axis) = axis {
        sections.push(series::findings(snapshot, filter, &axis));
        sections.push(series::traffic(snapshot, filter, &axis));
    }
    sections.push(s3(app, snapshot, filter));
    sections.push(ways(snapshot, filter));
    let notes =
        snapshot.coverage.summary().map(|unknown| format!("What could not be seen: {unknown}"));
    PageContent {
        title: "Overview".to_owned(),
        entry: "/",
        path: "/".to_owned(),
        notes: notes.into_iter().chain(snapshot.warnings.iter().cloned()).collect(),
        sections,
    }
}

fn tiles(snapshot: &Snapshot, args: &QueryArgs, filter: &PageFilter) -> Markup {
    let shared = args.shared();
    let mut severities: BTreeMap<Severity, usize> = BTreeMap::new();
    snapshot
        .findings(filter)
        .for_each(|finding| *severities.entry(finding.severity).or_default() += 1);
    let of = |severity: Severity| severities.get(&severity).copied().unwrap_or(0);
    let severe = of(Severity::Critical) + of(Severity::High);
    let mut traffic = TrafficSums::default();
    snapshot.traffic.buckets(filter).for_each(|bucket| traffic.add(&bucket.sums));
    let failed = snapshot.audit.as_ref().map(|audit| {
        audit
            .outcomes
            .iter()
            .filter(|one| one.verdict == CheckVerdict::Fail && filter.has_any_job(&one.jobs))
            .count()
    });
    let (covered, all) = coverage(snapshot, filter);
    let count = |number: usize| text::count(number as i64);
    html! {
        div.tiles {
            (tile(&count(snapshot.findings(filter).count()), "findings", Some(&shared.link("/findings"))))
            (tile(&count(severe), "of them high or critical", Some(&shared.with("severity", Some("high")).link("/findings"))))
            (tile(&count(snapshot.jobs(filter).count()), "jobs", Some(&shared.link("/jobs"))))
            (tile(&text::bytes(traffic.bytes_out), "sent by jobs", Some(&shared.link("/flows"))))
            (tile(&text::bytes(traffic.bytes_in), "received by jobs", Some(&shared.link("/flows"))))
            (tile(&text::count(traffic.rejected_records), "rejected records", Some(&shared.with("measure", Some("rejected")).link("/flows"))))
            (tile(&text::percent(covered, all), "of interface time with records", Some(&shared.link("/coverage"))))
            @if let Some(failed) = failed { (tile(&count(failed), "checks of AWS's guide failed", Some(&shared.link("/guide")))) }
        }
    }
}

/// Seconds of interfaces of jobs with records or NODATA, and all: as `flowq coverage` counts minutes.
fn coverage(snapshot: &Snapshot, filter: &PageFilter) -> (i64, i64) {
    let mut sums = (0, 0);
    for span in snapshot.interfaces(filter) {
        let from = filter.since.map_or(span.from, |since| span.from.max(since));
        let to = filter.until.map_or(span.to, |until| span.to.min(until));
        let secs = (to - from).max(0);
        sums.1 += secs;
        sums.0 += if span.has_records() { secs } else { 0 };
    }
    sums
}

/// S3 by path, with what NAT costs.
fn s3(app: &App, snapshot: &Snapshot, filter: &PageFilter) -> PageSection {
    let regions: BTreeMap<&str, Option<&str>> = snapshot
        .inventory
        .jobs
        .iter()
        .map(|job| (job.job_name.as_str(), job.region.as_deref()))
        .collect();
    let mut paths: BTreeMap<(String, Option<String>), (TrafficSums, Option<f64>)> = BTreeMap::new();
    for group in snapshot.traffic.connections(filter) {
        let Some(path) = group.way.strip_prefix("s3 ") else { continue };
        let entry = paths.entry((path.to_owned(), group.s3_evidence.clone())).or_default();
        entry.0.add(&group.sums);
        let region = regions.get(group.job.as_str()).copied().flatten();
        if let Some(price) = app.prices.nat_gateway(region).filter(|_| path == "nat-gateway") {
            *entry.1.get_or_insert(0.0) += group.sums.bytes() as f64 / 1e9 * price;
        }
    }
    let all: i64 = paths.values().map(|(sums, _)| sums.bytes()).sum();
    let mut paths: Vec<_> = paths.into_iter().collect();
    paths.sort_by_key(|(_, (sums, _))| std::cmp::Reverse(sums.bytes()));
    let has_price = paths.iter().any(|(_, (_, cost))| cost.is_some());
    let row = |((path, evidence), (sums, cost)): (
        (String, Option<String>),
        (TrafficSums, Option<f64>),
    )| {
        vec![
            DataCell::Code(path),
            DataCell::text(evidence.as_deref()),
            DataCell::Text(text::percent(sums.bytes(), all)),
            DataCell::Bytes(sums.bytes_out),
            DataCell::Bytes(sums.bytes_in),
            DataCell::Count(sums.rejected_records),
            cost.map_or(DataCell::Empty, |cost| DataCell::Decimal((cost * 1e6).round() / 1e6)),
        ]
    };
    let columns =
        ["path", "evidence", "share", "bytes_out", "bytes_in", "rejected_records", "nat_cost_usd"];
    let section = PageSection::new(
        "s3",
        "S3, by the path that the bytes took",
        DataTable::new(&columns, paths.into_iter().map(row)),
    );
    match has_price {
        true => section.note(
            "The cost is that of the bytes through NAT gateways, at the price of flowq.toml.",
        ),
        false => {
            section.note("Set nat-gateway under [prices] in flowq.toml to see what NAT costs.")
        }
    }
}

/// Traffic by way.
fn ways(snapshot: &Snapshot, filter: &PageFilter) -> PageSection {
    let mut ways: Vec<_> =
        snapshot.traffic.connections_by(filter, |group| group.way.clone()).into_iter().collect();
    ways.sort_by_key(|(_, sums)| std::cmp::Reverse(sums.bytes()));
    let row = |(way, sums): (String, TrafficSums)| {
        vec![
            DataCell::Code(way),
            DataCell::Count(sums.connections),
            DataCell::Bytes(sums.bytes_out),
            DataCell::Bytes(sums.bytes_in),
            DataCell::Count(sums.accepted_records),
            DataCell::Count(sums.rejected_records),
        ]
    };
    let columns =
        ["way", "connections", "bytes_out", "bytes_in", "accepted_records", "rejected_records"];
    PageSection::new("ways", "Traffic, by way", DataTable::new(&columns, ways.into_iter().map(row)))
        .note("Traffic between instances of one job is logged by both, and counted twice. Connections that overlap the time range count with all their bytes.")
}
