//! Named objects in memory, for cases and tests.

use std::collections::BTreeMap;
use std::io::Cursor;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use parquet::arrow::async_reader::AsyncFileReader;

use crate::source::{ByteStream, CHUNK_BYTES_MAX, Error, Listing, Source, Split};
use crate::time::Window;

/// A source of named objects in memory. Of two with one name the last is kept.
#[derive(Debug, Clone, Default)]
pub struct MemorySource {
    objects: BTreeMap<String, Bytes>,
}

impl<N: Into<String>, B: Into<Bytes>> FromIterator<(N, B)> for MemorySource {
    fn from_iter<T: IntoIterator<Item = (N, B)>>(objects: T) -> Self {
        let objects = objects.into_iter().map(|(name, bytes)| (name.into(), bytes.into()));
        Self { objects: objects.collect() }
    }
}

impl MemorySource {
    fn get(&self, split: &Split) -> Result<Bytes, Error> {
        let found = self.objects.get(&split.id).cloned();
        found.ok_or_else(|| Error::Missing { id: split.id.clone() })
    }
}

#[async_trait]
impl Source for MemorySource {
    async fn splits(&self, window: &Window) -> Result<Listing, Error> {
        let all = self.objects.iter();
        let mut splits: Vec<Split> =
            all.map(|(id, bytes)| Split::new(id, Some(bytes.len() as u64))).collect();
        let found = splits.len();
        splits.retain(|split| split.name.may_hold(window));
        let pruned_files = (found - splits.len()) as u64;
        Ok(Listing { splits, pruned_files, ..Listing::default() })
    }

    async fn head(&self, split: &Split, bytes_max: usize) -> Result<Bytes, Error> {
        self.get(split).map(|bytes| bytes.slice(..bytes_max.min(bytes.len())))
    }

    async fn open(&self, split: &Split) -> Result<ByteStream, Error> {
        let mut rest = self.get(split)?;
        let chunks = std::iter::from_fn(move || {
            let chunk = rest.split_to(CHUNK_BYTES_MAX.min(rest.len()));
            (!chunk.is_empty()).then_some(Ok(chunk))
        });
        Ok(stream::iter(chunks).boxed())
    }

    async fn open_random_access(&self, split: &Split) -> Result<Box<dyn AsyncFileReader>, Error> {
        Ok(Box::new(Cursor::new(self.get(split)?)))
    }
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt as _;

    use super::*;

    #[tokio::test]
    async fn objects_come_sorted_pruned_and_whole() {
        let old = "123456789012_vpcflowlogs_us-east-1_fl-1_20200101T0000Z_f.log.gz";
        let big = vec![7u8; CHUNK_BYTES_MAX + 1];
        let memory: MemorySource =
            [("b", big.clone()), ("a", vec![1]), (old, vec![])].into_iter().collect();

        let all = memory.splits(&Window::default()).await.unwrap();
        assert_eq!(all.splits.iter().map(|s| s.id.as_str()).collect::<Vec<_>>(), [old, "a", "b"]);
        let late = memory.splits(&Window::new(Some(1_773_100_800), None)).await.unwrap();
        assert_eq!((late.splits.len(), late.pruned_files), (2, 1));

        assert_eq!(memory.head(&late.splits[1], 3).await.unwrap(), Bytes::from(vec![7; 3]));
        let chunks: Vec<Bytes> =
            memory.open(&late.splits[1]).await.unwrap().try_collect().await.unwrap();
        assert_eq!(chunks.len(), 2);
        assert_eq!(chunks.concat(), big);
        let mut seek = memory.open_random_access(&late.splits[1]).await.unwrap();
        assert_eq!(seek.get_bytes(5..9).await.unwrap().len(), 4);
        let gone = Split::new("gone", None);
        assert!(matches!(memory.open(&gone).await, Err(Error::Missing { .. })));
    }
}
