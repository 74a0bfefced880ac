//! `sqs://…`: what a queue tells of is read as from files, and what was read is deleted, and nothing else.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::proxy::{Fault, Proxy, What};
use super::server::{ACCOUNT, REGION, Server, block_on, command_at, server, unique};
use super::world::{self, Way, messages, notification, notify, send};
use crate::support::{LOGS, Run, SAMPLES, on_samples};

const COUNT: [&str; 6] =
    ["sql", "--format", "csv", "-c", "SELECT count(*) AS n FROM flow_logs", "--quiet"];

/// Sets for how long a message is taken; flowq takes none for less than four seconds.
const VISIBILITY: &str = "boto3.client('sqs').set_queue_attributes(QueueUrl=sys.argv[1],
    Attributes={'VisibilityTimeout': sys.argv[2]})";

/// A plain object of so many records, in the default format.
fn records(count: usize) -> Vec<u8> {
    let header = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets \
                  bytes start end action log-status\n";
    let record = |at: usize| {
        let port = 1024 + at;
        format!(
            "2 123456789012 eni-0a 10.0.0.1 10.0.0.2 {port} 443 6 1 40 1773130000 1773130060 ACCEPT OK\n"
        )
    };
    (header.to_owned() + &(0..count).map(record).collect::<String>()).into_bytes()
}

/// A bucket and a queue of a test.
fn world(name: &str) -> (&'static Server, String, String) {
    let server = server();
    let bucket = world::bucket(server, unique(name));
    let queue = world::queue(server, &unique(name));
    (server, bucket, queue)
}

fn source(queue: &str) -> String {
    format!("sqs://{queue}")
}

/// Counts the records that the queue tells of.
fn count(server: &Server, queue: &str) -> Run {
    server.flowq(&[&COUNT[..], &[&source(queue)]].concat())
}

/// The findings of the samples, without the evidence: it names other objects.
fn findings(run: &Run) -> Vec<Value> {
    let mut findings = run.json_lines();
    for finding in &mut findings {
        assert!(finding.as_object_mut().unwrap().remove("evidence").is_some());
    }
    findings
}

#[test]
fn every_wrapping_gives_the_findings_of_files() {
    let (server, bucket, _) = world("wrapped");
    let keys = world::upload(server, &bucket, "AWSLogs/", LOGS);
    let files = on_samples(&["detect", "--format", "ndjson"], &[]).expect(0);
    let files = findings(&files);
    assert!(!files.is_empty());
    for way in [Way::Direct, Way::Sns, Way::EventBridge] {
        let queue = world::queue(server, &unique("wrapped"));
        notify(server, &queue, &bucket, &keys, way);
        let source = source(&queue);
        let args = [&["detect", "--format", "ndjson", source.as_str()], &SAMPLES[1..]].concat();
        let run = server.flowq(&args).expect(0);
        assert_eq!(findings(&run), files, "{way:?}");
        assert!(run.out.contains(&format!("s3://{bucket}/AWSLogs/{ACCOUNT}")), "{}", run.out);
        assert_eq!(messages(server, &queue), (0, 0), "{way:?}");
    }
}

#[test]
fn a_queue_is_found_by_url_arn_and_name() {
    let (server, bucket, _) = world("named");
    world::put(server, &bucket, "a.log", records(3));
    let name = unique("by-name");
    let queue = world::queue(server, &name);
    let path = queue.split_once("://").unwrap().1.to_owned();
    for source in [
        format!("sqs://{queue}"),
        format!("sqs://{path}"),
        format!("sqs://arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"),
        format!("sqs://{name}"),
    ] {
        notify(server, &queue, &bucket, &["a.log".to_owned()], Way::Direct);
        let run = server.flowq(&[&COUNT[..], &[source.as_str()]].concat()).expect(0);
        assert_eq!(run.out, "n\n3\n", "{source}");
    }
    let missing = server.flowq(&[&COUNT[..], &["sqs://not-there"]].concat()).expect(4);
    assert!(missing.err.contains("sqs://not-there does not exist"), "{}", missing.err);
    let wrong = server.flowq(&[&COUNT[..], &["sqs://two words"]].concat()).expect(4);
    assert!(wrong.err.contains("sqs://two words is not a source"), "{}", wrong.err);
}

#[test]
fn s3_itself_tells_the_queue_of_odd_keys() {
    let (server, bucket, queue) = world("odd");
    let script = "
arn = f'arn:aws:sqs:us-east-1:123456789012:{sys.argv[2].rsplit(\"/\", 1)[1]}'
boto3.client('s3').put_bucket_notification_configuration(Bucket=sys.argv[1],
    NotificationConfiguration={'QueueConfigurations': [
        {'QueueArn': arn, 'Events': ['s3:ObjectCreated:*']}]})";
    server.python(script, &[&bucket, &queue]);
    // The test event waits there before any object.
    assert_eq!(messages(server, &queue), (1, 0));
    let keys = ["red flower+1.log", "year=2026/a%2Fb.log", "größe/日本 &?#.log", "plain.log"];
    for key in keys {
        world::put(server, &bucket, key, records(2));
    }
    let run = count(server, &queue).expect(0);
    assert_eq!(run.out, "n\n8\n", "{}", run.err);
    assert_eq!(messages(server, &queue), (0, 0));
    assert_eq!(count(server, &queue).expect(0).out, "n\n0\n");
}

#[test]
fn an_object_told_twice_is_read_once_and_both_messages_go() {
    let (server, bucket, queue) = world("twice");
    for key in ["a.log", "b.log"] {
        world::put(server, &bucket, key, records(5));
    }
    let one = |key: &str| world::created(server, &bucket, key)["Records"][0].clone();
    send(
        server,
        &queue,
        &json!({"Records": [one("a.log"), one("b.log"), one("a.log")]}).to_string(),
    );
    send(server, &queue, &notification(server, &bucket, "a.log", Way::Direct));
    send(server, &queue, &notification(server, &bucket, "b.log", Way::EventBridge));
    let run = count(server, &queue).expect(0);
    assert_eq!(run.out, "n\n10\n");
    assert_eq!(messages(server, &queue), (0, 0));
}

#[test]
fn what_is_not_about_new_objects_is_left() {
    let (server, bucket, queue) = world("others");
    world::put(server, &bucket, "a.log", records(1));
    let mut removed = world::created(server, &bucket, "a.log");
    removed["Records"][0]["eventName"] = "ObjectRemoved:Delete".into();
    send(server, &queue, &removed.to_string());
    send(server, &queue, "order 66");
    let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": bucket});
    send(server, &queue, &test.to_string());
    send(server, &queue, &world::in_sns(&test));
    notify(server, &queue, &bucket, &["a.log".to_owned()], Way::Sns);
    let run = count(server, &queue).expect(0);
    assert_eq!(run.out, "n\n1\n");
    let told = "2 messages left, not about new objects of S3: 1 ObjectRemoved:Delete of aws:s3, 1 not JSON";
    assert!(run.err.contains(told), "{}", run.err);
    // They can be had at once.
    assert_eq!(messages(server, &queue), (2, 0));
}

#[test]
fn each_event_of_a_message_counts_for_itself() {
    let (server, bucket, queue) = world("events");
    world::put(server, &bucket, "a.log", records(3));
    let created = world::created(server, &bucket, "a.log")["Records"][0].clone();
    let with = |name: &str, value: &str| {
        let mut event = created.clone();
        event[name] = value.into();
        event
    };
    for other in [with("eventName", "ObjectRemoved:Delete"), with("eventName", "ObjectTagging:Put")]
    {
        for events in [json!([created, other]), json!([other, created])] {
            send(server, &queue, &json!({ "Records": events }).to_string());
            let run = count(server, &queue).expect(0);
            assert_eq!(run.out, "n\n3\n", "{events}");
            assert_eq!(messages(server, &queue), (0, 0), "{events}");
        }
    }
    // An event that cannot be understood: alone, and beside one that can.
    let newer = with("eventVersion", "3.0");
    for (events, out) in [(json!([newer]), "n\n0\n"), (json!([newer, created]), "n\n3\n")] {
        let queue = world::queue(server, &unique("newer"));
        send(server, &queue, &json!({ "Records": events }).to_string());
        let run = count(server, &queue).expect(5);
        assert_eq!(run.out, out, "{events}");
        assert!(run.err.contains("version 3.0 of S3's events"), "{}", run.err);
        assert_eq!(messages(server, &queue), (0, 1), "{events}");
    }
}

#[test]
fn the_message_of_an_object_that_fails_stays_and_is_told() {
    let (server, bucket, queue) = world("failing");
    let dead = unique("dead");
    world::queue(server, &dead);
    let policy = json!({"deadLetterTargetArn": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{dead}"),
                        "maxReceiveCount": 7});
    let set = server.sqs().set_queue_attributes().queue_url(&queue);
    let name = aws_sdk_sqs::types::QueueAttributeName::RedrivePolicy;
    block_on(set.attributes(name, policy.to_string()).send()).unwrap();
    for key in ["good.log", "gone.log"] {
        world::put(server, &bucket, key, records(4));
        notify(server, &queue, &bucket, &[key.to_owned()], Way::Direct);
    }
    let gone = server.s3().delete_object().bucket(&bucket).key("gone.log");
    block_on(gone.send()).unwrap();
    let run = count(server, &queue).expect(5);
    assert_eq!(run.out, "n\n4\n");
    let told = format!(
        "is left, received 1 time: s3://{bucket}/gone.log could not be read; after 7 receives the \
         queue moves it to arn:aws:sqs:{REGION}:{ACCOUNT}:{dead}"
    );
    assert!(run.err.contains(&told), "{}", run.err);
    // It waits for its time to be over, and was not deleted.
    assert_eq!(messages(server, &queue), (0, 1));

    // A queue that holds nothing else, and without such a policy.
    let alone = world::queue(server, &unique("alone"));
    world::put(server, &bucket, "gone.log", records(4));
    notify(server, &alone, &bucket, &["gone.log".to_owned()], Way::Sns);
    world::put(server, &bucket, "gone.log", records(5));
    server.python(VISIBILITY, &[&alone, "4"]);
    let run = server.flowq(&["detect", "--quiet", &source(&alone)]).expect(4);
    let told = format!(
        "is left, received 1 time: s3://{bucket}/gone.log could not be read; the queue has no \
         redrive policy"
    );
    assert!(run.err.contains(&told), "{}", run.err);
    assert_eq!(messages(server, &alone), (0, 1));
    std::thread::sleep(Duration::from_secs(5));
    let run = count(server, &alone).expect(4);
    assert!(run.err.contains(&told.replace("1 time", "2 times")), "{}", run.err);
}

#[test]
fn nothing_is_deleted_unless_all_is_done() {
    let (server, bucket, queue) = world("undone");
    for key in ["a.log", "b.log", "c.log"] {
        world::put(server, &bucket, key, records(2000));
        notify(server, &queue, &bucket, &[key.to_owned()], Way::Direct);
    }
    let source = source(&queue);
    let deletes = || server.count("DeleteMessageBatch", &queue);
    // What a run that failed has taken comes back when its time is over.
    server.python(VISIBILITY, &[&queue, "4"]);
    // LIMIT: not everything was read.
    let limit = ["sql", "-c", "SELECT * FROM flow_logs LIMIT 1", "--threads", "1", &source];
    let run = server.flowq(&limit).expect(0);
    assert!(
        run.err.contains("3 messages given back: only a command that reads everything deletes"),
        "{}",
        run.err
    );
    assert_eq!((messages(server, &queue), deletes()), ((3, 0), 0));
    // The output cannot be written: they are given back at once.
    let nowhere = ["--output", "/dev/null/nowhere.csv", "--format", "csv"];
    let all = ["sql", "-c", "SELECT * FROM flow_logs", &source];
    server.flowq(&[&all[..], &nowhere].concat()).expect(6);
    assert_eq!((messages(server, &queue), deletes()), ((3, 0), 0));
    // The statement is wrong, or fails half-way.
    server.flowq(&["sql", "-c", "SELECT nothing FROM flow_logs", &source]).expect(3);
    std::thread::sleep(Duration::from_secs(5));
    // Ctrl-C while an object is read.
    let stall = What::Stall(1000, Duration::from_secs(5));
    let proxy = Proxy::start(server.url(), vec![Fault::new(stall).path("/b.log")]);
    let child = command_at(proxy.url()).args(all).stdin(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(4));
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    crate::support::run(&child.wait_with_output().unwrap()).expect(130);
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!((messages(server, &queue), deletes()), ((3, 0), 0));
    assert_eq!(count(server, &queue).expect(0).out, "n\n6000\n");
    assert_eq!(messages(server, &queue), (0, 0));
}

/// Types into `flowq sql` on a terminal, and prints what was to be seen there.
const PROMPT: &str = r"
import os, pty, tempfile
home = tempfile.TemporaryDirectory()
pid, terminal = pty.fork()
if pid == 0:
    os.environ.update(TERM='dumb', XDG_DATA_HOME=home.name)
    os.execv(sys.argv[1], ['flowq', 'sql', sys.argv[2]])
seen = b''
def until(text):
    global seen
    while text not in seen:
        seen += os.read(terminal, 4096)
until(b'flowq> ')
os.write(terminal, b'SELECT count(*) AS records FROM flow_logs;\n')
until(b'1 row')
os.write(terminal, b'\\q\n')
try:
    while part := os.read(terminal, 4096):
        seen += part
except OSError:
    pass
print(json.dumps([seen.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])]))";

#[test]
fn the_prompt_deletes_nothing() {
    let (server, bucket, queue) = world("prompt");
    world::put(server, &bucket, "a.log", records(17));
    notify(server, &queue, &bucket, &["a.log".to_owned()], Way::Direct);
    let told = server.python(PROMPT, &[env!("CARGO_BIN_EXE_flowq"), &source(&queue)]);
    let seen = told[0].as_str().unwrap();
    assert!(seen.contains("17"), "{seen}");
    assert!(
        seen.contains("1 message given back: only a command that reads everything deletes"),
        "{seen}"
    );
    assert_eq!(told[1], 0);
    assert_eq!((messages(server, &queue), server.count("DeleteMessageBatch", &queue)), ((1, 0), 0));
}

#[test]
fn a_window_leaves_what_reaches_outside() {
    let (server, bucket, queue) = world("window");
    let name = |time: &str| format!("{ACCOUNT}_vpcflowlogs_{REGION}_fl-1_20260310T{time}Z_a.log");
    // The records are of 08:06 to 08:07.
    for time in ["0100", "0805", "0810", "2300"] {
        world::put(server, &bucket, &name(time), records(1));
        notify(server, &queue, &bucket, &[name(time)], Way::Direct);
    }
    let window = ["--since", "2026-03-10T08:00", "--until", "2026-03-10T09:00"];
    let source = source(&queue);
    let run = server.flowq(&[&COUNT[..], &window, &[&source]].concat()).expect(0);
    assert_eq!(run.out, "n\n2\n");
    let told = "3 messages left: their objects reach outside --since and --until";
    assert!(run.err.contains(told), "{}", run.err);
    assert_eq!(server.count("GetObject", &name("0100")), 0);
    assert_eq!(messages(server, &queue), (3, 0));
}

#[test]
fn messages_are_held_while_the_work_goes_on() {
    let (server, bucket, queue) = world("held");
    world::put(server, &bucket, "slow.log", records(100));
    notify(server, &queue, &bucket, &["slow.log".to_owned()], Way::Direct);
    server.python(VISIBILITY, &[&queue, "6"]);
    let stall = What::Stall(1000, Duration::from_secs(11));
    let proxy = Proxy::start(server.url(), vec![Fault::new(stall).path("/slow.log")]);
    let source = source(&queue);
    let mut command = command_at(proxy.url());
    let child = command.args(COUNT).arg(&source).stdin(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    let mut seen_held = 0;
    while begun.elapsed() < Duration::from_secs(11) {
        std::thread::sleep(Duration::from_millis(500));
        let (free, held) = messages(server, &queue);
        // Free only before it was received.
        assert!(free == 0 || seen_held == 0, "after {:?}", begun.elapsed());
        seen_held += held;
    }
    let run = crate::support::run(&child.wait_with_output().unwrap()).expect(0);
    assert_eq!(run.out, "n\n100\n");
    assert!(seen_held > 8, "{seen_held}");
    let extended = server.calls(&queue).into_iter().filter(|call| {
        call.operation == "ChangeMessageVisibilityBatch"
            && call.body.contains("\"VisibilityTimeout\":6")
    });
    assert!(extended.count() >= 2);
    assert_eq!(messages(server, &queue), (0, 0));
}

#[test]
fn messages_that_cannot_be_held_are_told_of() {
    let (server, bucket, queue) = world("unheld");
    world::put(server, &bucket, "slow.log", records(100));
    notify(server, &queue, &bucket, &["slow.log".to_owned()], Way::Direct);
    server.python(VISIBILITY, &[&queue, "4"]);
    let denied = What::Answer(400, "AccessDeniedException");
    let faults = vec![
        Fault::new(What::Stall(1000, Duration::from_secs(3))).path("/slow.log"),
        Fault::new(denied).operation("ChangeMessageVisibilityBatch"),
    ];
    let proxy = Proxy::start(server.url(), faults);
    let run = proxy.flowq(&[&COUNT[..], &[&source(&queue)]].concat()).expect(0);
    assert_eq!(run.out, "n\n100\n");
    let told = "1 message could not be kept invisible: other consumers may have received them too";
    assert!(run.err.contains(told), "{}", run.err);
}

#[test]
fn a_queue_that_cannot_be_told_is_an_error_and_nothing_is_silent() {
    let (server, bucket, queue) = world("untold");
    world::put(server, &bucket, "a.log", records(2));
    notify(server, &queue, &bucket, &["a.log".to_owned()], Way::Direct);
    let denied = What::Answer(400, "AccessDeniedException");
    let fault = Fault::new(denied).operation("DeleteMessageBatch");
    let proxy = Proxy::start(server.url(), vec![fault]);
    let run = proxy.flowq(&[&COUNT[..], &[&source(&queue)]].concat()).expect(4);
    assert_eq!(run.out, "n\n2\n");
    let told = "could not be deleted: the objects they name are read again: access denied";
    assert!(run.err.contains(told), "{}", run.err);
    assert_eq!(proxy.done(), [1]);
    assert_eq!(messages(server, &queue), (0, 1));
}

#[test]
fn throttling_and_lost_answers_change_nothing() {
    let (server, bucket, queue) = world("throttled");
    let keys: Vec<String> = (0..25).map(|at| format!("{at}.log")).collect();
    for key in &keys {
        world::put(server, &bucket, key, records(1));
    }
    notify(server, &queue, &bucket, &keys, Way::Direct);
    let busy = What::Answer(400, "ThrottlingException");
    let faults = vec![
        Fault::new(busy).operation("ReceiveMessage").nth(&[1]),
        Fault::new(What::Answer(500, "InternalFailure")).operation("GetQueueAttributes").nth(&[1]),
        Fault::new(What::Lose).operation("DeleteMessageBatch").nth(&[1]),
        Fault::new(busy).operation("DeleteMessageBatch").nth(&[1, 2]),
    ];
    let proxy = Proxy::start(server.url(), faults);
    let run = proxy.flowq(&[&COUNT[..], &[&source(&queue)]].concat()).expect(0);
    assert_eq!(run.out, "n\n25\n", "{}", run.err);
    assert_eq!(proxy.done(), [1, 1, 1, 2]);
    assert_eq!(messages(server, &queue), (0, 0));
}
