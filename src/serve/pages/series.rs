//! Findings, traffic and coverage over time, in buckets that a chart can show.

use std::collections::BTreeMap;

use maud::Markup;

use crate::chart::{BarSeries, StackedBars, TimeScale, Tone};
use crate::detection::Severity;
use crate::serve::layout::chart;
use crate::serve::{DataCell, DataTable, PageFilter, PageSection, Snapshot, TrafficSums, text};

/// The most bars of a chart.
const BARS_MAX: i64 = 120;

/// Lengths of a bar in seconds.
const BAR_SECS: &[i64] = &[
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    2 * 3600,
    4 * 3600,
    8 * 3600,
    86_400,
    2 * 86_400,
    7 * 86_400,
    28 * 86_400,
];

/// Buckets of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeAxis {
    /// Where the first begins, in Unix seconds, UTC.
    pub(super) from: i64,
    /// Where the last ends.
    pub(super) to: i64,
    /// The length of each.
    pub(super) step: i64,
}

impl TimeAxis {
    /// Returns the buckets for what a filter leaves. `None`: there is no data, and no range.
    pub(super) fn new(snapshot: &Snapshot, filter: &PageFilter) -> Option<Self> {
        let (from, to) = snapshot.span(filter)?;
        // No bar is shorter than what was summed up.
        let fits =
            |step: &&i64| **step >= snapshot.traffic.bucket_secs && (to - from) / **step < BARS_MAX;
        let step =
            BAR_SECS.iter().find(fits).copied().unwrap_or_else(|| ((to - from) / BARS_MAX).max(1));
        let from = from.div_euclid(step) * step;
        let to = (to + step).div_euclid(step) * step;
        Some(Self { from, to, step })
    }

    /// Returns where the buckets begin.
    pub(super) fn starts(&self) -> impl Iterator<Item = i64> {
        let (from, step) = (self.from, self.step);
        (0..(self.to - self.from) / self.step).map(move |at| from + at * step)
    }

    /// Returns the number of the bucket of a time.
    pub(super) fn bucket(&self, at: i64) -> Option<usize> {
        let bucket = (at - self.from).div_euclid(self.step);
        usize::try_from(bucket).ok().filter(|_| at >= self.from && at < self.to)
    }

    /// Returns the time of all buckets.
    pub(super) fn scale(&self) -> TimeScale {
        TimeScale { from: self.from, to: self.to }
    }

    /// Returns how many buckets there are.
    pub(super) fn count(&self) -> usize {
        usize::try_from((self.to - self.from) / self.step).unwrap_or(0)
    }
}

/// Seconds of interfaces of jobs in each bucket: covered, and all.
pub(super) fn coverage(
    snapshot: &Snapshot,
    filter: &PageFilter,
    axis: &TimeAxis,
) -> Vec<(i64, i64)> {
    let mut sums = vec![(0, 0); axis.count()];
    for span in snapshot.interfaces(filter) {
        let (from, to) = (span.from.max(axis.from), span.to.min(axis.to));
        let mut at = from;
        while at < to {
            let Some(bucket) = axis.bucket(at) else { break };
            let end = (axis.from + (bucket as i64 + 1) * axis.step).min(to);
            if let Some(sums) = sums.get_mut(bucket) {
                sums.1 += end - at;
                sums.0 += if span.is_covered() { end - at } else { 0 };
            }
            at = end;
        }
    }
    sums
}

/// The share of each bucket that is covered. `None`: no interface of a job lived in it.
fn share((covered, all): (i64, i64)) -> Option<f64> {
    (all > 0).then(|| covered as f64 / all as f64)
}

fn share_cell(sums: (i64, i64)) -> DataCell {
    share(sums)
        .map_or(DataCell::Empty, |share| DataCell::Decimal((share * 1000.0).floor() / 1000.0))
}

/// The colour of a way, the same in every chart.
pub(super) fn way_tone(way: &str) -> Tone {
    Tone::Series(match way {
        "s3 gateway-endpoint" => 0,
        "internet" => 1,
        "endpoint" | "s3 interface-endpoint" => 2,
        "s3 internet-gateway" | "s3 cross-region" => 3,
        "vpc" => 4,
        "s3 nat-gateway" => 5,
        "same-job" => 6,
        "private" | "other-job" => 7,
        "aws" => 8,
        _ => 9,
    })
}

/// The colour of a severity.
fn severity_tone(severity: Severity) -> Tone {
    match severity.as_str() {
        "critical" => Tone::Critical,
        "high" => Tone::High,
        "medium" => Tone::Medium,
        "low" => Tone::Low,
        _ => Tone::Series(6),
    }
}

fn bars(
    title: &str,
    axis: &TimeAxis,
    (series, covered): (&[BarSeries], &[(i64, i64)]),
    is_bytes: bool,
) -> Markup {
    let covered: Vec<Option<f64>> = covered.iter().map(|sums| share(*sums)).collect();
    let amount: fn(f64) -> String = match is_bytes {
        true => |value| text::bytes(value as i64),
        false => |value| text::count(value as i64),
    };
    let time = axis.scale();
    let is_whole = !is_bytes;
    chart(StackedBars { title, time, series, covered: &covered, amount, is_whole }.svg())
}

/// Findings by the time that they were first seen.
pub(super) fn findings(snapshot: &Snapshot, filter: &PageFilter, axis: &TimeAxis) -> PageSection {
    let mut counts: Vec<BTreeMap<Severity, i64>> = vec![BTreeMap::new(); axis.count()];
    for finding in snapshot.findings(filter) {
        let bucket =
            finding.first_seen.and_then(|at| axis.bucket(at)).and_then(|at| counts.get_mut(at));
        if let Some(bucket) = bucket {
            *bucket.entry(finding.severity).or_default() += 1;
        }
    }
    let coverage = coverage(snapshot, filter, axis);
    let rows = axis.starts().zip(&counts).zip(&coverage).map(|((at, counts), covered)| {
        let count =
            |severity: &Severity| DataCell::Count(counts.get(severity).copied().unwrap_or(0));
        let mut row = vec![DataCell::Time(at)];
        row.extend(Severity::ALL.iter().rev().map(count));
        row.push(share_cell(*covered));
        row
    });
    let mut columns = vec!["from"];
    columns.extend(Severity::ALL.iter().rev().map(|severity| severity.as_str()));
    columns.push("covered");
    let table = DataTable::new(&columns, rows);
    let series = |severity: &Severity| BarSeries {
        name: severity.to_string(),
        tone: severity_tone(*severity),
        values: counts
            .iter()
            .map(|counts| counts.get(severity).copied().unwrap_or(0) as f64)
            .collect(),
    };
    let series = Severity::ALL.iter().rev().map(series);
    let series: Vec<BarSeries> =
        series.filter(|one| one.values.iter().any(|value| *value > 0.0)).collect();
    let title = "Findings over time, when first seen";
    let figure = Some(bars(title, axis, (&series, &coverage), false));
    PageSection { is_folded: true, figure, ..PageSection::new("findings_over_time", title, table) }
}

/// Bytes in both directions, by way.
pub(super) fn traffic(snapshot: &Snapshot, filter: &PageFilter, axis: &TimeAxis) -> PageSection {
    let mut sums: BTreeMap<String, Vec<TrafficSums>> = BTreeMap::new();
    for bucket in snapshot.traffic.buckets(filter) {
        let Some(at) = axis.bucket(bucket.at) else { continue };
        let way = sums
            .entry(bucket.way.clone())
            .or_insert_with(|| vec![TrafficSums::default(); axis.count()]);
        if let Some(sum) = way.get_mut(at) {
            sum.add(&bucket.sums);
        }
    }
    let mut ways: Vec<(String, Vec<TrafficSums>)> = sums.into_iter().collect();
    let total = |sums: &[TrafficSums]| sums.iter().map(TrafficSums::bytes).sum::<i64>();
    ways.sort_by_key(|(_, sums)| std::cmp::Reverse(total(sums)));
    let coverage = coverage(snapshot, filter, axis);
    let rows = axis.starts().enumerate().map(|(at, start)| {
        let mut row = vec![DataCell::Time(start)];
        row.extend(
            ways.iter().map(|(_, sums)| DataCell::bytes(sums.get(at).map(TrafficSums::bytes))),
        );
        row.push(coverage.get(at).map_or(DataCell::Empty, |sums| share_cell(*sums)));
        row
    });
    let mut columns = vec!["from"];
    columns.extend(ways.iter().map(|(way, _)| way.as_str()));
    columns.push("covered");
    let table = DataTable::new(&columns, rows);
    let series = |(way, sums): &(String, Vec<TrafficSums>)| BarSeries {
        name: way.clone(),
        tone: way_tone(way),
        values: sums.iter().map(|sums| sums.bytes() as f64).collect(),
    };
    let series: Vec<BarSeries> = ways.iter().map(series).collect();
    let title = "Bytes over time, by way";
    let figure = Some(bars(title, axis, (&series, &coverage), true));
    PageSection { is_folded: true, figure, ..PageSection::new("bytes_over_time", title, table) }
}
