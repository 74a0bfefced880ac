//! That the emulator and the proxy do what the tests rely on.

use std::time::Duration;

use super::proxy::{Fault, Proxy, What};
use super::server::{block_on, s3_at, server, unique};
use super::world;

/// Asks once, without the SDK's own retries, for the bytes of an object.
fn get(url: &str, bucket: &str, key: &str) -> Result<Vec<u8>, String> {
    let retry = aws_sdk_s3::config::retry::RetryConfig::disabled();
    let config = s3_at(url).config().to_builder().retry_config(retry).build();
    let client = aws_sdk_s3::Client::from_conf(config);
    block_on(async {
        let got = client.get_object().bucket(bucket).key(key).send().await;
        let got = got.map_err(|error| format!("{:?}", error.into_source()))?;
        let bytes = got.body.collect().await.map_err(|error| format!("{error:?}"))?;
        Ok(bytes.into_bytes().to_vec())
    })
}

#[test]
fn the_proxy_makes_each_fault_and_counts_it() {
    let server = server();
    let bucket = world::bucket(server, unique("smoke"));
    let body = b"0123456789".repeat(1000);
    for key in ["fine", "busy", "reset", "lost", "cut", "broken", "late", "flipped", "slow"] {
        world::put(server, &bucket, key, body.clone());
    }
    let pause = Duration::from_millis(20);
    let faults = [
        ("busy", What::Answer(503, "SlowDown")),
        ("reset", What::Reset),
        ("lost", What::Lose),
        ("cut", What::Cut(1234)),
        ("broken", What::Break(1234)),
        ("late", What::Stall(1234, pause)),
        ("flipped", What::Flip(5)),
        ("slow", What::Trickle(4000, pause)),
    ];
    let fault = |(key, what): &(&str, What)| Fault::new(*what).path(format!("/{key}"));
    let proxy = Proxy::start(server.url(), faults.iter().map(fault).collect());
    let get = |key: &str| get(proxy.url(), &bucket, key);

    assert_eq!(get("fine").unwrap(), body);
    assert!(get("busy").unwrap_err().contains("SlowDown"));
    for key in ["reset", "lost", "cut", "broken"] {
        assert!(get(key).is_err(), "{key}");
    }
    assert_eq!(get("late").unwrap(), body);
    assert_eq!(get("slow").unwrap(), body);
    // The SDK compares the checksum that the emulator keeps.
    assert!(get("flipped").unwrap_err().contains("hecksum"));
    assert_eq!(proxy.done(), [1; 8]);
    assert_eq!(proxy.requests(), 9);
    // Neither of these was asked of the emulator; the lost answer was.
    let calls = server.calls(&bucket);
    let got = |key: &str| {
        let path = format!("/{bucket}/{key}");
        calls
            .iter()
            .filter(|call| call.operation == "GetObject" && call.path.starts_with(&path))
            .count()
    };
    assert_eq!((got("busy"), got("reset"), got("lost")), (0, 0, 1));
}

#[test]
fn faults_come_at_their_turn_and_by_chance() {
    let server = server();
    let bucket = world::bucket(server, unique("turns"));
    world::put(server, &bucket, "key", b"text".to_vec());
    let error = What::Answer(500, "InternalError");
    let turns = Proxy::start(server.url(), vec![Fault::new(error).method("GET").nth(&[1, 3])]);
    let fails: Vec<bool> = (0..4).map(|_| get(turns.url(), &bucket, "key").is_err()).collect();
    assert_eq!(fails, [true, false, true, false]);
    let chance = Proxy::start(server.url(), vec![Fault::new(error).chance(0.5, 7)]);
    let failed = (0..20).filter(|_| get(chance.url(), &bucket, "key").is_err()).count();
    assert!((1..20).contains(&failed));
    assert_eq!(chance.done(), [failed]);
}

#[test]
fn log_events_come_in_order_over_empty_pages() {
    let server = server();
    let group = unique("group");
    let text = "version interface-id start\n2 eni-b 20\n2 eni-a 30\n2 eni-a 10\n2 other 15\n";
    world::put_events(server, &group, text);
    let logs = server.logs();
    let (mut messages, mut pages, mut next) = (Vec::new(), 0, None);
    loop {
        let ask = logs.filter_log_events().log_group_name(&group).log_stream_name_prefix("eni-");
        let page = block_on(ask.set_next_token(next).send()).unwrap();
        pages += 1;
        messages.extend(page.events().iter().map(|event| event.message().unwrap().to_owned()));
        next = page.next_token;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(messages, ["2 eni-a 10", "2 eni-b 20", "2 eni-a 30"]);
    assert_eq!((pages, server.count("FilterLogEvents", &group)), (2, 2));
}

#[test]
fn ec2_pages_and_s3_tells_its_queue() {
    let server = server();
    let (queue, bucket) = (unique("told"), unique("tells"));
    let script = "
ec2, s3, sqs = boto3.client('ec2'), boto3.client('s3'), boto3.client('sqs')
queue = sqs.create_queue(QueueName=sys.argv[1])['QueueUrl']
arn = f'arn:aws:sqs:us-east-1:123456789012:{sys.argv[1]}'
s3.create_bucket(Bucket=sys.argv[2])
events = [{'QueueArn': arn, 'Events': ['s3:ObjectCreated:*']}]
s3.put_bucket_notification_configuration(Bucket=sys.argv[2],
    NotificationConfiguration={'QueueConfigurations': events})
s3.put_object(Bucket=sys.argv[2], Key='a b+c/é=%.log', Body=b'x')
bodies = []
while got := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get('Messages'):
    bodies += [json.loads(message['Body']) for message in got]
page = ec2.describe_subnets(MaxResults=5)
rest = ec2.describe_subnets(MaxResults=5, NextToken=page['NextToken'])
print(json.dumps([bodies, len(page['Subnets']), len(rest['Subnets'])]))";
    let told = server.python(script, &[&queue, &bucket]);
    assert_eq!(told[0][0]["Event"], "s3:TestEvent");
    let record = &told[0][1]["Records"][0];
    assert_eq!(record["eventName"], "ObjectCreated:Put");
    assert_eq!(record["s3"]["object"]["key"], "a+b%2Bc/%C3%A9%3D%25.log");
    assert_eq!((&told[1], &told[2]), (&5.into(), &1.into()));
}
