//! Posts alerts to webhooks: as JSON, and in the format of Slack.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;

use crate::alert::config::check_url;
use crate::alert::transports::{DeliveryError, DeliveryResult, ErrorKind, Transport};
use crate::alert::{Alert, message};
use crate::aws::http::{Client, ServerResponse, hmac_sha256};
use crate::aws::redact::redact;
use crate::detection::Severity;

/// The most characters of a section of Slack's.
const SECTION_CHARS_MAX: usize = 2900;

/// The most characters of a response that an error message has.
const SAID_CHARS_MAX: usize = 200;

/// The most characters of an answer that are looked through for secrets.
const SAID_READ_MAX: usize = 8 << 10;

/// A URL that takes posts. The URL may be a secret: only its host is ever printed.
pub(in crate::alert) struct HttpPost {
    url: String,
    host: String,
    timeout: Duration,
    client: Client,
    /// Secrets that are removed from texts of the server.
    secrets: Vec<String>,
}

impl fmt::Debug for HttpPost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Post").field("host", &self.host).finish_non_exhaustive()
    }
}

impl HttpPost {
    pub(in crate::alert) fn new(
        url: &str,
        plain_http: bool,
        timeout: Duration,
    ) -> Result<Self, String> {
        let mut parsed = check_url(url, plain_http)?;
        parsed.set_fragment(None);
        let host = parsed.host_str().unwrap_or_default().to_owned();
        let mut secrets: Vec<String> =
            parsed.query_pairs().map(|(_, value)| value.into_owned()).collect();
        secrets.push(parsed.username().to_owned());
        secrets.extend(parsed.password().map(str::to_owned));
        let url: String = parsed.into();
        // The path is the secret of most webhooks.
        secrets.extend(url.splitn(4, '/').nth(3).map(str::to_owned));
        secrets.push(url.clone());
        Ok(Self { url, host, timeout, client: Client::default(), secrets })
    }

    async fn send(&self, headers: &[(String, String)], body: String) -> DeliveryResult {
        let own = [
            ("content-type", "application/json"),
            ("user-agent", concat!("flowq/", env!("CARGO_PKG_VERSION"))),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let headers = [&own, headers].concat();
        let post = self.client.post(&self.url, &headers, body.into_bytes());
        let host = &self.host;
        match tokio::time::timeout(self.timeout, post).await {
            Ok(Ok(answer)) => self.fate(&answer),
            Ok(Err(error)) => {
                let trouble =
                    if error.is_retryable() { ErrorKind::Passing } else { ErrorKind::Closed };
                Err(DeliveryError::new(
                    trouble,
                    format!("{host}: {}", self.redact_url(&error.to_string())),
                ))
            }
            Err(_) => {
                let seconds = self.timeout.as_secs_f32();
                let reason = format!("{host}: no answer within {seconds} seconds");
                Err(DeliveryError::new(ErrorKind::Passing, reason))
            }
        }
    }

    fn fate(&self, answer: &ServerResponse) -> DeliveryResult {
        let trouble = match answer.status {
            200..=299 => return Ok(()),
            408 | 425 | 429 | 500.. => ErrorKind::Passing,
            // What is wrong is in the alert; all others are about the address or who may use it.
            400 | 406 | 411 | 413 | 415 | 422 | 431 => ErrorKind::Refused,
            _ => ErrorKind::Closed,
        };
        let mut reason = format!("{} answered with HTTP status {}", self.host, answer.status);
        if (300..400).contains(&answer.status) {
            reason.push_str(", and redirects are not followed");
        }
        let response_text = answer.text.split_whitespace().collect::<Vec<_>>().join(" ");
        if !response_text.is_empty() && !response_text.starts_with('<') {
            // A secret that begins in the printed part must be there whole to be found.
            let response_text: String = response_text.chars().take(SAID_READ_MAX).collect();
            let response_text = message::cut(&self.redact_url(&response_text), SAID_CHARS_MAX);
            reason.push_str(&format!(": {response_text}"));
        }
        Err(DeliveryError { trouble, reason, pause: answer.retry_after })
    }

    /// Takes what is secret out of what others say: a server may say back what it was sent.
    fn redact_url(&self, response_text: &str) -> String {
        redact(response_text, &self.secrets)
    }
}

/// A webhook that takes an alert as JSON.
pub(in crate::alert) struct Webhook {
    post: HttpPost,
    headers: Vec<(String, String)>,
    secret: Option<String>,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("post", &self.post).finish_non_exhaustive()
    }
}

impl Webhook {
    pub(in crate::alert) fn new(
        mut post: HttpPost,
        headers: Vec<(String, String)>,
        secret: Option<String>,
    ) -> Result<Self, String> {
        for (_, value) in &headers {
            post.secrets.push(value.clone());
            // `Bearer TOKEN`: the server may say the token alone.
            post.secrets.extend(value.split_whitespace().skip(1).map(str::to_owned));
        }
        post.secrets.extend(secret.clone());
        let bad = |value: &str| value.chars().any(|c| c.is_control() && c != '\t');
        match headers.iter().find(|(_, value)| bad(value)) {
            Some((name, _)) => Err(format!("header {name}: its value has more than one line")),
            None => Ok(Self { post, headers, secret }),
        }
    }

    fn headers(&self, alert: &Alert, body: &str, now: i64) -> Vec<(String, String)> {
        let mut headers = self.headers.clone();
        headers.push(("idempotency-key".to_owned(), alert.alert_id.clone()));
        headers.push(("x-flowq-alert-id".to_owned(), alert.alert_id.clone()));
        if let Some(secret) = &self.secret {
            // The time is signed too, so that a receiver can turn away what was recorded and sent again.
            let signature = hmac_sha256(secret, format!("{now}.{body}").as_bytes());
            headers.push(("x-flowq-timestamp".to_owned(), now.to_string()));
            headers.push(("x-flowq-signature".to_owned(), format!("sha256={signature}")));
        }
        headers
    }
}

#[async_trait]
impl Transport for Webhook {
    async fn send(&self, alerts: &[Alert], now: i64) -> Vec<DeliveryResult> {
        let mut fates = Vec::with_capacity(alerts.len());
        for alert in alerts {
            let body = message::json_within(alert, usize::MAX);
            let headers = self.headers(alert, &body, now);
            fates.push(self.post.send(&headers, body).await);
        }
        fates
    }
}

/// Slack's incoming webhook, and what else takes its messages.
#[derive(Debug)]
pub(in crate::alert) struct Slack(pub(in crate::alert) HttpPost);

#[async_trait]
impl Transport for Slack {
    async fn send(&self, alerts: &[Alert], _: i64) -> Vec<DeliveryResult> {
        let mut fates = Vec::with_capacity(alerts.len());
        for alert in alerts {
            fates.push(self.0.send(&[], message(alert)).await);
        }
        fates
    }
}

fn message(alert: &Alert) -> String {
    let headline = escaped(&message::headline(alert), SECTION_CHARS_MAX);
    let details = escaped(&message::details(alert), SECTION_CHARS_MAX);
    let section = |text: String| json!({ "type": "section", "text": { "type": "mrkdwn", "text": text, "verbatim": true } });
    let mark = match alert.finding.severity {
        Severity::Critical | Severity::High => ":red_circle: ",
        Severity::Medium => ":large_orange_circle: ",
        Severity::Low | Severity::Informational => "",
    };
    json!({
        // What notifications show.
        "text": headline,
        "blocks": [section(format!("{mark}*{headline}*")), section(details)],
    })
    .to_string()
}

/// Slack's three special characters mean themselves, and no name of a job becomes a mention.
fn escaped(text: &str, chars_max: usize) -> String {
    let mut out = String::new();
    let mut count = 0;
    for c in text.chars() {
        let (piece, size) = match c {
            '&' => ("&amp;", 5),
            '<' => ("&lt;", 4),
            '>' => ("&gt;", 4),
            _ => ("", 1),
        };
        if count + size >= chars_max {
            out.push('…');
            break;
        }
        if piece.is_empty() {
            out.push(c);
        } else {
            out.push_str(piece);
        }
        count += size;
    }
    out
}
