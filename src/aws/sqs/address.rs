//! The address of a queue: URL, ARN or name.

use crate::aws::{Error, Kind};

/// Where a queue is, as a user names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The region that the name states; `None`: the account's own.
    pub region: Option<String>,
    pub(super) place: QueueName,
}

/// The queue itself: its URL, or its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum QueueName {
    Url(String),
    Name { name: String, account_id: Option<String> },
}

impl Address {
    /// Reads the URL of a queue, with or without its `https://`, its ARN, or its bare name.
    ///
    /// # Errors
    ///
    /// [`Kind::Other`] when it is none of these.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |what: &str| Error::new(Kind::Other, what);
        if text.starts_with("arn:") {
            let parts: Vec<&str> = text.splitn(6, ':').collect();
            let ["arn", _, "sqs", region, account, name] = parts[..] else {
                return Err(wrong("the ARN is not that of a queue"));
            };
            if region.is_empty() || account.is_empty() || !is_name(name) {
                return Err(wrong("the ARN has no region, account or queue name"));
            }
            let place =
                QueueName::Name { name: name.to_owned(), account_id: Some(account.to_owned()) };
            return Ok(Self { region: Some(region.to_owned()), place });
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
        let Some((host, path)) = rest.split_once('/') else {
            let place = QueueName::Name { name: rest.to_owned(), account_id: None };
            let fits = is_name(rest) && !text.contains("://");
            return fits
                .then_some(Self { region: None, place })
                .ok_or_else(|| wrong("it names no queue"));
        };
        if !matches!(scheme, "https" | "http") || !path.rsplit('/').next().is_some_and(is_name) {
            return Err(wrong("the URL is not that of a queue"));
        }
        let place = QueueName::Url(format!("{scheme}://{rest}"));
        Ok(Self { region: region_of(host), place })
    }
}

fn is_name(text: &str) -> bool {
    let name = text.strip_suffix(".fifo").unwrap_or(text);
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (1..=80).contains(&text.len()) && !name.is_empty() && name.bytes().all(fits)
}

/// `sqs.<region>.amazonaws.com`, an interface endpoint's `vpce-….sqs.<region>.vpce.amazonaws.com`, and the
/// old `<region>.queue.amazonaws.com`.
fn region_of(host: &str) -> Option<String> {
    let parts: Vec<&str> = host.split('.').collect();
    let at = parts.iter().position(|part| matches!(*part, "sqs" | "sqs-fips" | "queue"))?;
    let known = parts.contains(&"amazonaws") || parts.contains(&"api");
    let region = match (parts[at], at) {
        ("queue", 1) => parts.first()?,
        ("queue", _) => return None,
        _ => parts.get(at + 1)?,
    };
    known.then(|| (*region).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_named_by_url_arn_or_name() {
        let url = "https://sqs.eu-west-1.amazonaws.com/123456789012/logs";
        for text in [url, &url[8..]] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.region.as_deref(), Some("eu-west-1"));
            assert_eq!(address.place, QueueName::Url(url.into()));
        }
        let arn = Address::parse("arn:aws-cn:sqs:cn-north-1:123456789012:logs.fifo").unwrap();
        assert_eq!(arn.region.as_deref(), Some("cn-north-1"));
        let account_id = Some("123456789012".to_owned());
        assert_eq!(arn.place, QueueName::Name { name: "logs.fifo".into(), account_id });
        let name = Address::parse("flow_logs-1").unwrap();
        let place = QueueName::Name { name: "flow_logs-1".into(), account_id: None };
        assert_eq!(name, Address { region: None, place });
    }

    #[test]
    fn the_host_tells_the_region() {
        for (host, region) in [
            ("sqs.us-gov-west-1.amazonaws.com", Some("us-gov-west-1")),
            ("sqs-fips.us-east-1.amazonaws.com", Some("us-east-1")),
            ("sqs.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("vpce-1.sqs.us-east-2.vpce.amazonaws.com", Some("us-east-2")),
            ("sqs.eu-central-1.api.aws", Some("eu-central-1")),
            ("us-west-2.queue.amazonaws.com", Some("us-west-2")),
            ("queue.amazonaws.com", None),
            ("127.0.0.1:5000", None),
            ("sqs.example.com", None),
        ] {
            assert_eq!(region_of(host).as_deref(), region, "{host}");
        }
    }

    #[test]
    fn what_is_no_queue_is_refused() {
        for text in [
            "",
            "two words",
            "a/",
            "https://",
            "https://queue",
            "ftp://host/1/queue",
            "arn:aws:sns:us-east-1:123456789012:topic",
            "arn:aws:sqs:us-east-1::queue",
            "arn:aws:sqs:us-east-1:123456789012:a:b",
            ".fifo",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }
}
