//! The kinds of sinks, and the keys that each has in `[[alert]]`.

/// Keys that every `[[alert]]` may have.
pub(super) const COMMON: &[&str] =
    &["type", "name", "detections", "severity", "job", "timeout", "retries"];

/// The kind of a sink: `type` of an `[[alert]]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// JSON lines to a file or to standard output.
    Ndjson,
    /// JSON by HTTP.
    Webhook,
    /// Slack's incoming webhook.
    Slack,
    /// An SNS topic.
    Sns,
    /// An EventBridge event bus.
    EventBridge,
    /// An SQS queue.
    Sqs,
    /// Security Hub.
    SecurityHub,
}

/// Every kind with its name and the keys that only it has.
pub(super) const KINDS: &[(Kind, &str, &[&str])] = &[
    (Kind::Ndjson, "ndjson", &["path"]),
    (
        Kind::Webhook,
        "webhook",
        &[
            "url",
            "url-env",
            "url-file",
            "headers",
            "secret",
            "secret-env",
            "secret-file",
            "plain-http",
        ],
    ),
    (Kind::Slack, "slack", &["url", "url-env", "url-file", "plain-http"]),
    (Kind::Sns, "sns", &["topic"]),
    (Kind::EventBridge, "eventbridge", &["bus", "region"]),
    (Kind::Sqs, "sqs", &["queue"]),
    (Kind::SecurityHub, "security-hub", &["region"]),
];

impl Kind {
    /// Returns its name in the config.
    pub fn as_str(self) -> &'static str {
        KINDS.iter().find(|(kind, ..)| *kind == self).map_or("", |(_, name, _)| name)
    }

    pub(super) fn keys(self) -> &'static [&'static str] {
        KINDS.iter().find(|(kind, ..)| *kind == self).map_or(&[], |(.., keys)| keys)
    }
}
