//! One inventory from several places: files and folders here, folders in S3, and the account itself.

use std::path::{Path, PathBuf};

use crate::aws;
use crate::aws::s3::{Location, S3Client};
use crate::inventory::collect::{CollectionReport, Collector};
use crate::inventory::documents::Reader;
use crate::inventory::error::{Error, Warning};
use crate::inventory::fact::Facts;
use crate::inventory::model::Inventory;
use crate::inventory::{files, merge, parquet};

/// The most bytes of one object of an inventory, as stored.
const OBJECT_BYTES_MAX: usize = 1 << 30;

/// What was gathered so far.
#[derive(Debug, Default)]
pub struct InventoryLoader {
    facts: Facts,
    warnings: Vec<Warning>,
}

impl InventoryLoader {
    /// Adds files and folders, as [`Inventory::read`] reads them.
    ///
    /// # Errors
    ///
    /// [`Error::Read`] when a path does not exist or cannot be read.
    pub fn add_paths(&mut self, paths: &[PathBuf]) -> Result<(), Error> {
        let (mut facts, mut warnings) = files::read_facts(paths)?;
        self.facts.append(&mut facts);
        self.warnings.append(&mut warnings);
        Ok(())
    }

    /// Adds all objects below a prefix in S3, as files of a folder are read.
    ///
    /// # Errors
    ///
    /// [`Error::Aws`] when an object cannot be read, or there is none.
    pub async fn add_s3(&mut self, store: &S3Client, location: &Location) -> Result<(), Error> {
        let failed = |id: &Location, source| Error::Aws { id: id.to_string(), source };
        let (mut token, mut empty) = (None::<String>, true);
        // Where the prefix is a folder, neighbours whose names go on differently are none of it.
        let folder = format!("{}/", location.key.trim_end_matches('/'));
        let inside = |key: &str| folder == "/" || key.starts_with(&folder) || key == location.key;
        loop {
            let page = store.list(location, false, None, token.as_deref()).await;
            let page = page.map_err(|err| failed(location, err))?;
            let keys: Vec<String> = page.objects.into_iter().map(|object| object.key).collect();
            let facts = format!("{}.parquet", parquet::FACTS);
            for key in keys.iter().filter(|key| inside(key) && !key.ends_with('/')) {
                let object = Location::new(&location.bucket, key);
                let bytes = store.get(&object, OBJECT_BYTES_MAX).await;
                let bytes = bytes.map_err(|err| failed(&object, err))?;
                let beside = Path::new(key).with_file_name(&facts);
                let has_facts = keys.iter().any(|key| Path::new(key) == beside);
                let mut reader = Reader::default();
                files::take_object(&bytes, has_facts, &mut reader);
                self.facts.append(&mut reader.facts);
                let path = PathBuf::from(object.to_string());
                files::keep(&path, reader.complaints, &mut self.warnings);
                empty = false;
            }
            token = page.next;
            if token.is_none() {
                break;
            }
        }
        if empty {
            let error = aws::Error::new(aws::Kind::Missing, "no object lies there");
            return Err(failed(location, error));
        }
        Ok(())
    }

    /// Adds the facts of the account, in one pass. `now` is in Unix seconds.
    ///
    /// # Errors
    ///
    /// [`Error::Aws`] when no call succeeds.
    pub async fn add_account(
        &mut self,
        collector: &mut Collector<'_>,
        since: i64,
        until: i64,
        now: i64,
    ) -> Result<CollectionReport, Error> {
        collector.begin(since);
        let report = collector.pass(until, now).await.map_err(|source| Error::Aws {
            id: format!("of account {}", collector.account_id()),
            source,
        })?;
        self.facts.append(&mut std::mem::take(&mut collector.facts));
        Ok(report)
    }

    /// Returns the inventory of all facts, and the warnings. `at`, in Unix seconds: what
    /// the VPCs is taken as it was then, by the last responses before it, else the first ones
    /// after it. `None`: as it was last.
    pub fn finish(self, at: Option<i64>) -> (Inventory, Vec<Warning>) {
        (merge::inventory_at(&self.facts, at), self.warnings)
    }
}
