//! The content of one object of text, block by block.
//!
//! Once another reader of the scan has run out of objects, its thread inflates the next blocks while this one
//! decodes. Until then one thread does both in turn: crossing threads costs, and gains nothing while all are busy.

use std::sync::Arc;

use bytes::Bytes;
use datafusion::common::DataFusionError;
use datafusion::common::runtime::SpawnedTask;
use futures::StreamExt as _;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::flow::Limits;
use crate::scan::error::{ScanStop, object};
use crate::source::ByteStream;
use crate::source::decompress::Decompressor;
use crate::source::progress::Progress;

/// Blocks that wait to be decoded, at most: the slower of the two threads sets the pace anyway.
const WAITING_MAX: usize = 2;

/// The blocks of an object.
pub(crate) struct BlockReader {
    /// A permit for each thread that has nothing to read.
    idle: Arc<Semaphore>,
    inline: Option<Box<Inflater>>,
    elsewhere: Option<BackgroundInflater>,
}

/// Another thread that inflates. Dropped, it stops.
struct BackgroundInflater {
    blocks: Receiver<Bytes>,
    task: SpawnedTask<Result<(), ScanStop>>,
    _thread: OwnedSemaphorePermit,
}

impl BlockReader {
    pub(crate) fn new(
        stored: ByteStream,
        limits: &Limits,
        progress: Arc<Progress>,
        idle: Arc<Semaphore>,
    ) -> Self {
        let decompressor = Decompressor::new(limits);
        let inflater = Inflater { stored, decompressor, progress, has_ended: false };
        Self { idle, inline: Some(Box::new(inflater)), elsewhere: None }
    }

    /// Returns the next block. `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, ScanStop> {
        if let Some(mut inflater) = self.inline.take() {
            let Ok(thread) = Arc::clone(&self.idle).try_acquire_owned() else {
                let block = inflater.next().await;
                self.inline = Some(inflater);
                return block;
            };
            self.elsewhere = Some(BackgroundInflater::begin(inflater, thread));
        }
        let Some(mut elsewhere) = self.elsewhere.take() else { return Ok(None) };
        if let Some(block) = elsewhere.blocks.recv().await {
            self.elsewhere = Some(elsewhere);
            return Ok(Some(block));
        }
        let ended = elsewhere.task.join().await;
        ended.map_err(|error| DataFusionError::External(Box::new(error)))?.map(|()| None)
    }
}

impl BackgroundInflater {
    fn begin(mut inflater: Box<Inflater>, thread: OwnedSemaphorePermit) -> Self {
        let (sender, blocks) = channel(WAITING_MAX);
        let task = SpawnedTask::spawn(async move {
            while let Some(block) = inflater.next().await? {
                if sender.send(block).await.is_err() {
                    break;
                }
            }
            Ok(())
        });
        Self { blocks, task, _thread: thread }
    }
}

/// Reads an object's bytes and decompresses them.
struct Inflater {
    stored: ByteStream,
    decompressor: Decompressor,
    progress: Arc<Progress>,
    has_ended: bool,
}

impl Inflater {
    async fn next(&mut self) -> Result<Option<Bytes>, ScanStop> {
        loop {
            let block = self.decompressor.next_block().map_err(object)?;
            if block.is_some() || self.has_ended {
                return Ok(block);
            }
            match self.stored.next().await {
                Some(chunk) => {
                    let chunk = chunk.map_err(object)?;
                    self.progress.add_bytes(chunk.len() as u64);
                    self.decompressor.feed(chunk);
                }
                None => {
                    self.decompressor.finish();
                    self.has_ended = true;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
