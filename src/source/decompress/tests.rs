//! Tests of the decompressor.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::collection::vec;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

use super::*;

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Returns all that came out, and the error that ended it.
fn run(stored: &[u8], chunk: usize, limits: &Limits) -> (Vec<u8>, Option<Error>) {
    let mut decompressor = Decompressor::new(limits);
    let mut content = Vec::new();
    let mut chunks = stored.chunks(chunk);
    loop {
        let chunk = chunks.next();
        match chunk {
            Some(bytes) => decompressor.feed(Bytes::copy_from_slice(bytes)),
            None => decompressor.finish(),
        }
        loop {
            match decompressor.next_block() {
                Ok(Some(block)) => {
                    assert!(!block.is_empty() && block.len() <= BLOCK_BYTES.max(stored.len()));
                    content.extend_from_slice(&block);
                }
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(decompressor.next_block(), Ok(None));
                    return (content, Some(error));
                }
            }
        }
        if chunk.is_none() {
            return (content, None);
        }
    }
}

fn whole(stored: &[u8]) -> (Vec<u8>, Option<Error>) {
    run(stored, usize::MAX, &Limits::default())
}

#[test]
fn members_follow_each_other_and_zeros_may_pad_them() {
    let stored = [gzip(b"one\n"), gzip(b""), gzip(b"two\n"), vec![0; 100]].concat();
    for chunk in [1, 2, 5, usize::MAX] {
        assert_eq!(run(&stored, chunk, &Limits::default()), (b"one\ntwo\n".to_vec(), None));
    }
}

#[test]
fn plain_text_passes_and_so_does_the_beginning_of_a_magic_number() {
    for text in ["", "2 123", "P", "BZ", "PK", "\u{4}x"] {
        for chunk in [1, usize::MAX] {
            let want = (text.as_bytes().to_vec(), None);
            assert_eq!(run(text.as_bytes(), chunk, &Limits::default()), want, "{text:?}");
        }
    }
}

#[test]
fn a_cut_stream_gives_all_that_was_there() {
    let text: Vec<u8> = (0u32..200_000).flat_map(u32::to_le_bytes).collect();
    let stored = gzip(&text);
    let (content, error) = whole(&stored[..stored.len() / 2]);
    assert!(content.len() > text.len() / 4 && text.starts_with(&content));
    assert_eq!(error, Some(Error::Cut { bytes: content.len() as u64 }));
    assert_eq!(whole(&stored[..stored.len() - 1]).0, text);
    assert_eq!(whole(&stored[..1]).1, Some(Error::Cut { bytes: 0 }));
    assert_eq!(whole(&stored[..2]).1, Some(Error::Cut { bytes: 0 }));
}

#[test]
fn damage_and_foreign_bytes_are_told_after_what_was_good() {
    let mut stored = gzip(b"one\n");
    stored.extend_from_slice(b"plain text after it");
    let (content, error) = whole(&stored);
    assert_eq!(content, b"one\n");
    assert!(matches!(error, Some(Error::Corrupt { bytes: 4, .. })), "{error:?}");
    let mut stored = gzip(b"two\n");
    let checksum = stored.len() - 8;
    stored[checksum] ^= 1;
    let (content, error) = whole(&stored);
    assert_eq!(content, b"two\n");
    assert!(matches!(error, Some(Error::Corrupt { bytes: 4, .. })), "{error:?}");
    let stored = [gzip(b"x"), vec![0, 0, 7]].concat();
    assert!(matches!(whole(&stored).1, Some(Error::Corrupt { .. })));
}

#[test]
fn other_compressions_are_named() {
    for (magic, name) in UNSUPPORTED {
        let stored = [magic, &b"rest"[..]].concat();
        for chunk in [1, usize::MAX] {
            let error = run(&stored, chunk, &Limits::default()).1;
            assert_eq!(error, Some(Error::Unsupported(name)));
        }
    }
}

#[test]
fn a_bomb_is_stopped_at_the_limit_and_comes_in_blocks() {
    let stored = gzip(&vec![b'\n'; 64 << 20]);
    assert_eq!(whole(&stored).0.len(), 64 << 20);
    let limits = Limits { object_bytes_max: 1 << 20, ..Limits::default() };
    let (content, error) = run(&stored, usize::MAX, &limits);
    assert!(content.len() <= (1 << 20) + BLOCK_BYTES);
    assert_eq!(error, Some(Error::TooLarge { bytes_max: 1 << 20 }));
    assert_eq!(
        run(b"0123456789", 4, &Limits { object_bytes_max: 9, ..limits }).1.unwrap(),
        Error::TooLarge { bytes_max: 9 }
    );
}

proptest! {
    #[test]
    fn any_content_in_any_members_and_any_cut(
        parts in vec(vec(0u8..4, 0..2000), 1..4),
        chunk in 1usize..500,
    ) {
        let stored: Vec<u8> = parts.iter().flat_map(|part| gzip(part)).collect();
        prop_assert_eq!(run(&stored, chunk, &Limits::default()), (parts.concat(), None));
    }

    #[test]
    fn any_bytes_end(
        mut stored in vec(any::<u8>(), 0..200),
        head in 0usize..12,
        chunk in 1usize..50,
    ) {
        let good = gzip(b"some text, some text, some text");
        stored.splice(..0, good[..head].iter().copied());
        let (content, error) = run(&stored, chunk, &Limits::default());
        let (all, same) = whole(&stored);
        prop_assert_eq!(content, all);
        prop_assert_eq!(error.is_some(), same.is_some());
        prop_assert!(error.is_some() || head < 2 || stored.len() < 3);
    }
}

#[test]
fn a_single_byte_before_the_damage_is_given_out_first() {
    let mut stored = gzip(b"p");
    stored.truncate(stored.len() - 8);
    stored.extend([0xff; 8]);
    for chunk in [1, usize::MAX] {
        let (content, error) = run(&stored, chunk, &Limits::default());
        assert_eq!(content, b"p", "{chunk}");
        assert!(matches!(error, Some(Error::Corrupt { .. })), "{chunk}: {error:?}");
    }
}

#[test]
fn gzip_within_gzip_is_unpacked_and_a_third_layer_is_named() {
    let text: Vec<u8> = (0u32..50_000).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
    let twice = gzip(&[gzip(&text[..1000]), gzip(&text[1000..])].concat());
    for chunk in [1, 7, usize::MAX] {
        let (content, error) = run(&twice, chunk, &Limits::default());
        assert!(content == text && error.is_none(), "{chunk}: {error:?}");
    }
    assert_eq!(whole(&gzip(&twice)), (Vec::new(), Some(Error::TooManyLayers)));
    assert_eq!(whole(&gzip(b"PK\x03\x04zip")), (Vec::new(), Some(Error::Unsupported("zip"))));
    assert_eq!(whole(&gzip(b"\x1f")), (Vec::new(), Some(Error::Cut { bytes: 0 })));
    let (content, error) = whole(&twice[..twice.len() / 2]);
    assert!(text.starts_with(&content) && matches!(error, Some(Error::Cut { .. })), "{error:?}");
    let (_, error) = whole(&gzip(&gzip(&text)[..5000]));
    assert!(matches!(error, Some(Error::Cut { .. })), "{error:?}");
    let limits = Limits { object_bytes_max: 100_000, ..Limits::default() };
    let bomb = gzip(&gzip(&vec![b'x'; 10_000_000]));
    assert_eq!(run(&bomb, usize::MAX, &limits).1, Some(Error::TooLarge { bytes_max: 100_000 }));
}
