//! The output of a scan: batches of the rows that pass its filter.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::BatchCoalescer;
use datafusion::common::{DataFusionError, Result};
use tokio::sync::mpsc::Sender;

use crate::flow::LogFormat;
use crate::scan::error::ScanStop;
use crate::scan::interface_minutes;
use crate::scan::interface_minutes::InterfaceMinutes;
use crate::scan::task::ScanTask;

/// Sends finished batches on and counts their rows against the limit.
pub(crate) struct BatchOutput {
    job: Arc<ScanTask>,
    batches: Sender<Result<RecordBatch>>,
    rows: usize,
    minutes: Option<Arc<InterfaceMinutes>>,
    /// Coalesces small batches: of small objects, or with few rows that passed the filter.
    coalescer: BatchCoalescer,
    /// Whether batches of the current objects are coalesced.
    gathers: bool,
    /// The formats of the last text object, whose columns are counted already.
    pub(crate) formats: Vec<LogFormat>,
}

impl BatchOutput {
    pub(crate) fn new(
        job: Arc<ScanTask>,
        batches: Sender<Result<RecordBatch>>,
        minutes: Option<Arc<InterfaceMinutes>>,
    ) -> Self {
        let few = BatchCoalescer::new(Arc::clone(&job.output_schema), job.batch_rows)
            .with_biggest_coalesce_batch_size(Some(job.batch_rows / 2));
        Self { job, batches, rows: 0, minutes, coalescer: few, gathers: false, formats: Vec::new() }
    }

    /// Sets whether the next objects are small: then their rows are coalesced.
    pub(crate) fn set_coalescing(&mut self, gathers: bool) {
        self.gathers = gathers;
    }

    /// Ends a run of small objects: sends their coalesced rows.
    pub(crate) async fn end_run(&mut self) -> std::result::Result<(), ScanStop> {
        // Rows that passed a filter wait for more.
        match self.gathers && self.job.filter.is_none() {
            true => self.finish().await,
            false => Ok(()),
        }
    }

    pub(crate) async fn send(&mut self, batch: &RecordBatch) -> std::result::Result<(), ScanStop> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let given = self.job.apply_filter(batch)?;
        if let Some(minutes) = &self.minutes {
            minutes.add(&given).map_err(interface_minutes::failure)?;
        }
        if let Some(beginnings) = &self.job.beginnings {
            beginnings.add(&given);
        }
        // Batches without columns cannot be coalesced, and need not be.
        let is_whole = self.job.filter.is_none() && !self.gathers;
        if is_whole || given.num_columns() == 0 {
            return self.pass_on(given).await;
        }
        self.coalescer.push_batch(given).map_err(DataFusionError::from)?;
        // With a LIMIT, rows do not wait for more.
        if self.job.limit.is_some() {
            self.coalescer.finish_buffered_batch().map_err(DataFusionError::from)?;
        }
        self.pass_on_full().await
    }

    /// Sends the remaining rows.
    pub(crate) async fn finish(&mut self) -> std::result::Result<(), ScanStop> {
        self.coalescer.finish_buffered_batch().map_err(DataFusionError::from)?;
        self.pass_on_full().await
    }

    async fn pass_on_full(&mut self) -> std::result::Result<(), ScanStop> {
        while let Some(batch) = self.coalescer.next_completed_batch() {
            self.pass_on(batch).await?;
        }
        Ok(())
    }

    async fn pass_on(&mut self, batch: RecordBatch) -> std::result::Result<(), ScanStop> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.rows += batch.num_rows();
        self.batches.send(Ok(batch)).await.map_err(|_| ScanStop::LimitReached)?;
        match self.job.limit.is_some_and(|limit| self.rows >= limit) {
            true => Err(ScanStop::LimitReached),
            false => Ok(()),
        }
    }
}
