//! Minutes of an interface of a job that follow each other and are alike, as one row.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Builder, RecordBatch, StringViewBuilder};
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::Result;

use crate::scan::interface_minutes::minute::{Key, Minute};
use crate::scan::interface_minutes::rows::{
    BATCH_ROWS, Hours, counts, finished, minutes_of, number, numbers, text, texts,
};
use crate::scan::interface_minutes::spill::Hour;

/// The columns of `minute_runs`, in the order of its SQL.
pub(super) fn runs_schema() -> SchemaRef {
    let texts = ["interface_id", "job", "job_name", "job_arn", "job_candidates", "attribution"];
    let mut fields: Vec<Field> = texts.iter().chain(&["state"]).map(|name| text(name)).collect();
    let numbers = ["first_minute", "end_minute", "records", "nodata", "skipdata", "longest_secs"];
    fields.extend(numbers.iter().chain(&["next_minute"]).map(|name| number(name)));
    Arc::new(Schema::new(fields))
}

/// An interface and its job.
#[derive(Debug, Default)]
struct Group {
    /// The interface, and its job or the candidates.
    id: [Option<String>; 2],
    /// Job name, ARN, candidates, attribution: the greatest of each.
    names: [Option<String>; 4],
}

impl Group {
    fn add(&mut self, key: &Key) {
        let [interface, job, arn, candidates, attribution] = key;
        self.id = [interface.clone(), job.clone().or_else(|| candidates.clone())];
        self.add_names([job, arn, candidates, attribution]);
    }

    fn add_names(&mut self, names: [&Option<String>; 4]) {
        for (name, other) in self.names.iter_mut().zip(names) {
            if *other > *name {
                name.clone_from(other);
            }
        }
    }
}

/// Minutes of an interface and its job that follow each other and are alike.
#[derive(Debug, Clone)]
struct Run {
    group: Arc<Group>,
    /// The first minute and the first that is no more part of it; `None` for records without a time.
    minutes: Option<(i64, i64)>,
    state: &'static str,
    counts: [i64; 3],
    longest_secs: u16,
}

impl Run {
    fn new(group: &Arc<Group>, at: Option<i64>, minute: Minute) -> Self {
        Self {
            group: Arc::clone(group),
            minutes: at.map(|at| (at, at.saturating_add(1))),
            state: minute.state(),
            counts: counts(&minute).map(i64::from),
            longest_secs: minute.longest_secs,
        }
    }

    fn is_of_group(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.group, &other.group) || self.group.id == other.group.id
    }

    /// Adds a run that may be the same one going on. Returns it when it is another one.
    fn join(&mut self, next: Self) -> Option<Self> {
        let follows = match (self.minutes, next.minutes) {
            (Some((_, end)), Some((first, _))) => first == end && self.state == next.state,
            (None, None) => true,
            _ => false,
        };
        if !follows || !self.is_of_group(&next) {
            return Some(next);
        }
        if !Arc::ptr_eq(&self.group, &next.group) && self.group.names != next.group.names {
            let mut group = Group { id: self.group.id.clone(), ..Group::default() };
            group.add_names(self.group.names.each_ref());
            group.add_names(next.group.names.each_ref());
            self.group = Arc::new(group);
        }
        self.minutes = self.minutes.zip(next.minutes).map(|((first, _), (_, end))| (first, end));
        for (count, more) in self.counts.iter_mut().zip(next.counts) {
            *count = count.saturating_add(more);
        }
        self.longest_secs = self.longest_secs.max(next.longest_secs);
        None
    }
}

/// An hour of an interface and its job, of all that says which job it is.
type Pending = (Hour, Vec<Hour>);

/// Builds the batches of `minute_runs`.
pub(super) struct RunRows {
    rows: Hours,
    /// The run that the next minute may belong to.
    open: Option<Run>,
    /// The hour that is read next.
    pending: Option<Hour>,
}

impl RunRows {
    pub(super) fn new(rows: Hours) -> Self {
        Self { rows, open: None, pending: None }
    }

    /// The next hour of an interface and its job, with those of the same time whose key contains more of the job.
    fn hour(&mut self) -> Result<Option<Pending>> {
        let first = match self.pending.take() {
            Some(hour) => hour,
            None => match self.rows.next().transpose()? {
                Some(hour) => hour,
                None => return Ok(None),
            },
        };
        let mut others = Vec::new();
        while let Some(next) = self.rows.next().transpose()? {
            if next.hour != first.hour || !self.is_same(first.number, next.number) {
                self.pending = Some(next);
                break;
            }
            others.push(next);
        }
        Ok(Some((first, others)))
    }

    fn is_same(&self, a: u32, b: u32) -> bool {
        let of = |number| {
            let [interface, job, _, candidates, _] = self.rows.key(number)?;
            Some((interface, job.as_ref().or(candidates.as_ref())))
        };
        of(a) == of(b)
    }

    fn batch(&mut self) -> Result<Option<RecordBatch>> {
        let mut rows = RunBatch::default();
        while rows.count < BATCH_ROWS {
            let Some((mut hour, others)) = self.hour()? else {
                if let Some(run) = self.open.take() {
                    rows.add(&run, None);
                }
                break;
            };
            let mut group = Group::default();
            for number in others.iter().map(|other| other.number).chain([hour.number]) {
                self.rows.key(number).into_iter().for_each(|key| group.add(key));
            }
            let group = Arc::new(group);
            for slots in others.iter().map(|other| other.slots.iter()) {
                hour.slots.iter_mut().zip(slots).for_each(|(slot, more)| slot.merge(*more));
            }
            for (at, minute) in minutes_of(&hour) {
                let next = Run::new(&group, at, minute);
                let Some(open) = &mut self.open else {
                    self.open = Some(next);
                    continue;
                };
                let Some(next) = open.join(next) else { continue };
                let following =
                    next.minutes.filter(|_| open.is_of_group(&next)).map(|(first, _)| first);
                rows.add(open, following);
                *open = next;
            }
        }
        rows.finish()
    }
}

impl Iterator for RunRows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}

/// Rows of `minute_runs` that are made.
struct RunBatch {
    texts: [StringViewBuilder; 7],
    numbers: [Int64Builder; 7],
    count: usize,
}

impl Default for RunBatch {
    fn default() -> Self {
        Self { texts: texts(), numbers: numbers(), count: 0 }
    }
}

impl RunBatch {
    /// Adds a run; `next` is the first minute of the next one.
    fn add(&mut self, run: &Run, next: Option<i64>) {
        self.count += 1;
        let state = run.minutes.map(|_| run.state);
        let Group { id, names } = &*run.group;
        let names = id.iter().chain(names).map(Option::as_deref).chain([state]);
        for (column, text) in self.texts.iter_mut().zip(names) {
            column.append_option(text);
        }
        let [records, nodata, skipdata] = run.counts.map(Some);
        let longest = Some(i64::from(run.longest_secs));
        let (first, end) = run.minutes.unzip();
        // What has no time is before no other run.
        let next = next.filter(|_| first.is_some());
        let row = [first, end, records, nodata, skipdata, longest, next];
        for (column, value) in self.numbers.iter_mut().zip(row) {
            column.append_option(value);
        }
    }

    fn finish(self) -> Result<Option<RecordBatch>> {
        if self.count == 0 {
            return Ok(None);
        }
        let mut columns: Vec<ArrayRef> = finished(self.texts).collect();
        let numbers = self.numbers.into_iter();
        columns.extend(numbers.map(|mut column| Arc::new(column.finish()) as ArrayRef));
        Ok(Some(RecordBatch::try_new(runs_schema(), columns)?))
    }
}
