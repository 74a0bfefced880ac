//! Lists what is selected below a prefix: folders side by side, and past what is not selected.

use std::collections::{BTreeSet, HashSet, VecDeque};

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;

use crate::aws;
use crate::aws::s3::{Location, Object, Page, S3Client};
use crate::source::s3::listing_plan::{Plan, Pruned, Step};

/// How many folders are listed at once. S3 bears 5,500 requests a second for each prefix.
const CONCURRENCY: usize = 16;

/// How many folders that are none of AWS's are looked into for such as are; more of them are listed as
/// the plain keys that they are.
const SEARCHES_MAX: usize = 256;

/// Where pages of keys come from.
#[async_trait]
pub(super) trait Lister: Send + Sync {
    /// Returns a page of the keys that start with `prefix`, as `S3Client::list`.
    async fn page(
        &self,
        prefix: &str,
        delimiter: bool,
        start_after: Option<&str>,
        token: Option<&str>,
    ) -> Result<Page, aws::Error>;
}

/// A bucket of S3.
pub(super) struct Bucket<'a> {
    pub(super) store: &'a S3Client,
    pub(super) name: &'a str,
}

#[async_trait]
impl Lister for Bucket<'_> {
    async fn page(
        &self,
        prefix: &str,
        delimiter: bool,
        start_after: Option<&str>,
        token: Option<&str>,
    ) -> Result<Page, aws::Error> {
        let prefix = Location::new(self.name, prefix);
        self.store.list(&prefix, delimiter, start_after, token).await
    }
}

/// Why a listing was given up.
#[derive(Debug)]
pub(super) enum Error {
    Aws(aws::Error),
    /// More objects than [`list`] may return.
    TooMany,
}

/// What was found below a prefix.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What is selected, in no order.
    pub(super) objects: Vec<Object>,
    /// Objects that are not, as far as they were seen: most are jumped over.
    pub(super) pruned_files: u64,
    pub(super) pruned_folders: BTreeSet<String>,
    /// Keys of hidden objects and folders.
    pub(super) skipped: BTreeSet<String>,
    /// Folders below, still to be listed.
    folders: Vec<String>,
    /// Whether there is more than one page of it.
    long: bool,
}

impl Found {
    pub(super) fn leave_out(&mut self, name: &str, out: Pruned) {
        match out {
            Pruned::OutsideWindow if name.ends_with('/') => {
                self.pruned_folders.insert(name.to_owned());
            }
            Pruned::OutsideWindow => self.pruned_files += 1,
            Pruned::Skipped => {
                self.skipped.insert(name.to_owned());
            }
            Pruned::Folder => {}
        }
    }

    /// Returns whether there is nothing at all, selected or not.
    pub(super) fn is_empty(&self) -> bool {
        self.objects.is_empty()
            && self.pruned_files == 0
            && self.pruned_folders.is_empty()
            && self.skipped.is_empty()
    }

    fn merge(&mut self, other: Self) {
        self.objects.extend(other.objects);
        self.pruned_files += other.pruned_files;
        self.pruned_folders.extend(other.pruned_folders);
        self.skipped.extend(other.skipped);
    }
}

/// Lists what is selected below a prefix, at most `objects_max` objects.
///
/// A key that is not selected by its names is skipped with all like it, so that what is listed
/// grows with what is selected, not with what is there.
pub(super) async fn list(
    lister: &dyn Lister,
    prefix: &str,
    plan: &Plan,
    objects_max: usize,
) -> Result<Found, Error> {
    let mut found = Found::default();
    let mut todo = VecDeque::from([(prefix.to_owned(), plan.step(prefix))]);
    let mut running = FuturesUnordered::new();
    let mut searches = SEARCHES_MAX;
    loop {
        while running.len() < CONCURRENCY
            && let Some((prefix, step)) = todo.pop_front()
        {
            running.push(async move {
                let left = one(lister, &prefix, step, plan, objects_max).await;
                (prefix, step, left)
            });
        }
        let Some((prefix, step, listed)) = running.next().await else { break };
        let mut listed = listed?;
        let below: Vec<(String, Step)> = std::mem::take(&mut listed.folders)
            .into_iter()
            .map(|folder| (plan.step(&folder), folder))
            .map(|(step, folder)| (folder, step))
            .collect();
        let unknown = below.iter().filter(|(_, step)| *step == Step::Search).count();
        if step == Step::Search && (listed.long || unknown > searches) {
            todo.push_back((prefix, Step::Flat));
            continue;
        }
        searches = searches.saturating_sub(unknown);
        todo.extend(below);
        found.merge(listed);
        if found.objects.len() > objects_max {
            return Err(Error::TooMany);
        }
    }
    Ok(found)
}

/// Lists one folder, or with [`Step::Scan`] all that is below it.
async fn one(
    lister: &dyn Lister,
    prefix: &str,
    step: Step,
    plan: &Plan,
    objects_max: usize,
) -> Result<Found, Error> {
    let mut found = Found::default();
    let (mut start_after, mut token) = (None::<String>, None::<String>);
    let mut tokens = HashSet::new();
    // The last folder that was found to be selected, with those around it.
    let mut requested = String::new();
    loop {
        let delimiter = step != Step::Flat;
        let page = lister.page(prefix, delimiter, start_after.as_deref(), token.as_deref());
        let page = page.await.map_err(Error::Aws)?;
        let last = page.objects.last().map(|object| object.key.clone());
        for folder in &page.prefixes {
            match plan.folder(folder) {
                Some(out) => found.leave_out(folder, out),
                None => found.folders.push(folder.clone()),
            }
        }
        let last_folder = page.prefixes.last().cloned();
        for object in page.objects {
            let folder = object.key.rfind('/').map_or("", |at| &object.key[..=at]);
            if folder != requested {
                if let Some((folder, out)) = plan.folders(&object.key) {
                    found.leave_out(folder, out);
                    continue;
                }
                requested = folder.to_owned();
            }
            match plan.object(&object.key) {
                Some(out) => found.leave_out(&object.key, out),
                None => found.objects.push(object),
            }
        }
        if found.objects.len() > objects_max {
            return Err(Error::TooMany);
        }
        let Some(next) = page.next else { return Ok(found) };
        if !tokens.insert(next.clone()) {
            let message = "the listing gives a continuation token twice: it would never end";
            return Err(Error::Aws(aws::Error::new(aws::Kind::Other, message)));
        }
        if step == Step::Search {
            found.long = true;
            return Ok(found);
        }
        let jump = last.filter(|key| last_folder.is_none_or(|folder| *key > folder));
        start_after = jump.and_then(|key| plan.jump(&key));
        token = start_after.is_none().then_some(next);
    }
}
