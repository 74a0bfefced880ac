//! Reads one object of text into batches.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use tokio::sync::Semaphore;

use crate::flow::{DecodeError, DecodeFailure, DecodeStats, Decoder, LogFormat};
use crate::scan::batch_output::BatchOutput;
use crate::scan::block_reader::BlockReader;
use crate::scan::error::{ObjectError, ScanStop, chain, unopened};
use crate::scan::overlap::Print;
use crate::scan::registry::ScanCounters;
use crate::scan::task::ScanTask;
use crate::scan::work_queue::WorkUnit;

/// Reads an object of text: its lines become batches.
pub(crate) async fn read_text(
    job: &ScanTask,
    unit: &WorkUnit<'_>,
    scan: &ScanCounters,
    output: &mut BatchOutput,
    idle: &Arc<Semaphore>,
) -> std::result::Result<(), ScanStop> {
    let decoder = Decoder::new(Arc::clone(&job.plan), unit.split);
    let mut text = TextReader {
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
    // What was decoded before the error counts.
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
    // Most objects of a folder have the same columns. A report of each object needs them for each.
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

/// A text object while it is read.
struct TextReader<'a> {
    job: &'a ScanTask,
    decoder: Decoder,
    batches: Vec<RecordBatch>,
    /// Records that the progress line counts already.
    records: u64,
    last_byte: Option<u8>,
    /// What the decoder had read when it failed.
    refused: Option<DecodeStats>,
    print: Print,
}

impl TextReader<'_> {
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

    /// Ends the object. Returns its counts, its last batches, and an error at its very end.
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
