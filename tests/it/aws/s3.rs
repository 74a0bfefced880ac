//! Objects in S3 give what files give, whatever happens on the way.

use std::fs;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::StorageClass;

use super::proxy::{Fault, Proxy, What};
use super::server::{Server, block_on, server, unique};
use super::world::{bucket, put, upload};
use crate::support::{LOGS, Run, SAMPLES, flowq, root, without_time};

const DAY: &str = "AWSLogs/123456789012/vpcflowlogs/us-east-1/2026/03/10/";

const HEADER: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets \
                      bytes start end action log-status";

/// An object of one record, told from others by its bytes.
fn log(bytes: usize) -> Vec<u8> {
    format!(
        "{HEADER}\n2 123456789012 eni-0a 10.0.0.1 10.0.0.2 1 2 6 1 {bytes} 1773133200 1773133260 \
         ACCEPT OK\n"
    )
    .into_bytes()
}

fn sql<'a>(query: &'a str, sources: &[&'a str]) -> Vec<&'a str> {
    [&["sql", "--format", "csv", "-c", query], sources].concat()
}

const SUM: &str = "SELECT count(*), sum(bytes) FROM flow_logs";

const ROWS: &str = "SELECT account_id, interface_id, srcaddr, dstaddr, srcport, dstport, protocol, packets, \
                    bytes, start, \"end\", action, log_status FROM flow_logs \
                    ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13";

/// A bucket with the sample logs.
fn samples(server: &Server) -> String {
    let bucket = bucket(server, unique("samples"));
    upload(server, &bucket, "AWSLogs/", LOGS);
    bucket
}

#[test]
fn detect_finds_in_a_bucket_what_it_finds_in_files() {
    let server = server();
    let bucket = samples(server);
    let url = format!("s3://{bucket}/AWSLogs");
    let args = |logs: &str| {
        let mut args = SAMPLES.map(str::to_owned);
        args[0] = logs.to_owned();
        [vec!["detect".to_owned(), "--format".to_owned(), "json".to_owned()], args.to_vec()]
            .concat()
    };
    let there = server.flowq(&args(&url)).expect(0);
    let here = flowq(&args(LOGS)).expect(0);
    assert!(there.out.contains(&format!("s3://{bucket}/{DAY}123456789012_vpcflowlogs_")));
    assert_eq!(there.out.replace(&format!("s3://{bucket}/"), "sample-logs/"), here.out);
    assert_eq!(without_time(&there.err), without_time(&here.err));
}

#[test]
fn all_layouts_side_by_side_give_the_rows_of_the_files() {
    let server = server();
    let name = bucket(server, unique("layouts"));
    let local = tempfile::tempdir().unwrap();
    let file = |account: &str, region: &str, ending: &str| {
        format!("{account}_vpcflowlogs_{region}_fl-0a_20260310T0900Z_9f65f36a.log{ending}")
    };
    let (here, other) = ("123456789012", "210987654321");
    let hive = |account, region| {
        format!(
            "AWSLogs/aws-account-id={account}/aws-service=vpcflowlogs/aws-region={region}/\
             year=2026/month=03/day=10/"
        )
    };
    let parquet = "sample-logs/formats/hive/aws-account-id=123456789012/aws-service=vpcflowlogs/\
                   aws-region=us-east-1/year=2026/month=03/day=10/hour=09/\
                   123456789012_vpcflowlogs_us-east-1_fl-0f1a2b3c4d5e6f708_20260310T0900Z_9f65f36a.log.parquet";
    let parquet = fs::read(root().join(parquet)).unwrap();
    let objects = [
        (format!("{DAY}{}", file(here, "us-east-1", "")), log(1)),
        (format!("{DAY}09/{}", file(here, "us-east-1", "")), log(2)),
        (format!("{}{}", hive(here, "eu-west-3"), file(here, "eu-west-3", "")), log(4)),
        (format!("{}hour=09/{}", hive(other, "us-east-1"), file(other, "us-east-1", "")), log(8)),
        (format!("team/net work/{DAY}{}", file(here, "us-east-1", "")), log(16)),
        (format!("{}{}", hive(other, "eu-west-3"), file(other, "eu-west-3", ".parquet")), parquet),
        ("copies/of a day.log".to_owned(), log(32)),
    ];
    for (key, bytes) in objects {
        let path = local.path().join(&key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &bytes).unwrap();
        put(server, &name, &key, bytes);
    }
    put(server, &name, "AWSLogs/123456789012/CloudTrail/us-east-1/x.json", b"{}".to_vec());
    put(server, &name, "AWSLogs/", Vec::new());
    put(server, &name, "AWSLogs/_SUCCESS", Vec::new());
    let url = format!("s3://{name}");
    let local = local.path().to_str().unwrap();
    for more in [&[][..], &["--since", "2026-03-10T09:00", "--until", "2026-03-10T10:00"]] {
        let there = server.flowq(&[sql(ROWS, &[&url]), more.to_vec()].concat()).expect(0);
        let files = flowq(&[sql(ROWS, &[local]), more.to_vec()].concat()).expect(0);
        assert!(files.out.lines().count() > 10);
        assert_eq!(there.out, files.out);
        assert!(there.err.contains("read 7 of 7 objects"), "{}", there.err);
    }
}

#[test]
fn an_hour_lists_the_prefixes_of_that_hour_only() {
    let server = server();
    let name = bucket(server, unique("window"));
    let file = "123456789012_vpcflowlogs_us-east-1_fl-0a_20260310T0900Z_9f65f36a.log";
    let regions = "AWSLogs/123456789012/vpcflowlogs/";
    put(server, &name, &format!("{DAY}{file}"), log(1));
    for key in
        ["us-east-1/2026/03/08/x.log", "us-east-1/2026/02/10/x.log", "us-east-1/2025/03/10/x.log"]
    {
        put(server, &name, &format!("{regions}{key}"), log(2));
    }
    put(server, &name, "AWSLogs/123456789012/elasticloadbalancing/x.log", log(4));
    let url = format!("s3://{name}/AWSLogs/");
    let window = ["--since", "2026-03-10T09:00", "--until", "2026-03-10T10:00"];
    let run = server.flowq(&[sql(SUM, &[&url]), window.to_vec()].concat()).expect(0);
    assert_eq!(run.out.lines().nth(1), Some("1,1"));
    let calls = server.calls(&name);
    let listed: Vec<&str> = calls
        .iter()
        .filter(|call| call.operation.starts_with("ListObjects"))
        .map(|call| call.path.as_str())
        .collect();
    assert!(listed.len() > 4, "{calls:?}");
    for path in listed {
        for other in ["2025%2F", "02%2F", "08%2F", "elasticloadbalancing"] {
            assert!(!path.contains(other), "{path}");
        }
    }
    let gets = calls.iter().filter(|call| call.operation == "GetObject").count();
    assert!((1..=2).contains(&gets), "{gets} GETs for one object");
}

#[test]
fn more_than_a_page_and_odd_keys_are_read_each_once() {
    let server = server();
    let name = bucket(server, unique("many"));
    let odd = ["a b", "a+b", "a=b", "a%20b", "a%b", "ü日本 é", "a&b?c#d", "a//b", "~'()*!"];
    block_on(async {
        let s3 = server.s3();
        let many = (0..1100).map(|i| format!("many/{i:04}.log"));
        for key in many.chain(odd.map(|key| format!("odd/{key}.log"))) {
            let body = ByteStream::from(log(1));
            s3.put_object().bucket(&name).key(key).body(body).send().await.unwrap();
        }
    });
    let many = format!("s3://{name}/many/");
    let run = server.flowq(&sql(SUM, &[&many])).expect(0);
    assert_eq!(run.out.lines().nth(1), Some("1100,1100"));
    let run = server.flowq(&sql(SUM, &[&format!("s3://{name}/odd")])).expect(0);
    assert_eq!(run.out.lines().nth(1), Some("9,9"));
    // Each by its own name, too.
    let one: Vec<String> = odd.iter().map(|key| format!("s3://{name}/odd/{key}.log")).collect();
    let all: Vec<&str> = one.iter().map(String::as_str).collect();
    let run = server.flowq(&sql(SUM, &all)).expect(0);
    assert_eq!(run.out.lines().nth(1), Some("9,9"));
}

#[test]
fn what_cannot_be_read_is_named() {
    let server = server();
    let name = bucket(server, unique("errors"));
    let run = server.flowq(&sql(SUM, &["s3://no-such-bucket/x"])).expect(4);
    assert!(run.err.contains("s3://no-such-bucket does not exist"), "{}", run.err);
    put(server, &name, "logs/a.log", log(1));
    put(server, &name, "logs/b.log", log(2));
    let run = server.flowq(&sql(SUM, &[&format!("s3://{name}/logs/none.log")])).expect(4);
    assert!(run.err.contains("nothing to read in s3://"), "{}", run.err);
    let run = server.flowq(&sql(SUM, &[&format!("s3://{name}/logs/*.log")])).expect(4);
    assert!(run.err.contains("a URL takes no globs"), "{}", run.err);
    let run = server.flowq(&sql(SUM, &["s3:///logs"])).expect(4);
    assert!(run.err.contains("names no bucket"), "{}", run.err);

    let body = ByteStream::from(log(4));
    let archived = server.s3().put_object().bucket(&name).key("logs/c.log").body(body);
    block_on(archived.storage_class(StorageClass::DeepArchive).send()).unwrap();
    let url = format!("s3://{name}/logs/");
    let run = server.flowq(&sql(SUM, &[&url])).expect(5);
    assert_eq!(run.out.lines().nth(1), Some("2,3"));
    assert!(run.err.contains(&format!("{url}c.log: archived: ")), "{}", run.err);

    for (status, code, says) in [
        (404, "NoSuchKey", "does not exist"),
        (403, "AccessDenied", "access denied: AccessDenied"),
        (403, "KMS.DisabledException", "the KMS key cannot be used"),
        (412, "PreconditionFailed", "it changed after it was listed"),
    ] {
        // As if it had been deleted, closed or replaced after it was listed.
        let fault = Fault::new(What::Answer(status, code)).path("/logs/a.log");
        let proxy = Proxy::start(server.url(), vec![fault]);
        let run = proxy.flowq(&sql(SUM, &[&url])).expect(5);
        assert_eq!(run.out.lines().nth(1), Some("1,2"), "{code}");
        assert!(run.err.contains(&format!("{url}a.log")) && run.err.contains(says), "{}", run.err);
    }
}

/// A bucket of text and Parquet, and how much is in it.
fn mixed(server: &Server) -> (String, String) {
    let name = samples(server);
    upload(server, &name, "hive/", "sample-logs/formats/hive");
    let url = format!("s3://{name}");
    let whole = server.flowq(&sql(ROWS, &[&url])).expect(0);
    assert!(whole.out.lines().count() > 1000);
    (url, whole.out)
}

/// Full and right, or an error that names an object: never less without a word.
fn judge(run: Run, whole: &str, what: &dyn std::fmt::Debug) -> i32 {
    match run.code {
        0 => assert!(run.out == whole, "{what:?}: other rows"),
        5 => assert!(run.err.contains("object s3://"), "{what:?}: {}", run.err),
        code => panic!("{what:?}: exit {code}: {}", run.err),
    }
    run.code
}

#[test]
fn faults_that_pass_change_nothing() {
    let server = server();
    let (url, whole) = mixed(server);
    let mut random = fastrand::Rng::with_seed(3);
    // One for each object of the VPC's flow log, text or Parquet, at its first two requests.
    let faults = [
        ("f708_20260310T0800Z", What::Answer(503, "SlowDown")),
        ("f708_20260310T0805Z", What::Answer(500, "InternalError")),
        ("f708_20260310T0810Z", What::Answer(503, "ServiceUnavailable")),
        ("f708_20260310T0815Z", What::Reset),
        ("f708_20260310T0820Z", What::Lose),
        ("f708_20260310T0825Z", What::Stall(700, Duration::from_millis(300))),
        ("f708_20260310T0830Z", What::Trickle(900, Duration::from_millis(1))),
        ("f708_20260310T0835Z", What::Cut(random.usize(..600))),
        ("f708_20260310T0840Z", What::Cut(random.usize(..600))),
        ("f708_20260310T0845Z", What::Break(random.usize(..600))),
        ("f708_20260310T0900Z", What::Break(random.usize(..600))),
    ];
    let all = faults.map(|(object, what)| Fault::new(what).method("GET").path(object).nth(&[1, 2]));
    let proxy = Proxy::start(server.url(), all.into_iter().collect());
    assert_eq!(judge(proxy.flowq(&sql(ROWS, &[&url])), &whole, &faults), 0);
    // What only comes late is asked for once.
    assert_eq!(proxy.done(), [2, 2, 2, 2, 2, 1, 1, 2, 2, 2, 2]);
}

#[test]
fn faults_all_the_way_never_give_a_part_without_a_word() {
    let server = server();
    let (url, whole) = mixed(server);
    for seed in 0..2 {
        let chance = |what| Fault::new(what).method("GET").chance(0.1, seed);
        let faults = vec![
            chance(What::Answer(503, "SlowDown")),
            chance(What::Reset),
            chance(What::Cut(200 * seed as usize)),
            chance(What::Break(1000)),
        ];
        let proxy = Proxy::start(server.url(), faults);
        judge(proxy.flowq(&sql(ROWS, &[&url])), &whole, &seed);
        assert!(proxy.done().iter().sum::<usize>() > 0);
    }
}

#[test]
fn a_wrong_byte_is_told_by_the_checksum() {
    let server = server();
    let (url, whole) = mixed(server);
    let fault = Fault::new(What::Flip(100)).method("GET").path("T0845Z");
    let proxy = Proxy::start(server.url(), vec![fault]);
    let run = proxy.flowq(&sql(ROWS, &[&url]));
    assert!(run.err.contains("T0845Z") && run.err.contains("checksum"), "{}", run.err);
    assert_eq!(judge(run, &whole, &"flip"), 5);
}
