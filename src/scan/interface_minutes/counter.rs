//! Counts the minutes of interfaces while a scan reads.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Mutex, PoisonError};

use arrow::array::{Array as _, AsArray as _, RecordBatch, StringViewArray, TimestampSecondArray};
use arrow::datatypes::{Schema, TimestampSecondType};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryReservation;

use crate::scan::interface_logs;
use crate::scan::interface_logs::ByFlowLog;
use crate::scan::interface_minutes::minute::{KEY, Key, Minute, Status};
use crate::scan::interface_minutes::spill::{Files, Hour, Order, Slots, UNTIMED};
use crate::scan::interface_minutes::table::MinuteTables;

/// Bytes of an hour of an interface in memory, with its place in the map.
const HOUR_BYTES: usize = 1024;

/// How many minutes after its first a record may cover: AWS sums up over ten at most, and its times are up
/// to a minute off.
const MINUTES_MAX: i64 = 15;

/// The columns beside [`KEY`] that are read.
const OTHERS: [&str; 3] = ["start", "end", "log_status"];

/// The hours in memory of an interface that serves a job.
type Life = BTreeMap<i64, Slots>;

/// A key by its name: the interface, its job or its candidates, the key itself.
type Name = (Option<String>, Option<String>, Key);

#[derive(Debug, Default)]
struct State {
    /// By number.
    lives: Vec<Life>,
    numbers: BTreeMap<Name, u32>,
    /// What each flow log contains of an interface, by number: small, and always in memory.
    logs: Vec<ByFlowLog>,
    /// Hours in memory.
    hours: usize,
    files: Files,
}

/// What is wrong with the temporary file.
pub(crate) fn failure(error: io::Error) -> DataFusionError {
    let folder = std::env::temp_dir();
    let text = format!("cannot keep minutes of interfaces in {}: {error}", folder.display());
    DataFusionError::IoError(io::Error::new(error.kind(), text))
}

/// The minutes of all interfaces of jobs that one scan read.
#[derive(Debug)]
pub(crate) struct InterfaceMinutes {
    state: Mutex<State>,
    memory: MemoryReservation,
    hours_max: usize,
    /// Records that ended before it lie in the margin before the window, and do not count. Unix seconds.
    since: Option<i64>,
}

impl InterfaceMinutes {
    /// Stores at most `memory_bytes` of minutes in memory, registered with `memory`, and the rest on disk.
    /// Records that ended before `since` are not counted.
    pub(crate) fn new(memory: MemoryReservation, memory_bytes: usize, since: Option<i64>) -> Self {
        let hours_max = (memory_bytes / HOUR_BYTES).max(1);
        Self { state: Mutex::default(), memory, hours_max, since }
    }

    /// Returns whether minutes can be counted from a table of these columns.
    pub(crate) fn can_read(schema: &Schema) -> bool {
        let columns = KEY.iter().chain(&OTHERS).chain(&interface_logs::COLUMNS);
        columns.into_iter().all(|name| schema.index_of(name).is_ok())
    }

    /// Counts the records of a batch that belong to jobs.
    pub(crate) fn add(&self, batch: &RecordBatch) -> io::Result<()> {
        let Some(columns) = Columns::new(batch) else { return Ok(()) };
        let Some(mut logged) = interface_logs::Columns::new(batch) else { return Ok(()) };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Most records of a batch are of few interfaces, each of one job.
        let mut known: HashMap<&str, (usize, u32)> = HashMap::new();
        for row in 0..batch.num_rows() {
            let is_before = self.since.is_some_and(|since| columns.ended_before(row, since));
            if is_before || columns.key[4].is_null(row) || columns.key[0].is_null(row) {
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
            if let Some(logs) = state.logs.get_mut(number as usize) {
                logged.count(row, status.place(), times, logs);
            }
            state.count(number, status, times);
            if state.hours > self.hours_max {
                state.spill()?;
            }
        }
        self.memory.resize(state.hours.saturating_mul(HOUR_BYTES));
        Ok(())
    }

    /// The rows of `interface_logs`. Call it before [`Self::finish`].
    pub(crate) fn interface_logs(&self) -> Result<RecordBatch> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = state.numbers.iter().filter_map(|((.., key), number)| {
            state.logs.get(*number as usize).map(|logs| (&key[..], logs))
        });
        interface_logs::rows(&KEY, rows)
    }

    /// Ends the counting.
    pub(crate) fn finish(&self) -> io::Result<MinuteTables> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = std::mem::take(&mut *state);
        state.spill()?;
        self.memory.free();
        let order = state.order();
        let mut keys: Vec<Key> = state.lives.iter().map(|_| Key::default()).collect();
        for ((.., key), number) in state.numbers {
            if let Some(slot) = keys.get_mut(number as usize) {
                *slot = key;
            }
        }
        let hours = state.files.finish(&order)?;
        Ok(MinuteTables::new(keys, hours))
    }
}

impl State {
    fn number(&mut self, key: Key) -> u32 {
        let name = (key[0].clone(), key[1].clone().or_else(|| key[3].clone()), key);
        let next = self.lives.len() as u32;
        let number = *self.numbers.entry(name).or_insert(next);
        if number == next {
            self.lives.push(Life::new());
            self.logs.push(ByFlowLog::default());
        }
        number
    }

    fn count(&mut self, number: u32, status: Status, times: Option<(i64, i64)>) {
        let Some(life) = self.lives.get_mut(number as usize) else { return };
        let hours = &mut self.hours;
        let mut slot = |hour: i64, slot: i64, change: &dyn Fn(&mut Minute)| {
            let slots = life.entry(hour).or_insert_with(|| {
                *hours += 1;
                Box::new([Minute::default(); 60])
            });
            if let Some(minute) = usize::try_from(slot).ok().and_then(|slot| slots.get_mut(slot)) {
                change(minute);
            }
        };
        let Some((first, last)) = times else {
            return slot(UNTIMED, 0, &|minute| minute.count(status, 0));
        };
        let minute = first.div_euclid(60);
        // The end of an interval is the beginning of the next one.
        let end = last
            .saturating_sub(1)
            .max(first)
            .div_euclid(60)
            .min(minute.saturating_add(MINUTES_MAX));
        let longest = u16::try_from(last.saturating_sub(first)).unwrap_or(u16::MAX);
        for at in minute..=end {
            slot(at.div_euclid(60), at.rem_euclid(60), &|slot| match at == minute {
                true => slot.count(status, longest),
                false => slot.add_status(status, longest),
            });
        }
    }

    /// The place of each number by its name.
    fn order(&self) -> Order {
        let mut order = vec![(0, 0); self.lives.len()];
        let mut last: Option<&Name> = None;
        let mut group = 0;
        for (rank, (name, number)) in (0..).zip(&self.numbers) {
            if last.is_some_and(|last| (&last.0, &last.1) != (&name.0, &name.1)) {
                group += 1;
            }
            last = Some(name);
            if let Some(place) = order.get_mut(*number as usize) {
                *place = (group, rank);
            }
        }
        order.into()
    }

    /// Moves all hours to the temporary file.
    fn spill(&mut self) -> io::Result<()> {
        if self.hours == 0 {
            return Ok(());
        }
        let order = self.order();
        let mut groups: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (number, (group, _)) in (0..).zip(order.iter()) {
            groups.entry(*group).or_default().push(number);
        }
        let lives = &mut self.lives;
        let hours = groups.into_values().flat_map(|numbers| {
            let of = |number: u32| {
                let life = lives.get_mut(number as usize).map(std::mem::take).unwrap_or_default();
                life.into_iter().map(move |(hour, slots)| Hour { number, hour, slots })
            };
            let mut hours: Vec<Hour> = numbers.into_iter().flat_map(of).collect();
            hours.sort_by_key(|hour| (hour.hour, order.get(hour.number as usize).copied()));
            hours
        });
        self.files.write(hours, &order)?;
        self.hours = 0;
        Ok(())
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
    /// `None` if a column is missing or of another type.
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

    fn ended_before(&self, row: usize, since: i64) -> bool {
        self.end.is_valid(row) && self.end.value(row) < since
    }

    /// The interval that a record covers. A missing start or end is replaced by the other.
    fn times(&self, row: usize) -> Option<(i64, i64)> {
        let time = |column: &TimestampSecondArray| column.is_valid(row).then(|| column.value(row));
        let (start, end) = (time(self.start), time(self.end));
        let first = start.or(end)?;
        Some((first, end.unwrap_or(first).max(first)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::interface_minutes::spill;

    fn key(id: &str) -> Key {
        [Some(id.to_owned()), Some("job".to_owned()), None, None, Some("exact".to_owned())]
    }

    /// Counts records of (interface, first minute, status), with this many hours in memory at a time.
    fn counted(
        records: &[(&str, i64, Status)],
        hours_max: usize,
    ) -> Vec<(u32, i64, usize, Minute)> {
        let mut state = State::default();
        // The numbers are the same whatever comes first.
        for id in ["a", "b", "c"] {
            state.number(key(id));
        }
        for (id, minute, status) in records {
            let number = state.number(key(id));
            state.count(number, *status, Some((minute * 60, minute * 60 + 60)));
            if state.hours > hours_max {
                state.spill().unwrap();
            }
        }
        state.spill().unwrap();
        let order = state.order();
        let segment = state.files.finish(&order).unwrap().unwrap();
        let hours = spill::Reader::new(segment).map(Result::unwrap);
        let with_status = hours.flat_map(|hour| {
            let slots = (0..60).map(move |slot| (hour.number, hour.hour, slot, hour.slots[slot]));
            slots.filter(|(.., minute)| minute.statuses != 0).collect::<Vec<_>>()
        });
        with_status.collect()
    }

    #[test]
    fn nothing_is_lost_with_little_memory_whatever_the_order() {
        let record = |at: i64| {
            let id = ["a", "b", "c"][(at % 3) as usize];
            let status = [Status::Records, Status::Nodata, Status::Skipdata][(at % 5 % 3) as usize];
            (id, at * 37 % 1000, status)
        };
        let records: Vec<_> = (0..2000).map(record).collect();
        let whole = counted(&records, usize::MAX);
        assert_eq!(whole.iter().map(|(.., minute)| minute.records).sum::<u32>(), 800);
        let backwards: Vec<_> = records.iter().rev().copied().collect();
        for hours_max in [1, 7] {
            assert_eq!(counted(&records, hours_max), whole);
            assert_eq!(counted(&backwards, hours_max), whole);
        }
    }

    #[test]
    fn a_record_tells_of_its_minutes_and_counts_where_it_starts() {
        let mut state = State::default();
        let number = state.number(key("a"));
        // 10 minutes from 00:59:30 on, then an end that is no time of AWS's.
        state.count(number, Status::Records, Some((3570, 4170)));
        state.count(number, Status::Nodata, Some((0, i64::MAX)));
        // Times that no log has.
        state.count(number, Status::Skipdata, Some((i64::MAX, i64::MAX)));
        state.count(number, Status::Skipdata, Some((i64::MIN, i64::MAX)));
        state.count(number, Status::Skipdata, Some((i64::MIN, i64::MIN)));
        let all = state.lives[0].range(0..100).flat_map(|(_, slots)| slots.iter());
        let with_status: Vec<&Minute> = all.filter(|minute| minute.statuses != 0).collect();
        assert_eq!(with_status.len(), 11 + 16);
        assert_eq!(with_status.iter().map(|minute| minute.records + minute.nodata).sum::<u32>(), 2);
    }
}
