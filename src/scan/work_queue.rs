//! The objects of one scan, listed once and distributed to the readers on demand.
//!
//! A large Parquet file is distributed in parts, so that no reader is left with all of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use datafusion::common::Result;
use tokio::sync::{OnceCell, Semaphore};

use crate::flow::parquet::FilePart;
use crate::scan::error::external;
use crate::scan::interface_minutes::InterfaceMinutes;
use crate::scan::overlap::Choice;
use crate::scan::registry::ScanCounters;
use crate::scan::task::ScanTask;
use crate::source;
use crate::source::{Listing, Split};

/// How many splits ahead a source may prefetch: enough to hide the latency of S3 behind small objects.
const UPCOMING: usize = 128;

/// How many small objects a reader takes at a time: enough that handing them to the reading thread, and their
/// batches to the consumer, costs little.
const RUN_MAX: usize = 32;

/// Stored bytes of one part of a Parquet file. Independent of the number of readers, so that what is read of a
/// damaged file is too.
const PART_BYTES: u64 = 8 << 20;

/// More parts of a file than this gain nothing: each reads the footer.
const PARTS_MAX: u64 = 32;

/// What a reader has to read next: an object, or a part of one.
#[derive(Debug)]
pub(crate) struct WorkUnit<'a> {
    pub(crate) split: &'a Split,
    /// Which part of it, if it is Parquet. Text is read with the first part.
    pub(crate) part: FilePart,
    /// The bytes, where they are read already.
    pub(crate) stored: Option<Bytes>,
}

/// The next object or part to distribute.
#[derive(Debug, Default)]
struct Cursor {
    /// The next object.
    split: usize,
    /// The next part of it.
    part: u64,
    /// How many parts were read, of objects of which others are not.
    ended: HashMap<String, u64>,
}

/// The objects of one scan.
#[derive(Debug)]
pub(crate) struct WorkQueue {
    pub(crate) scan: Arc<ScanCounters>,
    /// Counts the minutes of the interfaces of jobs. `None`: this scan does not count them.
    pub(crate) minutes: Option<Arc<InterfaceMinutes>>,
    /// A permit for each reader that found the queue empty: its thread may help the others.
    pub(crate) idle: Arc<Semaphore>,
    pub(crate) readers: usize,
    listing: OnceCell<Listing>,
    /// Which records are copies of another flow log's; set before the first object is read.
    pub(crate) choice: OnceCell<Option<Arc<Choice>>>,
    /// The positions in the listing of the objects that were read, by the fingerprint of their text.
    prints: Mutex<HashMap<u64, u32>>,
    place: Mutex<Cursor>,
}

impl WorkQueue {
    pub(crate) fn new(
        scan: Arc<ScanCounters>,
        minutes: Option<Arc<InterfaceMinutes>>,
        readers: usize,
    ) -> Self {
        let idle = Arc::new(Semaphore::new(0));
        let (listing, choice, place) = (OnceCell::new(), OnceCell::new(), Mutex::default());
        let prints = Mutex::default();
        Self { scan, minutes, idle, readers, listing, choice, prints, place }
    }

    /// Creates the queue of objects that are listed already, all of whose records count.
    pub(crate) fn over(scan: Arc<ScanCounters>, listing: Listing, readers: usize) -> Self {
        let (listing, choice) = (OnceCell::from(listing), OnceCell::from(None));
        Self { listing, choice, ..Self::new(scan, None, readers) }
    }

    /// Notes the fingerprint of an object, and whether another object has the same text. Two flow logs may.
    pub(crate) fn add_print(&self, split: &Split, print: u64) {
        let splits = self.listing.get().map_or(&[][..], |listing| listing.splits.as_slice());
        let at = splits.binary_search_by(|other| other.id.cmp(&split.id));
        let Some(at) = at.ok().and_then(|at| u32::try_from(at).ok()) else { return };
        let first = {
            let mut prints = self.prints.lock().unwrap_or_else(PoisonError::into_inner);
            *prints.entry(print).or_insert(at)
        };
        let Some(other) = splits.get(first as usize).filter(|_| first != at) else { return };
        let ids = (&split.name.flow_log_id, &other.name.flow_log_id);
        if ids.0.is_some() && ids.1.is_some() && ids.0 != ids.1 {
            return;
        }
        let names = [split.id.clone(), other.id.clone()];
        self.scan.update(|summary| summary.copies.entry(print).or_default().extend(names));
    }

    pub(crate) async fn listing(&self, job: &ScanTask) -> Result<&Listing> {
        self.listing.get_or_try_init(|| self.list(job)).await.map_err(external)
    }

    /// Returns what to read next; empty at the end.
    pub(crate) async fn next_units(&self, job: &ScanTask) -> Result<Vec<WorkUnit<'_>>> {
        let listing = self.listing(job).await?;
        let (rest, count, part) = self.advance(job, &listing.splits);
        job.source.prefetch(rest.get(..UPCOMING).unwrap_or(rest));
        let run = rest.get(..count).unwrap_or_default();
        if run.is_empty() {
            self.idle.add_permits(1);
        }
        let mut stored = match run.first() {
            Some(first) if job.source.is_small(first) => job.source.read_small(run).await,
            _ => Vec::new(),
        }
        .into_iter();
        let unit = |split| WorkUnit { split, part, stored: stored.next().flatten() };
        Ok(run.iter().map(unit).collect())
    }

    /// Marks a unit as read, to its end or up to an error. Returns whether its object is complete with it.
    pub(crate) fn end(&self, unit: &WorkUnit<'_>) -> bool {
        if unit.part.of == 1 {
            return true;
        }
        let mut place = self.place();
        let ended = place.ended.entry(unit.split.id.clone()).or_default();
        *ended += 1;
        let is_whole = *ended == unit.part.of;
        if is_whole {
            place.ended.remove(&unit.split.id);
        }
        is_whole
    }

    /// Returns what is not yet distributed, and how many objects of it a reader takes now: many whole ones, or a
    /// part of one.
    fn advance<'a>(&self, job: &ScanTask, splits: &'a [Split]) -> (&'a [Split], usize, FilePart) {
        let mut place = self.place();
        let rest = splits.get(place.split..).unwrap_or_default();
        let of = rest.first().map_or(1, |split| parts(job, split));
        let part = FilePart { at: place.part, of };
        if part.at + 1 < of {
            place.part += 1;
            return (rest, 1, part);
        }
        let count = if of > 1 { 1 } else { self.batch_len(job, rest) };
        (place.split, place.part) = (place.split + count, 0);
        (rest, count, part)
    }

    fn place(&self) -> MutexGuard<'_, Cursor> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn list(&self, job: &ScanTask) -> Result<Listing, source::Error> {
        // A source that listed for the margin as well may return more.
        let listing = job.source.splits(&job.window).await?.within(&job.window);
        let known: Option<u64> = listing.splits.iter().map(|split| split.size_bytes).sum();
        job.options.progress.add_listed(listing.splits.len() as u64, known.unwrap_or(0));
        self.scan.update(|summary| {
            summary.objects_listed = listing.splits.len() as u64;
            summary.objects_pruned = listing.pruned_files;
            summary.folders_pruned = listing.pruned_folders;
            summary.skipped = listing.skipped.clone();
            summary.notes.extend(listing.notes.iter().cloned());
        });
        Ok(listing)
    }

    /// Returns how many objects of `rest` to take at once: small ones together, and fewer towards the end, so that no
    /// reader is left with all of them.
    fn batch_len(&self, job: &ScanTask, rest: &[Split]) -> usize {
        let share = rest.len() / (4 * self.readers.max(1));
        // With a LIMIT, few objects need be read.
        let count_max = if job.limit.is_some() { 1 } else { share.clamp(1, RUN_MAX) };
        let small = rest.iter().take(count_max).take_while(|split| job.source.is_small(split));
        small.count().max(1).min(rest.len())
    }
}

/// Returns in how many parts an object is read. Its name shows only that it may be Parquet: text of such a name is
/// read as a whole.
fn parts(job: &ScanTask, split: &Split) -> u64 {
    // With a LIMIT, or a report of each object, one reader reads all of it.
    let is_whole = job.limit.is_some() || job.options.objects.is_some() || split.one_shot;
    let bytes = split.size_bytes.filter(|_| !is_whole && split.id.ends_with(".parquet"));
    bytes.unwrap_or(0).div_ceil(PART_BYTES).clamp(1, PARTS_MAX)
}
