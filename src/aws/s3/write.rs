//! Writes of whole objects, and the conditions that they may have.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use crate::aws::s3::client::S3Client;
use crate::aws::s3::location::Location;
use crate::aws::{Error, Kind};

/// What must be true for an object to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    None,
    /// There is none of that name.
    Absent,
    /// It is of this version, with its quotes.
    Version(String),
}

impl S3Client {
    /// Writes an object and returns its version; one of that name is replaced.
    pub async fn put(&self, location: &Location, bytes: Bytes) -> Result<Option<String>, Error> {
        self.put_if(location, bytes, &Condition::None).await
    }

    /// Writes an object if the condition is met, and returns its version. The bytes must be such as no other writer
    /// else would write: that is how a write is known whose response was lost.
    ///
    /// # Errors
    ///
    /// [`Kind::Changed`] when the condition is not met, and other errors of S3.
    pub async fn put_if(
        &self,
        location: &Location,
        bytes: Bytes,
        condition: &Condition,
    ) -> Result<Option<String>, Error> {
        let condition = match self.account.is_single_runner() {
            true => self.hold(location, condition).await?,
            false => condition,
        };
        let (none_match, matches) = match condition {
            Condition::None => (None, None),
            Condition::Absent => (Some("*".to_owned()), None),
            Condition::Version(etag) => (None, Some(etag.clone())),
        };
        let put = |client: Client| {
            client
                .put_object()
                .bucket(&location.bucket)
                .key(&location.key)
                .body(ByteStream::from(bytes.clone()))
                .set_if_none_match(none_match.clone())
                .set_if_match(matches.clone())
                .set_request_payer(self.account.request_payer())
                .set_expected_bucket_owner(self.account.expected_bucket_owner())
                .send()
        };
        match self.call(&location.bucket, put).await {
            Ok(answer) => Ok(answer.e_tag().map(str::to_owned)),
            Err(error) if error.kind == Kind::Changed => {
                // The first of two tries may have written it, and its response been lost.
                let known = self.stat(location).await?;
                match self.get(location, bytes.len()).await {
                    Ok(found) if found == bytes => Ok(known.etag),
                    _ => Err(Error { message: "somebody else wrote it meanwhile".into(), ..error }),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Checks a condition where the store cannot; returns the condition that is left.
    async fn hold(
        &self,
        location: &Location,
        condition: &Condition,
    ) -> Result<&'static Condition, Error> {
        if *condition == Condition::None {
            return Ok(&Condition::None);
        }
        let found = match self.stat(location).await {
            Ok(found) => Some(found),
            Err(error) if error.kind == Kind::Missing => None,
            Err(error) => return Err(error),
        };
        let holds = match condition {
            Condition::None => true,
            Condition::Absent => found.is_none(),
            Condition::Version(etag) => found.is_some_and(|it| it.etag.as_ref() == Some(etag)),
        };
        match holds {
            true => Ok(&Condition::None),
            false => Err(Error::new(Kind::Changed, "somebody else wrote it meanwhile")),
        }
    }

    /// Deletes an object; none of that name is fine too.
    pub async fn delete(&self, location: &Location) -> Result<(), Error> {
        let delete = |client: Client| {
            client
                .delete_object()
                .bucket(&location.bucket)
                .key(&location.key)
                .set_request_payer(self.account.request_payer())
                .set_expected_bucket_owner(self.account.expected_bucket_owner())
                .send()
        };
        self.call(&location.bucket, delete).await.map(drop)
    }
}
