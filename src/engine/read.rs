//! Takes objects from a queue and reads them, one after the other, into batches.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::RecordBatch;
use bytes::Bytes;
use datafusion::common::{DataFusionError, Result};
use tokio::sync::mpsc::Sender;
use tokio::sync::{OnceCell, Semaphore};

use crate::aws;
use crate::engine::ObjectRead;
use crate::engine::blocks::Blocks;
use crate::engine::minutes::Minutes;
use crate::engine::output::{Fault, Output, Stop};
use crate::engine::rows::read_parquet;
use crate::engine::scan::Job;
use crate::engine::scans::Scan;
use crate::flow::field::column_name;
use crate::flow::{DecodeError, Decoder, Refusal, Tally};
use crate::source;
use crate::source::{Listing, Split};

/// How many splits ahead a source is told of: enough to hide the way to S3 behind small objects.
const UPCOMING: usize = 128;

/// The objects of one scan, listed once and handed out one by one.
#[derive(Debug)]
pub(super) struct Queue {
    scan: Arc<Scan>,
    /// Counts the minutes of the interfaces of jobs, in a scan that is asked to.
    minutes: Option<Arc<Minutes>>,
    listing: OnceCell<Listing>,
    next: AtomicUsize,
    /// A permit for each reader that found no object left: its thread may help the others.
    idle: Arc<Semaphore>,
}

impl Queue {
    pub(super) fn new(scan: Arc<Scan>, minutes: Option<Arc<Minutes>>) -> Self {
        let idle = Arc::new(Semaphore::new(0));
        Self { scan, minutes, listing: OnceCell::new(), next: AtomicUsize::new(0), idle }
    }

    /// Returns the next object to read.
    async fn take(&self, job: &Job) -> Result<Option<&Split>> {
        let list = || async {
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
            Ok::<_, crate::source::Error>(listing)
        };
        let listing = self.listing.get_or_try_init(list).await.map_err(external)?;
        let at = self.next.fetch_add(1, Ordering::Relaxed);
        let rest = listing.splits.get(at..).unwrap_or_default();
        job.source.upcoming(rest.get(..UPCOMING).unwrap_or(rest));
        if rest.is_empty() {
            self.idle.add_permits(1);
        }
        Ok(rest.first())
    }
}

fn external(error: impl std::error::Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// Reads objects until the queue is empty. An object that cannot be read is counted and named; with
/// `--strict` it ends the scan.
///
/// # Errors
///
/// When the sources cannot be listed, and with `--strict` at the first object or line at fault.
pub(super) async fn read_objects(
    job: Arc<Job>,
    queue: Arc<Queue>,
    batches: Sender<Result<RecordBatch>>,
) -> Result<()> {
    let minutes = queue.minutes.clone();
    let mut output = Output::new(Arc::clone(&job), batches, minutes);
    while let Some(split) = queue.take(&job).await? {
        queue.scan.update(|summary| summary.objects_begun += 1);
        let own = Scan::new(queue.scan.layout);
        let result = read_object(&job, split, &own, &mut output, &queue.idle).await;
        let read = own.take();
        let told = job.options.objects.is_some().then(|| read.clone());
        queue.scan.update(|summary| summary.absorb(read));
        let fault = match result {
            Err(Stop::Enough) => return Ok(()),
            Err(Stop::Scan(error)) => return Err(error),
            Err(Stop::Object(fault)) => Some(fault),
            Ok(()) => None,
        };
        queue.scan.update(|summary| summary.objects_read += 1);
        job.options.progress.add_object();
        let fault = fault.map(|fault| {
            // It is named beside the reason.
            let named = format!("could not read {}: ", split.id);
            let reason = fault.reason.strip_prefix(&named).map(str::to_owned);
            Fault { reason: reason.unwrap_or(fault.reason), ..fault }
        });
        if let Some(fault) = &fault {
            if job.options.strict {
                let message = format!("object {}: {}", split.id, fault.reason);
                return Err(DataFusionError::Execution(message));
            }
            queue.scan.update(|summary| summary.add_problem(&split.id, fault.reason.clone()));
        }
        if let (Some(tell), Some(summary)) = (&job.options.objects, told) {
            let failure = fault.map(|fault| (fault.reason, fault.is_retryable));
            tell(split, ObjectRead { summary, failure });
        }
    }
    match output.finish().await {
        Err(Stop::Scan(error)) => Err(error),
        _ => Ok(()),
    }
}

async fn read_object(
    job: &Job,
    split: &Split,
    scan: &Scan,
    output: &mut Output,
    idle: &Arc<Semaphore>,
) -> std::result::Result<(), Stop> {
    let head = job.source.head(split, 4).await.map_err(unopened)?;
    if head.starts_with(b"PAR1") {
        return read_parquet(job, split, scan, output).await;
    }
    read_text(job, split, scan, output, idle).await
}

/// What an object that could not be opened means: it is at fault, unless the query reads it twice.
pub(super) fn unopened(error: source::Error) -> Stop {
    match error {
        source::Error::OneShot { .. } => Stop::Scan(external(error)),
        error => object(error),
    }
}

pub(super) fn object(error: impl std::error::Error + 'static) -> Stop {
    Stop::Object(Fault { reason: chain(&error), is_retryable: is_retryable(&error) })
}

fn is_curable(error: &aws::Error) -> bool {
    error.is_retryable() || matches!(error.kind, aws::Kind::Denied | aws::Kind::Kms)
}

/// Tells whether a source was at fault that may do better later, or a permission that may be given.
fn is_retryable(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<source::Error>() {
            return match error {
                source::Error::Denied { .. } => true,
                source::Error::Aws { source, .. } => is_curable(source),
                error => error.is_retryable(),
            };
        }
        if let Some(error) = error.downcast_ref::<aws::Error>() {
            return is_curable(error);
        }
        cause = error.source();
    }
    false
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

async fn read_text(
    job: &Job,
    split: &Split,
    scan: &Scan,
    output: &mut Output,
    idle: &Arc<Semaphore>,
) -> std::result::Result<(), Stop> {
    let decoder = Decoder::new(Arc::clone(&job.plan), split);
    let mut text =
        Text { job, decoder, batches: Vec::new(), records: 0, last_byte: None, refused: None };
    let read = text.read(split, output, idle).await;
    // What was decoded before the object broke off counts.
    let (tally, mut rest, ended) = text.end();
    let mut sent = Ok(());
    if !matches!(read, Err(Stop::Enough | Stop::Scan(_))) {
        for batch in rest.drain(..) {
            sent = output.send(&batch).await;
            if sent.is_err() {
                break;
            }
        }
    }
    let fault = tally.malformed.first.first().cloned();
    let unknown = tally.formats.iter().filter(|format| format.layout() == job.plan.layout);
    let names: BTreeSet<String> =
        unknown.flat_map(|format| format.names()).map(|name| column_name(name)).collect();
    let late: Vec<String> = names.iter().filter(|name| !job.has_column(name)).cloned().collect();
    scan.update(|summary| {
        if !names.is_empty() {
            summary.add_untimed(&job.plan.filter, |column| names.contains(column));
        }
        summary.columns.extend(names);
        summary.late_columns.extend(late);
        summary.add_tally(tally);
    });
    read.and(sent).and(ended)?;
    match fault.filter(|_| job.options.strict) {
        Some(line) => {
            Err(Fault::lasting(format!("line {}: {}: {}", line.line, line.reason, line.text)))
        }
        None => Ok(()),
    }
}

/// An object of text while it is read.
struct Text<'a> {
    job: &'a Job,
    decoder: Decoder,
    batches: Vec<RecordBatch>,
    /// Records that were told to the progress line.
    records: u64,
    last_byte: Option<u8>,
    /// What the decoder had read when it refused to go on.
    refused: Option<Tally>,
}

impl Text<'_> {
    async fn read(
        &mut self,
        split: &Split,
        output: &mut Output,
        idle: &Arc<Semaphore>,
    ) -> std::result::Result<(), Stop> {
        let stored = self.job.source.open(split).await.map_err(unopened)?;
        let progress = Arc::clone(&self.job.options.progress);
        let limits = &self.job.plan.limits;
        let mut blocks = Blocks::new(stored, limits, progress, Arc::clone(idle));
        while let Some(block) = blocks.next().await? {
            self.push(block, output).await?;
        }
        // The last line may lack its newline; if it is malformed it must be reported like any other.
        match self.last_byte {
            Some(b'\n') | None => Ok(()),
            Some(_) => self.push(Bytes::from_static(b"\n"), output).await,
        }
    }

    async fn push(&mut self, block: Bytes, output: &mut Output) -> std::result::Result<(), Stop> {
        self.last_byte = block.last().copied().or(self.last_byte);
        let result = self.decoder.push(block, &mut self.batches);
        let result = result.map_err(|error| self.refuse(error));
        self.job.report_malformed(&self.decoder.take_malformed())?;
        for batch in self.batches.drain(..) {
            output.send(&batch).await?;
        }
        result?;
        let records = self.decoder.tally().records();
        self.job.options.progress.add_records(records - self.records);
        self.records = records;
        Ok(())
    }

    fn refuse(&mut self, error: DecodeError) -> Stop {
        self.refused = Some(*error.tally);
        refusal(&error.refusal)
    }

    /// Ends the object: its counts, its last batches, and what was wrong at its very end.
    fn end(self) -> (Tally, Vec<RecordBatch>, std::result::Result<(), Stop>) {
        let Self { job, decoder, mut batches, records, refused, .. } = self;
        if let Some(tally) = refused {
            return (tally, batches, Ok(()));
        }
        let (tally, ended) = match decoder.finish(&mut batches) {
            Ok(tally) => (tally, Ok(())),
            Err(error) => (*error.tally, Err(refusal(&error.refusal))),
        };
        job.options.progress.add_records(tally.records().saturating_sub(records));
        (tally, batches, ended)
    }
}

fn refusal(refusal: &Refusal) -> Stop {
    let text = chain(refusal);
    Fault::lasting(match refusal.hint() {
        Some(hint) => format!("{text} (hint: {hint})"),
        None => text,
    })
}
