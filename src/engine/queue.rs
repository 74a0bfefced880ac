//! The objects of one scan, listed once and handed out as readers ask for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use datafusion::common::Result;
use tokio::sync::{OnceCell, Semaphore};

use crate::engine::minutes::Minutes;
use crate::engine::read::external;
use crate::engine::scan::Job;
use crate::engine::scans::Scan;
use crate::source;
use crate::source::{Listing, Split};

/// How many splits ahead a source is told of: enough to hide the way to S3 behind small objects.
const UPCOMING: usize = 128;

/// How many small objects a reader takes at a time: enough that the way to another thread, which reads them, and
/// the way of a batch to whoever wants it hardly count beside them.
const RUN_MAX: usize = 32;

/// The objects of one scan.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) scan: Arc<Scan>,
    /// Counts the minutes of the interfaces of jobs, in a scan that is asked to.
    pub(super) minutes: Option<Arc<Minutes>>,
    /// A permit for each reader that found no object left: its thread may help the others.
    pub(super) idle: Arc<Semaphore>,
    readers: usize,
    listing: OnceCell<Listing>,
    next: AtomicUsize,
}

impl Queue {
    pub(super) fn new(scan: Arc<Scan>, minutes: Option<Arc<Minutes>>, readers: usize) -> Self {
        let idle = Arc::new(Semaphore::new(0));
        Self { scan, minutes, idle, readers, listing: OnceCell::new(), next: AtomicUsize::new(0) }
    }

    /// Returns the next objects to read, with their bytes where they are read already; none at the end.
    pub(super) async fn take(&self, job: &Job) -> Result<Vec<(&Split, Option<Bytes>)>> {
        let listing = self.listing.get_or_try_init(|| self.list(job)).await.map_err(external)?;
        let splits = listing.splits.as_slice();
        let mut count = 0;
        let next = self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |at| {
            count = self.run(job, splits.get(at..).unwrap_or_default());
            Some(at + count)
        });
        let rest = next.ok().and_then(|at| splits.get(at..)).unwrap_or_default();
        job.source.upcoming(rest.get(..UPCOMING).unwrap_or(rest));
        let run = rest.get(..count).unwrap_or_default();
        if run.is_empty() {
            self.idle.add_permits(1);
        }
        let mut stored = match run.first() {
            Some(first) if job.source.is_small(first) => job.source.read_small(run).await,
            _ => Vec::new(),
        }
        .into_iter();
        Ok(run.iter().map(|split| (split, stored.next().flatten())).collect())
    }

    async fn list(&self, job: &Job) -> Result<Listing, source::Error> {
        let listing = job.source.splits(&job.options.window).await?;
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
    fn run(&self, job: &Job, rest: &[Split]) -> usize {
        let share = rest.len() / (4 * self.readers.max(1));
        // Whoever wants only some rows need not have many objects read.
        let count_max = if job.limit.is_some() { 1 } else { share.clamp(1, RUN_MAX) };
        let small = rest.iter().take(count_max).take_while(|split| job.source.is_small(split));
        small.count().max(1).min(rest.len())
    }
}
