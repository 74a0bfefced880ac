//! Names of the resources of a policy, each in the region and partition of the call.

use anyhow::anyhow;

use crate::aws::partition;
use crate::cli::failure::{Exit, Failure};

/// Beginnings of the names of resources.
#[derive(Clone)]
pub(super) struct Arns {
    pub(super) partition: String,
    pub(super) region: String,
    pub(super) account: String,
}

impl Arns {
    /// Returns the name of a resource of the region and account.
    pub(super) fn of(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition, self.region, self.account)
    }

    /// Returns those of another region, in its partition. `None`: the same.
    pub(super) fn in_region(&self, region: Option<&str>) -> Self {
        let Some(region) = region.filter(|region| !region.is_empty()) else { return self.clone() };
        let (partition, region) = (partition(region).to_owned(), region.to_owned());
        Self { partition, region, account: self.account.clone() }
    }

    /// Returns the keys that S3 may use. The region is that of the bucket, which is not known here.
    pub(super) fn s3_keys(&self) -> String {
        format!("arn:{}:kms:*:{}:key/*", self.partition, self.account)
    }

    pub(super) fn s3(&self, bucket: &str, key: &str) -> String {
        let slash = if key.is_empty() { "" } else { "/" };
        format!("arn:{}:s3:::{bucket}{slash}{key}", self.partition)
    }
}

/// Returns the region in an ARN; `None` if it is none.
pub(super) fn arn_region(arn: &str) -> Option<&str> {
    arn.strip_prefix("arn:")?.split(':').nth(2)
}

/// Returns the region in a host of SQS: `sqs.eu-west-1.amazonaws.com`.
fn host_region(host: &str) -> Option<&str> {
    host.strip_prefix("sqs.").and_then(|rest| rest.split('.').next())
}

/// Returns the region of a queue, by its ARN or its URL; `None` for a name.
pub(super) fn queue_region(queue: &str) -> Option<&str> {
    let host = queue.trim_start_matches("https://").trim_start_matches("http://");
    arn_region(queue).or_else(|| host_region(host.split('/').next()?))
}

pub(super) fn queue_arn(arns: &Arns, queue: &str) -> Result<String, Failure> {
    Ok(if queue.starts_with("arn:") {
        queue.to_owned()
    } else {
        // `https://sqs.eu-west-1.amazonaws.com/111122223333/name`, with or without its beginning; or a name.
        let url = queue.trim_start_matches("https://").trim_start_matches("http://");
        let parts: Vec<&str> = url.split('/').collect();
        match parts[..] {
            [name] if !name.is_empty() => arns.of("sqs", name),
            [host, account, name] => {
                let arns = arns.in_region(host_region(host));
                format!("arn:{}:sqs:{}:{account}:{name}", arns.partition, arns.region)
            }
            _ => {
                let error = anyhow!("{queue} names no queue");
                let hint = "name a queue by its URL, ARN or name";
                return Err(Failure::new(Exit::Usage, error).with_hint(hint));
            }
        }
    })
}
