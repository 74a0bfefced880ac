use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures::stream;

use super::*;

/// Bytes that hardly shrink, and more than a few blocks of them.
fn content() -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    std::iter::repeat_with(|| random.u8(..)).take(8 << 20).collect()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(content).unwrap();
    gzip.finish().unwrap()
}

/// Blocks of `stored`, in chunks that are counted as they are read.
fn blocks(stored: &[u8], threads: usize) -> (BlockReader, Arc<AtomicUsize>, Arc<Semaphore>) {
    let reads = Arc::new(AtomicUsize::new(0));
    let chunks: Vec<Bytes> = stored.chunks(256 << 10).map(Bytes::copy_from_slice).collect();
    let count = Arc::clone(&reads);
    let chunks = stream::iter(chunks).map(move |chunk| {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(chunk)
    });
    let idle = Arc::new(Semaphore::new(threads));
    let progress = Arc::new(Progress::default());
    let blocks = BlockReader::new(chunks.boxed(), &Limits::default(), progress, Arc::clone(&idle));
    (blocks, reads, idle)
}

/// All that comes, and what went wrong.
async fn all(mut blocks: BlockReader) -> (Vec<u8>, Option<String>) {
    let mut content = Vec::new();
    loop {
        match blocks.next().await {
            Ok(Some(block)) => content.extend_from_slice(&block),
            Ok(None) => return (content, None),
            Err(ScanStop::Object(fault)) => return (content, Some(fault.reason)),
            Err(stop) => panic!("{stop:?}"),
        }
    }
}

/// Waits until `reads` stays the same, and returns it.
async fn settled(reads: &AtomicUsize) -> usize {
    let mut before = usize::MAX;
    while before != reads.load(Ordering::Relaxed) {
        before = reads.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    before
}

#[tokio::test]
async fn another_thread_gives_the_same_content_and_the_same_faults() {
    let content = content();
    let whole = gzip(&content);
    let mut damaged = whole.clone();
    damaged[3 << 20..][..64].fill(0xff);
    let cut = &whole[..whole.len() - 20];
    for (stored, is_whole) in [(&*whole, true), (cut, false), (&*damaged, false), (&*content, true)]
    {
        let alone = all(blocks(stored, 0).0).await;
        assert_eq!(alone.1.is_none(), is_whole, "{:?}", alone.1);
        assert!(alone.0.len() > 2 << 20 && content.starts_with(&alone.0[..2 << 20]));
        let (blocks, _, idle) = blocks(stored, 1);
        let helped = all(blocks).await;
        assert!(helped.0 == alone.0, "{} and {} bytes", helped.0.len(), alone.0.len());
        assert_eq!(helped.1, alone.1);
        assert_eq!(idle.available_permits(), 1);
    }
}

#[tokio::test]
async fn an_idle_thread_inflates_a_few_blocks_ahead_and_no_more() {
    let stored = gzip(&content());
    let (mut alone, reads, _) = blocks(&stored, 0);
    alone.next().await.unwrap().unwrap();
    assert_eq!(settled(&reads).await, 1);

    let (mut helped, reads, idle) = blocks(&stored, 1);
    helped.next().await.unwrap().unwrap();
    assert_eq!(idle.available_permits(), 0);
    let ahead = settled(&reads).await;
    assert!((2..=6).contains(&ahead), "{ahead}");
    // Who wants no more of the object gives the thread back, and nothing more is read.
    drop(helped);
    assert_eq!(settled(&reads).await, ahead);
    assert_eq!(idle.available_permits(), 1);
}

#[tokio::test]
async fn a_thread_that_falls_idle_half_way_helps_with_the_rest() {
    let content = content();
    let (mut blocks, _, idle) = blocks(&gzip(&content), 0);
    let first = blocks.next().await.unwrap().unwrap();
    idle.add_permits(1);
    let second = blocks.next().await.unwrap().unwrap();
    assert_eq!(idle.available_permits(), 0);
    let (rest, fault) = all(blocks).await;
    assert!([&*first, &*second, &*rest].concat() == content && fault.is_none());
}
