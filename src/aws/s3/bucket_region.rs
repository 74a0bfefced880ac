//! The region of a bucket, and what S3's errors mean for it.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::aws::s3::client::S3Client;
use crate::aws::{Error, Kind};

/// The header in which S3 states the region of a bucket, also when it refuses.
const BUCKET_REGION: &str = "x-amz-bucket-region";

impl S3Client {
    /// Makes a call in the region of the bucket, which is found out if it is not the one expected.
    pub(super) async fn call<T, E, F, C>(&self, bucket: &str, call: C) -> Result<T, Error>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        C: Fn(Client) -> F,
    {
        let client = self.client(bucket).await;
        let error = match call(client.clone()).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        match self.elsewhere(bucket, &client, &error).await {
            Some(region) => {
                self.clients.lock().await.regions.insert(bucket.to_owned(), region);
                let answer = call(self.client(bucket).await).await;
                answer.map_err(|error| self.explain(&error))
            }
            None => Err(self.explain(&error)),
        }
    }

    async fn client(&self, bucket: &str) -> Client {
        let mut clients = self.clients.lock().await;
        let region = clients.regions.get(bucket).cloned();
        if let Some(client) = clients.of_region.get(&region) {
            return client.clone();
        }
        let client = self.account.s3(region.as_deref()).await;
        clients.of_region.insert(region, client.clone());
        client
    }

    /// Returns the region that an error sends us to, if it is another than the requested one.
    async fn elsewhere<E>(
        &self,
        bucket: &str,
        client: &Client,
        error: &SdkError<E, HttpResponse>,
    ) -> Option<String>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let header_region = error.raw_response().and_then(bucket_region);
        let lost = Error::of(error).kind == Kind::WrongRegion
            || error.raw_response().is_some_and(|answer| answer.status().as_u16() == 301);
        let region = match header_region {
            Some(region) => region,
            None if lost => match client.head_bucket().bucket(bucket).send().await {
                Ok(answer) => answer.bucket_region()?.to_owned(),
                Err(error) => error.raw_response().and_then(bucket_region)?,
            },
            None => return None,
        };
        let configured = client.config().region().map(AsRef::as_ref);
        (configured != Some(region.as_str())).then_some(region)
    }

    /// Returns what an error means, with what the account's own options have to do with it.
    fn explain<E>(&self, error: &SdkError<E, HttpResponse>) -> Error
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let mut meant = Error::of(error);
        let status = error.raw_response().map(|answer| answer.status().as_u16());
        if meant.code.is_none() {
            // A proxy responded, with a body of its own.
            match status {
                Some(403) => meant = Error::new(Kind::Denied, "HTTP status 403"),
                Some(404) => meant = Error::new(Kind::Missing, "HTTP status 404"),
                Some(status @ (429 | 503)) => {
                    meant = Error::new(Kind::Throttled, format!("HTTP status {status}"));
                }
                Some(status @ 500..) => {
                    meant = Error::new(Kind::Network, format!("HTTP status {status}"));
                }
                _ => {}
            }
        }
        if status == Some(412) {
            meant = Error::new(Kind::Changed, "it changed after it was listed");
        }
        if meant.kind == Kind::Denied {
            if let Some(owner) = self.account.expected_bucket_owner() {
                meant.message += &format!("; the bucket may not belong to account {owner}");
            }
            if self.account.request_payer().is_none() {
                meant.message += "; where the requester pays, --request-payer is needed";
            }
        }
        meant
    }
}

fn bucket_region(answer: &HttpResponse) -> Option<String> {
    answer.headers().get(BUCKET_REGION).filter(|region| !region.is_empty()).map(str::to_owned)
}
