//! Lists and reads objects.

use std::ops::Range;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{EncodingType, ObjectStorageClass, OptionalObjectAttributes};
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt as _;
use futures::stream::BoxStream;

use crate::aws::s3::client::S3Client;
use crate::aws::s3::location::{Location, decode};
use crate::aws::s3::object::{Object, Page, S3Object};
use crate::aws::s3::{listing, resuming_stream};
use crate::aws::{Error, Kind};

/// How often a listing may be cut in a row before it is given up.
const LISTS_MAX: u32 = 4;

impl S3Client {
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
