//! Destinations that are new, gone, or have another volume.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray, TimestampSecondArray};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use glob::Pattern;

use crate::allow::BaselineRule;
use crate::baseline::learn::{BAND_MIN, earliest, is_ephemeral, picked_ports};
use crate::baseline::observed::{ObservedDestination, protocol_text};

/// How something changed, what matters most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// It was not there before.
    Added,
    /// A run sent more than before, or more than the band.
    Grown,
    /// A run sent less than before.
    Shrunk,
    /// It is there no more.
    Gone,
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Added => "added",
            Self::Grown => "grown",
            Self::Shrunk => "shrunk",
            Self::Gone => "gone",
        })
    }
}

/// One change. Times are Unix seconds, UTC.
#[derive(Debug, Clone, PartialEq)]
pub struct DestinationChange {
    /// How.
    pub changed: ChangeKind,
    /// Where to, in the words of an allow rule.
    pub destination: String,
    /// `remote_scope`. `None` for a rule that nothing fits.
    pub scope: Option<String>,
    /// The port, or ports. `None`: not known, or any.
    pub port: Option<String>,
    /// Name of the protocol.
    pub protocol: String,
    /// How many runs went there before. `None` if a rule stands for what was before.
    pub runs_before: Option<i64>,
    /// How many went there after.
    pub runs_after: i64,
    /// Most bytes that one run sent there before; of a rule its band.
    pub bytes_out_before: Option<i64>,
    /// Most bytes that one run sent there after.
    pub bytes_out_after: Option<i64>,
    /// How many times what was before. `None` where either side is nothing.
    pub factor: Option<f64>,
    /// When it was first seen: after, of what is gone before.
    pub first_seen: Option<i64>,
    /// When it was last seen.
    pub last_seen: Option<i64>,
}

type Key = (String, Option<String>, Option<i32>);

/// What one side did to one destination.
#[derive(Default)]
struct RunTotals {
    scope: String,
    bytes: BTreeMap<String, i64>,
    first_seen: Option<i64>,
    last_seen: Option<i64>,
}

impl RunTotals {
    fn add(&mut self, row: &ObservedDestination) {
        if self.scope.is_empty() || row.scope < self.scope {
            self.scope.clone_from(&row.scope);
        }
        let job = row.job.clone().or_else(|| row.candidates.clone()).unwrap_or_default();
        *self.bytes.entry(job).or_default() += row.bytes_out;
        self.first_seen = earliest(self.first_seen, row.first_seen);
        self.last_seen = self.last_seen.max(row.last_seen);
    }

    fn peak_bytes(&self) -> i64 {
        self.bytes.values().max().copied().unwrap_or(0)
    }

    fn runs(&self) -> i64 {
        i64::try_from(self.bytes.len()).unwrap_or(i64::MAX)
    }
}

fn tallies<'a>(
    rows: impl IntoIterator<Item = &'a ObservedDestination>,
) -> BTreeMap<Key, RunTotals> {
    let mut tallies: BTreeMap<Key, RunTotals> = BTreeMap::new();
    for row in rows {
        let port = row.port.map(|port| {
            if is_ephemeral(&row.destination, port) { picked_ports() } else { port.to_string() }
        });
        tallies.entry((row.destination.clone(), port, row.protocol)).or_default().add(row);
    }
    tallies
}

/// Compares what jobs opened before and after. Where both went there, it is reported if a run sent `factor` times
/// the bytes of any run on the other side, and at least 1 MiB more or less.
pub fn between(
    before: &[ObservedDestination],
    after: &[ObservedDestination],
    factor: f64,
) -> Vec<DestinationChange> {
    let (mut before, after) = (tallies(before), tallies(after));
    let mut changes = Vec::new();
    for (key, tally) in &after {
        let Some(old) = before.remove(key) else {
            changes.push(change(ChangeKind::Added, key, (None, Some(tally))));
            continue;
        };
        let (was, is) = (old.peak_bytes(), tally.peak_bytes());
        let times = ratio(is.max(was), is.min(was)).unwrap_or(f64::INFINITY);
        if is.abs_diff(was) >= BAND_MIN.unsigned_abs() && times >= factor {
            let changed = if is > was { ChangeKind::Grown } else { ChangeKind::Shrunk };
            changes.push(change(changed, key, (Some(&old), Some(tally))));
        }
    }
    for (key, old) in &before {
        changes.push(change(ChangeKind::Gone, key, (Some(old), None)));
    }
    sort(&mut changes);
    changes
}

/// Compares what jobs opened with the rules of a baseline; the rules are those that `rule` of the rows counts.
/// Rows of jobs without a baseline are not looked at.
/// A rule is gone when jobs of its family were seen and none went there.
pub fn against(rows: &[ObservedDestination], rules: &[BaselineRule]) -> Vec<DestinationChange> {
    let mut changes = Vec::new();
    for (key, tally) in &tallies(rows.iter().filter(|row| row.rule == Some(0))) {
        let mut added = change(ChangeKind::Added, key, (None, Some(tally)));
        added.runs_before = None;
        changes.push(added);
    }
    for rule in rules {
        let mut tally = RunTotals::default();
        rows.iter().filter(|row| row.rule == Some(rule.number)).for_each(|row| tally.add(row));
        let key = (rule.to.clone(), rule.ports.clone(), rule.protocol);
        let glob = rule.job.as_deref().and_then(|glob| Pattern::new(glob).ok());
        let is_seen = || rows.iter().any(|row| glob.as_ref().is_none_or(|glob| row.is_of(glob)));
        let band = rule.bytes_out_max;
        let changed = match band {
            _ if tally.bytes.is_empty() && is_seen() => ChangeKind::Gone,
            Some(band) if tally.peak_bytes() > band => ChangeKind::Grown,
            _ => continue,
        };
        let mut found = change(changed, &key, (None, Some(&tally)));
        found.runs_before = None;
        found.bytes_out_before = band;
        found.factor = band.and_then(|band| ratio(tally.peak_bytes(), band));
        if changed == ChangeKind::Gone {
            (found.scope, found.bytes_out_after, found.factor) = (None, None, None);
        }
        changes.push(found);
    }
    sort(&mut changes);
    changes
}

/// What was before, and what is after.
type Pair<'a> = (Option<&'a RunTotals>, Option<&'a RunTotals>);

fn change(changed: ChangeKind, key: &Key, (before, after): Pair<'_>) -> DestinationChange {
    let (destination, port, protocol) = key;
    let shown = after.or(before);
    let most = |tally: Option<&RunTotals>| tally.map(RunTotals::peak_bytes);
    DestinationChange {
        changed,
        destination: destination.clone(),
        scope: shown.map(|tally| tally.scope.clone()),
        port: port.clone(),
        protocol: protocol_text(*protocol),
        runs_before: Some(before.map_or(0, RunTotals::runs)),
        runs_after: after.map_or(0, RunTotals::runs),
        bytes_out_before: most(before),
        bytes_out_after: most(after),
        factor: most(after).zip(most(before)).and_then(|(is, was)| ratio(is, was)),
        first_seen: shown.and_then(|tally| tally.first_seen),
        last_seen: shown.and_then(|tally| tally.last_seen),
    }
}

#[expect(clippy::cast_precision_loss, reason = "it is shown with one digit after the point")]
fn ratio(a: i64, b: i64) -> Option<f64> {
    (b != 0).then(|| (a as f64 / b as f64 * 10.0).round() / 10.0)
}

fn sort(changes: &mut [DestinationChange]) {
    changes.sort_by(|a, b| {
        let key = |one: &DestinationChange| {
            let (to, port) = (one.destination.clone(), one.port.clone());
            (one.changed, to, port, one.protocol.clone())
        };
        key(a).cmp(&key(b))
    });
}

/// Returns changes as a table.
pub fn to_batch(changes: &[DestinationChange]) -> Result<RecordBatch, ArrowError> {
    fn texts(values: impl Iterator<Item = Option<String>>) -> ArrayRef {
        Arc::new(values.collect::<StringArray>())
    }
    fn numbers(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
        Arc::new(values.collect::<Int64Array>())
    }
    fn times(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
        Arc::new(values.collect::<TimestampSecondArray>().with_timezone("UTC"))
    }
    let all = || changes.iter();
    let factors: Float64Array = all().map(|one| one.factor).collect();
    RecordBatch::try_from_iter_with_nullable([
        ("change", texts(all().map(|one| Some(one.changed.to_string()))), false),
        ("destination", texts(all().map(|one| Some(one.destination.clone()))), false),
        ("remote_scope", texts(all().map(|one| one.scope.clone())), true),
        ("port", texts(all().map(|one| one.port.clone())), true),
        ("protocol", texts(all().map(|one| Some(one.protocol.clone()))), false),
        ("runs_before", numbers(all().map(|one| one.runs_before)), true),
        ("runs_after", numbers(all().map(|one| Some(one.runs_after))), false),
        ("bytes_out_before", numbers(all().map(|one| one.bytes_out_before)), true),
        ("bytes_out_after", numbers(all().map(|one| one.bytes_out_after)), true),
        ("factor", Arc::new(factors), true),
        ("first_seen", times(all().map(|one| one.first_seen)), true),
        ("last_seen", times(all().map(|one| one.last_seen)), true),
    ])
}
