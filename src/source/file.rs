//! Local files: paths, folders, globs, FIFOs and standard input.

mod glob;
mod names;
mod unfinished;
mod walk;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt as _, TryStreamExt as _, stream};
pub use names::{STDIN, canonical};
use parquet::arrow::async_reader::AsyncFileReader;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
pub(super) use walk::is_hidden;

use crate::source::{ByteStream, CHUNK_BYTES_MAX, Error, Listing, Source, SourceContext, Split};
use crate::time::Window;

/// Bytes that are read at least at a time, if there are as many.
const CHUNK_BYTES_MIN: usize = 4 << 10;

/// A file of at most that many bytes is small.
const SMALL_BYTES_MAX: u64 = 64 << 10;

/// Local files. Caches only the peeked head of what can be read only once.
pub(super) struct FileSource {
    args: Vec<String>,
    /// As in [`SourceContext`].
    for_ledger: bool,
    now: i64,
    streams: Mutex<HashMap<String, OneShot>>,
}

impl FileSource {
    /// Creates the source of all files that the arguments name: files, folders, globs, `-`. What they name
    /// is looked up by [`Source::splits`].
    pub(super) fn new(args: Vec<String>, access: &SourceContext) -> Self {
        let SourceContext { for_ledger, now, .. } = *access;
        Self { args, for_ledger, now, streams: Mutex::default() }
    }
}

/// What is left of a stream that can be read only once.
enum OneShot {
    Peeked {
        head: Bytes,
        rest: ByteStream,
    },
    Taken,
    /// Written to a file, because it had to be sought in: from then on it can be read again.
    Written(tempfile::TempPath),
}

impl fmt::Debug for FileSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").field("args", &self.args).finish_non_exhaustive()
    }
}

#[async_trait]
impl Source for FileSource {
    async fn splits(&self, window: &Window) -> Result<Listing, Error> {
        let (args, window) = (self.args.clone(), *window);
        let (for_ledger, now) = (self.for_ledger, self.now);
        let list = move || {
            let listing = walk::list(&args, &window, for_ledger)?;
            Ok(if for_ledger { unfinished::leave_out(listing, now) } else { listing })
        };
        spawn_blocking(list).await.map_err(|err| stopped("the listing", err))?
    }

    async fn head(&self, split: &Split, bytes_max: usize) -> Result<Bytes, Error> {
        if let Some(split) = self.at_rest(split).await {
            let first = bytes_max.max(CHUNK_BYTES_MIN);
            let head = fill(&mut open_with(&split, first).await?, Bytes::new(), bytes_max).await?;
            return Ok(head.slice(..bytes_max.min(head.len())));
        }
        let mut streams = self.streams.lock().await;
        // Should reading fail, the stream stays taken: what it gave so far is gone.
        let (head, mut rest) = match streams.insert(split.id.clone(), OneShot::Taken) {
            Some(OneShot::Peeked { head, rest }) => (head, rest),
            Some(_) => return Err(Error::OneShot { id: split.id.clone() }),
            None => (Bytes::new(), open(split).await?),
        };
        let head = fill(&mut rest, head, bytes_max).await?;
        let answer = head.slice(..bytes_max.min(head.len()));
        streams.insert(split.id.clone(), OneShot::Peeked { head, rest });
        Ok(answer)
    }

    async fn open(&self, split: &Split) -> Result<ByteStream, Error> {
        if let Some(split) = self.at_rest(split).await {
            return open(&split).await;
        }
        let before = self.streams.lock().await.insert(split.id.clone(), OneShot::Taken);
        match before {
            Some(OneShot::Peeked { head, rest }) => {
                Ok(stream::iter([Ok(head)]).chain(rest).boxed())
            }
            Some(_) => Err(Error::OneShot { id: split.id.clone() }),
            None => open(split).await,
        }
    }

    fn is_small(&self, split: &Split) -> bool {
        !split.one_shot && split.size_bytes.is_some_and(|size| size <= SMALL_BYTES_MAX)
    }

    async fn read_small(&self, splits: &[Split]) -> Vec<Option<Bytes>> {
        let files: Vec<(PathBuf, u64)> =
            splits.iter().map(|s| (s.path.clone(), s.size_bytes.unwrap_or(0))).collect();
        let read = || files.into_iter().map(|(path, size)| read_whole(&path, size).ok().flatten());
        spawn_blocking(move || read().collect()).await.unwrap_or_default()
    }

    async fn changed(&self, splits: &[Split]) -> BTreeSet<String> {
        let splits: Vec<Split> = splits.iter().filter(|split| !split.one_shot).cloned().collect();
        let changed = move || {
            splits.iter().filter(|s| unfinished::has_changed(s)).map(|s| s.id.clone()).collect()
        };
        spawn_blocking(changed).await.unwrap_or_default()
    }

    async fn open_random_access(&self, split: &Split) -> Result<Box<dyn AsyncFileReader>, Error> {
        if let Some(split) = self.at_rest(split).await {
            let file = tokio::fs::File::open(&split.path).await;
            return Ok(Box::new(file.map_err(|err| Error::io(&split.id, err))?));
        }
        // A Parquet file starts at its end, so a stream is written out first, once for all readers; the
        // file goes away with the source.
        let failed = |err| Error::Io { id: split.id.clone(), source: err };
        let (mut file, path) = tempfile::NamedTempFile::new().map_err(failed)?.into_parts();
        let mut bytes = self.open(split).await?;
        while let Some(chunk) = bytes.try_next().await? {
            let write = spawn_blocking(move || file.write_all(&chunk).map(|()| file));
            file = write.await.map_err(|err| stopped(&split.id, err))?.map_err(failed)?;
        }
        file.rewind().map_err(failed)?;
        self.streams.lock().await.insert(split.id.clone(), OneShot::Written(path));
        Ok(Box::new(tokio::fs::File::from_std(file)))
    }
}

impl FileSource {
    /// Returns where a split can be read again and again, if there is such a place.
    async fn at_rest(&self, split: &Split) -> Option<Split> {
        if !split.one_shot {
            return Some(split.clone());
        }
        match self.streams.lock().await.get(&split.id) {
            Some(OneShot::Written(path)) => {
                Some(Split { path: path.to_path_buf(), one_shot: false, ..split.clone() })
            }
            _ => None,
        }
    }
}

fn stopped(id: &str, err: tokio::task::JoinError) -> Error {
    Error::Io { id: id.to_owned(), source: io::Error::other(err) }
}

/// Opens the split from its start.
async fn open(split: &Split) -> Result<ByteStream, Error> {
    open_with(split, CHUNK_BYTES_MAX).await
}

/// Opens the split from its start; its first chunk has at most that many bytes. A file that fits into one chunk is
/// read to its end at once: with many small files the switch to another thread is the cost.
async fn open_with(split: &Split, first_max: usize) -> Result<ByteStream, Error> {
    if split.id == STDIN && split.one_shot {
        return Ok(chunks(split.id.clone(), io::stdin(), None));
    }
    let (path, size) = (split.path.clone(), split.size_bytes.filter(|_| !split.one_shot));
    let Some(size) = size else {
        if !split.one_shot {
            is_file(split)?;
        }
        let opened = spawn_blocking(move || File::open(path)).await;
        let file = opened.map_err(|err| stopped(&split.id, err))?;
        return Ok(chunks(split.id.clone(), file.map_err(|err| Error::io(&split.id, err))?, None));
    };
    let room = room(Some(size)).min(first_max);
    let opened = spawn_blocking(move || {
        let (mut file, first) = read_chunk(File::open(path)?, room)?;
        let is_all = first.len() as u64 == size && file.read(&mut [0])? == 0;
        Ok((file, first, is_all))
    });
    let opened: io::Result<(File, Bytes, bool)> =
        opened.await.map_err(|err| stopped(&split.id, err))?;
    let (mut file, first, is_all) = opened.map_err(|err| Error::io(&split.id, err))?;
    let id = split.id.clone();
    if is_all || first.is_empty() {
        return Ok(stream::iter((!first.is_empty()).then_some(Ok(first))).boxed());
    }
    // What was looked for behind the size is read again.
    let read = first.len() as u64;
    file.seek(io::SeekFrom::Start(read)).map_err(|err| Error::io(&id, err))?;
    let rest = chunks(id, file, Some(size.saturating_sub(read)));
    Ok(stream::iter([Ok(first)]).chain(rest).boxed())
}

/// Checks that something in a folder is a file that can be read.
fn is_file(split: &Split) -> Result<(), Error> {
    let found = |err| Error::io(&split.id, err);
    let kind = std::fs::metadata(&split.path).map_err(found)?.file_type();
    if kind.is_file() {
        return Ok(());
    }
    if kind.is_dir() {
        std::fs::read_dir(&split.path).map_err(found)?;
    }
    let source = io::Error::other(format!("{} is not a file", name_of(kind)));
    Err(Error::Io { id: split.id.clone(), source })
}

/// Names what is no file.
#[cfg(unix)]
fn name_of(kind: std::fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    match kind {
        kind if kind.is_dir() => "a folder",
        kind if kind.is_fifo() => "a FIFO",
        kind if kind.is_socket() => "a socket",
        kind if kind.is_block_device() || kind.is_char_device() => "a device",
        _ => "it",
    }
}

/// Names what is no file.
#[cfg(not(unix))]
fn name_of(kind: std::fs::FileType) -> &'static str {
    if kind.is_dir() { "a folder" } else { "it" }
}

/// Returns how much to read at a time, where so much is likely to be left.
fn room(left: Option<u64>) -> usize {
    let left = left.map_or(CHUNK_BYTES_MAX, |left| {
        usize::try_from(left.saturating_add(1)).unwrap_or(CHUNK_BYTES_MAX)
    });
    left.clamp(CHUNK_BYTES_MIN, CHUNK_BYTES_MAX)
}

/// Gives out what `reader` reads. A pipe gives what it has, without waiting for a full chunk. `size`: how many
/// bytes there are likely to be, so that a small file does not request a whole chunk of memory.
fn chunks<R: Read + Send + 'static>(id: String, reader: R, size: Option<u64>) -> ByteStream {
    stream::try_unfold((reader, id, size), |(reader, id, left)| async move {
        let room = room(left);
        let read = spawn_blocking(move || read_chunk(reader, room)).await;
        let read = read.map_err(|err| stopped(&id, err))?;
        let (reader, chunk) = read.map_err(|err| Error::io(&id, err))?;
        let left = left.map(|left| left.saturating_sub(chunk.len() as u64));
        Ok((!chunk.is_empty()).then_some((chunk, (reader, id, left))))
    })
    .boxed()
}

/// Reads a file of about `size` bytes; none that has grown beyond what is small.
fn read_whole(path: &Path, size: u64) -> io::Result<Option<Bytes>> {
    let room = usize::try_from(size.min(SMALL_BYTES_MAX)).unwrap_or(0) + 1;
    let mut bytes = Vec::with_capacity(room);
    let read = File::open(path)?.take(SMALL_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok((read as u64 <= SMALL_BYTES_MAX).then(|| Bytes::from(bytes)))
}

fn read_chunk<R: Read>(mut reader: R, room: usize) -> io::Result<(R, Bytes)> {
    let mut chunk = BytesMut::zeroed(room);
    let read = loop {
        match reader.read(&mut chunk) {
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            read => break read?,
        }
    };
    // A short read must not retain a whole chunk of memory.
    let short = read < room / 2;
    let bytes =
        if short { Bytes::copy_from_slice(&chunk[..read]) } else { chunk.freeze().slice(..read) };
    Ok((reader, bytes))
}

/// Returns `head` and what follows it, at least `bytes_min` bytes if there are as many.
async fn fill(rest: &mut ByteStream, head: Bytes, bytes_min: usize) -> Result<Bytes, Error> {
    let mut bytes = BytesMut::from(head);
    while bytes.len() < bytes_min {
        let Some(chunk) = rest.try_next().await? else { break };
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

#[cfg(test)]
mod tests;
