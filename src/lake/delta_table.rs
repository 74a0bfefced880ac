//! One Delta Lake table: which files it has, and commits that change them.

use std::collections::{HashMap, HashSet};
use std::future::ready;
use std::sync::Arc;

use arrow::datatypes::{DataType as Arrow, Schema};
use chrono::Duration;
use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties, TableReference};
use deltalake_core::kernel::{Action, DataType, LogicalFileView, StructField, Transaction};
use deltalake_core::logstore::{LogStore, StorageConfig, default_logstore};
use deltalake_core::operations::create::CreateBuilder;
use deltalake_core::operations::vacuum::{Clock, VacuumMode};
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::{DeltaTable, DeltaTableError, TableProperty};
use futures::TryStreamExt as _;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use serde_json::Value;

use crate::flow::columns::is_plain_column;
use crate::flow::field::Layout;
use crate::lake::data_file::STATS_COLUMNS;
use crate::lake::{DataFile, Error, PARTITION_COLUMNS, folder};
use crate::storage::Storage;

/// What a commit changes.
#[derive(Debug, Clone, Default)]
pub struct TableCommit {
    /// Who changes it, and which of its changes this is: one that was applied before is not applied again.
    pub txn: (String, i64),
    /// Files to add. They are there, whole.
    pub add: Vec<DataFile>,
    /// Files to take away. They stay where they are, for readers of earlier versions.
    pub remove: Vec<DataFile>,
    /// Whether the table has other rows afterwards; `false` where files were only written anew.
    pub data_change: bool,
    /// Further fields of the commit's entry in the log.
    pub info: serde_json::Map<String, Value>,
}

/// A table as it was when it was opened or last refreshed.
#[derive(Debug)]
pub struct LakeTable {
    delta: DeltaTable,
    place: Storage,
}

impl LakeTable {
    /// Opens the table of a layout in a lake; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Delta`] when its log cannot be read.
    pub async fn open(lake: &Storage, layout: Layout) -> Result<Option<Self>, Error> {
        Self::at(lake.below(folder(layout))).await
    }

    /// Opens the Delta table that a folder or prefix is; `None` when it is none.
    ///
    /// # Errors
    ///
    /// [`Error::Delta`] when its log cannot be read.
    pub async fn at(place: Storage) -> Result<Option<Self>, Error> {
        let log = log_store(&place);
        let there = log.is_delta_table_location().await.map_err(|error| failed(&place, error))?;
        if !there {
            return Ok(None);
        }
        let mut delta = DeltaTable::new(log);
        delta.load().await.map_err(|error| failed(&place, error))?;
        Ok(Some(Self { delta, place }))
    }

    /// Opens the table of a layout in a lake and creates it if there is none; `extra` are fields that flowq
    /// does not know: the table gets a column for each of them that it lacks.
    ///
    /// # Errors
    ///
    /// [`Error::Delta`] when its log cannot be read or written.
    pub async fn create(lake: &Storage, layout: Layout, extra: &[String]) -> Result<Self, Error> {
        if let Some(mut table) = Self::open(lake, layout).await? {
            table.add_columns(extra).await?;
            table.state_stats_columns().await?;
            return Ok(table);
        }
        let place = lake.below(folder(layout));
        let create = CreateBuilder::new()
            .with_log_store(log_store(&place))
            .with_table_name(folder(layout))
            .with_columns(columns(&layout.schema(&possible(extra, &HashSet::new()))))
            .with_partition_columns(PARTITION_COLUMNS)
            .with_configuration_property(
                TableProperty::DataSkippingStatsColumns,
                Some(STATS_COLUMNS),
            )
            .with_save_mode(SaveMode::Ignore);
        let delta = create.await.map_err(|error| failed(&place, error))?;
        Ok(Self { delta, place })
    }

    async fn add_columns(&mut self, extra: &[String]) -> Result<(), Error> {
        let failed = |error| failed(&self.place, error);
        let schema = self.delta.snapshot().map_err(failed)?.schema();
        let there = schema.fields().map(|field| field.name().to_lowercase()).collect();
        let new = possible(extra, &there);
        let new = new.iter().map(|name| StructField::nullable(name, DataType::STRING));
        let new: Vec<StructField> = new.collect();
        if !new.is_empty() {
            self.delta = self.delta.clone().add_columns().with_fields(new).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Names the columns with statistics in a table that does not, as earlier versions of flowq left it: readers
    /// would take the missing ones of other columns for values that no row has.
    async fn state_stats_columns(&mut self) -> Result<(), Error> {
        let failed = |error| failed(&self.place, error);
        let key = TableProperty::DataSkippingStatsColumns.as_ref();
        let state = self.delta.snapshot().map_err(failed)?;
        if state.metadata().configuration().contains_key(key) {
            return Ok(());
        }
        let properties = HashMap::from([(key.to_owned(), STATS_COLUMNS.to_owned())]);
        let set = self.delta.clone().set_tbl_properties().with_properties(properties);
        self.delta = set.await.map_err(failed)?;
        Ok(())
    }

    /// The table's folder or prefix.
    pub fn place(&self) -> &Storage {
        &self.place
    }

    /// The layout of the rows, and the columns that flowq does not know; `None` when flowq did not write the
    /// table.
    ///
    /// # Errors
    ///
    /// [`Error::Delta`] when the log cannot be read.
    pub fn fields(&self) -> Result<Option<(Layout, Vec<String>)>, Error> {
        let state = self.delta.snapshot().map_err(|error| failed(&self.place, error))?;
        if *state.metadata().partition_columns() != PARTITION_COLUMNS {
            return Ok(None);
        }
        let schema = state.schema();
        let names: Vec<String> = schema.fields().map(|field| field.name().clone()).collect();
        let has = |name: &str| names.iter().any(|other| other == name);
        let layout = match has("tgw_id") {
            true => Layout::TransitGateway,
            false => Layout::Vpc,
        };
        let known = layout.schema(&[]);
        if !known.fields().iter().all(|field| has(field.name())) {
            return Ok(None);
        }
        let is_known = |name: &String| {
            known.index_of(name).is_ok() || PARTITION_COLUMNS.contains(&name.as_str())
        };
        Ok(Some((layout, names.into_iter().filter(|name| !is_known(name)).collect())))
    }

    /// Takes in what was committed since.
    ///
    /// # Errors
    ///
    /// [`Error::Delta`] when the log cannot be read.
    pub async fn refresh(&mut self) -> Result<(), Error> {
        self.delta.update_state().await.map_err(|error| failed(&self.place, error))
    }

    /// The files of the table, sorted by path.
    ///
    /// # Errors
    ///
    /// [`Error::Delta`] when the log cannot be read.
    pub async fn files(&self) -> Result<Vec<DataFile>, Error> {
        let log = self.delta.log_store();
        let files = async {
            let snapshot = self.delta.snapshot()?.snapshot();
            let views = snapshot.file_views(&log, None);
            let file = |view: LogicalFileView| {
                (DataFile::of_log(&view), view.deletion_vector_descriptor().is_some())
            };
            views.map_ok(file).try_collect().await
        };
        let files: Result<Vec<(DataFile, bool)>, DeltaTableError> = files.await;
        let files = files.map_err(|error| failed(&self.place, error))?;
        // Its deleted rows are still in the file: they would count.
        if let Some((file, _)) = files.iter().find(|(_, has_deleted_rows)| *has_deleted_rows) {
            let (table, path) = (self.place.to_string(), file.path.clone());
            return Err(Error::DeletionVector { table, path });
        }
        let mut files: Vec<DataFile> = files.into_iter().map(|(file, _)| file).collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// Returns the number of the last change of `app` that was applied; `None`: none was.
    ///
    /// # Errors
    ///
    /// [`Error::Delta`] when the log cannot be read.
    pub async fn applied(&self, app: &str) -> Result<Option<i64>, Error> {
        let log = self.delta.log_store();
        let applied = async { self.delta.snapshot()?.transaction_version(&log, app).await };
        applied.await.map_err(|error| failed(&self.place, error))
    }

    /// Applies a change at once, unless it was applied before; returns whether it was applied now. `now` is
    /// in Unix seconds.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] when somebody else took the same files away, [`Error::Delta`] when that happens at the
    /// same time or the log cannot be written. See [`Error::is_conflict`].
    pub async fn commit(&mut self, change: &TableCommit, now: i64) -> Result<bool, Error> {
        self.refresh().await?;
        let (app, version) = &change.txn;
        if self.applied(app).await?.is_some_and(|applied| applied >= *version) {
            return Ok(false);
        }
        let properties = CommitProperties::default()
            .with_metadata(change.info.clone())
            .with_application_transaction(Transaction::new_with_last_update(
                app,
                *version,
                Some(now.saturating_mul(1000)),
            ));
        let operation = DeltaOperation::Write {
            mode: SaveMode::Append,
            partition_by: Some(PARTITION_COLUMNS.map(str::to_owned).into()),
            predicate: None,
        };
        self.apply(change, properties, operation, now).await?;
        Ok(true)
    }

    /// Puts other files with the same rows in the place of files. Fails when one of these is gone meanwhile.
    pub(super) async fn exchange(&mut self, change: &TableCommit, now: i64) -> Result<(), Error> {
        let properties = CommitProperties::default().with_metadata(change.info.clone());
        let operation = DeltaOperation::Optimize { predicate: None, target_size: 0 };
        self.apply(change, properties, operation, now).await
    }

    /// Takes files with all their rows away. Fails when one of these is gone meanwhile.
    pub(super) async fn drop_files(&mut self, change: &TableCommit, now: i64) -> Result<(), Error> {
        let properties = CommitProperties::default().with_metadata(change.info.clone());
        let operation = DeltaOperation::Delete { predicate: None };
        self.apply(change, properties, operation, now).await
    }

    async fn apply(
        &mut self,
        change: &TableCommit,
        properties: CommitProperties,
        operation: DeltaOperation,
        now: i64,
    ) -> Result<(), Error> {
        // A commit is checked against others that came since the last refresh, not against older ones: rows
        // of a file that somebody else replaced would be there twice.
        if !change.remove.is_empty() {
            let active = self.files().await?;
            let is_active =
                |file: &&DataFile| active.binary_search_by(|a| a.path.cmp(&file.path)).is_ok();
            if let Some(gone) = change.remove.iter().find(|file| !is_active(file)) {
                return Err(Error::Gone { table: self.place.to_string(), path: gone.path.clone() });
            }
        }
        let add = change.add.iter().map(|file| Action::Add(file.add(now, change.data_change)));
        let remove =
            change.remove.iter().map(|file| Action::Remove(file.remove(now, change.data_change)));
        let committed = async {
            let state = self.delta.snapshot()?;
            CommitBuilder::from(properties)
                .with_actions(add.chain(remove).collect())
                .build(Some(state as &dyn TableReference), self.delta.log_store(), operation)
                .await
        };
        committed.await.map_err(|error| failed(&self.place, error))?;
        self.refresh().await
    }

    /// Deletes files that were taken away at least `grace_secs` before `now`, and returns how many.
    pub(super) async fn delete_removed(&mut self, grace_secs: i64, now: i64) -> Result<u64, Error> {
        self.refresh().await?;
        let vacuum = self.delta.clone().vacuum().with_mode(VacuumMode::Lite).with_dry_run(true);
        let vacuum = vacuum
            .with_retention_period(Duration::seconds(grace_secs))
            .with_enforce_retention_duration(false)
            // The library deletes what is older than this, not what is as old.
            .with_clock(Arc::new(FixedClock(now.saturating_add(1).saturating_mul(1000))));
        let (_, metrics) = vacuum.await.map_err(|error| failed(&self.place, error))?;
        let removed: HashSet<String> = metrics.files_deleted.into_iter().collect();
        if removed.is_empty() {
            return Ok(0);
        }
        // The log reports a removed file for a week, also when it was deleted long ago.
        let unread = |source| Error::Read { path: self.place.to_string(), source };
        let there = self.place.objects().list(None).map_ok(|object| object.location);
        let there = there.try_filter(|path| ready(removed.contains(path.as_ref())));
        let there: Vec<Path> = there.try_collect().await.map_err(unread)?;
        for path in &there {
            match self.place.objects().delete(path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(source) => return Err(Error::Write { path: path.to_string(), source }),
            }
        }
        Ok(there.len() as u64)
    }
}

/// The columns among these that a table can take beside those that are there. Passes of versions that did not
/// escape names may be published with others: their files go in without these columns.
fn possible(extra: &[String], there: &HashSet<String>) -> Vec<String> {
    let mut taken = there.clone();
    let possible = extra.iter().filter(|name| is_plain_column(name));
    possible.filter(|name| taken.insert(name.to_lowercase())).cloned().collect()
}

/// A clock with a constant time.
#[derive(Debug)]
struct FixedClock(i64);

impl Clock for FixedClock {
    fn current_timestamp_millis(&self) -> i64 {
        self.0
    }
}

fn failed(place: &Storage, error: DeltaTableError) -> Error {
    Error::Delta { table: place.to_string(), source: Box::new(error) }
}

fn log_store(place: &Storage) -> Arc<dyn LogStore> {
    let (objects, root) = (Arc::clone(place.objects()), Arc::clone(place.root()));
    default_logstore(objects, root, place.url(), &StorageConfig::default())
}

/// The columns of a table in Delta's types: those of the log, `object` and `line`, then the partition's.
fn columns(schema: &Schema) -> Vec<StructField> {
    let own = schema.fields().iter().map(|field| {
        let data_type = match field.data_type() {
            Arrow::Int32 => DataType::INTEGER,
            Arrow::Int64 => DataType::LONG,
            Arrow::Timestamp(..) => DataType::TIMESTAMP,
            _ => DataType::STRING,
        };
        StructField::nullable(field.name(), data_type)
    });
    let types = [DataType::STRING, DataType::STRING, DataType::DATE, DataType::INTEGER];
    let partition = PARTITION_COLUMNS.into_iter().zip(types);
    let partition = partition.map(|(name, data_type)| StructField::nullable(name, data_type));
    own.chain(partition).collect()
}
