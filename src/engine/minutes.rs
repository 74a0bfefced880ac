//! Counts, while a scan reads, which minutes of each interface of a job the log tells of, and what each flow log
//! holds of it.
//!
//! It gives the rows of `queries/views/interface_minutes.sql` and `interface_logs.sql` without a scan of their own. Memory is bounded
//! by hours of interfaces; beyond that the last interfaces, by name, are let go of, so that the same log
//! gives the same rows in whatever order it is read.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, Int64Builder, StringViewArray, StringViewBuilder,
    TimestampSecondBuilder,
};
use arrow::array::{RecordBatch, TimestampSecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit, TimestampSecondType};
use datafusion::common::Result;

use crate::engine::interface_logs::{self, ByFlowLog};

/// Hours of all interfaces together that are kept: about 32 MB.
const HOURS_MAX: usize = 32 * 1024;

/// How many minutes after its first a record may tell of: AWS sums up over ten at most, and its times are up
/// to a minute off.
const MINUTES_MAX: i64 = 15;

/// The columns that make an interface of a job one.
const KEY: [&str; 5] = ["interface_id", "job_name", "job_arn", "job_candidates", "attribution"];

/// The columns beside [`KEY`] that are read.
const OTHERS: [&str; 3] = ["start", "end", "log_status"];

/// An interface and its job: the values of [`KEY`].
type Key = [Option<String>; 5];

/// What one minute of an interface has. Records are counted where they start.
#[derive(Debug, Clone, Copy, Default)]
struct Minute {
    records: u32,
    nodata: u32,
    skipdata: u32,
    longest_secs: u16,
    /// Which kinds of records tell of it, as [`Status`] numbers bits.
    told: u8,
}

/// The bit of each status in [`Minute::told`]; the greatest is the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Nodata = 1,
    Records = 2,
    Skipdata = 4,
}

/// An interface that serves a job, hour by hour.
#[derive(Debug, Default)]
struct Life {
    hours: BTreeMap<i64, Box<[Minute; 60]>>,
    /// Records without a time; they are of no minute.
    untimed: Minute,
    /// Whether its minutes were let go of.
    dropped: bool,
    /// What each flow log holds of it: small, and never let go of.
    logs: ByFlowLog,
}

#[derive(Debug, Default)]
struct State {
    lives: Vec<Life>,
    numbers: BTreeMap<Key, usize>,
    /// The interfaces whose minutes are kept.
    kept: BTreeSet<Key>,
    /// The first interface that did not fit: those after it do not either.
    bound: Option<Key>,
    hours: usize,
}

/// The minutes of all interfaces of jobs that one scan read.
#[derive(Debug)]
pub(super) struct Minutes {
    state: Mutex<State>,
    hours_max: usize,
}

impl Default for Minutes {
    fn default() -> Self {
        Self { state: Mutex::default(), hours_max: HOURS_MAX }
    }
}

impl Minutes {
    /// Tells whether a table of these columns is enough to count minutes from.
    pub(super) fn can_read(schema: &Schema) -> bool {
        let columns = KEY.iter().chain(&OTHERS).chain(&interface_logs::COLUMNS);
        columns.into_iter().all(|name| schema.index_of(name).is_ok())
    }

    /// Counts the records of a batch that belong to jobs.
    pub(super) fn add(&self, batch: &RecordBatch) {
        let Some(columns) = Columns::new(batch) else { return };
        let Some(mut logged) = interface_logs::Columns::new(batch) else { return };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Most records of a batch are of few interfaces, each of one job.
        let mut known: HashMap<&str, (usize, usize)> = HashMap::new();
        for row in 0..batch.num_rows() {
            if columns.key[4].is_null(row) || columns.key[0].is_null(row) {
                continue;
            }
            let id = columns.key[0].value(row);
            let seen = known.get(id).filter(|(like, _)| columns.same_key(*like, row));
            let number = match seen {
                Some((_, number)) => *number,
                None => {
                    let number = state.number(columns.key_of(row));
                    known.insert(id, (row, number));
                    number
                }
            };
            let (status, times) = (columns.status(row), columns.times(row));
            if let Some(life) = state.lives.get_mut(number) {
                logged.count(row, status.place(), times, &mut life.logs);
            }
            state.count(number, status, times);
            state.let_go(self.hours_max);
        }
    }

    /// The rows of `interface_logs`.
    ///
    /// # Errors
    ///
    /// When Arrow refuses the batch, which is a mistake of this build.
    pub(super) fn interface_logs(&self) -> Result<RecordBatch> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let lives = state.numbers.iter().filter_map(|(key, number)| {
            state.lives.get(*number).map(|life| (&key[..], &life.logs))
        });
        interface_logs::rows(&KEY, lives)
    }

    /// The rows, one batch for each interface, in the order of their names.
    ///
    /// # Errors
    ///
    /// When Arrow refuses a batch, which is a mistake of this build.
    pub(super) fn batches(&self) -> impl Iterator<Item = Result<RecordBatch>> + use<> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { lives, numbers, .. } = std::mem::take(&mut *{ state });
        let mut lives: Vec<Option<Life>> = lives.into_iter().map(Some).collect();
        numbers.into_iter().filter_map(move |(key, number)| {
            let life = lives.get_mut(number).and_then(Option::take)?;
            Some(rows(&key, &life))
        })
    }
}

impl Status {
    /// Its place among the numbers of `interface_logs`.
    fn place(self) -> usize {
        match self {
            Self::Records => 0,
            Self::Nodata => 1,
            Self::Skipdata => 2,
        }
    }
}

impl State {
    fn number(&mut self, key: Key) -> usize {
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        let dropped = self.bound.as_ref().is_some_and(|bound| *bound <= key);
        self.lives.push(Life { dropped, ..Life::default() });
        if !dropped {
            self.kept.insert(key.clone());
        }
        self.numbers.insert(key, self.lives.len() - 1);
        self.lives.len() - 1
    }

    fn count(&mut self, number: usize, status: Status, times: Option<(i64, i64)>) {
        let Some(life) = self.lives.get_mut(number).filter(|life| !life.dropped) else { return };
        let Some((first, last)) = times else { return life.untimed.count(status, 0) };
        let minute = first.div_euclid(60);
        // The end of an interval is the beginning of the next one.
        let end = (last - 1).max(first).div_euclid(60).min(minute.saturating_add(MINUTES_MAX));
        let longest = u16::try_from(last.saturating_sub(first)).unwrap_or(u16::MAX);
        for at in minute..=end {
            let hour = life.hours.entry(at.div_euclid(60)).or_insert_with(|| {
                self.hours += 1;
                Box::new([Minute::default(); 60])
            });
            let slot = usize::try_from(at.rem_euclid(60)).unwrap_or(0);
            let Some(slot) = hour.get_mut(slot) else { continue };
            if at == minute {
                slot.count(status, longest);
            } else {
                slot.tell(status, longest);
            }
        }
    }

    /// Lets go of the last interfaces until the rest is little enough.
    fn let_go(&mut self, hours_max: usize) {
        while self.hours > hours_max
            && let Some(key) = self.kept.pop_last()
        {
            let number = self.numbers.get(&key).copied();
            if let Some(life) = number.and_then(|number| self.lives.get_mut(number)) {
                self.hours -= life.hours.len();
                *life =
                    Life { dropped: true, logs: std::mem::take(&mut life.logs), ..Life::default() };
            }
            self.bound = Some(key);
        }
    }
}

impl Minute {
    fn count(&mut self, status: Status, longest_secs: u16) {
        let count = match status {
            Status::Nodata => &mut self.nodata,
            Status::Records => &mut self.records,
            Status::Skipdata => &mut self.skipdata,
        };
        *count = count.saturating_add(1);
        self.tell(status, longest_secs);
    }

    fn tell(&mut self, status: Status, longest_secs: u16) {
        self.told |= status as u8;
        self.longest_secs = self.longest_secs.max(longest_secs);
    }

    fn state(self) -> &'static str {
        match self.told {
            told if told & Status::Skipdata as u8 != 0 => "skipdata",
            told if told & Status::Records as u8 != 0 => "records",
            _ => "nodata",
        }
    }
}

/// The columns of a batch that minutes are counted from.
struct Columns<'a> {
    key: [&'a StringViewArray; 5],
    start: &'a TimestampSecondArray,
    end: &'a TimestampSecondArray,
    status: &'a StringViewArray,
}

impl<'a> Columns<'a> {
    /// NULL when a column is missing or of another type.
    fn new(batch: &'a RecordBatch) -> Option<Self> {
        let text = |name: &str| batch.column_by_name(name)?.as_string_view_opt();
        let time =
            |name: &str| batch.column_by_name(name)?.as_primitive_opt::<TimestampSecondType>();
        let [interface, job, arn, candidates, attribution] = KEY;
        Some(Self {
            key: [text(interface)?, text(job)?, text(arn)?, text(candidates)?, text(attribution)?],
            start: time("start")?,
            end: time("end")?,
            status: text("log_status")?,
        })
    }

    fn same_key(&self, a: usize, b: usize) -> bool {
        let text =
            |column: &'a StringViewArray, row| column.is_valid(row).then(|| column.value(row));
        self.key.iter().all(|column| text(column, a) == text(column, b))
    }

    fn key_of(&self, row: usize) -> Key {
        self.key.map(|column| column.is_valid(row).then(|| column.value(row).to_owned()))
    }

    fn status(&self, row: usize) -> Status {
        match self.status.is_valid(row).then(|| self.status.value(row)) {
            Some("NODATA") => Status::Nodata,
            Some("SKIPDATA") => Status::Skipdata,
            _ => Status::Records,
        }
    }

    /// From when to when a record tells of its interface, each standing for the other where one is missing.
    fn times(&self, row: usize) -> Option<(i64, i64)> {
        let time = |column: &TimestampSecondArray| column.is_valid(row).then(|| column.value(row));
        let (start, end) = (time(self.start), time(self.end));
        let first = start.or(end)?;
        Some((first, end.unwrap_or(first).max(first)))
    }
}

/// The columns of `interface_minutes`, in the order of its SQL.
pub(super) fn schema() -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8View, true);
    let number = |name: &str| Field::new(name, DataType::Int64, true);
    let time = DataType::Timestamp(TimeUnit::Second, Some("UTC".into()));
    let mut fields: Vec<Field> = KEY.iter().map(|name| text(name)).collect();
    fields.extend([Field::new("minute", time, true), text("state")]);
    fields.extend(["records", "nodata", "skipdata", "longest_secs"].map(number));
    Arc::new(Schema::new(fields))
}

fn rows(key: &Key, life: &Life) -> Result<RecordBatch> {
    let mut minutes = TimestampSecondBuilder::new();
    let mut states = StringViewBuilder::new();
    let mut numbers: [Int64Builder; 4] = std::array::from_fn(|_| Int64Builder::new());
    let mut push = |at: Option<i64>, minute: Minute| {
        minutes.append_option(at.map(|at| at * 60));
        states.append_option(at.map(|_| minute.state()));
        let Minute { records, nodata, skipdata, longest_secs, .. } = minute;
        let values = [records, nodata, skipdata, u32::from(longest_secs)];
        for (column, value) in numbers.iter_mut().zip(values) {
            column.append_value(i64::from(value));
        }
    };
    if life.dropped || life.untimed.told != 0 {
        push(None, life.untimed);
    }
    for (hour, slots) in &life.hours {
        for (slot, minute) in (0..).zip(slots.iter()).filter(|(_, minute)| minute.told != 0) {
            push(Some(hour * 60 + slot), *minute);
        }
    }
    let minutes = minutes.finish().with_timezone("UTC");
    let count = minutes.len();
    let repeated = |text: &Option<String>| -> ArrayRef {
        let mut column = StringViewBuilder::with_capacity(count).with_deduplicate_strings();
        (0..count).for_each(|_| column.append_option(text.as_deref()));
        Arc::new(column.finish())
    };
    let mut columns: Vec<ArrayRef> = key.iter().map(repeated).collect();
    columns.push(Arc::new(minutes));
    columns.push(Arc::new(states.finish()));
    columns.extend(numbers.map(|mut column| Arc::new(column.finish()) as ArrayRef));
    Ok(RecordBatch::try_new(schema(), columns)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str) -> Key {
        [Some(id.to_owned()), Some("job".to_owned()), None, None, Some("exact".to_owned())]
    }

    fn add(state: &mut State, hours_max: usize, id: &str, first: i64) {
        let number = state.number(key(id));
        state.count(number, Status::Records, Some((first, first + 60)));
        state.let_go(hours_max);
    }

    fn kept(events: &[(&str, i64)], hours_max: usize) -> Vec<String> {
        let mut state = State::default();
        for (id, hour) in events {
            add(&mut state, hours_max, id, hour * 3600);
        }
        state.kept.iter().flat_map(|key| key[0].clone()).collect()
    }

    #[test]
    fn what_is_let_go_of_does_not_depend_on_the_order() {
        let events = [("a", 1), ("c", 1), ("b", 1), ("b", 2), ("a", 2), ("d", 1), ("c", 2)];
        for start in 0..events.len() {
            let turned = [&events[start..], &events[..start]].concat();
            assert_eq!(kept(&turned, 4), ["a", "b"], "{turned:?}");
            assert_eq!(kept(&turned, 100), ["a", "b", "c", "d"]);
            // Both hours of b do not fit beside those of a.
            assert_eq!(kept(&turned, 3), ["a"], "{turned:?}");
        }
    }

    #[test]
    fn a_record_tells_of_its_minutes_and_counts_where_it_starts() {
        let mut state = State::default();
        let number = state.number(key("a"));
        // 10 minutes from 00:59:30 on, then an end that is no time of AWS's.
        state.count(number, Status::Records, Some((3570, 4170)));
        state.count(number, Status::Nodata, Some((0, i64::MAX)));
        let batch = rows(&key("a"), &state.lives[number]).unwrap();
        assert_eq!(batch.num_rows(), 11 + 16);
        let sum = |name: &str| {
            let column = batch.column_by_name(name).unwrap();
            column.as_primitive::<arrow::datatypes::Int64Type>().iter().flatten().sum::<i64>()
        };
        assert_eq!((sum("records"), sum("nodata"), sum("skipdata")), (1, 1, 0));
    }
}
