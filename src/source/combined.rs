//! All sources of a command as one: files, buckets, log groups and queues beside each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use parquet::arrow::async_reader::AsyncFileReader;

use crate::source::cloudwatch::CloudWatchSource;
use crate::source::file::FileSource;
use crate::source::lake::LakeSource;
use crate::source::s3::S3Source;
use crate::source::sqs::SqsSource;
use crate::source::{ByteStream, Error, Listing, ReadOutcome, Source, SourceContext, Split, lake};
use crate::storage;
use crate::storage::Storage;
use crate::time::Window;

/// Returns the source of all that the arguments name: files, folders, globs, `-` and URLs.
///
/// # Errors
///
/// [`Error::NoSource`] without arguments, [`Error::Url`] for a URL that cannot be read from. What the
/// arguments name is looked up by [`Source::splits`].
pub fn open_sources(args: &[String], access: &SourceContext) -> Result<Arc<dyn Source>, Error> {
    if args.is_empty() {
        return Err(Error::NoSource);
    }
    let mut files = Vec::new();
    let mut sources: Vec<Arc<dyn Source>> = Vec::new();
    for arg in args {
        match arg.split_once("://") {
            Some((scheme, _)) if is_scheme(scheme) => sources.push(remote(scheme, arg, access)?),
            _ if lake::is_folder(arg) => {
                let place =
                    Storage::open(arg, &access.account).map_err(|error| unusable(arg, error))?;
                sources.push(Arc::new(LakeSource::new(arg, place)));
            }
            _ => files.push(arg.clone()),
        }
    }
    if !files.is_empty() {
        sources.insert(0, Arc::new(FileSource::new(files, access)));
    }
    Ok(Arc::new(Sources { sources }))
}

/// Distinguishes `s3` from what is before a `://` in the name of a file.
fn is_scheme(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// Returns the source that a URL names.
fn remote(scheme: &str, arg: &str, access: &SourceContext) -> Result<Arc<dyn Source>, Error> {
    match scheme {
        "cloudwatch" => Ok(Arc::new(CloudWatchSource::new(arg, access)?)),
        "s3" => s3(arg, access),
        "sqs" => Ok(Arc::new(SqsSource::new(arg, &access.account)?)),
        _ => {
            let reason = format!("{scheme}:// is not known");
            Err(Error::Url { id: arg.to_owned(), reason })
        }
    }
}

/// Returns the source of objects, or of the lake that is there.
fn s3(arg: &str, access: &SourceContext) -> Result<Arc<dyn Source>, Error> {
    let objects = Arc::new(S3Source::new(arg, &access.account)?);
    // One object is no lake.
    let name = arg.rsplit('/').next().unwrap_or_default();
    if name.contains('.') {
        return Ok(objects);
    }
    let place = Storage::open(arg, &access.account).map_err(|error| unusable(arg, error))?;
    Ok(Arc::new(LakeSource::or(arg, place, objects)))
}

fn unusable(arg: &str, error: storage::Error) -> Error {
    Error::Lake { id: arg.to_owned(), source: Box::new(error.into()) }
}

/// Several sources as one. Of two splits with one id the first is retained.
#[derive(Debug)]
struct Sources {
    sources: Vec<Arc<dyn Source>>,
}

impl Sources {
    fn of(&self, split: &Split) -> Result<&dyn Source, Error> {
        let source = self.sources.get(split.source).map(AsRef::as_ref);
        source.ok_or_else(|| Error::Missing { id: split.id.clone() })
    }
}

#[async_trait]
impl Source for Sources {
    async fn splits(&self, window: &Window) -> Result<Listing, Error> {
        let mut all = Listing::default();
        let mut splits: BTreeMap<String, Split> = BTreeMap::new();
        for (at, source) in self.sources.iter().enumerate() {
            let listing = source.splits(window).await?;
            for split in listing.splits {
                splits.entry(split.id.clone()).or_insert(Split { source: at, ..split });
            }
            all.pruned_files += listing.pruned_files;
            all.pruned_folders += listing.pruned_folders;
            all.skipped.extend(listing.skipped);
            all.notes.extend(listing.notes);
        }
        all.splits = splits.into_values().collect();
        all.skipped.sort();
        all.skipped.dedup();
        Ok(all)
    }

    async fn head(&self, split: &Split, bytes_max: usize) -> Result<Bytes, Error> {
        self.of(split)?.head(split, bytes_max).await
    }

    async fn open(&self, split: &Split) -> Result<ByteStream, Error> {
        self.of(split)?.open(split).await
    }

    async fn open_random_access(&self, split: &Split) -> Result<Box<dyn AsyncFileReader>, Error> {
        self.of(split)?.open_random_access(split).await
    }

    fn is_small(&self, split: &Split) -> bool {
        self.of(split).is_ok_and(|source| source.is_small(split))
    }

    async fn read_small(&self, splits: &[Split]) -> Vec<Option<Bytes>> {
        let mut all = Vec::with_capacity(splits.len());
        for run in splits.chunk_by(|a, b| a.source == b.source) {
            let source = run.first().and_then(|split| self.of(split).ok());
            let mut read = match source {
                Some(source) => source.read_small(run).await,
                None => Vec::new(),
            };
            read.resize(run.len(), None);
            all.append(&mut read);
        }
        all
    }

    fn prefetch(&self, splits: &[Split]) {
        for run in splits.chunk_by(|a, b| a.source == b.source) {
            if let Some(source) = run.first().and_then(|split| self.of(split).ok()) {
                source.prefetch(run);
            }
        }
    }

    async fn changed(&self, splits: &[Split]) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for run in splits.chunk_by(|a, b| a.source == b.source) {
            if let Some(source) = run.first().and_then(|split| self.of(split).ok()) {
                all.append(&mut source.changed(run).await);
            }
        }
        all
    }

    async fn acknowledge(&self, outcome: &ReadOutcome) -> Result<Vec<String>, Error> {
        let (mut lines, mut failed) = (Vec::new(), None);
        // A failure of one must not stop the others.
        for source in &self.sources {
            match source.acknowledge(outcome).await {
                Ok(messages) => lines.extend(messages),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(lines), Err)
    }
}
