use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};

use crate::aws::Options;
use crate::aws::s3::tests::fake_server::{Answer, Server};
use crate::source::s3::{PrefetchingReader, S3Source};
use crate::source::{CHUNK_BYTES_MAX, Error, Source as _, Split};
use crate::time::Window;

fn data(size: usize) -> Vec<u8> {
    (0..size).map(|i| (i % 251) as u8).collect()
}

/// An object of as many bytes as its name says.
fn split(key: &str) -> Split {
    let size = key.split('.').next().unwrap().parse().unwrap();
    let split = Split::new(format!("s3://bucket/{key}"), Some(size));
    Split { etag: Some("\"v1\"".to_owned()), ..split }
}

fn server() -> Server {
    Server::start(|request, _| {
        let name = request.target.split(['/', '?']).nth(2).unwrap();
        match name.split('.').next().unwrap().parse() {
            Ok(size) => Answer::object(request, &data(size)),
            Err(_) => Answer::error(404, "NoSuchKey"),
        }
    })
}

fn objects(server: &Server) -> PrefetchingReader {
    PrefetchingReader::new(&server.account(Options::default()))
}

async fn all(objects: &PrefetchingReader, split: &Split) -> Result<Vec<u8>, Error> {
    let chunks: Vec<Bytes> = objects.open(split).await?.try_collect().await?;
    assert!(chunks.iter().all(|chunk| chunk.len() <= CHUNK_BYTES_MAX));
    Ok(chunks.concat())
}

#[tokio::test]
async fn what_was_begun_is_gone_on_with_and_asked_for_once() {
    let server = server();
    let objects = objects(&server);
    let splits: Vec<Split> =
        ["0.log", "5.log", "70000.log", "3000000.log"].map(split).into_iter().collect();
    objects.upcoming(splits.iter());
    objects.upcoming(splits.iter());
    for split in &splits {
        let size = split.size_bytes.unwrap() as usize;
        assert_eq!(objects.head(split, 4).await.unwrap(), data(4.min(size)));
        assert_eq!(objects.head(split, 2_000_000).await.unwrap(), data(size.min(2_000_000)));
        assert!(all(&objects, split).await.unwrap() == data(size), "{}", split.id);
    }
    // No request is sent for an object with a listed size of 0.
    assert_eq!(server.requests().len(), 3);
    // An object that was not started is requested in full; its head alone by a range.
    assert_eq!(objects.head(&splits[2], 4).await.unwrap(), data(4));
    assert!(all(&objects, &splits[2]).await.unwrap() == data(70_000));
    let ranges: Vec<bool> =
        server.requests()[3..].iter().map(|request| request.header("range").is_some()).collect();
    assert_eq!(ranges, [true, false]);
}

#[tokio::test]
async fn no_more_is_begun_than_there_is_room_for_and_all_is_read() {
    let server = server();
    let objects = objects(&server);
    let splits: Vec<Split> = (1000..1200).map(|size| split(&format!("{size}.log"))).collect();
    objects.upcoming(splits.iter());
    assert_eq!(objects.room.available_permits(), 0);
    for split in splits.iter().rev() {
        let size = split.size_bytes.unwrap() as usize;
        assert!(all(&objects, split).await.unwrap() == data(size));
    }
    assert_eq!(server.requests().len(), 200);
    // Unopened objects make room for others in the end.
    objects.upcoming(splits.iter());
    let late = split("7.log");
    for _ in 0..300 {
        objects.upcoming(std::iter::once(&late));
        tokio::task::yield_now().await;
    }
    let before = server.requests().len();
    assert_eq!(objects.head(&late, 7).await.unwrap(), data(7));
    assert!(
        server.requests()[before - 1..].iter().all(|request| request.header("range").is_none())
    );
}

#[tokio::test]
async fn what_is_dropped_ends_with_it() {
    let server = server();
    let objects = objects(&server);
    let big = split("9000000.log");
    objects.upcoming(std::iter::once(&big));
    let mut stream = objects.open(&big).await.unwrap();
    assert!(stream.next().await.unwrap().is_ok());
    objects.upcoming(std::iter::once(&split("8000000.log")));
    drop(stream);
    let room = Arc::clone(&objects.room);
    drop(objects);
    for _ in 0..100 {
        if room.available_permits() == crate::source::s3::prefetch::AHEAD_MAX {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("tasks are left");
}

#[tokio::test]
async fn a_deleted_object_is_missing_and_its_neighbours_are_not() {
    let server = server();
    let objects = objects(&server);
    let gone = Split::new("s3://bucket/gone.log", Some(10));
    let there = split("10.log");
    for _ in 0..2 {
        assert!(matches!(objects.open(&gone).await.err(), None | Some(Error::Missing { .. })));
        let error = all(&objects, &gone).await.unwrap_err();
        assert!(matches!(&error, Error::Missing { id } if id == &gone.id), "{error}");
        assert!(matches!(objects.head(&gone, 4).await, Err(Error::Missing { .. })));
        assert!(all(&objects, &there).await.unwrap() == data(10));
        objects.upcoming([&gone, &there].into_iter());
    }
}

#[tokio::test]
async fn parquet_is_read_by_few_ranges() {
    let server = server();
    let objects = objects(&server);
    let file = split("1000000.parquet");
    objects.upcoming(std::iter::once(&file));
    let mut reader = objects.seek(&file).await.unwrap();
    assert!(server.requests().is_empty());
    let whole = data(1_000_000);
    let ranges = [5..10, 20..30, 500_000..500_100, 900_000..900_001, 30..40];
    let parts =
        reader.get_byte_ranges(ranges.iter().map(|r| r.start as u64..r.end as u64).collect());
    for (part, range) in parts.await.unwrap().iter().zip(ranges) {
        assert_eq!(part[..], whole[range]);
    }
    assert_eq!(server.requests().len(), 3);
    assert!(reader.get_metadata(None).await.is_err());
    let tail = server.requests()[3].first_byte();
    assert_eq!(tail, Some(1_000_000 - 65_536));
    assert_eq!(reader.get_bytes(999_990..1_000_000).await.unwrap(), whole[999_990..]);
    assert_eq!(server.requests().len(), 4);
    // A small one is fetched whole, ahead, and once.
    let small = split("1000.parquet");
    objects.upcoming(std::iter::once(&small));
    assert_eq!(objects.head(&small, 4).await.unwrap(), data(4));
    let mut reader = objects.seek(&small).await.unwrap();
    assert_eq!(reader.get_bytes(7..9).await.unwrap(), data(9)[7..]);
    assert!(reader.get_metadata(None).await.is_err());
    assert_eq!(server.requests().len(), 5);
    // An unknown size is requested.
    let unknown = Split { size_bytes: None, ..file };
    let mut reader = objects.seek(&unknown).await.unwrap();
    assert_eq!(reader.get_bytes(7..9).await.unwrap(), whole[7..9]);
    assert!(reader.get_bytes(999_990..1_000_001).await.is_err());
}

/// A bucket whose listing is always the given keys.
fn bucket(keys: &'static [(&'static str, &'static str)]) -> Server {
    Server::start(move |request, _| {
        if !request.target.contains("list-type=2") {
            return Answer::object(request, b"12345");
        }
        let query = request.target.split_once('?').unwrap().1;
        let prefix = query.split('&').find_map(|pair| pair.strip_prefix("prefix=")).unwrap_or("");
        let prefix = crate::aws::s3::decode(prefix);
        let object = |(key, class): &(&str, &str)| {
            format!(
                "<Contents><Key>{key}</Key><Size>5</Size><StorageClass>{class}</StorageClass></Contents>"
            )
        };
        let found: String =
            keys.iter().filter(|(key, _)| key.starts_with(&prefix)).map(object).collect();
        Answer::new(200, format!("<ListBucketResult>{found}</ListBucketResult>"))
    })
}

async fn ids(server: &Server, url: &str) -> Result<Vec<String>, Error> {
    let source = S3Source::new(url, &server.account(Options::default())).unwrap();
    let listing = source.splits(&Window::default()).await?;
    Ok(listing.splits.into_iter().map(|split| split.id).collect())
}

#[tokio::test]
async fn a_url_names_an_object_a_folder_or_a_beginning() {
    let server = bucket(&[("a", "STANDARD"), ("a/b.log", "STANDARD"), ("ab/c.log", "STANDARD")]);
    assert_eq!(
        ids(&server, "s3://bucket/a").await.unwrap(),
        ["s3://bucket/a", "s3://bucket/a/b.log"]
    );
    assert_eq!(ids(&server, "s3://bucket/a/b.log").await.unwrap(), ["s3://bucket/a/b.log"]);
    assert_eq!(ids(&server, "s3://bucket/a/").await.unwrap(), ["s3://bucket/a/b.log"]);
    assert_eq!(ids(&server, "s3://bucket/ab").await.unwrap(), ["s3://bucket/ab/c.log"]);
    assert_eq!(ids(&server, "s3://bucket/ab/c").await.unwrap(), ["s3://bucket/ab/c.log"]);
    assert_eq!(ids(&server, "s3://bucket").await.unwrap().len(), 3);
    let error = ids(&server, "s3://bucket/*.log").await.unwrap_err();
    assert!(matches!(error, Error::Empty { .. }) && error.hint().unwrap().contains("no globs"));
    assert!(matches!(S3Source::new("s3:///key", &Arc::default()), Err(Error::Url { .. })));
    let gone = Server::start(|_, _| Answer::error(404, "NoSuchBucket"));
    let error = ids(&gone, "s3://bucket/key").await.unwrap_err();
    assert_eq!(error.to_string(), "s3://bucket does not exist");
}

#[tokio::test]
async fn a_window_is_listed_once_and_archives_are_not_asked_for() {
    let server = bucket(&[("x/a.log", "DEEP_ARCHIVE"), ("x/b.log", "STANDARD")]);
    let source = S3Source::new("s3://bucket/x/", &server.account(Options::default())).unwrap();
    let listing = source.splits(&Window::default()).await.unwrap();
    assert_eq!(source.splits(&Window::default()).await.unwrap(), listing);
    assert_eq!(server.requests().len(), 1);
    source.prefetch(&listing.splits);
    for error in [
        source.head(&listing.splits[0], 4).await.err(),
        source.open(&listing.splits[0]).await.err(),
        source.open_random_access(&listing.splits[0]).await.err(),
    ] {
        assert!(error.unwrap().hint().unwrap().contains("restore"));
    }
    assert_eq!(source.head(&listing.splits[1], 9).await.unwrap(), b"12345"[..]);
    assert_eq!(server.requests().len(), 2);
    source.splits(&Window::new(Some(0), None)).await.unwrap();
    assert_eq!(server.requests().len(), 3);
}
