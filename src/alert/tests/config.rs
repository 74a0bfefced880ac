//! `[[alert]]` tables, good and bad.

use std::time::Duration;

use crate::alert::config::Target;
use crate::alert::tests::finding;
use crate::alert::{Config, Secret};
use crate::detection::Severity;

const GOOD: &str = r#"
[[alert]]
type = "webhook"
name = "ops"
url-env = "OPS_URL"
secret-file = "/run/secrets/ops"
headers = { Authorization = { env = "OPS_TOKEN" }, X-Team = "jobs" }
detections = ["unexpected-*"]
severity = "high"
job = "nightly-*"
timeout = "3s"
retries = 1

[[alert]]
type = "sns"
topic = "arn:aws:sns:eu-west-1:111122223333:alerts"

[[alert]]
type = "ndjson"
path = "-"
"#;

#[test]
fn every_key_is_read() {
    let configs = Config::parse_all(GOOD).unwrap();
    let names: Vec<&str> = configs.iter().map(|config| config.name.as_str()).collect();
    assert_eq!(names, ["ops", "sns", "ndjson"]);
    assert_eq!((configs[0].timeout, configs[0].retries), (Duration::from_secs(3), 1));
    assert_eq!((configs[1].timeout, configs[1].retries), (Duration::from_secs(10), 3));
    let Target::Webhook { url, headers, secret, plain_http } = &configs[0].target else {
        panic!("{configs:?}")
    };
    assert_eq!(*url, Secret::Env("OPS_URL".into()));
    assert_eq!(headers["Authorization"], Secret::Env("OPS_TOKEN".into()));
    assert_eq!(headers["X-Team"], Secret::Text("jobs".into()));
    assert_eq!(*secret, Some(Secret::File("/run/secrets/ops".into())));
    assert!(!plain_http);
    assert_eq!(configs[2].target, Target::Ndjson { path: None });
}

#[test]
fn a_filter_takes_what_fits_all_of_it() {
    let filter = Config::parse_all(GOOD).unwrap().remove(0).filter;
    let mut fits = finding("f", Severity::High, 1);
    fits.job_name = Some("nightly-7".into());
    assert!(filter.fits(&fits));
    let mut other = fits.clone();
    other.severity = Severity::Medium;
    assert!(!filter.fits(&other));
    let mut other = fits.clone();
    other.detection = "s3-endpoint-bypass".into();
    assert!(!filter.fits(&other));
    let mut other = fits;
    other.job_name = None;
    assert!(!filter.fits(&other));
    other.job_candidates = vec!["daily".into(), "nightly-8".into()];
    assert!(filter.fits(&other));
}

#[test]
fn mistakes_are_told_with_what_to_write() {
    let hook = |rest: &str| format!("[[alert]]\ntype = \"webhook\"\n{rest}\n");
    let cases = [
        (
            "[alert]\ntype = \"sns\"".to_owned(),
            "line 1: alert is a list of tables: write [[alert]]",
        ),
        ("[[alert]]\npath = \"-\"".to_owned(), "line 1: alert needs a type: ndjson, webhook"),
        (
            "[[alert]]\ntype = \"slak\"".to_owned(),
            "line 2: unknown alert type slak; did you mean slack?",
        ),
        (
            hook("urll = \"x\""),
            "line 3: unknown key urll in alert of type webhook; did you mean url?",
        ),
        (
            hook("topic = \"x\""),
            "line 3: topic is a key of sns alerts, this one is of type webhook",
        ),
        (hook(""), "alert 1 (webhook): webhook needs url-env, url-file or url"),
        (
            hook("url = \"https://a/b\"\nurl-env = \"X\""),
            "url, url-env and url-file exclude each other",
        ),
        (hook("url = \"http://example.com/t0ken\""), "the url of example.com is plain http"),
        (hook("url = \"https://me:t0ken@example.com\""), "the url of example.com has a user in it"),
        (hook("url = \"ftp://example.com/t0ken\""), "the url begins with ftp://, not https://"),
        (hook("url = \"example.com/t0ken\""), "the url is none"),
        (
            hook("url-env = \"X\"\ntimeout = \"soon\""),
            "timeout = \"soon\" is no duration such as 10s",
        ),
        (hook("url-env = \"X\"\ntimeout = \"0s\""), "timeout = \"0s\" is no duration"),
        (hook("url-env = \"X\"\nretries = 99"), "retries = 99 is more than 20"),
        (hook("url-env = \"X\"\nname = \"a b\""), "a name has 1 to 64 letters"),
        (
            hook("url-env = \"X\"\nseverity = \"hgh\""),
            "line 4: unknown severity hgh; did you mean high?",
        ),
        (hook("url-env = \"X\"\ndetections = [\"[\"]"), "detections = \"[\""),
        (hook("url-env = \"X\"\nheaders = { \"a b\" = \"c\" }"), "\"a b\" is no name of a header"),
        (hook("url-env = \"X\"\nheaders = { Host = \"c\" }"), "flowq sets the header Host itself"),
        (
            hook("url-env = \"X\"\n[[alert]]\ntype = \"webhook\"\nurl-env = \"Y\""),
            "alert 2 (webhook): another alert has this name",
        ),
        (
            "[[alert]]\ntype = \"sns\"\ntopic = \"alerts\"".to_owned(),
            "topic = \"alerts\" is no ARN of sns",
        ),
        (
            "[[alert]]\ntype = \"eventbridge\"\nbus = \"arn:aws:sns:a:1:b\"".to_owned(),
            "is no ARN of events",
        ),
        ("[[alert]]\ntype = \"sqs\"\nqueue = \"two words\"".to_owned(), "queue = \"two words\""),
        ("[[alert]]\ntype = \"ndjson\"".to_owned(), "ndjson needs path"),
    ];
    for (text, message) in cases {
        let error = Config::parse_all(&text).unwrap_err();
        assert!(error.contains(message), "{text}\n{error}");
        assert!(!error.contains("t0ken"), "{error}");
    }
    let plain = hook("url = \"http://example.com/x\"\nplain-http = true");
    assert!(Config::parse_all(&plain).is_ok());
    assert!(Config::parse_all(&hook("url = \"http://127.0.0.1:9/x\"")).is_ok());
}

#[test]
fn secrets_are_read_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "hush\n").unwrap();
    let lookup = |name: &str| (name == "SET").then(|| "hush".to_owned());
    let env = |name: &str| Secret::Env(name.to_owned());
    for secret in [Secret::Text("hush".into()), env("SET"), Secret::File(path)] {
        assert_eq!(secret.read(&lookup).unwrap(), "hush");
        assert!(!format!("{secret:?}").contains("hush"), "{secret:?}");
    }
    assert_eq!(env("GONE").read(&lookup).unwrap_err(), "the variable GONE is not set");
    let missing = Secret::File(folder.path().join("gone"));
    assert!(missing.read(&lookup).unwrap_err().contains("could not read"));
    let empty = |_: &str| Some("  ".to_owned());
    assert_eq!(env("X").read(&empty).unwrap_err(), "the variable X is empty");
}
