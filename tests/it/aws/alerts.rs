//! `[[alert]]`: every sink of AWS gets what was found, once.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::proxy::{Fault, Proxy, What};
use super::server::{ACCOUNT, REGION, Server, block_on, server, unique};
use super::world;
use crate::support::{LOGS, Run, SAMPLE_FINDINGS};

/// Makes a topic and a queue that it delivers to as it is; prints the ARN and the queue's URL.
const TOPIC: &str = "
sns, sqs = boto3.client('sns'), boto3.client('sqs')
topic = sns.create_topic(Name=sys.argv[1])['TopicArn']
queue = sqs.create_queue(QueueName=sys.argv[1])['QueueUrl']
arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=['QueueArn'])['Attributes']['QueueArn']
sns.subscribe(TopicArn=topic, Protocol='sqs', Endpoint=arn, Attributes={'RawMessageDelivery': 'true'})
print(json.dumps([topic, queue]))";

/// Makes a bus with a rule that hands all of flowq's events to a queue; prints the queue's URL.
const BUS: &str = "
events, sqs = boto3.client('events'), boto3.client('sqs')
name = sys.argv[1]
events.create_event_bus(Name=name)
queue = sqs.create_queue(QueueName=name)['QueueUrl']
arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=['QueueArn'])['Attributes']['QueueArn']
events.put_rule(Name=name, EventBusName=name, EventPattern=json.dumps({'source': ['flowq']}))
events.put_targets(Rule=name, EventBusName=name, Targets=[{'Id': 'q', 'Arn': arn}])
print(json.dumps(queue))";

/// Prints what Security Hub of a region has.
const FINDINGS: &str = "
hub = boto3.client('securityhub', region_name=sys.argv[1])
pages = hub.get_paginator('get_findings').paginate()
print(json.dumps([finding for page in pages for finding in page['Findings']]))";

fn messages(server: &Server, queue: &str) -> Vec<Value> {
    let mut messages = Vec::new();
    loop {
        let ask = server.sqs().receive_message().queue_url(queue).max_number_of_messages(10);
        let told = block_on(ask.send()).unwrap().messages.unwrap_or_default();
        if told.is_empty() {
            return messages;
        }
        for message in told {
            messages.push(serde_json::from_str(message.body().unwrap()).unwrap());
            let handle = message.receipt_handle.unwrap();
            let done = server.sqs().delete_message().queue_url(queue).receipt_handle(handle);
            block_on(done.send()).unwrap();
        }
    }
}

/// The config of the samples with these sinks instead of its own.
fn config(folder: &Path, sinks: &str) -> String {
    let rules = fs::read_to_string(crate::support::root().join("sample-logs/flowq.toml")).unwrap();
    let path = folder.join("flowq.toml");
    fs::write(&path, rules.split("[[alert]]").next().unwrap().to_owned() + sinks).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Looks for what is in the samples, tells the sinks, and returns the findings.
fn detect(
    run: impl Fn(&[&str]) -> Run,
    config: &str,
    state: &str,
    code: i32,
) -> (Vec<Value>, String) {
    let args = [
        "detect",
        LOGS,
        "--inventory",
        "sample-logs/inventory",
        "--config",
        config,
        "--format",
        "ndjson",
        "--alert",
        "--state",
        state,
    ];
    let run = run(&args).expect(code);
    (run.json_lines(), run.err)
}

fn ids(values: impl IntoIterator<Item = Value>) -> Vec<String> {
    let mut ids: Vec<String> =
        values.into_iter().map(|value| value["finding_id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

#[test]
fn each_sink_gets_each_finding_once() {
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    let name = unique("alerts");
    let made = server.python(TOPIC, &[&format!("{name}-sns")]);
    let (topic, by_sns) = (made[0].as_str().unwrap(), made[1].as_str().unwrap());
    let by_bus = server.python(BUS, &[&format!("{name}-bus")]);
    let by_bus = by_bus.as_str().unwrap();
    let queue = world::queue(server, &format!("{name}-sqs"));
    let region = "eu-central-1";
    server.python(
        "boto3.client('securityhub', region_name=sys.argv[1]).enable_security_hub()",
        &[region],
    );
    let config = config(
        folder.path(),
        &format!(
            "[[alert]]\ntype = \"sns\"\ntopic = \"{topic}\"\n\
             [[alert]]\ntype = \"eventbridge\"\nbus = \"{name}-bus\"\n\
             [[alert]]\ntype = \"sqs\"\nqueue = \"{queue}\"\nseverity = \"high\"\n\
             [[alert]]\ntype = \"security-hub\"\nregion = \"{region}\"\n"
        ),
    );
    let state = folder.path().join("state");
    let state = state.to_str().unwrap();
    let (findings, said) = detect(|args| server.flowq(args), &config, state, 0);
    assert_eq!(findings.len(), SAMPLE_FINDINGS);
    let all_new = format!("alert sns: {SAMPLE_FINDINGS} new, 0 grown, {SAMPLE_FINDINGS} sent");
    assert!(said.contains(&all_new), "{said}");
    let all = ids(findings.clone());
    let alerts = messages(server, by_sns);
    assert_eq!(ids(alerts.iter().map(|alert| alert["finding"].clone())), all);
    for alert in &alerts {
        let same = findings.iter().find(|f| f["finding_id"] == alert["finding"]["finding_id"]);
        assert_eq!(*same.unwrap(), alert["finding"]);
        assert_eq!((&alert["why"], &alert["test"]), (&"new".into(), &false.into()));
    }
    let events = messages(server, by_bus);
    assert_eq!(events[0]["detail-type"], "flowq finding");
    assert_eq!(ids(events.into_iter().map(|event| event["detail"]["finding"].clone())), all);
    let bad = findings.iter().filter(|f| f["severity"] == "high" || f["severity"] == "critical");
    let bad = ids(bad.cloned());
    assert_eq!(
        (bad.len(), ids(messages(server, &queue).iter().map(|a| a["finding"].clone()))),
        (7, bad)
    );

    let imported = server.python(FINDINGS, &[region]);
    let imported = imported.as_array().unwrap();
    assert_eq!(imported.len(), SAMPLE_FINDINGS);
    for finding in imported {
        let id = finding["Id"].as_str().unwrap();
        let own = id.strip_prefix(&format!("{region}/{ACCOUNT}/flowq/")).unwrap();
        let same = findings.iter().find(|finding| finding["finding_id"] == own).unwrap();
        let severity = same["severity"].as_str().unwrap().to_uppercase();
        assert_eq!(finding["Severity"]["Label"], severity.as_str());
        let arn = format!("arn:aws:securityhub:{region}:{ACCOUNT}:product/{ACCOUNT}/default");
        assert_eq!(finding["ProductArn"], arn.as_str());
        assert_eq!(finding["FirstObservedAt"], same["first_seen"]);
    }

    // Mere repetition is never told.
    let (_, said) = detect(|args| server.flowq(args), &config, state, 0);
    assert!(said.contains("alert sns: 0 new, 0 grown, 0 sent"), "{said}");
    for queue in [by_sns, by_bus, &queue] {
        assert_eq!(messages(server, queue), [Value::Null; 0]);
    }
}

#[test]
fn a_sink_that_is_down_gets_it_at_the_next_run_and_the_others_at_once() {
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    let name = unique("down");
    let made = server.python(TOPIC, &[&name]);
    let (topic, by_sns) = (made[0].as_str().unwrap(), made[1].as_str().unwrap());
    let queue = world::queue(server, &format!("{name}-sqs"));
    let bucket = world::bucket(server, unique("state"));
    let config = config(
        folder.path(),
        &format!(
            "[[alert]]\ntype = \"sns\"\ntopic = \"{topic}\"\nretries = 1\n\
             [[alert]]\ntype = \"sqs\"\nqueue = \"{queue}\"\n"
        ),
    );
    let state = format!("s3://{bucket}/state");
    let down = Fault::new(What::Answer(500, "InternalError")).operation("PublishBatch");
    let proxy = Proxy::start(server.url(), vec![down]);
    let (findings, said) = detect(|args| proxy.flowq(args), &config, &state, 6);
    let waiting = format!("alert sns: {SAMPLE_FINDINGS} alerts wait for the next run");
    assert!(said.contains(&format!("{waiting}: no answer: InternalError")), "{said}");
    assert_eq!(proxy.done(), [2]);
    assert_eq!(messages(server, by_sns), [Value::Null; 0]);
    let all = ids(findings);
    assert_eq!(ids(messages(server, &queue).iter().map(|a| a["finding"].clone())), all);

    let (_, said) = detect(|args| server.flowq(args), &config, &state, 0);
    let sent = format!("alert sns: 0 new, 0 grown, {SAMPLE_FINDINGS} sent");
    assert!(said.contains(&sent), "{said}");
    assert_eq!(ids(messages(server, by_sns).iter().map(|a| a["finding"].clone())), all);
    assert_eq!(messages(server, &queue), [Value::Null; 0]);
}

#[test]
fn the_test_names_each_sink_and_what_became_of_it() {
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    let queue = world::queue(server, &unique("sample"));
    let gone = format!("arn:aws:sns:{REGION}:{ACCOUNT}:{}", unique("gone"));
    let config = config(
        folder.path(),
        &format!(
            "[[alert]]\ntype = \"sqs\"\nqueue = \"{queue}\"\n\
             [[alert]]\ntype = \"sns\"\ntopic = \"{gone}\"\n\
             [[alert]]\ntype = \"slack\"\nname = \"chat\"\nurl-env = \"FLOWQ_TEST_NOT_SET\"\n"
        ),
    );
    let run = server.flowq(&["alert", "test", "--config", &config]).expect(6);
    let lines: Vec<&str> = run.err.lines().collect();
    assert!(lines[0].starts_with("sqs ") && lines[0].ends_with("  sent"), "{}", run.err);
    assert!(
        lines[1].starts_with("sns ") && lines[1].contains("FAILED: does not exist: "),
        "{}",
        run.err
    );
    assert!(
        lines[2].ends_with("FAILED: url: the variable FLOWQ_TEST_NOT_SET is not set"),
        "{}",
        run.err
    );
    assert_eq!(lines[3], "flowq: 2 of the sinks took no sample");
    let sample = messages(server, &queue).remove(0);
    assert_eq!(sample["test"], true);
    assert!(sample["finding"]["title"].as_str().unwrap().starts_with("[flowq test]"));

    server.flowq(&["alert", "test", "--config", &config, "--sink", "sqs"]).expect(0);
    let run = server.flowq(&["alert", "test", "--config", &config, "--sink", "chatt"]).expect(2);
    assert!(run.err.contains("no alert is called chatt\nhint: did you mean chat?"), "{}", run.err);
}

#[test]
fn no_secret_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    fs::write(&secret, "http://127.0.0.1:1/s3cret-path\n").unwrap();
    let config = config(
        folder.path(),
        &format!(
            "[[alert]]\ntype = \"webhook\"\nurl-file = {:?}\nretries = 0\nsecret = \"s3cret-key\"\n\
             [[alert]]\ntype = \"slack\"\nurl-env = \"FLOWQ_TEST_HOOK\"\nretries = 0\n",
            secret.to_str().unwrap()
        ),
    );
    let mut command = super::server::command_at("http://127.0.0.1:1");
    command.env("FLOWQ_TEST_HOOK", "http://127.0.0.1:1/s3cret-token");
    let output = command.args(["alert", "test", "--config", &config]).output().unwrap();
    let run = crate::support::run(&output).expect(6);
    assert_eq!(run.err.matches("FAILED: 127.0.0.1: ").count(), 2, "{}", run.err);
    assert!(!(run.out + &run.err).contains("s3cret"));
}
