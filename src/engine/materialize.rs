//! Rows of a view, materialized on disk for the lifetime of the session.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt as _;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use tempfile::TempDir;
use tokio::sync::mpsc::channel;

use crate::engine::temp_folder::TempFolder;

/// A folder with one Parquet file; goes when dropped.
#[derive(Debug)]
pub(super) struct MaterializedView {
    folder: TempDir,
    /// The folder that it lies in.
    _of: Arc<TempFolder>,
}

impl MaterializedView {
    /// Writes all rows, batch by batch, while the next are made.
    pub(super) async fn write(
        mut rows: SendableRecordBatchStream,
        temp: &Arc<TempFolder>,
    ) -> Result<Self> {
        let folder = tempfile::tempdir_in(temp.path())?;
        let file = std::fs::File::create(folder.path().join("rows.parquet"))?;
        // Read again within seconds and then thrown away: speed counts, size does not. Few values come twice.
        let properties = WriterProperties::builder()
            .set_compression(Compression::LZ4_RAW)
            .set_dictionary_enabled(false)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_max_row_group_row_count(Some(64 * 1024))
            .build();
        let mut writer = ArrowWriter::try_new(file, rows.schema(), Some(properties))?;
        let (made, mut waiting) = channel::<RecordBatch>(1);
        let write = SpawnedTask::spawn(async move {
            while let Some(batch) = waiting.recv().await {
                writer.write(&batch)?;
            }
            writer.close().map(drop)
        });
        while let Some(batch) = rows.next().await {
            // A writer that failed accepts no more; its error is returned below.
            if made.send(batch?).await.is_err() {
                break;
            }
        }
        drop(made);
        let written = write.join().await;
        written.map_err(|error| DataFusionError::External(Box::new(error)))??;
        Ok(Self { folder, _of: Arc::clone(temp) })
    }

    /// The folder, as a table location.
    pub(super) fn path(&self) -> String {
        format!("{}/", self.folder.path().display())
    }
}
