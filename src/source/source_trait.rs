//! The trait of all sources.

use std::collections::BTreeSet;
use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use parquet::arrow::async_reader::AsyncFileReader;

use crate::source::error::Error;
use crate::source::listing::{Listing, ReadOutcome};
use crate::source::split::Split;
use crate::time::Window;

/// The bytes of one split, in order, in chunks of at most [`CHUNK_BYTES_MAX`].
pub type ByteStream = BoxStream<'static, Result<Bytes, Error>>;

/// The largest chunk that a source gives out.
pub const CHUNK_BYTES_MAX: usize = 512 * 1024;

/// A place that flow logs are read from.
#[async_trait]
pub trait Source: Send + Sync + Debug {
    /// Lists what can be read now, sorted by id, each once. A source outside of the machine may list only
    /// once for a window: all that one command reads are the same objects.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`], [`Error::Empty`] and [`Error::Denied`] name the argument at fault.
    async fn splits(&self, window: &Window) -> Result<Listing, Error>;

    /// Returns up to the first `bytes_max` bytes of a split; [`Source::open`] gives them out again,
    /// also where the split can be read only once.
    async fn head(&self, split: &Split, bytes_max: usize) -> Result<Bytes, Error>;

    /// Opens one split as it is stored: still compressed.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] when it was deleted after it was listed, [`Error::OneShot`] when it was
    /// read before and cannot be read again, [`Error::Io`] when a later try may work.
    async fn open(&self, split: &Split) -> Result<ByteStream, Error>;

    /// Opens one split for reading at any offset, which Parquet needs.
    async fn open_random_access(&self, split: &Split) -> Result<Box<dyn AsyncFileReader>, Error>;

    /// Returns whether a split is so small that the switch to a reader thread costs as much as reading.
    fn is_small(&self, _split: &Split) -> bool {
        false
    }

    /// Returns the bytes of small splits as they are stored, all read at one go. NULL, or nothing: the split is
    /// left to [`Source::open`], and so is what is wrong with it.
    async fn read_small(&self, _splits: &[Split]) -> Vec<Option<Bytes>> {
        Vec::new()
    }

    /// Announces the splits that will be opened next, in this order, so that a network source can begin to read
    /// them. Called repeatedly, with overlaps, as reading goes on.
    fn prefetch(&self, _splits: &[Split]) {}

    /// Returns the ids of splits that are not what they were when they were listed: what was read of them may be
    /// a part of each version.
    async fn changed(&self, _splits: &[Split]) -> BTreeSet<String> {
        BTreeSet::new()
    }

    /// Acknowledges splits once their results are durable: a queue deletes the messages of what was
    /// read. Returns what the user should know of, a line each.
    async fn acknowledge(&self, _outcome: &ReadOutcome) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }
}
