//! Webhooks and Slack against a server on this machine.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::alert::tests::receiver::{FINE, Receiver, Reply};
use crate::alert::transports::{DeliveryResult, ErrorKind};
use crate::alert::{Alert, Config, Sink, SinkContext};
use crate::aws::Account;
use crate::aws::http::hmac_sha256;

const NOW: i64 = 1_773_130_000;

/// A sink of a config; the environment has HOOK, which is `url`, and TOKEN and SECRET.
fn sink(config: &str, url: &str) -> Sink {
    let config = Config::parse_all(config).unwrap().remove(0);
    let lookup = |name: &str| match name {
        "HOOK" => Some(url.to_owned()),
        "TOKEN" => Some("t0ken".to_owned()),
        "SECRET" => Some("k3y".to_owned()),
        _ => None,
    };
    let account = Arc::new(Account::default());
    let stdout = Arc::new(Mutex::new(Vec::new()));
    Sink::new(&config, &SinkContext { account: &account, lookup: &lookup, stdout }).unwrap()
}

const HOOK: &str = "[[alert]]\ntype = \"webhook\"\nurl-env = \"HOOK\"\ntimeout = \"500ms\"\n\
    secret-env = \"SECRET\"\nheaders = { Authorization = { env = \"TOKEN\" } }\n";

async fn send(sink: &Sink) -> DeliveryResult {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    let alerts = [Alert::sample(NOW)];
    sink.send(&alerts, NOW, Duration::from_millis(1), deadline).await.remove(0)
}

#[tokio::test]
async fn a_webhook_gets_json_that_is_signed() {
    let receiver = Receiver::start(|_| FINE);
    assert_eq!(send(&sink(HOOK, &receiver.url("/hook?key=1"))).await, Ok(()));
    let heard = receiver.heard().remove(0);
    assert_eq!(heard.path, "/hook?key=1");
    let alert: Alert = serde_json::from_str(&heard.body).unwrap();
    assert_eq!(alert, Alert::sample(NOW));
    assert_eq!(heard.header("authorization"), Some("t0ken"));
    assert_eq!(heard.header("content-type"), Some("application/json"));
    assert_eq!(heard.header("x-flowq-alert-id"), Some(alert.alert_id.as_str()));
    assert_eq!(heard.header("idempotency-key"), Some(alert.alert_id.as_str()));
    assert_eq!(heard.header("x-flowq-timestamp"), Some("1773130000"));
    let signed = hmac_sha256("k3y", format!("1773130000.{}", heard.body).as_bytes());
    assert_eq!(heard.header("x-flowq-signature"), Some(format!("sha256={signed}").as_str()));
}

#[tokio::test]
async fn slack_gets_a_text_without_markup_of_others() {
    let receiver = Receiver::start(|_| FINE);
    let sink = sink("[[alert]]\ntype = \"slack\"\nurl-env = \"HOOK\"\n", &receiver.url("/T/B/x"));
    let mut alert = Alert::sample(NOW);
    alert.finding.reason = Some("<!channel> & <https://example.com|click>".into());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    let fates = sink.send(&[alert], NOW, Duration::ZERO, deadline).await;
    assert_eq!(fates, [Ok(())]);
    let message = receiver.heard()[0].json();
    assert!(message["text"].as_str().unwrap().starts_with("[flowq test] "), "{message}");
    let details = message["blocks"][1]["text"]["text"].as_str().unwrap();
    assert!(details.contains("&lt;!channel&gt; &amp; &lt;https://"), "{details}");
}

#[tokio::test]
async fn what_a_server_says_back_names_no_secret() {
    let echo =
        "{\"headers\":{\"Authorization\":\"t0ken\",\"X-Api-Key\":\"other\"},\"bare\":\"k3y4ever\"}";
    let receiver = Receiver::start(move |_| Reply::Say(401, "", echo));
    let config = "[[alert]]\ntype = \"webhook\"\nurl-env = \"HOOK\"\nsecret = \"k3y4ever\"\n\
                  headers = { authorization = \"t0ken\" }\n";
    let failure = send(&sink(config, &receiver.url("/hook"))).await.unwrap_err();
    let expected_text =
        "{\"headers\":{\"Authorization\":\"…\",\"X-Api-Key\":\"…\"},\"bare\":\"…\"}";
    assert!(failure.reason.ends_with(expected_text), "{}", failure.reason);
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    for first in [
        (|| Reply::Say(500, "", "")) as fn() -> Reply,
        || Reply::Say(503, "Retry-After: 0\r\n", "busy"),
        || Reply::Say(429, "", ""),
        || Reply::HangUp,
        || Reply::Silence,
    ] {
        let receiver = Receiver::start(move |before| if before < 2 { first() } else { FINE });
        assert_eq!(send(&sink(HOOK, &receiver.url("/hook"))).await, Ok(()));
        let heard = receiver.heard();
        assert_eq!(heard.len(), 3);
        assert_eq!(heard[0].header("x-flowq-alert-id"), heard[2].header("x-flowq-alert-id"));
    }
}

#[tokio::test]
async fn retry_after_is_heeded() {
    let busy = |before| if before == 0 { Reply::Say(429, "Retry-After: 1\r\n", "") } else { FINE };
    let receiver = Receiver::start(busy);
    let began = Instant::now();
    assert_eq!(send(&sink(HOOK, &receiver.url("/hook"))).await, Ok(()));
    assert!(began.elapsed() >= Duration::from_secs(1));

    let dated =
        "Date: Tue, 10 Mar 2026 08:00:00 GMT\r\nRetry-After: Tue, 10 Mar 2026 08:20:00 GMT\r\n";
    let receiver = Receiver::start(move |_| Reply::Say(503, dated, ""));
    let failure = send(&sink(HOOK, &receiver.url("/hook"))).await.unwrap_err();
    assert_eq!(failure.pause, Some(Duration::from_secs(1200)));
    assert_eq!(receiver.heard().len(), 1, "nobody waits that long within a delivery");
}

#[tokio::test]
async fn what_cannot_pass_is_not_tried_again() {
    for (status, trouble) in [
        (400, ErrorKind::Refused),
        (413, ErrorKind::Refused),
        (401, ErrorKind::Closed),
        (403, ErrorKind::Closed),
        (404, ErrorKind::Closed),
        (302, ErrorKind::Closed),
    ] {
        let elsewhere = Receiver::start(|_| FINE);
        let location: &str = format!("Location: {}\r\n", elsewhere.url("/x")).leak();
        let receiver = Receiver::start(move |_| Reply::Say(status, location, "no such token"));
        let failure = send(&sink(HOOK, &receiver.url("/s3cret-path"))).await.unwrap_err();
        assert_eq!(failure.trouble, trouble, "{status}");
        let expected = format!("127.0.0.1 answered with HTTP status {status}");
        assert!(failure.reason.starts_with(&expected), "{}", failure.reason);
        assert!(failure.reason.ends_with(": no such token"), "{}", failure.reason);
        assert_eq!((receiver.heard().len(), elsewhere.heard().len()), (1, 0));
    }
}

#[tokio::test]
async fn no_secret_is_in_what_is_said() {
    let echo = "nothing at /s3cret-path?key=s3cret-key";
    let receiver = Receiver::start(move |before| match before {
        0 => Reply::Say(404, "", echo),
        _ => Reply::HangUp,
    });
    let url = receiver.url("/s3cret-path?key=s3cret-key");
    let sink = sink(HOOK, &url);
    for _ in 0..2 {
        let failure = send(&sink).await.unwrap_err();
        let expected_text = format!("{failure:?} {sink:?}");
        for secret in ["s3cret", "t0ken", "k3y"] {
            assert!(!expected_text.contains(secret), "{expected_text}");
        }
        assert!(expected_text.contains("127.0.0.1"), "{expected_text}");
    }
}

#[test]
fn a_secret_that_is_missing_or_wrong_is_told_by_its_name() {
    let account = Arc::new(Account::default());
    for (config, url, problem) in [
        (HOOK, None, "alert webhook: url: the variable HOOK is not set"),
        (
            HOOK,
            Some("http://example.com/s3cret"),
            "alert webhook: the url of example.com is plain http",
        ),
        (
            HOOK,
            Some("https://127.0.0.1:1/s3cret"),
            "alert webhook: header Authorization: the variable TOKEN is not set",
        ),
    ] {
        let lookup = |name: &str| url.filter(|_| name == "HOOK").map(str::to_owned);
        let config = Config::parse_all(config).unwrap().remove(0);
        let stdout = Arc::new(Mutex::new(Vec::new()));
        let means = SinkContext { account: &account, lookup: &lookup, stdout };
        let error = Sink::new(&config, &means).unwrap_err().to_string();
        assert!(error.starts_with(problem), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}
