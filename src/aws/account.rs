//! The account: AWS's configuration, and clients of its services.

use std::fmt;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::StalledStreamProtectionConfig;
use aws_sdk_s3::config::retry::{RetryPartition, TokenBucket};
use aws_sdk_s3::types::RequestPayer;
use tokio::sync::OnceCell;

use crate::aws::error::{Error, Kind};
use crate::aws::profile;
use crate::aws::timeouts::{ATTEMPT_TIMEOUT, ATTEMPTS_MAX, BACKOFF_MAX, CONNECT_TIMEOUT};

/// The account options of the command line. `None`: what every AWS tool would take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// `--profile`.
    pub profile: Option<String>,
    /// `--region`.
    pub region: Option<String>,
    /// `--endpoint-url`: the endpoint of every service.
    pub endpoint_url: Option<String>,
    /// `--request-payer`: pay for reading from the bucket of somebody else.
    pub request_payer: bool,
    /// `--expected-bucket-owner`: the account that every bucket must belong to.
    pub expected_bucket_owner: Option<String>,
    /// `--single-runner`: the user sees to it that one process at a time writes, for stores without conditional
    /// writes.
    pub single_runner: bool,
}

/// An account, reached as every AWS tool reaches it. Nothing is read before the first client is built.
#[derive(Default)]
pub struct Account {
    pub(super) options: Options,
    pub(super) config: OnceCell<SdkConfig>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Account {
    /// Creates an account. No call is made and no file is read yet.
    pub fn new(options: Options) -> Self {
        Self { options, ..Self::default() }
    }

    /// Returns the configuration, read at the first call.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads AWS's configuration")]
    pub async fn config(&self) -> &SdkConfig {
        let load = || async {
            let retry = RetryConfig::standard()
                .with_max_attempts(ATTEMPTS_MAX)
                .with_max_backoff(BACKOFF_MAX);
            let timeout = TimeoutConfig::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .build();
            let mut loader = aws_config::defaults(BehaviorVersion::latest())
                .retry_config(retry)
                .timeout_config(timeout);
            if let Some(name) = &self.options.profile {
                let region = self.options.region.as_deref();
                let provider = profile::credentials(name, region).await;
                loader = loader.profile_name(name).credentials_provider(provider);
            }
            if let Some(region) = &self.options.region {
                loader = loader.region(Region::new(region.clone()));
            }
            if let Some(url) = &self.options.endpoint_url {
                loader = loader.endpoint_url(url);
            }
            loader.load().await
        };
        self.config.get_or_init(load).await
    }

    /// Returns the region that calls go to.
    ///
    /// # Errors
    ///
    /// [`Kind::Region`](crate::aws::Kind::Region) when none is configured.
    pub async fn region(&self) -> Result<String, Error> {
        let region = self.config().await.region();
        let Some(region) = region else {
            // A profile that is not defined has no region either: that is the cause.
            let undefined = match &self.options.profile {
                Some(name) => profile::undefined(name).await,
                None => None,
            };
            return Err(undefined
                .map_or_else(Error::no_region, |reason| Error::new(Kind::Credentials, reason)));
        };
        Ok(region.to_string())
    }

    /// Returns a client of S3, of the region given or of the account's own. Without any region it starts
    /// at the one from which S3 states the region of a bucket.
    pub async fn s3(&self, region: Option<&str>) -> aws_sdk_s3::Client {
        let config = self.config().await;
        let mut own = aws_sdk_s3::config::Builder::from(config);
        let fallback = || config.region().cloned().unwrap_or(Region::from_static("us-east-1"));
        own.set_region(Some(region.map_or_else(fallback, |region| Region::new(region.to_owned()))));
        // Stores other than S3 have no host name for each bucket.
        if self.s3_endpoint().await.is_some() {
            own.set_force_path_style(Some(true));
        }
        // A reader that waits for its turn is no stalled stream; `s3::Store` distinguishes them.
        own.set_stalled_stream_protection(Some(StalledStreamProtectionConfig::disabled()));
        // One quota for all objects would fail some only because others were throttled too.
        let quota = RetryPartition::custom("s3").token_bucket(TokenBucket::unlimited());
        own.set_retry_partition(Some(quota.build()));
        aws_sdk_s3::Client::from_conf(own.build())
    }

    /// Returns a client of CloudWatch Logs, of the region given or of the account's own.
    pub async fn logs(&self, region: Option<&str>) -> aws_sdk_cloudwatchlogs::Client {
        let mut own = aws_sdk_cloudwatchlogs::config::Builder::from(self.config().await);
        if let Some(region) = region {
            own.set_region(Some(Region::new(region.to_owned())));
        }
        aws_sdk_cloudwatchlogs::Client::from_conf(own.build())
    }

    /// Returns a client of SQS, of the region given or of the account's own.
    pub async fn sqs(&self, region: Option<&str>) -> aws_sdk_sqs::Client {
        let mut own = aws_sdk_sqs::config::Builder::from(self.config().await);
        if let Some(region) = region {
            own.set_region(Some(Region::new(region.to_owned())));
        }
        aws_sdk_sqs::Client::from_conf(own.build())
    }

    /// Returns who pays for reading S3 objects, for the calls that take it.
    pub fn request_payer(&self) -> Option<RequestPayer> {
        self.options.request_payer.then_some(RequestPayer::Requester)
    }

    /// Returns the account that a bucket must belong to, for the calls that take it.
    pub fn expected_bucket_owner(&self) -> Option<String> {
        self.options.expected_bucket_owner.clone()
    }

    /// Whether writes need not be conditional, since the user sees to it that one process at a time writes.
    pub fn is_single_runner(&self) -> bool {
        self.options.single_runner
    }

    async fn s3_endpoint(&self) -> Option<String> {
        self.endpoint("S3", "AWS_ENDPOINT_URL_S3").await
    }

    /// Returns the endpoint that the user set for a service, by its own setting or by that of all.
    /// `service_id` is AWS's name of it (`S3`, `SageMaker`), `variable` its own environment variable.
    pub async fn endpoint(&self, service_id: &str, variable: &str) -> Option<String> {
        if self.options.endpoint_url.is_some() {
            return self.options.endpoint_url.clone();
        }
        let config = self.config().await;
        let key = aws_types::service_config::ServiceConfigKey::builder()
            .service_id(service_id)
            .env(variable)
            .profile("endpoint_url")
            .build();
        let own = key.ok().and_then(|key| config.service_config()?.load_config(key));
        own.or_else(|| config.endpoint_url().map(str::to_owned))
    }
}
