//! Reliable bytes from S3: listing, whole objects, ranges, and streams that are taken up where they broke
//! off. It knows nothing of what is in the objects.

mod bucket_region;
mod bucket_store;
mod listing;
mod resuming_stream;
mod write;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{EncodingType, ObjectStorageClass, OptionalObjectAttributes};
pub use bucket_store::BucketStore;
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt as _;
use futures::stream::BoxStream;
use percent_encoding::percent_decode_str;
use tokio::sync::Mutex;
pub use write::Condition;

use crate::aws::{Account, Error, Kind};

/// How long a body may bring nothing before it is given up and taken up again.
const STALL: Duration = Duration::from_secs(30);

/// The first wait after a body broke off; it doubles each time that nothing came in between.
const BACKOFF: Duration = Duration::from_millis(100);

/// How often a listing may be cut in a row before it is given up.
const LISTS_MAX: u32 = 4;

/// An object, or the beginning of the names of several.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Location {
    /// The bucket, or the alias of an access point.
    pub bucket: String,
    /// The key, as it is: nothing in it is encoded. Empty for the whole bucket.
    pub key: String,
}

impl Location {
    /// Creates a location.
    pub fn new(bucket: impl Into<String>, key: impl Into<String>) -> Self {
        Self { bucket: bucket.into(), key: key.into() }
    }

    /// Reads `s3://bucket/key`. The key is taken as it is, `%` and spaces included.
    ///
    /// # Errors
    ///
    /// [`Kind::Other`] when it is no such URL, or names no bucket.
    pub fn parse(url: &str) -> Result<Self, Error> {
        let failed = |what| Err(Error::new(Kind::Other, format!("{url} {what}")));
        let Some(rest) = url.strip_prefix("s3://") else { return failed("is no s3:// URL") };
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        if bucket.is_empty() || !bucket.bytes().all(fits) {
            return failed("names no bucket");
        }
        Ok(Self::new(bucket, key))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

/// What is known of an object that is to be read. It is enforced: bytes of another version are
/// never given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Object {
    /// Where it is.
    pub location: Location,
    /// Its size; `None`: whatever the response states.
    pub size_bytes: Option<u64>,
    /// Its version; `None`: that of the first response.
    pub etag: Option<String>,
    /// When it was written, in Unix seconds of the store's clock; `None`: not known.
    pub modified: Option<i64>,
}

impl From<Location> for S3Object {
    fn from(location: Location) -> Self {
        Self { location, size_bytes: None, etag: None, modified: None }
    }
}

/// An object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The key, decoded.
    pub key: String,
    /// Its size as stored; `None`: the store does not report it.
    pub size_bytes: Option<u64>,
    /// Its version, with its quotes.
    pub etag: Option<String>,
    /// When it was written, Unix seconds.
    pub modified: Option<i64>,
    /// Whether it has to be restored before it can be read. Intelligent tiering does not report it.
    pub archived: bool,
}

/// A page of a listing, at most 1,000 names, in the order of their bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The objects.
    pub objects: Vec<Object>,
    /// With a delimiter: the common prefixes, each with its `/`.
    pub prefixes: Vec<String>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<String>,
}

/// The S3 of an account. A clone is the same store.
#[derive(Debug, Clone)]
pub struct S3Client {
    account: Arc<Account>,
    clients: Arc<Mutex<bucket_region::Clients>>,
    stall: Duration,
    backoff: Duration,
}

impl Account {
    /// Returns the account's S3. No call is made yet.
    pub fn store(self: &Arc<Self>) -> S3Client {
        S3Client {
            account: Arc::clone(self),
            clients: Arc::default(),
            stall: STALL,
            backoff: BACKOFF,
        }
    }
}

impl S3Client {
    /// Returns the same store with another patience: how long a body may bring nothing (30 s), and how long
    /// to wait when it broke off for the first time (100 ms).
    #[must_use]
    pub fn with_timeouts(self, stall: Duration, backoff: Duration) -> Self {
        Self { stall, backoff, ..self }
    }

    /// Lists one page of the keys that start with the location's. `delimiter`: those with a further `/` are
    /// folded into [`Page::prefixes`]. `start_after`: only what comes after this key. `token`:
    /// [`Page::next`] of the page before; the rest must be what it was then.
    ///
    /// # Errors
    ///
    /// [`Kind::Missing`] when the bucket does not exist, [`Kind::Other`] when the response was cut again and again or
    /// leads back to where it began, and other errors of S3.
    pub async fn list(
        &self,
        prefix: &Location,
        delimiter: bool,
        start_after: Option<&str>,
        token: Option<&str>,
    ) -> Result<Page, Error> {
        for tries in 0..LISTS_MAX {
            tokio::time::sleep(self.backoff * tries).await;
            if let Some(page) = self.list_once(prefix, delimiter, start_after, token).await? {
                if token.is_some() && page.next.as_deref() == token {
                    let message = format!(
                        "the listing of {prefix} gives the same continuation token for ever"
                    );
                    return Err(Error::new(Kind::Other, message));
                }
                return Ok(page);
            }
        }
        let message = format!("the listing of {prefix} is cut: its XML does not end");
        Err(Error::new(Kind::Other, message))
    }

    /// Lists one page; `None` when the response was cut.
    async fn list_once(
        &self,
        prefix: &Location,
        delimiter: bool,
        start_after: Option<&str>,
        token: Option<&str>,
    ) -> Result<Option<Page>, Error> {
        let cut = listing::Cut::default();
        let list = |client: Client| {
            client
                .list_objects_v2()
                .bucket(&prefix.bucket)
                .prefix(&prefix.key)
                .set_delimiter(delimiter.then(|| "/".to_owned()))
                .set_start_after(start_after.map(str::to_owned))
                .set_continuation_token(token.map(str::to_owned))
                // XML cannot contain every character that a key can.
                .encoding_type(EncodingType::Url)
                .optional_object_attributes(OptionalObjectAttributes::RestoreStatus)
                .set_request_payer(self.account.request_payer())
                .set_expected_bucket_owner(self.account.expected_bucket_owner())
                .customize()
                .interceptor(cut.clone())
                .send()
        };
        let page = self.call(&prefix.bucket, list).await?;
        if cut.is_cut() {
            return Ok(None);
        }
        let encoded = page.encoding_type() == Some(&EncodingType::Url);
        let plain = |text: &str| match encoded {
            true => decode(text),
            false => text.to_owned(),
        };
        let object = |object: &aws_sdk_s3::types::Object| Object {
            key: object.key().map(plain).unwrap_or_default(),
            size_bytes: object.size().and_then(|size| u64::try_from(size).ok()),
            etag: object.e_tag().map(str::to_owned),
            modified: object.last_modified().map(DateTime::secs),
            archived: is_archived(object),
        };
        let next = page.next_continuation_token().map(str::to_owned);
        Ok(Some(Page {
            objects: page.contents().iter().map(object).collect(),
            prefixes: page.common_prefixes().iter().filter_map(|p| p.prefix()).map(plain).collect(),
            next: next.filter(|_| page.is_truncated() == Some(true)),
        }))
    }

    /// Reads an object from a byte on, to its end. What breaks off is taken up where it stopped; the stream
    /// ends without an error only when every byte was given.
    ///
    /// An error ends the stream: [`Kind::Missing`] when it was deleted, [`Kind::Archived`],
    /// [`Kind::Denied`], [`Kind::Kms`]; [`Kind::Changed`] when it changed meanwhile, [`Kind::Other`] when its
    /// checksum is wrong; [`Kind::Network`] when it broke off again and again.
    pub fn read(&self, object: &S3Object, from: u64) -> BoxStream<'static, Result<Bytes, Error>> {
        resuming_stream::stream(self.clone(), object.clone(), from, None)
    }

    /// Reads a part of an object: fewer bytes than requested only where the object ends.
    pub async fn range(&self, object: &S3Object, range: Range<u64>) -> Result<Bytes, Error> {
        let parts =
            resuming_stream::stream(self.clone(), object.clone(), range.start, Some(range.end));
        let parts: Vec<Bytes> = parts.try_collect().await?;
        Ok(joined(parts))
    }

    /// Reads a small object whole.
    ///
    /// # Errors
    ///
    /// As [`S3Client::read`], and [`Kind::Other`] when it has more than `bytes_max` bytes.
    pub async fn get(&self, location: &Location, bytes_max: usize) -> Result<Bytes, Error> {
        let mut parts = self.read(&location.clone().into(), 0);
        let mut bytes = BytesMut::new();
        while let Some(part) = parts.try_next().await? {
            if bytes.len() + part.len() > bytes_max {
                let message = format!("{location} has more than {bytes_max} bytes");
                return Err(Error::new(Kind::Other, message));
            }
            bytes.extend_from_slice(&part);
        }
        Ok(bytes.freeze())
    }

    /// Returns what is known of an object without reading it.
    ///
    /// # Errors
    ///
    /// The error of S3; [`Kind::Missing`] when there is none.
    pub async fn stat(&self, location: &Location) -> Result<S3Object, Error> {
        let head = |client: Client| {
            client
                .head_object()
                .bucket(&location.bucket)
                .key(&location.key)
                .set_request_payer(self.account.request_payer())
                .set_expected_bucket_owner(self.account.expected_bucket_owner())
                .send()
        };
        let answer = self.call(&location.bucket, head).await?;
        Ok(S3Object {
            location: location.clone(),
            size_bytes: answer.content_length().and_then(|size| u64::try_from(size).ok()),
            etag: answer.e_tag().map(str::to_owned),
            modified: answer.last_modified().map(DateTime::secs),
        })
    }
}

/// Returns a key as it is from the form that listings and notifications give it in.
pub fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

/// Returns whether a GET would be refused: in an archive, and not restored for now.
fn is_archived(object: &aws_sdk_s3::types::Object) -> bool {
    let class = object.storage_class();
    let archive = [ObjectStorageClass::Glacier, ObjectStorageClass::DeepArchive];
    let restored = object.restore_status().is_some_and(|restore| {
        restore.is_restore_in_progress() != Some(true) && restore.restore_expiry_date().is_some()
    });
    class.is_some_and(|class| archive.contains(class)) && !restored
}

fn joined(mut parts: Vec<Bytes>) -> Bytes {
    match parts.len() {
        1 => parts.remove(0),
        _ => parts.concat().into(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
