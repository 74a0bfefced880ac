//! Puts logs where AWS would have put them: objects in a bucket, events in a log group, messages in a queue.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use aws_sdk_s3::primitives::ByteStream;
use serde_json::{Value, json};

use super::server::{ACCOUNT, REGION, Server, block_on};
use crate::support::root;

/// Makes a bucket, and returns its name.
pub(crate) fn bucket(server: &Server, name: String) -> String {
    block_on(server.s3().create_bucket().bucket(&name).send()).unwrap();
    name
}

/// Puts one object.
pub(crate) fn put(server: &Server, bucket: &str, key: &str, bytes: Vec<u8>) {
    let body = ByteStream::from(bytes);
    block_on(server.s3().put_object().bucket(bucket).key(key).body(body).send()).unwrap();
}

/// Uploads all files below a folder of the project, under `prefix` and the path that they have in it.
/// Returns their keys, sorted.
pub(crate) fn upload(server: &Server, bucket: &str, prefix: &str, folder: &str) -> Vec<String> {
    let folder = root().join(folder);
    let files = files_below(&folder);
    assert!(!files.is_empty(), "nothing to upload in {}", folder.display());
    let mut keys = Vec::new();
    for file in files {
        let path = file.strip_prefix(&folder).unwrap().to_str().unwrap().replace('\\', "/");
        let key = format!("{prefix}{path}");
        put(server, bucket, &key, fs::read(&file).unwrap());
        keys.push(key);
    }
    keys.sort();
    keys
}

fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    entries.filter(|entry| entry.file_type().is_file()).map(|entry| entry.into_path()).collect()
}

/// Makes a log group and puts records there as AWS does: a stream for each interface, `eni-…-all`, the time of
/// an event that of the record's start, no header. `text` has the header that names the fields.
pub(crate) fn put_events(server: &Server, group: &str, text: &str) {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(' ').collect();
    let at = |name: &str| header.iter().position(|field| *field == name).unwrap();
    let (interface, start) = (at("interface-id"), at("start"));
    let mut streams: BTreeMap<String, Vec<(i64, &str)>> = BTreeMap::new();
    for line in lines {
        let values: Vec<&str> = line.split(' ').collect();
        let time = values[start].parse::<i64>().unwrap() * 1000;
        streams.entry(format!("{}-all", values[interface])).or_default().push((time, line));
    }
    let logs = server.logs();
    block_on(async {
        logs.create_log_group().log_group_name(group).send().await.unwrap();
        for (stream, mut events) in streams {
            let create = logs.create_log_stream().log_group_name(group).log_stream_name(&stream);
            create.send().await.unwrap();
            events.sort();
            for part in events.chunks(5000) {
                let event = |(time, message): &(i64, &str)| {
                    InputLogEvent::builder().timestamp(*time).message(*message).build().unwrap()
                };
                let put = logs.put_log_events().log_group_name(group).log_stream_name(&stream);
                put.set_log_events(Some(part.iter().map(event).collect())).send().await.unwrap();
            }
        }
    });
}

/// How a notification of S3 comes to a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Straight from S3, and through SNS with raw delivery, which is the same.
    Direct,
    /// Through SNS, in its envelope.
    Sns,
    /// Through a rule of EventBridge.
    EventBridge,
}

/// Makes a queue and returns its URL.
pub(crate) fn queue(server: &Server, name: &str) -> String {
    let made = block_on(server.sqs().create_queue().queue_name(name).send()).unwrap();
    made.queue_url().unwrap().to_owned()
}

/// Sends a message.
pub(crate) fn send(server: &Server, queue_url: &str, body: &str) {
    block_on(server.sqs().send_message().queue_url(queue_url).message_body(body).send()).unwrap();
}

/// Sends a notification for each of the objects, a message each.
pub(crate) fn notify(server: &Server, queue_url: &str, bucket: &str, keys: &[String], way: Way) {
    for key in keys {
        send(server, queue_url, &notification(server, bucket, key, way));
    }
}

/// The message that tells of an object that was just put, in AWS's words.
pub(crate) fn notification(server: &Server, bucket: &str, key: &str, way: Way) -> String {
    match way {
        Way::Direct => created(server, bucket, key).to_string(),
        Way::Sns => in_sns(&created(server, bucket, key)),
        Way::EventBridge => json!({
            "version": "0", "id": "2d4eba74-fd51-3966-4bfa-b013c9da8ff1",
            "detail-type": "Object Created", "source": "aws.s3", "account": ACCOUNT,
            "time": "2026-03-10T08:20:00Z", "region": REGION,
            "resources": [format!("arn:aws:s3:::{bucket}")],
            "detail": {
                "version": "0", "event-version": "1.2", "bucket": {"name": bucket},
                "object": {"key": key, "size": stored(server, bucket, key).0,
                           "etag": stored(server, bucket, key).1, "sequencer": "0062E99A88DC407460"},
                "request-id": "J5XVMTDVC2CTAACH", "requester": ACCOUNT,
                "source-ip-address": "192.0.2.50", "reason": "PutObject",
            },
        })
        .to_string(),
    }
}

/// The envelope that SNS puts around what it delivers.
pub(crate) fn in_sns(message: &Value) -> String {
    json!({
        "Type": "Notification", "MessageId": "7c1a1d0e-6f56-5a8b-9d5c-42b9c4a35d0f",
        "TopicArn": format!("arn:aws:sns:{REGION}:{ACCOUNT}:new-objects"),
        "Subject": "Amazon S3 Notification", "Message": message.to_string(),
        "Timestamp": "2026-03-10T08:20:00.000Z", "SignatureVersion": "1", "Signature": "EXAMPLE",
        "SigningCertURL": "https://sns.us-east-1.amazonaws.com/cert.pem",
        "UnsubscribeURL": "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe",
    })
    .to_string()
}

/// What S3 sends of a new object.
pub(crate) fn created(server: &Server, bucket: &str, key: &str) -> Value {
    let (size, etag) = stored(server, bucket, key);
    json!({"Records": [{
        "eventVersion": "2.6", "eventSource": "aws:s3", "awsRegion": REGION,
        "eventTime": "2026-03-10T08:20:00.000Z", "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "AWS:AIDAEXAMPLE"},
        "requestParameters": {"sourceIPAddress": "192.0.2.50"},
        "responseElements": {"x-amz-request-id": "J5XVMTDVC2CTAACH", "x-amz-id-2": "EXAMPLE"},
        "s3": {
            "s3SchemaVersion": "1.0", "configurationId": "flow-logs",
            "bucket": {"name": bucket, "ownerIdentity": {"principalId": "EXAMPLE"},
                       "arn": format!("arn:aws:s3:::{bucket}")},
            "object": {"key": form_encoded(key), "size": size, "eTag": etag,
                       "sequencer": "0062E99A88DC407460"},
        },
    }]})
}

/// The size and the ETag of an object, as S3 tells them of it.
fn stored(server: &Server, bucket: &str, key: &str) -> (i64, String) {
    let head = block_on(server.s3().head_object().bucket(bucket).key(key).send()).unwrap();
    (head.content_length().unwrap(), head.e_tag().unwrap().trim_matches('"').to_owned())
}

/// A key as S3 writes it into a notification.
fn form_encoded(key: &str) -> String {
    let byte = |byte: u8| match byte {
        b' ' => "+".to_owned(),
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'*' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    key.bytes().map(byte).collect()
}

/// How many messages a queue holds: those to be had now, and those that somebody is at.
pub(crate) fn messages(server: &Server, queue_url: &str) -> (u32, u32) {
    use aws_sdk_sqs::types::QueueAttributeName::{
        ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible,
    };
    let (now, taken) = (ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible);
    let ask = server.sqs().get_queue_attributes().queue_url(queue_url);
    let ask = ask.attribute_names(now.clone()).attribute_names(taken.clone());
    let told = block_on(ask.send()).unwrap();
    let of = |name| told.attributes().unwrap()[&name].parse().unwrap();
    (of(now), of(taken))
}
