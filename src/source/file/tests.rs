use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use tempfile::TempDir;

use super::*;
use crate::source::{SourceContext, open_sources};

const OLD: &str = "123456789012_vpcflowlogs_us-east-1_fl-1_20200101T0000Z_f.log.gz";

/// A folder of files, each holding its own name.
fn folder(names: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in names {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }
    dir
}

fn at(dir: &TempDir, name: &str) -> String {
    dir.path().join(name).to_string_lossy().into_owned()
}

async fn listing(args: &[String], window: Window) -> Result<Listing, Error> {
    open_sources(args, &SourceContext::default()).unwrap().splits(&window).await
}

/// The ids below the folder.
async fn ids(dir: &TempDir, args: &[&str]) -> Vec<String> {
    let args: Vec<String> = args.iter().map(|arg| at(dir, arg)).collect();
    let root = at(dir, "");
    let listing = listing(&args, Window::default()).await.unwrap();
    listing.splits.iter().map(|s| s.id.strip_prefix(&root).unwrap_or(&s.id).to_owned()).collect()
}

#[tokio::test]
async fn folders_are_read_to_the_bottom_without_hidden_files() {
    let dir = folder(&[
        "b/x.log",
        "a.log",
        "b/c/README.md",
        "_SUCCESS",
        "b/.x.crc",
        ".git/config",
        "y.crc",
    ]);
    assert_eq!(ids(&dir, &[""]).await, ["a.log", "b/c/README.md", "b/x.log"]);
    let listing = listing(&[at(&dir, "")], Window::default()).await.unwrap();
    assert_eq!(listing.skipped.len(), 4, "{:?}", listing.skipped);
    assert!(listing.splits.iter().all(|split| split.size_bytes.is_some() && !split.one_shot));
    // What the user names is read, hidden or not.
    assert_eq!(ids(&dir, &["_SUCCESS"]).await, ["_SUCCESS"]);
}

#[tokio::test]
async fn the_same_file_is_read_once_and_order_does_not_matter() {
    let dir = folder(&["b/x.log", "a.log"]);
    symlink(dir.path().join("a.log"), dir.path().join("z.log")).unwrap();
    symlink(dir.path(), dir.path().join("b/loop")).unwrap();
    symlink(dir.path().join("nowhere"), dir.path().join("dead")).unwrap();
    let want = ["a.log", "b/x.log"];
    assert_eq!(ids(&dir, &[""]).await, want);
    let every = ["z.log", "", "b/../a.log", "a.log", "b", "*.log", "**/*.log"];
    assert_eq!(ids(&dir, &every).await, want);
    let turned: Vec<&str> = every.into_iter().rev().collect();
    assert_eq!(ids(&dir, &turned).await, want);
    let all = listing(&[at(&dir, "")], Window::default()).await.unwrap();
    assert_eq!(all.skipped, [at(&dir, "dead")]);
}

#[tokio::test]
async fn globs_reach_any_depth_and_brackets_in_names_are_names() {
    let dir = folder(&["b/c/x.log", "b/y.log", "[1].log", "1.log", "b/_SUCCESS", "b/.h"]);
    assert_eq!(ids(&dir, &["**/*.log"]).await, ["1.log", "[1].log", "b/c/x.log", "b/y.log"]);
    assert_eq!(ids(&dir, &["[1].log"]).await, ["[1].log"]);
    assert_eq!(ids(&dir, &["?.log"]).await, ["1.log"]);
    assert_eq!(ids(&dir, &["b/*"]).await, ["b/c/x.log", "b/y.log"]);
    assert_eq!(ids(&dir, &["b/_*"]).await, ["b/_SUCCESS"]);
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let dir = folder(&["empty/_SUCCESS", "a.log"]);
    let fail = async |arg: &str| listing(&[at(&dir, arg)], Window::default()).await.unwrap_err();
    let err = fail("none.log").await;
    assert!(matches!(&err, Error::Missing { id } if id.ends_with("none.log")), "{err}");
    assert!(matches!(fail("*.gz").await, Error::Empty { skipped: 0, .. }));
    let err = fail("empty").await;
    assert!(
        matches!(err, Error::Empty { skipped: 1, .. }) && err.hint().unwrap().contains("hidden")
    );
    assert!(matches!(fail("***").await, Error::Glob { .. }));
    assert!(matches!(open_sources(&[], &SourceContext::default()), Err(Error::NoSource)));
    let err = open_sources(&["ftp://host/x".into()], &SourceContext::default()).unwrap_err();
    assert!(err.hint().unwrap().contains("s3://") && !err.is_retryable());

    let split = Split::new(at(&dir, "gone.log"), None);
    let files = open_sources(&[at(&dir, "")], &SourceContext::default()).unwrap();
    assert!(matches!(files.open(&split).await.err(), Some(Error::Missing { .. })));
    assert!(matches!(files.open_random_access(&split).await.err(), Some(Error::Missing { .. })));
}

#[tokio::test]
async fn denied_is_told_apart() {
    let dir = folder(&["shut/a.log"]);
    let shut = dir.path().join("shut");
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o000)).unwrap();
    let open_to_root = fs::read_dir(&shut).is_ok();
    let listed = listing(&[at(&dir, "")], Window::default()).await;
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o755)).unwrap();
    if open_to_root {
        println!("not checked: this user may read everything");
    } else {
        assert!(matches!(listed, Err(Error::Denied { .. })));
    }
}

#[tokio::test]
async fn a_window_prunes_whole_folders_and_single_files() {
    let days = "AWSLogs/123456789012/vpcflowlogs/us-east-1/2026/03";
    let hive = "aws-service=vpcflowlogs/aws-region=us-east-1/year=2025/month=01/day=01/x.log.gz";
    let (day9, day10) = (format!("{days}/09/x.log.gz"), format!("{days}/10/x.log.gz"));
    let dir = folder(&[&day9, &day10, hive, OLD, "plain.log"]);
    let window = Window::new(Some(1_773_136_800), Some(1_773_140_400)); // 2026-03-10, 10:00 to 11:00
    let found = listing(&[at(&dir, ""), at(&dir, "AWSLogs")], window).await.unwrap();
    let ids: Vec<&str> = found.splits.iter().map(|split| split.id.as_str()).collect();
    assert_eq!(ids, [at(&dir, &day10), at(&dir, "plain.log")]);
    assert_eq!((found.pruned_files, found.pruned_folders), (1, 2));
    let glob = listing(&[at(&dir, "AWSLogs/**/*.gz"), at(&dir, "*.log*")], window).await.unwrap();
    assert_eq!(glob.splits, found.splits);
    assert_eq!((glob.pruned_files, glob.pruned_folders), (1, 1));
    // All pruned is an answer, not an error.
    let none = listing(&[at(&dir, OLD)], window).await.unwrap();
    assert_eq!((none.splits.len(), none.pruned_files), (0, 1));
}

#[tokio::test]
async fn files_come_in_chunks_and_may_be_peeked() {
    let dir = folder(&["small"]);
    let big: Vec<u8> = (0..CHUNK_BYTES_MAX * 2 + 5).map(|i| (i % 251) as u8).collect();
    fs::write(dir.path().join("big"), &big).unwrap();
    let files = open_sources(&[at(&dir, "")], &SourceContext::default()).unwrap();
    let splits = files.splits(&Window::default()).await.unwrap().splits;
    assert_eq!(files.head(&splits[0], 10).await.unwrap(), big[..10]);
    assert_eq!(files.head(&splits[1], 1000).await.unwrap(), b"small"[..]);
    for _ in 0..2 {
        let chunks: Vec<Bytes> = files.open(&splits[0]).await.unwrap().try_collect().await.unwrap();
        assert!(chunks.iter().all(|chunk| chunk.len() <= CHUNK_BYTES_MAX));
        assert_eq!(chunks.concat(), big);
    }
    let mut seek = files.open_random_access(&splits[0]).await.unwrap();
    assert_eq!(seek.get_bytes(7..9).await.unwrap(), big[7..9]);
}

/// Makes a FIFO and a thread that writes `bytes` into it once.
fn fifo(dir: &TempDir, name: &str, bytes: &'static [u8]) -> bool {
    let path = dir.path().join(name);
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    if !made.is_ok_and(|status| status.success()) {
        println!("not checked: no mkfifo here");
        return false;
    }
    std::thread::spawn(move || fs::write(path, bytes));
    true
}

#[tokio::test]
async fn a_fifo_is_peeked_and_read_once() {
    let dir = tempfile::tempdir().unwrap();
    if !fifo(&dir, "pipe", b"version account-id") {
        return;
    }
    let files = open_sources(&[at(&dir, "pipe")], &SourceContext::default()).unwrap();
    let splits = files.splits(&Window::default()).await.unwrap().splits;
    let split = &splits[0];
    assert!(split.one_shot && split.size_bytes.is_none());
    assert_eq!(files.head(split, 4).await.unwrap(), b"vers"[..]);
    assert_eq!(files.head(split, 7).await.unwrap(), b"version"[..]);
    assert_eq!(files.head(split, 999).await.unwrap().len(), 18);
    let chunks: Vec<Bytes> = files.open(split).await.unwrap().try_collect().await.unwrap();
    assert_eq!(chunks.concat(), b"version account-id");
    let err = files.open(split).await.err().unwrap();
    assert!(matches!(err, Error::OneShot { .. }) && err.hint().unwrap().contains("save it"));
    assert!(matches!(files.head(split, 1).await, Err(Error::OneShot { .. })));
}

#[tokio::test]
async fn a_fifo_can_be_sought_in() {
    let dir = tempfile::tempdir().unwrap();
    if !fifo(&dir, "pipe", b"PAR1 and so on") {
        return;
    }
    let files = open_sources(&[at(&dir, "pipe")], &SourceContext::default()).unwrap();
    let splits = files.splits(&Window::default()).await.unwrap().splits;
    assert_eq!(files.head(&splits[0], 4).await.unwrap(), b"PAR1"[..]);
    // It is written out once, and from then on can be read again.
    for _ in 0..2 {
        let mut seek = files.open_random_access(&splits[0]).await.unwrap();
        assert_eq!(seek.get_bytes(5..8).await.unwrap(), b"and"[..]);
        assert_eq!(files.head(&splits[0], 6).await.unwrap(), b"PAR1 a"[..]);
    }
    let chunks: Vec<Bytes> = files.open(&splits[0]).await.unwrap().try_collect().await.unwrap();
    assert_eq!(chunks.concat(), b"PAR1 and so on");
}

#[tokio::test]
async fn small_files_are_read_at_one_go_and_what_is_wrong_is_left_to_opening() {
    let dir = folder(&["a", "b", "gone", "grown"]);
    let source = open_sources(&[at(&dir, "")], &SourceContext::default()).unwrap();
    let splits = source.splits(&Window::default()).await.unwrap().splits;
    assert!(splits.iter().all(|split| source.is_small(split)));
    fs::remove_file(dir.path().join("gone")).unwrap();
    fs::write(dir.path().join("grown"), vec![0; 65 << 10]).unwrap();
    let read = source.read_small(&splits).await;
    assert_eq!(read, [Some(Bytes::from("a")), Some(Bytes::from("b")), None, None]);
    assert!(matches!(source.open(&splits[2]).await, Err(Error::Missing { .. })));

    let grown = source.splits(&Window::default()).await.unwrap().splits.pop().unwrap();
    assert!(!source.is_small(&grown));
    assert!(!source.is_small(&Split { one_shot: true, ..splits[0].clone() }));
}
