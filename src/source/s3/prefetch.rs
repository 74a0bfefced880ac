//! Reads objects, and begins to read those that come next.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use parquet::arrow::async_reader::AsyncFileReader;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use crate::aws;
use crate::aws::Account;
use crate::aws::s3::{Location, S3Client, S3Object};
use crate::source::s3::range_reader::{Seek, TAIL_BYTES};
use crate::source::{ByteStream, CHUNK_BYTES_MAX, Error, Split};

/// How many objects at most are read ahead of the decoders: objects are small, and S3 answers after some
/// 30 ms.
pub(super) const AHEAD_MAX: usize = 128;

/// What an object in flight counts for. Together with [`AHEAD_MAX`] this bounds what is in flight: 32 MiB.
const UNIT_BYTES: u64 = 256 * 1024;

/// How many bytes of an object are read ahead.
const AHEAD_BYTES: usize = 1024 * 1024;

/// An object that was not named again in that many calls of [`PrefetchingReader::upcoming`] is not waited for any more.
const STALE_CALLS: u64 = 256;

/// Reads any split whose id is `s3://bucket/key`, however it was found.
pub(in crate::source) struct PrefetchingReader {
    store: S3Client,
    ahead: Mutex<PrefetchWindow>,
    pub(super) room: Arc<Semaphore>,
}

/// The objects that were begun.
#[derive(Default)]
struct PrefetchWindow {
    begun: HashMap<String, (u64, Entry)>,
    calls: u64,
}

/// An object that was begun and not opened yet.
enum Entry {
    Running(Task),
    Ready(StartedRead),
}

/// A task that ends when its receiver is dropped.
struct Task(JoinHandle<Result<StartedRead, aws::Error>>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The first bytes of an object, and the rest as it comes.
struct StartedRead {
    head: Bytes,
    rest: stream::BoxStream<'static, Result<Bytes, aws::Error>>,
    room: OwnedSemaphorePermit,
}

impl fmt::Debug for PrefetchingReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects").field("store", &self.store).finish_non_exhaustive()
    }
}

impl PrefetchingReader {
    pub(in crate::source) fn new(account: &Arc<Account>) -> Self {
        let room = Arc::new(Semaphore::new(AHEAD_MAX));
        Self { store: account.store(), ahead: Mutex::default(), room }
    }

    /// As [`crate::source::Source::head`].
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] when it was deleted after it was listed, [`Error::Aws`] for all else.
    pub(in crate::source) async fn head(
        &self,
        split: &Split,
        bytes_max: usize,
    ) -> Result<Bytes, Error> {
        let Some(mut begun) = self.take(split).await? else {
            let bytes = self.store.range(&stored(split)?, 0..bytes_max as u64).await;
            return bytes.map_err(|error| Error::aws(&split.id, error));
        };
        let enough = begun.fill(bytes_max).await;
        enough.map_err(|error| Error::aws(&split.id, error))?;
        let head = begun.head.slice(..bytes_max.min(begun.head.len()));
        let mut ahead = lock(&self.ahead);
        let calls = ahead.calls;
        ahead.begun.insert(split.id.clone(), (calls, Entry::Ready(begun)));
        Ok(head)
    }

    /// As [`crate::source::Source::open`].
    pub(in crate::source) async fn open(&self, split: &Split) -> Result<ByteStream, Error> {
        let id = split.id.clone();
        let rest = match self.take(split).await? {
            Some(StartedRead { head, rest, room }) => {
                // Room is made once the head was given out.
                let head = stream::once(async move {
                    drop(room);
                    Ok(head)
                });
                head.chain(rest).boxed()
            }
            None => self.store.read(&stored(split)?, 0),
        };
        let chunks = rest.map_ok(|bytes| stream::iter(pieces(bytes).map(Ok))).try_flatten();
        Ok(chunks.map_err(move |error| Error::aws(&id, error)).boxed())
    }

    /// As [`crate::source::Source::open_random_access`].
    pub(in crate::source) async fn seek(
        &self,
        split: &Split,
    ) -> Result<Box<dyn AsyncFileReader>, Error> {
        let mut known = stored(split)?;
        if known.size_bytes.is_none() {
            let stat = self.store.stat(&known.location).await;
            known.size_bytes = stat.map_err(|error| Error::aws(&split.id, error))?.size_bytes;
        }
        let begun = self.take(split).await?.map(|begun| begun.head);
        let whole = begun.filter(|head| Some(head.len() as u64) == known.size_bytes);
        Ok(Box::new(Seek::new(self.store.clone(), known, whole)))
    }

    /// As [`crate::source::Source::prefetch`]. What there is no room for is left for later.
    pub(in crate::source) fn upcoming<'a>(&self, splits: impl Iterator<Item = &'a Split>) {
        let mut ahead = lock(&self.ahead);
        ahead.calls += 1;
        let calls = ahead.calls;
        ahead.begun.retain(|_, (named, _)| *named + STALE_CALLS > calls);
        for split in splits.filter(|split| is_read_whole(split)) {
            if let Some((named, _)) = ahead.begun.get_mut(&split.id) {
                *named = calls;
                continue;
            }
            let Ok(stored) = stored(split) else { continue };
            let size = split.size_bytes.unwrap_or(u64::MAX).clamp(1, AHEAD_BYTES as u64);
            let units = size.div_ceil(UNIT_BYTES) as u32;
            let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(units) else { return };
            let rest = self.store.read(&stored, 0);
            let begin = async move {
                let mut begun = StartedRead { head: Bytes::new(), rest, room };
                begun.fill(AHEAD_BYTES).await.map(|()| begun)
            };
            let task = Entry::Running(Task(tokio::spawn(begin)));
            ahead.begun.insert(split.id.clone(), (calls, task));
        }
    }

    /// Takes out what was begun of a split, waiting for it to come.
    async fn take(&self, split: &Split) -> Result<Option<StartedRead>, Error> {
        let entry = lock(&self.ahead).begun.remove(&split.id);
        match entry {
            None => Ok(None),
            Some((_, Entry::Ready(begun))) => Ok(Some(begun)),
            Some((_, Entry::Running(mut task))) => match (&mut task.0).await {
                Ok(begun) => begun.map(Some).map_err(|error| Error::aws(&split.id, error)),
                Err(stopped) => {
                    Err(Error::Io { id: split.id.clone(), source: std::io::Error::other(stopped) })
                }
            },
        }
    }
}

impl StartedRead {
    /// Reads on until the head has `bytes_min` bytes, if there are as many.
    async fn fill(&mut self, bytes_min: usize) -> Result<(), aws::Error> {
        if self.head.len() >= bytes_min {
            return Ok(());
        }
        let mut head = BytesMut::from(std::mem::take(&mut self.head));
        while head.len() < bytes_min {
            let Some(bytes) = self.rest.try_next().await? else { break };
            head.extend_from_slice(&bytes);
        }
        self.head = head.freeze();
        Ok(())
    }
}

/// Returns whether all of an object is selected: of Parquet only some columns are, unless it is so small that
/// they come with its footer.
fn is_read_whole(split: &Split) -> bool {
    !split.id.ends_with(".parquet") || split.size_bytes.is_some_and(|size| size <= TAIL_BYTES)
}

/// Cuts bytes into chunks that a source may give out.
fn pieces(mut bytes: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        let piece = bytes.split_to(CHUNK_BYTES_MAX.min(bytes.len()));
        (!piece.is_empty()).then_some(piece)
    })
}

/// Returns the properties of an object from its split.
fn stored(split: &Split) -> Result<S3Object, Error> {
    let location = Location::parse(&split.id).map_err(|error| Error::aws(&split.id, error))?;
    let (size_bytes, etag) = (split.size_bytes, split.etag.clone());
    Ok(S3Object { location, size_bytes, etag, modified: split.modified })
}

/// Locks a mutex, also after a panic of another thread.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
