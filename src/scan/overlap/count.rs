//! Collects the times of all records of flow logs that may overlap, and ranks the flow logs.

use std::collections::BTreeMap;
use std::sync::Mutex;

use arrow::array::{Array as _, RecordBatch};
use foldhash::HashMap;

use crate::flow::LogFormat;
use crate::flow::field::column_name;
use crate::inventory::model::FlowLog;
use crate::scan::overlap::slots::Slots;
use crate::scan::overlap::{COLUMNS, Choice, Columns, Log, TrafficType};
use crate::source::object_name::{flow_log, log_group_of};

/// Hours of all interfaces and flow logs together that are stored: about 32 MB.
const HOURS_MAX: usize = 256 * 1024;

/// The fields that make a flow log better than another, and how much each counts.
pub(super) const SCORES: [(&str, u32); 14] = [
    ("action", 8),
    ("srcaddr", 4),
    ("dstaddr", 4),
    ("dstport", 4),
    ("protocol", 4),
    ("bytes", 4),
    ("tcp_flags", 3),
    ("flow_direction", 3),
    ("pkt_srcaddr", 2),
    ("pkt_dstaddr", 2),
    ("traffic_path", 2),
    ("next_hop_interface_type", 2),
    ("log_status", 1),
    ("subnet_id", 1),
];

/// The columns that [`Count::add`] reads.
pub(super) fn columns() -> Vec<&'static str> {
    let mut columns = COLUMNS.to_vec();
    columns.extend(SCORES.map(|(name, _)| name).iter().filter(|name| !COLUMNS.contains(name)));
    columns
}

/// What was seen of one flow log.
#[derive(Debug, Default)]
struct FlowLogFields {
    /// Which of [`SCORES`] had a value in some record.
    fields: [bool; SCORES.len()],
    accepts: bool,
    rejects: bool,
    longest_secs: i64,
}

/// The times of one flow log's records of one interface.
#[derive(Debug, Default)]
struct Times {
    records: Slots,
    /// Of which it lost records.
    skipped: Slots,
}

/// The times of all flow logs.
#[derive(Debug, Default)]
pub(super) struct Count {
    logs: Vec<FlowLogFields>,
    numbers: HashMap<String, usize>,
    interfaces: BTreeMap<String, Vec<(usize, Times)>>,
    hours: usize,
    bound: Option<String>,
}

impl Count {
    /// Adds a batch of [`columns`].
    pub(super) fn add(&mut self, batch: &RecordBatch) {
        let Some(columns) = Columns::new(batch) else { return };
        let mut row = 0;
        while row < batch.num_rows() {
            // The rows of one object lie together.
            let view = columns.object.views().get(row).copied();
            let rest = columns.object.views().iter().skip(row);
            let rows = rest.take_while(|other| Some(**other) == view).count().max(1);
            if columns.object.is_valid(row)
                && let Some(id) = flow_log(columns.object.value(row))
            {
                self.add_rows(&columns, batch, id, row..row + rows);
            }
            row += rows;
        }
        self.let_go(HOURS_MAX);
    }

    fn add_rows(
        &mut self,
        columns: &Columns<'_>,
        batch: &RecordBatch,
        id: &str,
        rows: std::ops::Range<usize>,
    ) {
        let number = match self.numbers.get(id) {
            Some(number) => *number,
            None => {
                self.logs.push(FlowLogFields::default());
                self.numbers.insert(id.to_owned(), self.logs.len() - 1);
                self.logs.len() - 1
            }
        };
        if let Some(seen) = self.logs.get_mut(number) {
            seen.add_fields(batch, &rows);
        }
        for row in rows {
            let Some((first, last)) = columns.times(row) else { continue };
            if let Some(seen) = self.logs.get_mut(number) {
                seen.longest_secs = seen.longest_secs.max(last - first);
                let action = columns.action.is_valid(row).then(|| columns.action.value(row));
                seen.accepts |= action == Some("ACCEPT");
                seen.rejects |= action == Some("REJECT");
            }
            if columns.interface.is_null(row) {
                continue;
            }
            let skipped = columns.status.is_valid(row) && columns.status.value(row) == "SKIPDATA";
            self.add_times(columns.interface.value(row), number, (first, last), skipped);
        }
    }

    fn add_times(&mut self, id: &str, number: usize, (first, last): (i64, i64), skipped: bool) {
        if self.bound.as_deref().is_some_and(|bound| bound <= id) {
            return;
        }
        if !self.interfaces.contains_key(id) {
            self.interfaces.insert(id.to_owned(), Vec::new());
        }
        let Some(logs) = self.interfaces.get_mut(id) else { return };
        let at = logs.iter().position(|(other, _)| *other == number).unwrap_or_else(|| {
            logs.push((number, Times::default()));
            logs.len() - 1
        });
        let Some((_, times)) = logs.get_mut(at) else { return };
        let slots = if skipped { &mut times.skipped } else { &mut times.records };
        self.hours += slots.add(first, last);
    }

    /// Lets go of the last interfaces, by name, until the rest is little enough: the same whatever the order.
    fn let_go(&mut self, hours_max: usize) {
        while self.hours > hours_max
            && let Some((id, logs)) = self.interfaces.pop_last()
        {
            let hours = |(_, times): &(usize, Times)| times.records.hours() + times.skipped.hours();
            self.hours -= logs.iter().map(hours).sum::<usize>();
            self.bound = Some(id);
        }
    }

    /// Ranks the flow logs. `None` if no interface is recorded by several.
    pub(super) fn finish(self, known: &[FlowLog]) -> Option<Choice> {
        let is_shared = |logs: &Vec<(usize, Times)>| logs.len() > 1;
        if self.bound.is_none() && !self.interfaces.values().any(is_shared) {
            return None;
        }
        let log = |(key, number): (&String, &usize)| {
            (self.logs.get(*number).map(|seen| seen.log(key, known)), key.clone(), *number)
        };
        let logs = self.numbers.iter().map(log);
        let mut logs: Vec<(Log, String, usize)> =
            logs.filter_map(|(log, key, number)| Some((log?, key, number))).collect();
        logs.sort_by(|(a, ..), (b, ..)| {
            let order = |log: &Log| (u32::MAX - log.score, log.traffic_type, log.id.clone());
            order(a).cmp(&order(b))
        });
        let by_number: HashMap<usize, usize> =
            logs.iter().enumerate().map(|(rank, (_, _, number))| (*number, rank)).collect();
        let ranked = |logs: Vec<(usize, Times)>| {
            let ranked = logs.into_iter().filter_map(|(number, mut times)| {
                times.records.remove(&times.skipped);
                Some((*by_number.get(&number)?, times.records))
            });
            let mut ranked: Vec<(usize, Slots)> = ranked.collect();
            ranked.sort_by_key(|(rank, _)| *rank);
            ranked
        };
        let interfaces = self.interfaces.into_iter().filter(|(_, logs)| is_shared(logs));
        let interfaces = interfaces.map(|(id, logs)| (id, ranked(logs))).collect();
        let ranks = logs.iter().enumerate().map(|(rank, (_, key, _))| (key.clone(), rank));
        Some(Choice {
            ranks: ranks.collect(),
            interfaces,
            bound: self.bound,
            counts: Mutex::default(),
            logs: logs.into_iter().map(|(log, ..)| log).collect(),
        })
    }
}

impl FlowLogFields {
    fn add_fields(&mut self, batch: &RecordBatch, rows: &std::ops::Range<usize>) {
        for (seen, (name, _)) in self.fields.iter_mut().zip(SCORES) {
            if *seen {
                continue;
            }
            let Some(column) = batch.column_by_name(name) else { continue };
            *seen = match column.null_count() {
                0 => true,
                count if count == column.len() => false,
                _ => rows.clone().any(|row| column.is_valid(row)),
            };
        }
    }

    /// Returns what is known of the flow log: the inventory takes precedence over its records.
    fn log(&self, key: &str, known: &[FlowLog]) -> Log {
        let writes = |log: &&FlowLog| match log_group_of(key) {
            Some(group) => log.destination.as_deref().is_some_and(|to| names_group(to, group)),
            None => log.flow_log_id == key,
        };
        let mut writers = known.iter().filter(writes);
        let configured = writers.next().filter(|_| writers.next().is_none());
        let format =
            configured.and_then(|log| log.log_format.as_deref()?.parse::<LogFormat>().ok());
        let names: Option<Vec<String>> =
            format.map(|format| format.names().iter().map(|name| column_name(name)).collect());
        let has = |at: usize, name: &str| match &names {
            Some(names) => names.iter().any(|other| other == name),
            None => self.fields.get(at).copied().unwrap_or(false),
        };
        let scores = SCORES.iter().enumerate();
        let score = scores.filter(|(at, (name, _))| has(*at, name)).map(|(_, (_, score))| score);
        let traffic_type = match configured.and_then(|log| log.traffic_type.as_deref()) {
            Some("ALL") => TrafficType::All,
            Some("ACCEPT") => TrafficType::Accept,
            Some("REJECT") => TrafficType::Reject,
            _ => match (self.accepts, self.rejects) {
                (true, true) => TrafficType::All,
                (true, false) => TrafficType::Accept,
                (false, true) => TrafficType::Reject,
                (false, false) => TrafficType::Unknown,
            },
        };
        let interval = configured.and_then(|log| log.max_aggregation_secs).map(i64::from);
        let seen = if self.longest_secs > 90 { 600 } else { 60 };
        Log {
            id: configured.map_or_else(|| key.to_owned(), |log| log.flow_log_id.clone()),
            score: score.sum(),
            traffic_type,
            // As a run of minutes without records is a gap in interface_runs.
            hole_max_secs: 2 * interval.unwrap_or(seen) + 60,
        }
    }
}

/// Returns whether a flow log's destination, a name or an ARN, is a log group.
fn names_group(destination: &str, group: &str) -> bool {
    let name = destination.split_once(":log-group:").map_or(destination, |(_, name)| name);
    name.strip_suffix(":*").unwrap_or(name) == group
}
