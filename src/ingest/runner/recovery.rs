//! What a runner before left half done: passes that were published and not applied, and files of a pass that
//! was not published.

use futures::TryStreamExt as _;
use object_store::ObjectStoreExt as _;

use crate::ingest::Error;
use crate::ingest::runner::{LAYOUTS, Runner};
use crate::lake::{LakeTable, folder};
use crate::state;
use crate::state::{Kind, PassRecord, PassTotals};
use crate::storage::Storage;

/// How many numbers a runner that seemed dead may take before we give up.
const FENCES_MAX: u32 = 8;

impl Runner {
    /// Brings to an end what is left of the passes before.
    pub(super) async fn recover(&mut self) -> Result<(), Error> {
        self.apply_lost().await?;
        self.apply_unapplied().await?;
        self.take_back_time().await?;
        if self.state.was_left() {
            self.fence_previous_runner().await?;
        }
        if self.saved != self.checkpoint.pass {
            self.save().await?;
        }
        Ok(())
    }

    /// Takes back what a clock that was ahead has noted: until when all is known, and when it was read.
    async fn take_back_time(&mut self) -> Result<(), Error> {
        if !self.checkpoint.take_back(self.clock.now()) {
            return Ok(());
        }
        // What was forgotten too early would be read twice.
        let reader = self.state.reader();
        for number in reader.numbers().await?.into_iter().rev() {
            if let Some(pass) = reader.pass(number).await? {
                self.checkpoint.remember(&pass);
            }
        }
        self.notes.push(
            "an earlier pass ran with a clock that was ahead: the sources are listed once from their beginning"
                .to_owned(),
        );
        self.save().await
    }

    /// Applies again what a loss of power took from the tables.
    async fn apply_lost(&mut self) -> Result<(), Error> {
        let mut first = self.checkpoint.pass + 1;
        for layout in LAYOUTS {
            let Some(last) = self.checkpoint.tables.get(folder(layout)).copied() else { continue };
            let table = LakeTable::open(&self.lake, layout).await?;
            let applied = match &table {
                Some(table) => table.applied(&self.state.reader().id).await?,
                None => None,
            };
            let applied = u64::try_from(applied.unwrap_or(0)).unwrap_or(0);
            if applied < last {
                first = first.min(applied + 1);
            }
        }
        for number in first..=self.checkpoint.pass {
            if let Some(pass) = self.state.reader().pass(number).await? {
                self.apply(&pass).await?;
            }
        }
        Ok(())
    }

    /// Applies the passes that the checkpoint does not know.
    pub(super) async fn apply_unapplied(&mut self) -> Result<(), Error> {
        loop {
            let number = self.checkpoint.pass + 1;
            match self.state.reader().pass(number).await {
                Ok(Some(pass)) => {
                    self.apply(&pass).await?;
                    self.checkpoint.add(&pass);
                }
                Ok(None) => return Ok(()),
                Err(error @ state::Error::Content { .. }) => {
                    return if self.drop_unfinished(number).await? {
                        Ok(())
                    } else {
                        Err(error.into())
                    };
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes away the record of a pass that a loss of power left broken, and what the pass wrote: it did not
    /// count yet. Returns `false` where it may have counted, since a table or a later pass names it.
    async fn drop_unfinished(&self, number: u64) -> Result<bool, Error> {
        for layout in LAYOUTS {
            let Some(table) = LakeTable::open(&self.lake, layout).await? else { continue };
            let applied = table.applied(&self.state.reader().id).await?.unwrap_or(0);
            if u64::try_from(applied).unwrap_or(0) >= number {
                return Ok(false);
            }
        }
        if !self.state.set_aside(number).await? {
            return Ok(false);
        }
        self.sweep_files(&format!("p{number:010}-")).await?;
        Ok(true)
    }

    /// Takes the number of the pass that the runner before was at, so that it cannot publish it any more should
    /// it be alive, and deletes what it wrote.
    async fn fence_previous_runner(&mut self) -> Result<(), Error> {
        let mut left = FENCES_MAX;
        loop {
            let number = self.checkpoint.pass + 1;
            let now = self.clock.now();
            let pass = PassRecord {
                number,
                kind: Kind::Takeover,
                runner: self.state.runner().to_owned(),
                begun: now,
                ended: now,
                sources: Vec::new(),
                objects: Vec::new(),
                tables: std::collections::BTreeMap::new(),
                totals: PassTotals::default(),
                findings: None,
                notes: Vec::new(),
            };
            self.options.step("fence");
            match self.state.publish(&pass).await {
                Ok(()) => {
                    self.checkpoint.add(&pass);
                    self.options.step("sweep");
                    self.sweep_files(&format!("p{number:010}-")).await?;
                    return Ok(());
                }
                // It is alive, or its last write arrived late.
                Err(state::Error::Lost { .. }) if left > 0 => {
                    left -= 1;
                    self.apply_unapplied().await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Deletes what a pass wrote that will not be published. What is left is not deleted by others but does not
    /// count.
    pub(super) async fn delete_orphans(&self, number: u64) {
        drop(self.sweep_files(&self.file_name(number)).await);
    }

    async fn sweep_files(&self, prefix: &str) -> Result<(), Error> {
        for layout in LAYOUTS {
            let place = self.lake.below(folder(layout));
            sweep_folder(&place, prefix);
            let failed = |source| {
                let path = folder(layout).to_owned();
                crate::lake::Error::Write { path, source }
            };
            let mut list = place.objects().list(None);
            while let Some(meta) = list.try_next().await.map_err(failed)? {
                let name = meta.location.filename().unwrap_or_default();
                if name.starts_with(prefix) && name.ends_with(".parquet") {
                    place.objects().delete(&meta.location).await.map_err(failed)?;
                }
            }
        }
        Ok(())
    }
}

/// Deletes what a killed process left of files that it was writing: they have names that no listing tells.
fn sweep_folder(place: &Storage, prefix: &str) {
    let Some(folder) = place.as_folder() else { return };
    for entry in walkdir::WalkDir::new(folder).into_iter().flatten() {
        let name = entry.file_name().to_string_lossy();
        let partial = name.starts_with(prefix) && name.contains(".parquet#");
        if partial && entry.file_type().is_file() {
            // It blocks no writer.
            drop(std::fs::remove_file(entry.path()));
        }
    }
}
