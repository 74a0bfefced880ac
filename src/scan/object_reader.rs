//! Takes objects from a queue and reads them, one after the other, into batches.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use datafusion::common::{DataFusionError, Result};
use futures::{StreamExt as _, stream};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::Sender;

use crate::engine::{Cause, ObjectRead};
use crate::flow::{DecodeError, DecodeFailure, DecodeStats, Decoder, LogFormat, parquet};
use crate::scan::batch_output::{BatchOutput, ObjectError, ScanStop};
use crate::scan::block_reader::BlockReader;
use crate::scan::exec::ScanTask;
use crate::scan::overlap::Print;
use crate::scan::parquet_reader::read_parquet;
use crate::scan::registry::ScanCounters;
use crate::scan::work_queue::{WorkQueue, WorkUnit};
use crate::source::decompress;
use crate::{aws, source};

pub(crate) fn external(error: impl std::error::Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// Reads objects until the queue is empty. An object that cannot be read is counted and named; with
/// `--strict` it ends the scan.
///
/// # Errors
///
/// When the sources cannot be listed, and with `--strict` at the first object or line at fault.
pub(crate) async fn read_objects(
    job: Arc<ScanTask>,
    queue: Arc<WorkQueue>,
    batches: Sender<Result<RecordBatch>>,
) -> Result<()> {
    let choice = queue.choice(&job).await?;
    let job = match choice {
        Some(choice) => Arc::new(job.choosing(choice)?),
        None => job,
    };
    let minutes = queue.minutes.clone();
    let mut output = BatchOutput::new(Arc::clone(&job), batches, minutes);
    loop {
        let run = queue.next_units(&job).await?;
        if run.is_empty() {
            break;
        }
        output.set_coalescing(run.len() > 1);
        for unit in &run {
            if !read_one(&job, &queue, unit, &mut output).await? {
                return Ok(());
            }
        }
        // What there is does not wait for what may take long to read.
        match output.end_run().await {
            Err(ScanStop::Scan(error)) => return Err(error),
            Err(_) => return Ok(()),
            Ok(()) => {}
        }
    }
    match output.finish().await {
        Err(ScanStop::Scan(error)) => Err(error),
        _ => Ok(()),
    }
}

/// Reads one object, or a part of one, and counts it. Returns whether more rows are wanted.
async fn read_one(
    job: &ScanTask,
    queue: &WorkQueue,
    unit: &WorkUnit<'_>,
    output: &mut BatchOutput,
) -> Result<bool> {
    let split = unit.split;
    queue.scan.update(|summary| summary.objects_begun += u64::from(unit.part.at == 0));
    let own = ScanCounters::new(queue.scan.layout);
    let result = read_object(job, unit, &own, output, &queue.idle).await;
    let read = own.take();
    if let Some(print) = read.print.filter(|_| read.records() > 0) {
        queue.add_print(split, print);
    }
    let told = job.options.objects.is_some().then(|| read.clone());
    queue.scan.update(|summary| summary.add_object(read));
    let fault = match result {
        Err(ScanStop::LimitReached) => return Ok(false),
        Err(ScanStop::Scan(error)) => return Err(error),
        Err(ScanStop::Object(fault)) => Some(fault),
        Ok(()) => None,
    };
    if queue.end(unit) {
        queue.scan.update(|summary| summary.objects_read += 1);
        job.options.progress.add_object();
    }
    let fault = fault.map(|fault| {
        // It is named beside the reason.
        let named = format!("could not read {}: ", split.id);
        let reason = fault.reason.strip_prefix(&named).map(str::to_owned);
        ObjectError { reason: reason.unwrap_or(fault.reason), ..fault }
    });
    if let Some(fault) = &fault {
        if job.options.strict {
            let message = format!("object {}: {}", split.id, fault.reason);
            return Err(DataFusionError::Execution(message));
        }
        queue.scan.update(|summary| summary.add_problem(&split.id, fault.reason.clone()));
    }
    if let (Some(tell), Some(summary)) = (&job.options.objects, told) {
        let failure = fault.map(|fault| (fault.reason, fault.cause));
        tell(split, ObjectRead { summary, failure });
    }
    Ok(true)
}

async fn read_object(
    job: &ScanTask,
    unit: &WorkUnit<'_>,
    scan: &ScanCounters,
    output: &mut BatchOutput,
    idle: &Arc<Semaphore>,
) -> std::result::Result<(), ScanStop> {
    let head = match &unit.stored {
        Some(bytes) => bytes.clone(),
        None => job.source.head(unit.split, 4).await.map_err(unopened)?,
    };
    if head.starts_with(b"PAR1") {
        return read_parquet(job, unit, scan, output).await;
    }
    match unit.part.at {
        0 => read_text(job, unit, scan, output, idle).await,
        _ => Ok(()),
    }
}

/// What an object that could not be opened means: it is at fault, unless the query reads it twice.
pub(crate) fn unopened(error: source::Error) -> ScanStop {
    match error {
        source::Error::OneShot { .. } => ScanStop::Scan(external(error)),
        error => object(error),
    }
}

pub(crate) fn object(error: impl std::error::Error + 'static) -> ScanStop {
    ScanStop::Object(ObjectError { reason: chain(&error), cause: cause_of(&error) })
}

/// What an error means: the content is at fault only where all bytes came and one of the decoders refused them.
/// Every other error, whatever its kind, is one of access: the object is read again.
fn cause_of(error: &(dyn std::error::Error + 'static)) -> Cause {
    let (mut cause, mut next) = (Cause::Access, Some(error));
    while let Some(error) = next {
        let is_missing = match error.downcast_ref::<source::Error>() {
            Some(source::Error::Missing { .. } | source::Error::LakeFile { .. }) => true,
            Some(_) => return Cause::Access,
            None => match error.downcast_ref::<aws::Error>() {
                Some(error) if error.kind == aws::Kind::Missing => true,
                Some(_) => return Cause::Access,
                None => false,
            },
        };
        if is_missing {
            return Cause::Missing;
        }
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            match error.kind() {
                std::io::ErrorKind::NotFound => return Cause::Missing,
                // A footer that leads to before the start of its file.
                std::io::ErrorKind::InvalidInput | std::io::ErrorKind::UnexpectedEof => {}
                _ => return Cause::Access,
            }
        }
        if error.is::<decompress::Error>() || is_broken(error) {
            cause = Cause::Content;
        }
        next = error.source();
    }
    cause
}

fn is_broken(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<parquet::Error>().is_some_and(|error| !error.is_retryable())
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
    job: &ScanTask,
    unit: &WorkUnit<'_>,
    scan: &ScanCounters,
    output: &mut BatchOutput,
    idle: &Arc<Semaphore>,
) -> std::result::Result<(), ScanStop> {
    let decoder = Decoder::new(Arc::clone(&job.plan), unit.split);
    let mut text = Text {
        job,
        decoder,
        batches: Vec::new(),
        records: 0,
        last_byte: None,
        refused: None,
        print: Print::default(),
    };
    let read = text.read(unit, output, idle).await;
    let print = text.print.hash();
    // What was decoded before the object broke off counts.
    let (tally, mut rest, ended) = text.end();
    let mut sent = Ok(());
    if !matches!(read, Err(ScanStop::LimitReached | ScanStop::Scan(_))) {
        for batch in rest.drain(..) {
            sent = output.send(&batch).await;
            if sent.is_err() {
                break;
            }
        }
    }
    let fault = tally.malformed.first.first().cloned();
    // Most objects of a folder have the same columns. What is told of each object needs them for each.
    let is_known = job.options.objects.is_none() && output.formats == tally.formats;
    if !is_known {
        output.formats.clone_from(&tally.formats);
    }
    let own = |format: &&LogFormat| !is_known && format.layout() == job.plan.layout;
    let unknown = tally.formats.iter().filter(own);
    let names: BTreeSet<String> = unknown.flat_map(|format| format.columns()).cloned().collect();
    let late: Vec<String> = names.iter().filter(|name| !job.has_column(name)).cloned().collect();
    scan.update(|summary| {
        if !names.is_empty() {
            summary.add_untimed(&job.plan.filter, |column| names.contains(column));
        }
        summary.columns.extend(names);
        summary.late_columns.extend(late);
        summary.add_tally(tally);
        summary.print = Some(print);
    });
    read.and(sent).and(ended)?;
    match fault.filter(|_| job.options.strict) {
        Some(line) => {
            Err(ObjectError::lasting(format!("line {}: {}: {}", line.line, line.reason, line.text)))
        }
        None => Ok(()),
    }
}

/// An object of text while it is read.
struct Text<'a> {
    job: &'a ScanTask,
    decoder: Decoder,
    batches: Vec<RecordBatch>,
    /// Records that were told to the progress line.
    records: u64,
    last_byte: Option<u8>,
    /// What the decoder had read when it refused to go on.
    refused: Option<DecodeStats>,
    print: Print,
}

impl Text<'_> {
    async fn read(
        &mut self,
        unit: &WorkUnit<'_>,
        output: &mut BatchOutput,
        idle: &Arc<Semaphore>,
    ) -> std::result::Result<(), ScanStop> {
        let stored = match unit.stored.clone() {
            Some(bytes) => stream::iter([Ok(bytes)]).boxed(),
            None => self.job.source.open(unit.split).await.map_err(unopened)?,
        };
        let progress = Arc::clone(&self.job.options.progress);
        let limits = &self.job.plan.limits;
        let mut blocks = BlockReader::new(stored, limits, progress, Arc::clone(idle));
        while let Some(block) = blocks.next().await? {
            self.push(block, output).await?;
        }
        // The last line may lack its newline; if it is malformed it must be reported like any other.
        match self.last_byte {
            Some(b'\n') | None => Ok(()),
            Some(_) => self.push(Bytes::from_static(b"\n"), output).await,
        }
    }

    async fn push(
        &mut self,
        block: Bytes,
        output: &mut BatchOutput,
    ) -> std::result::Result<(), ScanStop> {
        self.last_byte = block.last().copied().or(self.last_byte);
        self.print.add(&block);
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

    fn refuse(&mut self, error: DecodeError) -> ScanStop {
        self.refused = Some(*error.tally);
        refusal(&error.refusal)
    }

    /// Ends the object: its counts, its last batches, and what was wrong at its very end.
    fn end(self) -> (DecodeStats, Vec<RecordBatch>, std::result::Result<(), ScanStop>) {
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

fn refusal(refusal: &DecodeFailure) -> ScanStop {
    let text = chain(refusal);
    ObjectError::lasting(match refusal.hint() {
        Some(hint) => format!("{text} (hint: {hint})"),
        None => text,
    })
}

#[cfg(test)]
mod tests;
