//! The content of a message in a queue: the three forms in which S3 reports new objects, and all others.
//!
//! Shapes: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html> and
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::aws::s3::Location;

/// The longest message that is parsed. SQS takes up to 1 MiB.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// How many objects one message may report. S3 puts one into each.
const RECORDS_MAX: usize = 1000;

/// A new object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Created {
    /// Where it is; its key is decoded.
    pub(super) at: Location,
    /// Its size as stored, where it is reported.
    pub(super) size_bytes: Option<u64>,
    /// Its version, without the quotes that S3 puts around it elsewhere.
    pub(super) etag: Option<String>,
}

/// The events of a message that speak of created objects. Others, such as those of deleted objects, are not in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Events {
    /// The new objects.
    pub(super) created: Vec<Created>,
    /// Why each event that cannot be understood cannot be.
    pub(super) unclear: Vec<String>,
}

/// The content of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// Objects are new; at least one event reports it.
    Created(Events),
    /// Notifications were set up.
    Test,
    /// Something else: a message of another sender. The reason is text.
    Other(String),
}

/// The content of one event.
enum Event {
    Created(Created),
    /// An object was created, but which one is not clear. The reason is for people.
    Unclear(String),
    /// Something else.
    Other(String),
}

impl Events {
    fn of(events: impl IntoIterator<Item = Event>) -> Result<Self, String> {
        let mut found = Self::default();
        let mut other = None;
        for event in events {
            match event {
                Event::Created(created) => found.created.push(created),
                Event::Unclear(reason) => found.unclear.push(reason),
                Event::Other(reason) => other = other.or(Some(reason)),
            }
        }
        match found == Self::default() {
            true => Err(other.unwrap_or_else(|| "no records".to_owned())),
            false => Ok(found),
        }
    }
}

/// Reads the body of a message: of S3 itself, of SNS around it, of EventBridge. Each of its events counts for itself.
pub(super) fn read(body: &str) -> Content {
    let content = parse(body).and_then(|value| match envelope(&value) {
        // Only one envelope: what is in another is none of S3's.
        Some(inner) => parse(inner).and_then(|value| content(&value)),
        None => content(&value),
    });
    content.unwrap_or_else(|reason| match speaks_of_created(body) {
        true => Content::Created(Events { created: Vec::new(), unclear: vec![reason] }),
        false => Content::Other(reason),
    })
}

/// Returns whether a text that is no event speaks of a created object of S3 all the same: in another wrapping, or cut.
fn speaks_of_created(body: &str) -> bool {
    let has = |text: &str| body.contains(text);
    // "arn:aws:s3:::bucket" names no source of an event.
    let is_s3 =
        || body.match_indices("aws:s3").any(|(at, name)| !body[at + name.len()..].starts_with(':'));
    (has("ObjectCreated:") && is_s3()) || (has("Object Created") && has("aws.s3"))
}

fn parse(text: &str) -> Result<Value, String> {
    if text.len() > BODY_BYTES_MAX {
        return Err("longer than a message can be".to_owned());
    }
    serde_json::from_str(text).map_err(|_| "not JSON".to_owned())
}

/// What SNS wrapped, unless the subscription has raw delivery.
fn envelope(value: &Value) -> Option<&str> {
    let message = value.get("Message")?.as_str()?;
    (text(value, "/Type") == Some("Notification")).then_some(message)
}

fn content(value: &Value) -> Result<Content, String> {
    if let Some(records) = value.get("Records").and_then(Value::as_array) {
        return match records.len() {
            0..=RECORDS_MAX => Events::of(records.iter().map(record)).map(Content::Created),
            _ => Err("too many records".to_owned()),
        };
    }
    match (text(value, "/Event"), text(value, "/source"), text(value, "/detail-type")) {
        (Some("s3:TestEvent"), ..) => Ok(Content::Test),
        (_, Some("aws.s3"), Some("Object Created")) => {
            let object = value.pointer("/detail/object").unwrap_or(&Value::Null);
            let bucket = text(value, "/detail/bucket/name");
            let key = text(object, "/key").ok_or_else(|| "no key".to_owned());
            let event = key.and_then(|key| created(bucket, key.to_owned(), object, "/etag"));
            Events::of([event.map_or_else(Event::Unclear, Event::Created)]).map(Content::Created)
        }
        (_, Some(source), Some(kind)) => Err(format!("{kind} of {source}")),
        _ => Err("not an event of S3".to_owned()),
    }
}

/// One record of a notification of S3 itself.
fn record(record: &Value) -> Event {
    let source = text(record, "/eventSource").unwrap_or_default();
    let name = text(record, "/eventName").unwrap_or_default();
    if source != "aws:s3" || !name.starts_with("ObjectCreated:") {
        return Event::Other(format!("{name} of {source}"));
    }
    created_record(record).map_or_else(Event::Unclear, Event::Created)
}

fn created_record(record: &Value) -> Result<Created, String> {
    // Fields are only added in minor versions.
    let version = text(record, "/eventVersion").unwrap_or_default();
    if version.split('.').next() != Some("2") {
        return Err(format!("version {version} of S3's events"));
    }
    let object = record.pointer("/s3/object").unwrap_or(&Value::Null);
    let key = decode(text(object, "/key").ok_or("no key")?)?;
    created(text(record, "/s3/bucket/name"), key, object, "/eTag")
}

fn created(
    bucket: Option<&str>,
    key: String,
    object: &Value,
    etag: &str,
) -> Result<Created, String> {
    let bucket = bucket.ok_or("no bucket")?;
    let at = Location::new(bucket, key);
    // What is no bucket's name must not become another place once it is written as a URL.
    if at.key.is_empty() || Location::parse(&at.to_string()).ok().as_ref() != Some(&at) {
        return Err("no object's name".to_owned());
    }
    let size_bytes = object.get("size").and_then(Value::as_u64);
    let etag = text(object, etag).filter(|etag| !etag.is_empty()).map(str::to_owned);
    Ok(Created { at, size_bytes, etag })
}

/// Undoes the encoding of forms: `+` is a space, `%2B` a plus.
fn decode(key: &str) -> Result<String, String> {
    let spaced = key.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded.map(String::from).map_err(|_| "a key that is not UTF-8".to_owned())
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// As in AWS's documentation, with the fields that are not read.
    fn s3(name: &str, version: &str, key: &str) -> Value {
        json!({
            "eventVersion": version, "eventSource": "aws:s3", "awsRegion": "us-west-2",
            "eventTime": "1970-01-01T00:00:00.000Z", "eventName": name,
            "userIdentity": {"principalId": "AIDAJDPLRKLG7UEXAMPLE"},
            "requestParameters": {"sourceIPAddress": "127.0.0.1"},
            "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810"},
            "s3": {
                "s3SchemaVersion": "1.0", "configurationId": "testConfigRule",
                "bucket": {"name": "logs", "ownerIdentity": {"principalId": "A3NL1KOZZKExample"},
                           "arn": "arn:aws:s3:::logs"},
                "object": {"key": key, "size": 1024, "eTag": "d41d8cd98f00b204e9800998ecf8427e",
                           "versionId": "096fKKXTRTtl3on89fVO.nfljtsv6qko",
                           "sequencer": "0055AED6DCD90281E5"},
            },
        })
    }

    fn direct(records: &[Value]) -> Value {
        json!({ "Records": records })
    }

    fn sns(message: &Value) -> Value {
        json!({"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:us-west-2:1:t",
               "Subject": "Amazon S3 Notification", "Message": message.to_string()})
    }

    fn event_bridge(kind: &str, key: &str) -> Value {
        json!({
            "version": "0", "id": "17793124-05d4-b198-2fde-7ededc63b103", "detail-type": kind,
            "source": "aws.s3", "account": "111122223333", "time": "2021-11-12T00:00:00Z",
            "region": "ca-central-1", "resources": ["arn:aws:s3:::logs"],
            "detail": {
                "version": "0", "bucket": {"name": "logs"},
                "object": {"key": key, "size": 1024, "etag": "d41d8cd98f00b204e9800998ecf8427e",
                           "version-id": "096fKKXTRTtl3on89fVO.nfljtsv6qko",
                           "sequencer": "617f08299329d189"},
                "request-id": "N4N7GDK58NMKJ12R", "requester": "123456789012",
                "source-ip-address": "1.2.3.4", "reason": "PutObject",
            },
        })
    }

    fn object(key: &str) -> Created {
        Created {
            at: Location::new("logs", key),
            size_bytes: Some(1024),
            etag: Some("d41d8cd98f00b204e9800998ecf8427e".into()),
        }
    }

    fn created_of(objects: &[Created]) -> Content {
        Content::Created(Events { created: objects.to_vec(), unclear: Vec::new() })
    }

    /// Why an event of a created object cannot be understood.
    fn unclear(body: &Value) -> String {
        match read(&body.to_string()) {
            Content::Created(Events { created, unclear }) if created.is_empty() => {
                unclear.join("; ")
            }
            content => panic!("{body} was read as {content:?}"),
        }
    }

    fn other(body: &Value) -> String {
        match read(&body.to_string()) {
            Content::Other(reason) => reason,
            content => panic!("{body} was read as {content:?}"),
        }
    }

    #[test]
    fn the_same_object_in_every_wrapping() {
        let plain = direct(&[s3("ObjectCreated:Put", "2.6", "red+flower%2B%3D%25%C3%A9/x.gz")]);
        let bus = event_bridge("Object Created", "red flower+=%é/x.gz");
        for body in [&plain, &sns(&plain), &bus, &sns(&bus)] {
            let want = created_of(&[object("red flower+=%é/x.gz")]);
            assert_eq!(read(&body.to_string()), want, "{body}");
        }
    }

    #[test]
    fn only_keys_of_s3_itself_are_encoded() {
        let bus = event_bridge("Object Created", "a+b%2Fc");
        assert_eq!(read(&bus.to_string()), created_of(&[object("a+b%2Fc")]));
        let hive = s3("ObjectCreated:Put", "2.1", "aws-account-id%3D123456789012/x");
        let want = created_of(&[object("aws-account-id=123456789012/x")]);
        assert_eq!(read(&direct(&[hive]).to_string()), want);
        assert!(unclear(&direct(&[s3("ObjectCreated:Put", "2.1", "%FF")])).contains("UTF-8"));
    }

    #[test]
    fn several_records_and_every_way_of_creation() {
        let records = [
            s3("ObjectCreated:Put", "2.0", "a"),
            s3("ObjectCreated:CompleteMultipartUpload", "2.99", "b"),
            s3("ObjectCreated:Copy", "2", "c"),
        ];
        let want = created_of(&["a", "b", "c"].map(object));
        assert_eq!(read(&direct(&records).to_string()), want);
    }

    #[test]
    fn test_events_are_told_also_through_sns() {
        let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "logs",
                          "Time": "2014-10-13T15:57:02.089Z", "RequestId": "5", "HostId": "8"});
        assert_eq!(read(&test.to_string()), Content::Test);
        assert_eq!(read(&sns(&test).to_string()), Content::Test);
    }

    #[test]
    fn all_else_is_somebody_elses() {
        let removed = s3("ObjectRemoved:Delete", "2.6", "a");
        assert_eq!(other(&direct(&[removed])), "ObjectRemoved:Delete of aws:s3");
        assert_eq!(other(&event_bridge("Object Deleted", "a")), "Object Deleted of aws.s3");
        let mut sqs = s3("ObjectCreated:Put", "2.6", "a");
        sqs["eventSource"] = "aws:sqs".into();
        assert_eq!(other(&direct(&[sqs])), "ObjectCreated:Put of aws:sqs");
        assert_eq!(other(&json!({"Records": []})), "no records");
        assert_eq!(other(&json!(["Records"])), "not an event of S3");
        assert_eq!(other(&direct(&vec![json!({}); RECORDS_MAX + 1])), "too many records");
        assert_eq!(read("order 66"), Content::Other("not JSON".into()));
        let deep = "[".repeat(100_000);
        assert_eq!(read(&deep), Content::Other("not JSON".into()));
        let long = " ".repeat(BODY_BYTES_MAX + 1);
        assert_eq!(read(&long), Content::Other("longer than a message can be".into()));
    }

    #[test]
    fn each_event_of_a_message_counts_for_itself() {
        let created = s3("ObjectCreated:Put", "2.6", "a");
        let newer = s3("ObjectCreated:Put", "3.0", "b");
        let others = [
            s3("ObjectRemoved:Delete", "2.6", "b"),
            s3("ObjectTagging:Put", "2.6", "a"),
            json!({"Event": "s3:TestEvent"}),
        ];
        for other in others {
            for records in [[created.clone(), other.clone()], [other, created.clone()]] {
                for body in [direct(&records), sns(&direct(&records))] {
                    assert_eq!(read(&body.to_string()), created_of(&[object("a")]), "{body}");
                }
            }
        }
        let read = read(&direct(&[newer, created]).to_string());
        let Content::Created(events) = read else { panic!("{read:?}") };
        assert_eq!(events.created, [object("a")]);
        assert_eq!(events.unclear, ["version 3.0 of S3's events"]);
    }

    #[test]
    fn what_speaks_of_created_objects_and_is_no_event_is_told() {
        let created = direct(&[s3("ObjectCreated:Put", "2.6", "a")]);
        assert_eq!(unclear(&sns(&sns(&created))), "not an event of S3");
        assert_eq!(unclear(&json!({"wrapped": created})), "not an event of S3");
        assert_eq!(
            unclear(&sns(&json!({"w": event_bridge("Object Created", "a")}))),
            "not an event of S3"
        );
        let many = vec![s3("ObjectCreated:Put", "2.6", "a"); RECORDS_MAX + 1];
        assert_eq!(unclear(&direct(&many)), "too many records");
        let cut = &created.to_string()[..400];
        let want = Events { created: Vec::new(), unclear: vec!["not JSON".into()] };
        assert_eq!(read(cut), Content::Created(want));
    }

    #[test]
    fn names_that_are_no_objects_are_not_read() {
        for bucket in ["", "logs/other", "a b", "logs?x"] {
            let mut record = s3("ObjectCreated:Put", "2.6", "a");
            record["s3"]["bucket"]["name"] = bucket.into();
            assert_eq!(unclear(&direct(&[record])), "no object's name", "{bucket}");
        }
        assert_eq!(unclear(&direct(&[s3("ObjectCreated:Put", "2.6", "")])), "no object's name");
        let mut record = s3("ObjectCreated:Put", "2.6", "a");
        record["s3"]["object"] = Value::Null;
        assert_eq!(unclear(&direct(&[record])), "no key");
    }
}
