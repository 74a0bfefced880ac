//! A source of the objects below a prefix of a bucket.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use parquet::arrow::async_reader::AsyncFileReader;

use crate::aws;
use crate::aws::Account;
use crate::aws::s3::{Location, Object, S3Client};
use crate::source::s3::lister;
use crate::source::s3::lister::{Bucket, Found};
use crate::source::s3::listing_plan::{Plan, Pruned};
use crate::source::s3::prefetch::{PrefetchingReader, lock};
use crate::source::{ByteStream, Error, Listing, Source, Split};
use crate::time::Window;

/// How many objects one argument may name. Each takes about half a kilobyte.
const OBJECTS_MAX: usize = 5_000_000;

/// What is below a prefix of a bucket. It is listed once for each window.
#[derive(Debug)]
pub(in crate::source) struct S3Source {
    url: String,
    at: Location,
    store: S3Client,
    objects: PrefetchingReader,
    listings: tokio::sync::Mutex<Vec<(Window, Listing)>>,
    /// Ids of listed objects that a GET would not give.
    archived: Mutex<HashSet<String>>,
}

impl S3Source {
    /// Creates the source of what a URL names: an object, a folder, or all whose keys begin like it.
    ///
    /// # Errors
    ///
    /// [`Error::Url`] when it names no bucket.
    pub(in crate::source) fn new(url: &str, account: &Arc<Account>) -> Result<Self, Error> {
        let at = Location::parse(url)
            .map_err(|error| Error::Url { id: url.to_owned(), reason: error.message })?;
        Ok(Self {
            url: url.to_owned(),
            at,
            store: account.store(),
            objects: PrefetchingReader::new(account),
            listings: tokio::sync::Mutex::default(),
            archived: Mutex::default(),
        })
    }

    async fn list(&self, window: &Window) -> Result<Listing, Error> {
        let bucket = Bucket { store: &self.store, name: &self.at.bucket };
        let key = self.at.key.as_str();
        let found = match key.is_empty() || key.ends_with('/') {
            true => self.below(&bucket, key, window).await?,
            false => self.named(&bucket, key, window).await?,
        };
        let skipped: Vec<String> = found.skipped.iter().map(|key| self.id(key)).collect();
        let left_out = found.pruned_files as usize + found.pruned_folders.len();
        if found.objects.is_empty() && left_out == 0 {
            return Err(Error::Empty { id: self.url.clone(), skipped: skipped.len() });
        }
        let split = |object: Object| {
            let split = Split::new(self.id(&object.key), object.size_bytes);
            (Split { etag: object.etag, modified: object.modified, ..split }, object.archived)
        };
        let mut splits = Vec::with_capacity(found.objects.len());
        for (split, archived) in found.objects.into_iter().map(split) {
            if archived {
                lock(&self.archived).insert(split.id.clone());
            }
            splits.push(split);
        }
        splits.sort_by(|a, b| a.id.cmp(&b.id));
        let pruned_folders = found.pruned_folders.len() as u64;
        Ok(Listing {
            splits,
            pruned_files: found.pruned_files,
            pruned_folders,
            skipped,
            ..Listing::default()
        })
    }

    /// Lists the object of that name and the folder of that name; without either, all keys that begin so.
    async fn named(&self, bucket: &Bucket<'_>, key: &str, window: &Window) -> Result<Found, Error> {
        let first = self.store.list(&self.at, true, None, None).await;
        let first = first.map_err(|error| self.failed(error))?;
        let object = first.objects.into_iter().find(|object| object.key == key);
        let mut found = self.below(bucket, &format!("{key}/"), window).await?;
        let plan = Plan::new(key, window);
        match object {
            Some(object) if plan.is_pruned(key) => {
                found.leave_out(&object.key, Pruned::OutsideWindow);
            }
            Some(object) => found.objects.push(object),
            None if found.is_empty() => return self.below(bucket, key, window).await,
            None => {}
        }
        Ok(found)
    }

    async fn below(
        &self,
        bucket: &Bucket<'_>,
        prefix: &str,
        window: &Window,
    ) -> Result<Found, Error> {
        let plan = Plan::new(prefix, window);
        let found = lister::list(bucket, prefix, &plan, OBJECTS_MAX).await;
        found.map_err(|error| match error {
            lister::Error::TooMany => {
                Error::TooMany { id: self.url.clone(), objects_max: OBJECTS_MAX }
            }
            lister::Error::Aws(error) => self.failed(error),
        })
    }

    fn failed(&self, error: aws::Error) -> Error {
        match error.kind {
            // A listing fails for the bucket; where it has no such keys it is only empty.
            aws::Kind::Missing => Error::Missing { id: format!("s3://{}", self.at.bucket) },
            _ => Error::aws(&self.url, error),
        }
    }

    fn id(&self, key: &str) -> String {
        Location::new(&self.at.bucket, key).to_string()
    }

    /// Refuses an object that is in an archive by the listing.
    fn at_hand(&self, split: &Split) -> Result<(), Error> {
        if !lock(&self.archived).contains(&split.id) {
            return Ok(());
        }
        let message = "its storage class is an archive, and it was not restored";
        Err(Error::aws(&split.id, aws::Error::new(aws::Kind::Archived, message)))
    }
}

#[async_trait]
impl Source for S3Source {
    async fn splits(&self, window: &Window) -> Result<Listing, Error> {
        let mut listings = self.listings.lock().await;
        // A listing with the margin before the window includes the window.
        let holds = |of: &Window| of == window || *of == window.with_margin();
        if let Some((_, listing)) = listings.iter().find(|(of, _)| holds(of)) {
            return Ok(listing.clone().within(window));
        }
        let listing = self.list(window).await?;
        listings.push((*window, listing.clone()));
        Ok(listing)
    }

    async fn head(&self, split: &Split, bytes_max: usize) -> Result<Bytes, Error> {
        self.at_hand(split)?;
        self.objects.head(split, bytes_max).await
    }

    async fn open(&self, split: &Split) -> Result<ByteStream, Error> {
        self.at_hand(split)?;
        self.objects.open(split).await
    }

    async fn open_random_access(&self, split: &Split) -> Result<Box<dyn AsyncFileReader>, Error> {
        self.at_hand(split)?;
        self.objects.seek(split).await
    }

    fn prefetch(&self, splits: &[Split]) {
        let archived = lock(&self.archived);
        self.objects.upcoming(splits.iter().filter(|split| !archived.contains(&split.id)));
    }
}
