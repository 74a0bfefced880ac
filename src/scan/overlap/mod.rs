//! One packet counts once: where several flow logs record an interface, one is authoritative at a time.
//!
//! A flow log of the VPC, one of the subnet and one of the interface record the same packets, each with fields and an
//! aggregation interval of its own. They are ranked by their fields, then by their traffic type, then by their id. A
//! record of one is left out where better ones have records of its interface at the time of its first and its last
//! packet: it is a copy. Where they have a gap, it counts. Records whose object does not name its flow log always
//! count.
//!
//! Which flow log has a gap where is known only once all are read. So objects whose flow logs may overlap are read
//! twice: the first time for times alone. Others, which are most, are read once.

mod candidates;
mod choose;
mod copies;
mod count;
mod slots;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use arrow::array::{
    Array as _, AsArray as _, BooleanArray, RecordBatch, StringViewArray, TimestampSecondArray,
};
use arrow::compute::filter_record_batch;
use arrow::datatypes::TimestampSecondType;
pub(crate) use choose::without_copies;
pub(crate) use copies::Print;
use datafusion::common::Result;
use foldhash::HashMap;

use crate::flow::field::OBJECT;
use crate::scan::overlap::slots::Slots;
use crate::source::object_name::flow_log;

/// The columns that a scan needs beside others to leave copies out.
pub(crate) const COLUMNS: [&str; 6] =
    [OBJECT, "interface_id", "start", "end", "action", "log_status"];

/// Which records a flow log has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrafficType {
    /// Accepted and refused ones.
    All,
    /// Accepted ones, as far as was read or by the inventory.
    Accept,
    /// Rejected ones, as far as was read or by the inventory.
    Reject,
    /// It has no action.
    Unknown,
}

impl TrafficType {
    /// Returns the word that AWS has for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "ALL",
            Self::Accept => "ACCEPT",
            Self::Reject => "REJECT",
            Self::Unknown => "unknown",
        }
    }

    /// Returns whether such a flow log records packets of an action; without one, it may be any.
    fn has(self, action: Option<&str>) -> bool {
        match action {
            _ if self == Self::All => true,
            Some("ACCEPT") => self == Self::Accept,
            Some("REJECT") => self == Self::Reject,
            _ => false,
        }
    }
}

/// A flow log whose records may be copies of another one's.
#[derive(Debug)]
struct Log {
    /// As messages name it: `fl-…`, or the log group.
    id: String,
    /// How many of the fields that questions are answered from its records have, the more important ones more than
    /// once.
    score: u32,
    traffic_type: TrafficType,
    /// How long it may have no record of an interface and still miss nothing, in seconds.
    hole_max_secs: i64,
}

/// What one flow log gave of an interface that several record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The interface.
    pub interface_id: String,
    /// `FlowLogId`, or the log group if the inventory lacks it.
    pub flow_log_id: String,
    /// Whether it is authoritative for the interface where it has records; the others fill its gaps.
    pub is_chosen: bool,
    /// The traffic type of its records, or by the inventory.
    pub traffic_type: TrafficType,
    /// A measure of the fields that questions are answered from.
    pub field_score: u32,
    /// Records that count.
    pub counted: u64,
    /// Records left out, since a better flow log has the same packets.
    pub left_out: u64,
}

/// Records that count, and those left out.
type Counts = (u64, u64);

/// An interface that several flow logs record: the flow logs by their rank, each with the times of its records.
type Recorded = Vec<(usize, Slots)>;

/// Which flow log is authoritative at which time for which interface.
pub(crate) struct Choice {
    /// By rank, the best first.
    logs: Vec<Log>,
    /// The ranks, by what [`flow_log`] gives for an object.
    ranks: HashMap<String, usize>,
    /// Only interfaces that several flow logs record.
    interfaces: HashMap<String, Recorded>,
    /// From this interface on, by name, there were too many to look at: all their records count.
    pub(crate) bound: Option<String>,
    counts: Mutex<BTreeMap<(String, usize), Counts>>,
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Choice").field("logs", &self.logs).finish_non_exhaustive()
    }
}

impl Choice {
    /// Leaves out the records of a batch that are copies.
    pub(crate) fn filter(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let Some(columns) = Columns::new(batch) else { return Ok(batch.clone()) };
        let mut counts: HashMap<(&str, usize), Counts> = HashMap::default();
        let mut object: Option<(u128, Option<usize>)> = None;
        let mut interface: Option<(&str, Option<&Recorded>)> = None;
        let mut selected = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            let rank = columns.rank(row, &mut object, self);
            let id = columns.interface.is_valid(row).then(|| columns.interface.value(row));
            let recorded = id.and_then(|id| match interface {
                Some((known, recorded)) if known == id => recorded,
                _ => {
                    let recorded = self.interfaces.get(id);
                    interface = Some((id, recorded));
                    recorded
                }
            });
            let (Some(rank), Some(id), Some(recorded)) = (rank, id, recorded) else {
                selected.push(true);
                continue;
            };
            let counts_it = !self.is_copy(rank, recorded, &columns, row);
            let (counted, left_out) = counts.entry((id, rank)).or_default();
            *(if counts_it { counted } else { left_out }) += 1;
            selected.push(counts_it);
        }
        self.add(counts);
        match selected.iter().all(|selected| *selected) {
            true => Ok(batch.clone()),
            false => Ok(filter_record_batch(batch, &BooleanArray::from(selected))?),
        }
    }

    /// Returns whether better flow logs have the packets of a record.
    fn is_copy(&self, rank: usize, recorded: &Recorded, columns: &Columns<'_>, row: usize) -> bool {
        let Some((first, last)) = columns.times(row) else { return false };
        let action = columns.action.is_valid(row).then(|| columns.action.value(row));
        // A record without traffic has no action: any better flow log replaces it.
        let is_empty = columns.status.is_valid(row)
            && matches!(columns.status.value(row), "NODATA" | "SKIPDATA");
        let better = recorded.iter().take_while(|(other, _)| *other < rank);
        let better: Vec<(&Slots, i64)> = better
            .filter_map(|(other, slots)| Some((self.logs.get(*other)?, slots)))
            .filter(|(log, _)| is_empty || log.traffic_type.has(action))
            .map(|(log, slots)| (slots, log.hole_max_secs))
            .collect();
        !better.is_empty() && slots::cover(&better, first, last)
    }

    fn add(&self, more: HashMap<(&str, usize), Counts>) {
        if more.is_empty() {
            return;
        }
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for ((id, rank), (counted, left_out)) in more {
            let sums = counts.entry((id.to_owned(), rank)).or_default();
            *sums = (sums.0 + counted, sums.1 + left_out);
        }
    }

    /// Returns what each flow log gave of each interface that several record, by interface, then by rank.
    pub(crate) fn shares(&self) -> Vec<Share> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let share = |((id, rank), (counted, left_out)): (&(String, usize), &Counts)| {
            let log = self.logs.get(*rank)?;
            let best = self.interfaces.get(id)?.first()?.0;
            Some(Share {
                interface_id: id.clone(),
                flow_log_id: log.id.clone(),
                is_chosen: best == *rank,
                traffic_type: log.traffic_type,
                field_score: log.score,
                counted: *counted,
                left_out: *left_out,
            })
        };
        counts.iter().filter_map(share).collect()
    }
}

/// The columns of a batch that identify a copy.
struct Columns<'a> {
    object: &'a StringViewArray,
    interface: &'a StringViewArray,
    start: &'a TimestampSecondArray,
    end: &'a TimestampSecondArray,
    action: &'a StringViewArray,
    status: &'a StringViewArray,
}

impl<'a> Columns<'a> {
    /// `None` if a column is missing or of another type.
    fn new(batch: &'a RecordBatch) -> Option<Self> {
        let text = |name: &str| batch.column_by_name(name)?.as_string_view_opt();
        let time =
            |name: &str| batch.column_by_name(name)?.as_primitive_opt::<TimestampSecondType>();
        let [object, interface, start, end, action, status] = COLUMNS;
        Some(Self {
            object: text(object)?,
            interface: text(interface)?,
            start: time(start)?,
            end: time(end)?,
            action: text(action)?,
            status: text(status)?,
        })
    }

    /// Returns the rank of a row's flow log. `last` is what the last row gave.
    fn rank(
        &self,
        row: usize,
        last: &mut Option<(u128, Option<usize>)>,
        choice: &Choice,
    ) -> Option<usize> {
        let view = self.object.views().get(row).copied().filter(|_| self.object.is_valid(row))?;
        if let Some((_, rank)) = last.filter(|(known, _)| *known == view) {
            return rank;
        }
        let id = flow_log(self.object.value(row));
        let rank = id.and_then(|id| choice.ranks.get(id).copied());
        *last = Some((view, rank));
        rank
    }

    /// The interval that a record covers. `None`: it lacks a time.
    fn times(&self, row: usize) -> Option<(i64, i64)> {
        let time = |column: &TimestampSecondArray| column.is_valid(row).then(|| column.value(row));
        let first = time(self.start)?;
        Some((first, time(self.end)?.max(first)))
    }
}
