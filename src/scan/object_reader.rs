//! Takes objects from a queue and reads them, one after the other, into batches.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::{DataFusionError, Result};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::Sender;

use crate::scan::batch_output::BatchOutput;
use crate::scan::error::{ObjectError, ScanStop, unopened};
use crate::scan::options::ObjectRead;
use crate::scan::parquet_reader::read_parquet;
use crate::scan::registry::ScanCounters;
use crate::scan::task::ScanTask;
use crate::scan::text_reader::read_text;
use crate::scan::work_queue::{WorkQueue, WorkUnit};

/// Reads objects until the queue is empty. An object that cannot be read is counted and reported; with
/// `--strict` it ends the scan.
pub(crate) async fn read_objects(
    job: Arc<ScanTask>,
    queue: Arc<WorkQueue>,
    batches: Sender<Result<RecordBatch>>,
) -> Result<()> {
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
        // Rows do not wait for objects that may take long to read.
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

/// Reads one object, or a part of one, and counts it. Returns whether the scan continues.
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
    let statistics = job.options.objects.is_some().then(|| read.clone());
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
        // The object is reported beside the reason.
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
    if let (Some(observer), Some(summary)) = (&job.options.objects, statistics) {
        let failure = fault.map(|fault| (fault.reason, fault.cause));
        observer(split, ObjectRead { summary, failure });
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
