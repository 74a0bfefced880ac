//! Statements of users: run beside the server, within limits, until their result is read, cancelled or abandoned.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::StreamExt as _;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::Instant;

use crate::serve::{Error, Snapshot};

/// Batches that wait for the reader of the result.
const WAITING_BATCHES_MAX: usize = 2;

/// How long a statement waits for a place among those that run.
const PLACE_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest id of a statement.
const ID_LENGTH_MAX: usize = 64;

/// Limits of the statements of users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatementLimits {
    /// How long a statement may take, to its last row.
    pub timeout: Duration,
    /// The most rows of its result.
    pub rows_max: usize,
    /// How many run at a time.
    pub concurrent: usize,
}

/// Statements that run, and their limits.
#[derive(Debug)]
pub struct StatementRunner {
    limits: StatementLimits,
    slots: Arc<Semaphore>,
    running: Mutex<BTreeMap<String, Arc<Notify>>>,
}

/// The result of a statement as it comes. Dropping it ends the statement.
#[derive(Debug)]
pub(super) struct RowStream {
    /// The columns.
    pub(super) schema: SchemaRef,
    /// The first rows: what goes wrong before them is no beginning of a result. `None`: there are none.
    pub(super) first: Option<RecordBatch>,
    /// Rows, and why they end where that is not their end.
    pub(super) batches: mpsc::Receiver<Result<RecordBatch, Error>>,
}

impl StatementRunner {
    /// Creates the place where statements run.
    pub fn new(limits: StatementLimits) -> Self {
        let slots = Arc::new(Semaphore::new(limits.concurrent));
        Self { limits, slots, running: Mutex::default() }
    }

    /// Returns the limits.
    pub fn limits(&self) -> StatementLimits {
        self.limits
    }

    /// Starts a statement. `id`: by which it can be cancelled. `rows_max`: where its result ends; the limit of the
    /// server holds as well.
    ///
    /// # Errors
    ///
    /// When the statement is wrong or may not run, and [`Error::Busy`].
    pub(super) async fn start(
        self: &Arc<Self>,
        engine: &Handle,
        snapshot: Arc<Snapshot>,
        (sql, id): (&str, Option<&str>),
        rows_max: usize,
    ) -> Result<RowStream, Error> {
        let place = Arc::clone(&self.slots).acquire_owned();
        let place = tokio::time::timeout(PLACE_TIMEOUT, place).await;
        let Ok(Ok(place)) = place else { return Err(Error::Busy(self.limits.concurrent)) };
        let cancelled = Arc::new(Notify::new());
        let entry = id.map(|id| self.enter(id, &cancelled));
        let deadline = Instant::now() + self.limits.timeout;
        let (sender, batches) = mpsc::channel(WAITING_BATCHES_MAX);
        let (schema_sender, schema) = tokio::sync::oneshot::channel();
        let (sql, rows_max) = (sql.to_owned(), rows_max.min(self.limits.rows_max));
        let timeout = self.limits.timeout;
        engine.spawn(async move {
            let _held = (place, entry);
            let work = run(&snapshot, &sql, (schema_sender, &sender), rows_max);
            let end = tokio::select! {
                result = work => result,
                () = cancelled.notified() => Err(Error::Ended("the statement was cancelled".to_owned())),
                () = tokio::time::sleep_until(deadline) => Err(Error::Ended(format!(
                    "the statement took longer than {}, and was ended",
                    humantime::format_duration(timeout)
                ))),
                // The reader of the result is gone.
                () = sender.closed() => return,
            };
            if let Err(error) = end {
                // A reader who does not read does not hold the place.
                drop(tokio::time::timeout(PLACE_TIMEOUT, sender.send(Err(error))).await);
            }
        });
        receive(schema, batches).await
    }

    fn enter(self: &Arc<Self>, id: &str, cancelled: &Arc<Notify>) -> RunningEntry {
        let id: String = id.chars().take(ID_LENGTH_MAX).collect();
        self.running().insert(id.clone(), Arc::clone(cancelled));
        RunningEntry { id, statements: Arc::clone(self) }
    }

    /// Cancels a statement. Returns whether it ran.
    pub(super) fn cancel(&self, id: &str) -> bool {
        let running = self.running().get(id).cloned();
        running.inspect(|cancelled| cancelled.notify_one()).is_some()
    }

    fn running(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<Notify>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for the columns and the first rows, or else for what went wrong.
async fn receive(
    schema: tokio::sync::oneshot::Receiver<SchemaRef>,
    mut batches: mpsc::Receiver<Result<RecordBatch, Error>>,
) -> Result<RowStream, Error> {
    let schema = schema.await;
    match (schema, batches.recv().await) {
        (_, Some(Err(error))) => Err(error),
        (Ok(schema), first) => Ok(RowStream { schema, first: first.transpose()?, batches }),
        (Err(_), _) => Err(Error::Ended("the statement ended without a result".to_owned())),
    }
}

/// A running statement, until it is dropped.
struct RunningEntry {
    id: String,
    statements: Arc<StatementRunner>,
}

impl Drop for RunningEntry {
    fn drop(&mut self) {
        self.statements.running().remove(&self.id);
    }
}

async fn run(
    snapshot: &Snapshot,
    sql: &str,
    (schema_sender, sender): (
        tokio::sync::oneshot::Sender<SchemaRef>,
        &mpsc::Sender<Result<RecordBatch, Error>>,
    ),
    rows_max: usize,
) -> Result<(), Error> {
    let failed = |error| nameless(snapshot, error);
    let mut rows = snapshot.engine.query_read_only(sql).await.map_err(failed)?;
    // Without a reader the next send fails.
    drop(schema_sender.send(rows.schema()));
    let mut left = rows_max;
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(failed)?;
        let length = batch.num_rows().min(left);
        if length > 0 && sender.send(Ok(batch.slice(0, length))).await.is_err() {
            return Ok(());
        }
        if batch.num_rows() > left {
            return Err(Error::Ended(format!("only the first {rows_max} rows are here")));
        }
        left -= length;
    }
    Ok(())
}

/// Takes the server's own folder out of a message.
fn nameless(snapshot: &Snapshot, error: datafusion::error::DataFusionError) -> Error {
    let folder = snapshot.engine.temp_path().display().to_string();
    let text = error.strip_backtrace();
    match text.contains(folder.trim_start_matches('/')) {
        true => Error::Failed(text.replace(folder.trim_start_matches('/'), "…")),
        false => Error::Query(error),
    }
}
