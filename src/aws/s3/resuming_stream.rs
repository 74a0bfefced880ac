//! One object as a stream that survives what happens in transit.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::ResponseChecksumValidation;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt as _, stream};

use crate::aws::s3::client::S3Client;
use crate::aws::s3::object::S3Object;
use crate::aws::{Error, Kind};

/// How often in a row a body may break off, or bring nothing, before the object is given up.
const FAILURES_MAX: u32 = 8;

/// The longest wait between two tries.
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// Reads from byte `at` up to byte `end`, or to the end of the object.
pub(super) fn stream(
    store: S3Client,
    object: S3Object,
    at: u64,
    end: Option<u64>,
) -> BoxStream<'static, Result<Bytes, Error>> {
    let reader = Reader { store, object, at, end, body: None, failures: 0 };
    stream::try_unfold(reader, |mut reader| async move {
        Ok(reader.next().await?.map(|bytes| (bytes, reader)))
    })
    .boxed()
}

struct Reader {
    store: S3Client,
    object: S3Object,
    /// The next byte to read.
    at: u64,
    /// The first byte not to read; `None`: to the end.
    end: Option<u64>,
    body: Option<ByteStream>,
    /// How often in a row no byte came.
    failures: u32,
}

impl Reader {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            if self.body.is_none() {
                self.body = if self.is_done() { None } else { self.open().await? };
            }
            let Some(body) = &mut self.body else { return Ok(None) };
            let cause = match tokio::time::timeout(self.store.stall, body.next()).await {
                Ok(Some(Ok(bytes))) if bytes.is_empty() => continue,
                Ok(Some(Ok(bytes))) => return self.give(bytes).map(Some),
                // The end of a body is the end of the object only if all of it came.
                Ok(None) if self.is_done() || self.expected_len().is_none() => return Ok(None),
                Ok(None) => "the body is too short".to_owned(),
                Ok(Some(Err(error))) => {
                    let error = Error::from_transport(&error);
                    if error.message.contains("checksum mismatch") {
                        return Err(Error::new(Kind::Other, error.message));
                    }
                    error.message
                }
                Err(_) => format!("nothing came for {} s", self.store.stall.as_secs_f64()),
            };
            self.body = None;
            self.wait(cause).await?;
        }
    }

    /// Where reading ends; `None` while the size is not known.
    fn expected_len(&self) -> Option<u64> {
        match (self.end, self.object.size_bytes) {
            (Some(end), Some(size)) => Some(end.min(size)),
            (end, size) => end.or(size),
        }
    }

    fn is_done(&self) -> bool {
        self.expected_len().is_some_and(|expected_len| self.at >= expected_len)
    }

    fn give(&mut self, bytes: Bytes) -> Result<Bytes, Error> {
        self.at += bytes.len() as u64;
        self.failures = 0;
        match self.expected_len() {
            Some(expected_len) if self.at > expected_len => {
                let message = format!("more than the expected {expected_len} bytes arrived");
                Err(Error::new(Kind::Other, message))
            }
            _ => Ok(bytes),
        }
    }

    /// Requests the remaining bytes. `None`: there is nothing at all.
    async fn open(&mut self) -> Result<Option<ByteStream>, Error> {
        let last = self.end.map(|end| (end - 1).to_string()).unwrap_or_default();
        let range =
            (self.at > 0 || self.end.is_some()).then(|| format!("bytes={}-{last}", self.at));
        let get = |client: Client| {
            let get = client
                .get_object()
                .bucket(&self.object.location.bucket)
                .key(&self.object.location.key)
                .set_range(range.clone())
                .set_if_match(self.object.etag.clone())
                .set_request_payer(self.store.account.request_payer())
                .set_expected_bucket_owner(self.store.account.expected_bucket_owner());
            // Some stores give the checksum of the whole object with a part of it.
            let validation = match range {
                Some(_) => ResponseChecksumValidation::WhenRequired,
                None => ResponseChecksumValidation::WhenSupported,
            };
            let own = aws_sdk_s3::config::Builder::new().response_checksum_validation(validation);
            get.customize().config_override(own).send()
        };
        let answer = match self.store.call(&self.object.location.bucket, get).await {
            // A range of an object that turns out to be empty.
            Err(error) if error.code.as_deref() == Some("InvalidRange") && self.at == 0 => {
                return Ok(None);
            }
            answer => answer?,
        };
        self.check(&answer, range.is_some())?;
        Ok(Some(answer.body))
    }

    /// Checks the response against what is known, and takes size and version from the first.
    fn check(&mut self, answer: &GetObjectOutput, ranged: bool) -> Result<(), Error> {
        let size = match answer.content_range().and_then(range_of) {
            Some((first, size)) if first == self.at => size,
            None if !ranged => answer.content_length().and_then(|size| u64::try_from(size).ok()),
            _ => {
                let message = format!("the answer does not start at byte {}", self.at);
                return Err(Error::new(Kind::Other, message));
            }
        };
        self.object.size_bytes = self.object.size_bytes.or(size);
        if self.object.etag.is_none() {
            self.object.etag = answer.e_tag().map(str::to_owned);
        }
        Ok(())
    }

    /// Waits before the next try, or gives up.
    async fn wait(&mut self, cause: String) -> Result<(), Error> {
        self.failures += 1;
        if self.failures > FAILURES_MAX {
            let message = format!("broke off at byte {} and stayed so: {cause}", self.at);
            return Err(Error::new(Kind::Network, message));
        }
        let longest = self.store.backoff * 2u32.pow(self.failures - 1);
        // Readers that broke off together must not come back together.
        let wait = longest.min(BACKOFF_MAX).mul_f64(0.5 + fastrand::f64() / 2.0);
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

/// Reads `bytes 5-9/20`: where the part starts, and how large the whole is, if that is known.
fn range_of(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.parse().ok()?, size.parse().ok()))
}
