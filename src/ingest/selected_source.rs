//! A source with only the objects that a pass reads.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use parquet::arrow::async_reader::AsyncFileReader;

use crate::source::{ByteStream, Error, Listing, Source, Split};
use crate::time::Window;

/// Some splits of a source. The caller acknowledges them to the source.
#[derive(Debug)]
pub struct SelectedSource {
    /// Where they are read.
    pub source: Arc<dyn Source>,
    /// What is given out.
    pub splits: Vec<Split>,
}

#[async_trait]
impl Source for SelectedSource {
    async fn splits(&self, _: &Window) -> Result<Listing, Error> {
        Ok(Listing { splits: self.splits.clone(), ..Listing::default() })
    }

    async fn head(&self, split: &Split, bytes_max: usize) -> Result<Bytes, Error> {
        self.source.head(split, bytes_max).await
    }

    async fn open(&self, split: &Split) -> Result<ByteStream, Error> {
        self.source.open(split).await
    }

    async fn open_random_access(&self, split: &Split) -> Result<Box<dyn AsyncFileReader>, Error> {
        self.source.open_random_access(split).await
    }

    fn prefetch(&self, splits: &[Split]) {
        self.source.prefetch(splits);
    }
}
