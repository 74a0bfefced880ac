#[cfg(test)]
pub(crate) mod fake_server;

use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;

use super::*;
use crate::aws::s3::tests::fake_server::{Answer, Request, Server};
use crate::aws::{Error, Kind, Options};

fn store(server: &Server) -> S3Client {
    let store = server.account(Options::default()).store();
    store.with_timeouts(Duration::from_millis(300), Duration::from_millis(1))
}

fn at(key: &str) -> Location {
    Location::new("bucket", key)
}

fn listed(bytes: &[u8]) -> S3Object {
    let etag = Some("\"v1\"".to_owned());
    S3Object { location: at("key"), size_bytes: Some(bytes.len() as u64), etag, modified: None }
}

fn data() -> Vec<u8> {
    (0..300_000u32).map(|i| (i % 251) as u8).collect()
}

async fn all(store: &S3Client, object: &S3Object, from: u64) -> Result<Vec<u8>, Error> {
    let parts: Vec<Bytes> = store.read(object, from).try_collect().await?;
    Ok(parts.concat())
}

#[test]
fn a_location_is_the_bucket_and_the_key_as_it_stands() {
    let parsed = |url: &str| Location::parse(url).unwrap();
    assert_eq!(parsed("s3://bucket"), at(""));
    assert_eq!(parsed("s3://bucket/"), at(""));
    for key in ["a/b c+d=e%20f.log", "//x", "日本/ü"] {
        assert_eq!(parsed(&at(key).to_string()), at(key));
    }
    for url in ["s3:///key", "bucket/key", "s3://", "s3://a b/key", "s3://a*/key"] {
        let error = Location::parse(url).unwrap_err();
        assert!(error.kind == Kind::Other && error.message.starts_with(url), "{error}");
    }
}

/// Reads an object from a server that does something to the first `faults` answers.
async fn through(
    faults: usize,
    fault: impl Fn(Answer) -> Answer + Send + Sync + 'static,
) -> (Result<Vec<u8>, Error>, Vec<Request>) {
    let server = Server::start(move |request, before| {
        let answer = Answer::object(request, &data());
        if before < faults { fault(answer) } else { answer }
    });
    let read = all(&store(&server), &listed(&data()), 0).await;
    (read, server.requests())
}

#[tokio::test]
async fn what_breaks_off_is_taken_up_where_it_stopped() {
    let faults: [fn(Answer) -> Answer; 4] = [
        |answer| Answer { cut: Some(100_000), ..answer },
        |answer| Answer { stall: Some(100_000), ..answer },
        |answer| Answer { cut: Some(0), ..answer },
        // A proxy that cut the body and says so.
        |answer| Answer { body: answer.body[..100_000].to_vec(), ..answer },
    ];
    for (at, fault) in faults.into_iter().enumerate() {
        let (read, requests) = through(1, fault).await;
        assert!(read.unwrap() == data(), "fault {at}");
        let [first, second] = requests.as_slice() else { panic!("fault {at}: {requests:?}") };
        assert_eq!(first.header("range"), None);
        let nothing = at == 2;
        assert_eq!(second.first_byte().is_none(), nothing, "fault {at}");
        assert!(second.first_byte().is_none_or(|first| (1..=100_000).contains(&first)));
        assert_eq!(second.header("if-match"), Some("\"v1\""));
    }
    // Every answer is cut, and each brings a little.
    let (read, requests) = through(9, |answer| Answer { cut: Some(10), ..answer }).await;
    assert!(read.unwrap() == data());
    assert_eq!(requests.len(), 10);
}

#[tokio::test]
async fn throttling_and_failures_are_tried_again() {
    for (status, code) in [(503, "SlowDown"), (500, "InternalError"), (502, "")] {
        let (read, requests) = through(2, move |_| Answer::error(status, code)).await;
        assert!(read.unwrap() == data());
        assert_eq!(requests.len(), 3);
    }
    let (read, requests) = through(9, |_| Answer::error(503, "SlowDown")).await;
    assert_eq!(read.unwrap_err().kind, Kind::Throttled);
    assert_eq!(requests.len(), 4);
}

#[tokio::test]
async fn what_stays_broken_is_an_error_that_says_where() {
    let (read, requests) = through(99, |answer| Answer { cut: Some(0), ..answer }).await;
    let error = read.unwrap_err();
    assert_eq!(error.kind, Kind::Network);
    assert!(error.message.contains("at byte 0"), "{error}");
    assert_eq!(requests.len(), 9);
}

#[tokio::test]
async fn bytes_of_another_version_are_never_given_out() {
    let server = Server::start(|request, before| match before {
        0 => Answer { cut: Some(1000), ..Answer::object(request, &data()) },
        _ => Answer::error(412, "PreconditionFailed"),
    });
    let mut known = listed(&data());
    known.etag = None;
    let error = all(&store(&server), &known, 0).await.unwrap_err();
    assert!(error.message.contains("changed"), "{error}");
    // The second response must have the version of the first.
    assert_eq!(server.requests()[1].header("if-match"), Some("\"v1\""));

    let whole = Server::start(|_, _| Answer::new(200, data()).with("ETag", "\"v1\""));
    let error = all(&store(&whole), &listed(&data()), 5).await.unwrap_err();
    assert!(error.message.contains("does not start at byte 5"), "{error}");
    let error = all(&store(&whole), &listed(&data()[..10]), 0).await.unwrap_err();
    assert!(error.message.contains("more than the expected 10 bytes"), "{error}");
}

#[tokio::test]
async fn a_wrong_checksum_is_an_error() {
    let (read, _) = through(1, |answer| answer.with("x-amz-checksum-crc32", "AAAAAA==")).await;
    let error = read.unwrap_err();
    assert!(error.kind == Kind::Other && error.message.contains("checksum"), "{error}");
}

#[tokio::test]
async fn parts_are_what_was_asked_for() {
    let server = Server::start(|request, _| {
        // Some stores give the checksum of the whole with a part.
        let bytes = if request.target.contains("empty") { Vec::new() } else { data() };
        Answer::object(request, &bytes).with("x-amz-checksum-crc32", "AAAAAA==")
    });
    let store = store(&server);
    let part = async |range| store.range(&at("key").into(), range).await.unwrap();
    assert_eq!(part(5..9).await, data()[5..9]);
    assert_eq!(part(299_990..400_000).await, data()[299_990..]);
    assert!(part(0..0).await.is_empty());
    assert!(store.range(&at("empty").into(), 0..4).await.unwrap().is_empty());
    assert!(all(&store, &listed(&data()), 300_000).await.unwrap().is_empty());
    assert_eq!(all(&store, &listed(&data()), 299_000).await.unwrap(), data()[299_000..]);
}

#[tokio::test]
async fn a_small_object_is_read_whole_or_refused() {
    let server = Server::start(|request, _| Answer::object(request, b"0123456789"));
    let store = store(&server);
    assert_eq!(store.get(&at("key"), 10).await.unwrap(), b"0123456789"[..]);
    let error = store.get(&at("key"), 9).await.unwrap_err();
    assert_eq!(error.message, "s3://bucket/key has more than 9 bytes");
    let stat = store.stat(&at("key")).await.unwrap();
    assert_eq!((stat.size_bytes, stat.etag.as_deref()), (Some(10), Some("\"v1\"")));
    store.put(&at("a b"), Bytes::from_static(b"x")).await.unwrap();
    let put = server.requests().pop().unwrap();
    assert_eq!((put.method.as_str(), put.target.as_str()), ("PUT", "/bucket/a%20b?x-id=PutObject"));
}

#[tokio::test]
async fn the_region_of_a_bucket_is_found_out_once() {
    let signed = |request: &Request, region: &str| {
        request.header("authorization").is_some_and(|signature| signature.contains(region))
    };
    let server = Server::start(move |request, _| {
        if signed(request, "/eu-west-1/s3/") {
            return Answer::object(request, b"there");
        }
        match request.target.contains("/silent") && request.method == "GET" {
            true => Answer::error(301, "PermanentRedirect"),
            false => {
                Answer::error(301, "PermanentRedirect").with("x-amz-bucket-region", "eu-west-1")
            }
        }
    });
    let store = store(&server);
    for _ in 0..2 {
        assert_eq!(store.get(&at("key"), 10).await.unwrap(), b"there"[..]);
    }
    assert_eq!(server.requests().len(), 3);
    let silent = Location::new("silent", "key");
    assert_eq!(store.get(&silent, 10).await.unwrap(), b"there"[..]);
    assert_eq!(server.requests()[4].method, "HEAD");
    assert_eq!(server.requests().len(), 6);
    // A bucket that sends us in circles is left.
    let lost = Server::start(|_, _| {
        Answer::error(301, "PermanentRedirect").with("x-amz-bucket-region", "eu-west-1")
    });
    let error = crate::aws::s3::tests::store(&lost).get(&at("key"), 10).await.unwrap_err();
    assert_eq!((error.kind, lost.requests().len()), (Kind::WrongRegion, 2));
}

#[tokio::test]
async fn what_s3_says_is_told_apart() {
    let server = Server::start(|request, _| {
        let (status, code) = match request.target.split(['/', '?']).nth(2).unwrap_or_default() {
            "denied" => (403, "AccessDenied"),
            "kms" => (403, "KMS.DisabledException"),
            "gone" => (404, "NoSuchKey"),
            "archive" => (403, "InvalidObjectState"),
            // Something on the way that is not S3.
            _ => return Answer::new(403, "<html>forbidden</html>"),
        };
        Answer::error(status, code)
    });
    let options = Options {
        expected_bucket_owner: Some("123456789012".to_owned()),
        request_payer: true,
        ..Options::default()
    };
    let mine = server.account(options).store();
    for (key, kind) in [
        ("denied", Kind::Denied),
        ("kms", Kind::Kms),
        ("gone", Kind::Missing),
        ("archive", Kind::Archived),
        ("proxy", Kind::Denied),
    ] {
        let error = mine.get(&at(key), 10).await.unwrap_err();
        assert_eq!(error.kind, kind, "{key}: {error}");
        let is_owner_error = error.message.contains("may not belong to account 123456789012");
        assert_eq!(is_owner_error, kind == Kind::Denied, "{error}");
    }
    let sent_request = server.requests().pop().unwrap();
    assert_eq!(sent_request.header("x-amz-expected-bucket-owner"), Some("123456789012"));
    assert_eq!(sent_request.header("x-amz-request-payer"), Some("requester"));
    let error = store(&server).get(&at("denied"), 10).await.unwrap_err();
    assert!(error.message.contains("--request-payer"), "{error}");
}

#[tokio::test]
async fn keys_are_decoded_and_archives_told() {
    let xml = r#"<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
<NextContinuationToken>t0k+en=</NextContinuationToken>
<Contents><Key>a+b%2Bc%20d%3De%2525/%E6%97%A5%01</Key><Size>7</Size><ETag>"v1"</ETag>
<StorageClass>STANDARD</StorageClass></Contents>
<Contents><Key>deep</Key><Size>1</Size><StorageClass>DEEP_ARCHIVE</StorageClass></Contents>
<Contents><Key>back</Key><Size>1</Size><StorageClass>GLACIER</StorageClass><RestoreStatus>
<IsRestoreInProgress>false</IsRestoreInProgress><RestoreExpiryDate>2030-01-01T00:00:00Z</RestoreExpiryDate>
</RestoreStatus></Contents>
<CommonPrefixes><Prefix>x+y/</Prefix></CommonPrefixes></ListBucketResult>"#;
    let server = Server::start(move |_, _| Answer::new(200, xml));
    let store = store(&server);
    let page = store.list(&at("a/"), true, Some("a/ü +"), None).await.unwrap();
    let keys: Vec<(&str, bool)> =
        page.objects.iter().map(|object| (object.key.as_str(), object.archived)).collect();
    assert_eq!(keys, [("a b+c d=e%25/日\u{1}", false), ("deep", true), ("back", false)]);
    assert_eq!(
        (page.objects[0].size_bytes, page.objects[0].etag.as_deref()),
        (Some(7), Some("\"v1\""))
    );
    assert_eq!(page.prefixes, ["x y/"]);
    assert_eq!(page.next.as_deref(), Some("t0k+en="));
    let sent_request = server.requests().pop().unwrap().target;
    for part in
        ["delimiter=%2F", "encoding-type=url", "prefix=a%2F", "start-after=a%2F%C3%BC%20%2B"]
    {
        assert!(sent_request.contains(part), "{sent_request}");
    }
}

const PAGE: &str = "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a</Key><Size>1</Size></Contents>\
<Contents><Key>b</Key></Contents></ListBucketResult>";

#[tokio::test]
async fn a_listing_that_is_cut_is_asked_for_again_and_never_taken_for_the_whole() {
    let cut = PAGE.find("<Contents><Key>b").unwrap();
    for cuts in [0, 2, 100] {
        let server = Server::start(move |_, before| {
            Answer::new(200, if before < cuts { &PAGE[..cut] } else { PAGE })
        });
        let listed = store(&server).list(&at(""), false, None, None).await;
        if cuts == 100 {
            let error = listed.unwrap_err();
            assert!(error.to_string().contains("is cut"), "{error}");
        } else {
            let sizes: Vec<_> = listed.unwrap().objects.iter().map(|o| o.size_bytes).collect();
            // The store does not tell the size of the second.
            assert_eq!(sizes, [Some(1), None], "{cuts}");
        }
    }
}

#[tokio::test]
async fn a_listing_that_leads_back_to_itself_ends_with_an_error() {
    let xml = "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>\
<Contents><Key>a</Key><Size>1</Size></Contents></ListBucketResult>";
    let server = Server::start(move |_, _| Answer::new(200, xml));
    let store = store(&server);
    let first = store.list(&at(""), false, None, None).await.unwrap();
    let error = store.list(&at(""), false, None, first.next.as_deref()).await.unwrap_err();
    assert!(error.to_string().contains("same continuation token"), "{error}");
}
