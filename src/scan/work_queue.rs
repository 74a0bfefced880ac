//! The objects of one scan, listed once and handed out as readers ask for them.
//!
//! A large Parquet file is handed out in parts, so that no reader is left with all of it.

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

/// How many splits ahead a source is told of: enough to hide the way to S3 behind small objects.
const UPCOMING: usize = 128;

/// How many small objects a reader takes at a time: enough that the way to another thread, which reads them, and
/// the way of a batch to whoever wants it hardly count beside them.
const RUN_MAX: usize = 32;

/// Stored bytes of a Parquet file that make a part of it. It does not depend on the readers: then what is read of
/// a damaged file does not either.
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

/// How far the objects are handed out.
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
    /// Counts the minutes of the interfaces of jobs, in a scan that is asked to.
    pub(crate) minutes: Option<Arc<InterfaceMinutes>>,
    /// A permit for each reader that found no object left: its thread may help the others.
    pub(crate) idle: Arc<Semaphore>,
    pub(crate) readers: usize,
    listing: OnceCell<Listing>,
    /// Which records are copies of another flow log's; set before the first object is read.
    pub(crate) choice: OnceCell<Option<Arc<Choice>>>,
    /// The places in the listing of the objects that were read, by what their text is known by.
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

    /// Makes the queue of objects that are listed already, all of whose records count.
    pub(crate) fn over(scan: Arc<ScanCounters>, listing: Listing, readers: usize) -> Self {
        let (listing, choice) = (OnceCell::from(listing), OnceCell::from(None));
        Self { listing, choice, ..Self::new(scan, None, readers) }
    }

    /// Notes by what the text of an object is known, and whether another one holds the same. Two flow logs may.
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

    /// Returns what to read next; nothing at the end.
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

    /// Says that a unit was read, to its end or to where it broke off. Returns whether its object was, with it.
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

    /// Returns what is not yet handed out, and how many objects of it a reader takes now: many whole ones, or a part
    /// of one.
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
        // A source that listed for the margin as well may give more.
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
        // Whoever wants only some rows need not have many objects read.
        let count_max = if job.limit.is_some() { 1 } else { share.clamp(1, RUN_MAX) };
        let small = rest.iter().take(count_max).take_while(|split| job.source.is_small(split));
        small.count().max(1).min(rest.len())
    }
}

/// Returns in how many parts an object is read. Its name tells only whether it may be worth asking: text of such a
/// name is read as a whole.
fn parts(job: &ScanTask, split: &Split) -> u64 {
    // Whoever wants only some rows, or each object told apart, is served by one reader.
    let is_whole = job.limit.is_some() || job.options.objects.is_some() || split.one_shot;
    let bytes = split.size_bytes.filter(|_| !is_whole && split.id.ends_with(".parquet"));
    bytes.unwrap_or(0).div_ceil(PART_BYTES).clamp(1, PARTS_MAX)
}
