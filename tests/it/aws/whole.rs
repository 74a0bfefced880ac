//! The whole way: a VPC with jobs, its flow logs in a bucket, a queue and a log group, the inventory from the
//! account. What is found is what the same logs give as files.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::inventory::{event, now, tell};
use super::server::{ACCOUNT, REGION, Server, block_on, server, unique};
use super::{baseline, world};
use crate::support::flowq;

/// A private subnet behind a NAT gateway and an S3 endpoint; a job that downloads, and one of two
/// instances whose security group does not let them talk.
const SCRIPT: &str = "
group_name = sys.argv[1]
ec2, sagemaker = boto3.client('ec2'), boto3.client('sagemaker')
vpc = ec2.create_vpc(CidrBlock='10.9.0.0/16')['Vpc']['VpcId']
make = lambda cidr: ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone='us-east-1a')['Subnet']['SubnetId']
private, public = make('10.9.1.0/24'), make('10.9.2.0/24')
table = ec2.create_route_table(VpcId=vpc)['RouteTable']['RouteTableId']
ec2.associate_route_table(RouteTableId=table, SubnetId=private)
nat = ec2.create_nat_gateway(SubnetId=public, AllocationId=ec2.allocate_address(Domain='vpc')['AllocationId'])['NatGateway']['NatGatewayId']
ec2.create_route(RouteTableId=table, DestinationCidrBlock='0.0.0.0/0', NatGatewayId=nat)
groups = [ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)['GroupId'] for name in ('download', 'spark')]
eni = lambda group: ec2.create_network_interface(SubnetId=private, Groups=[group])['NetworkInterface']
enis = [eni(groups[0]), eni(groups[1]), eni(groups[1])]
ec2.create_flow_logs(ResourceIds=[vpc], ResourceType='VPC', TrafficType='ALL', LogGroupName=group_name,
    DeliverLogsPermissionArn='arn:aws:iam::123456789012:role/flow', LogFormat=sys.argv[2])
for name, group, count in (('download', groups[0], 1), ('spark', groups[1], 2)):
    sagemaker.create_processing_job(ProcessingJobName=name, RoleArn='arn:aws:iam::123456789012:role/job-role',
        AppSpecification={'ImageUri': 'image'}, NetworkConfig={'VpcConfig': {'SecurityGroupIds': [group], 'Subnets': [private]}},
        ProcessingResources={'ClusterConfig': {'InstanceCount': count, 'InstanceType': 'ml.m5.large', 'VolumeSizeInGB': 1}})
print(json.dumps(dict(vpc=vpc, subnets=[private, public], groups=groups,
    enis=[[e['NetworkInterfaceId'], e['PrivateIpAddress']] for e in enis])))";

const FIELDS: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes \
                      start end action log-status vpc-id subnet-id tcp-flags pkt-srcaddr pkt-dstaddr \
                      pkt-dst-aws-service flow-direction traffic-path";

/// Makes the network and its jobs, and says when its interfaces came.
fn make(server: &Server, log_group: &str) -> Value {
    let format: Vec<String> = FIELDS.split_whitespace().map(|f| format!("${{{f}}}")).collect();
    let made = server.python(SCRIPT, &[log_group, &format.join(" ")]);
    let running = |name| json!({ "name": name, "processing_job_status": "InProgress", "processing_end_time": null });
    tell(server, REGION, "job", &json!([running("download"), running("spark")]));
    let events: Vec<Value> = [(0, 0), (1, 1), (2, 1)]
        .into_iter()
        .map(|(at, group)| {
            let id = made["enis"][at][0].as_str().unwrap();
            let of = json!({ "subnets": made["subnets"], "vpc": made["vpc"], "group": made["groups"][group] });
            let mut event = event("CreateNetworkInterface", now(), REGION, id, &of);
            let record = event["CloudTrailEvent"].as_str().unwrap();
            let own = record.replace("10.7.1.77", made["enis"][at][1].as_str().unwrap());
            event["CloudTrailEvent"] = own.into();
            event
        })
        .collect();
    tell(server, REGION, "events", &events.into());
    made
}

/// What the interfaces of the jobs saw, in two parts.
fn records(made: &Value, at: i64) -> [String; 2] {
    let line = |eni: usize, from: &str, to: &str, ports: &str, rest: &str| {
        let (id, vpc, subnet) = (&made["enis"][eni][0], &made["vpc"], &made["subnets"][0]);
        let [action, flags, service, direction, path] = rest.split(' ').collect::<Vec<_>>()[..]
        else {
            panic!("{rest}")
        };
        let (end, text) = (at + 20, |value: &Value| value.as_str().unwrap().to_owned());
        let (id, vpc, subnet) = (text(id), text(vpc), text(subnet));
        format!(
            "5 {ACCOUNT} {id} {from} {to} {ports} 6 10 5000 {at} {end} {action} OK {vpc} {subnet} {flags} \
             {from} {to} {service} {direction} {path}\n"
        )
    };
    let ip = |eni: usize| made["enis"][eni][1].as_str().unwrap();
    let downloads = [
        line(0, ip(0), "203.0.113.80", "40000 443", "ACCEPT 3 - egress 1"),
        line(0, "203.0.113.80", ip(0), "443 40000", "ACCEPT 19 - ingress -"),
        line(0, ip(0), "198.51.100.7", "40001 443", "ACCEPT 3 S3 egress 1"),
        line(0, "198.51.100.7", ip(0), "443 40001", "ACCEPT 19 - ingress -"),
    ];
    let blocked = [
        line(1, ip(1), ip(2), "40002 7077", "ACCEPT 2 - egress 1"),
        line(2, ip(1), ip(2), "40002 7077", "REJECT 2 - ingress -"),
    ];
    [downloads.concat(), blocked.concat()]
}

/// Runs `detect`, and returns its findings without their evidence, which names where the logs lay.
fn findings(server: &Server, source: &str, inventory: &str) -> Vec<Value> {
    let args = ["detect", source, "--inventory", inventory, "--format", "ndjson"];
    let run = server.flowq(&args).expect(0);
    assert!(!run.err.contains("warning"), "{source}: {}", run.err);
    let mut found = run.json_lines();
    for finding in &mut found {
        let evidence = finding.as_object_mut().unwrap().remove("evidence").unwrap();
        let place = source.split(['?', '#']).next().unwrap();
        let scheme = place.split_once("://").map_or("", |(scheme, _)| scheme).replace("sqs", "s3");
        assert!(evidence.to_string().contains(&scheme), "{source}: {evidence}");
    }
    found
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn every_source_and_every_inventory_give_the_same_findings() {
    let server = server();
    let log_group = unique("/vpc/whole");
    let made = make(server, &log_group);
    let at = now();
    let parts = records(&made, at);

    let header = FIELDS.split_whitespace().collect::<Vec<_>>().join(" ") + "\n";
    let time = chrono::DateTime::from_timestamp(at, 0).unwrap();
    let (day, minute) = (time.format("%Y/%m/%d"), time.format("%Y%m%dT%H%MZ"));
    let folder = format!("AWSLogs/{ACCOUNT}/vpcflowlogs/{REGION}/{day}/");
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("logs");
    fs::create_dir_all(logs.join(&folder)).unwrap();
    let bucket = world::bucket(server, unique("whole"));
    let mut keys = Vec::new();
    for (n, part) in parts.iter().enumerate() {
        let key = format!("{folder}{ACCOUNT}_vpcflowlogs_{REGION}_fl-0a_{minute}_{n}f.log.gz");
        let object = gzip(&format!("{header}{part}"));
        fs::write(logs.join(&key), &object).unwrap();
        world::put(server, &bucket, &key, object);
        keys.push(key);
    }
    world::put_events(server, &log_group, &format!("{header}{}", parts.concat()));

    let kept = dir.path().join("inventory");
    let kept = kept.to_str().unwrap();
    let kept_in_s3 = format!("s3://{bucket}/inventory/");
    for to in [kept, &kept_in_s3] {
        server.flowq(&["inventory", "collect", "--to", to]).expect(0);
    }
    // As a folder of files it needs nothing of AWS.
    let (logs, nowhere) = (logs.to_str().unwrap(), Path::new(kept).is_dir());
    assert!(nowhere);
    let want = findings(server, logs, kept);
    let offline = flowq(&["detect", logs, "--inventory", kept, "--format", "ndjson"]).expect(0);
    assert_eq!(offline.json_lines().len(), want.len());
    let told: Vec<[&str; 3]> = want
        .iter()
        .map(|finding| {
            ["detection", "job_name", "attribution"].map(|key| finding[key].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        told,
        [
            ["unexpected-egress", "download", "exact"],
            ["blocked-inter-container", "spark", "exact"],
            ["s3-endpoint-bypass", "download", "exact"],
        ]
    );

    explain(server, logs, &want);

    let in_s3 = format!("s3://{bucket}/AWSLogs/");
    assert_eq!(findings(server, &in_s3, kept), want);
    assert_eq!(findings(server, &in_s3, &kept_in_s3), want);
    assert_eq!(findings(server, &in_s3, "aws"), want);
    assert_eq!(findings(server, &format!("cloudwatch://{log_group}"), kept), want);
    for way in [world::Way::Direct, world::Way::Sns, world::Way::EventBridge] {
        let queue = world::queue(server, &unique("whole"));
        world::notify(server, &queue, &bucket, &keys, way);
        assert_eq!(findings(server, &format!("sqs://{queue}"), kept), want);
    }

    baseline::is_learned_and_judged(server, &in_s3);
    pages(server, &in_s3);

    let queue = world::queue(server, &unique("whole"));
    world::notify(server, &queue, &bucket, &keys, world::Way::Direct);
    let sources = [in_s3, format!("cloudwatch://{log_group}"), format!("sqs://{queue}")];
    feeds(server, &bucket, &sources, &want);
    assert_eq!(world::messages(server, &queue), (0, 0));
}

/// A feed over each source, with all that it keeps in S3, ends with the same findings, and lets a queue go.
fn feeds(server: &Server, bucket: &str, sources: &[String], want: &[Value]) {
    for (n, source) in sources.iter().enumerate() {
        let lake = format!("s3://{bucket}/lake-{n}");
        assert_eq!(feed(server, source, &lake), want, "{source}");
        // Again: nothing is new, and nothing twice.
        assert_eq!(feed(server, source, &lake), want, "{source}");
        let args = ["verify", &lake, "--format", "json"];
        let run = server.flowq(&args).expect(0);
        assert!(run.err.contains("lake 6 rows: all fit"), "{source}: {}", run.err);
    }
}

/// What was seen, and what not, of a job of the account, from the bucket.
fn pages(server: &Server, logs: &str) {
    let from = [logs, "--inventory", "aws", "--format", "json"];
    let run = server.flowq(&[&["explain", "job", "spark"], &from[..]].concat()).expect(0);
    let page: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(page["interfaces"]["rows"].as_array().unwrap().len(), 2, "{page}");
    let between = page["between_instances"]["rows"].as_array().unwrap();
    let told: Vec<&Value> = between.iter().map(|row| &row["state"]).collect();
    assert_eq!(told, ["rejected"], "{page}");
    assert_eq!(between[0]["known_as"], "Spark master");
    assert_eq!(page["findings"]["rows"][0]["detection"], "blocked-inter-container");

    let run = server.flowq(&[&["coverage"], &from[..]].concat()).expect(0);
    let coverage: Value = serde_json::from_str(&run.out).unwrap();
    let rows = coverage["interfaces"].as_array().unwrap();
    let with_records = rows.iter().filter(|row| row["state"] == "records");
    assert_eq!(with_records.count(), 3, "{coverage}");
    assert_eq!(coverage["flow_logs"][0]["flow_log_id"], "fl-0a");
}

/// The account itself says which rule the blocked job lacks, and what that rule lets through.
fn explain(server: &Server, logs: &str, findings: &[Value]) {
    let blocked = findings.iter().find(|finding| finding["job_name"] == "spark").unwrap();
    let id = blocked["finding_id"].as_str().unwrap();
    let more = ["--inventory", "aws", "--format", "json", "--apply", "all"];
    let run = server.flowq(&[&["explain", "finding", id, logs], &more[..]].concat()).expect(0);
    let told: Value = serde_json::from_str(&run.out).unwrap();
    let summary = told["summary"].as_str().unwrap();
    assert!(summary.ends_with("allows no ingress from itself on tcp/7077"), "{told}");
    assert_eq!(told["replay"]["let_through"].as_array().unwrap().len(), 1, "{told}");
    assert!(told["inventory"].as_str().unwrap().starts_with("inventory of 20"), "{told}");
}

/// Runs a feed until nothing waits, and returns its findings without their evidence; `detect` over the lake has
/// to give the same.
fn feed(server: &Server, source: &str, lake: &str) -> Vec<Value> {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("flowq.toml");
    let text = format!("sources = [{source:?}]\ninventory = [\"aws\"]\n[feed]\nlake = {lake:?}\n");
    fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap();
    server.flowq(&["feed", "--once", "--config", config]).expect(0);
    let (bucket, key) = lake.strip_prefix("s3://").unwrap().split_once('/').unwrap();
    let get = server.s3().get_object().bucket(bucket).key(format!("{key}/_flowq/findings.json"));
    let kept = block_on(async { get.send().await.unwrap().body.collect().await.unwrap() });
    let kept: Value = serde_json::from_slice(&kept.to_vec()).unwrap();
    let mut found = kept["findings"].as_array().unwrap().clone();
    let inventory = format!("{lake}/_flowq/inventory/");
    let args = ["detect", lake, "--inventory", &inventory, "--format", "ndjson"];
    assert_eq!(server.flowq(&args).expect(0).json_lines(), found);
    for finding in &mut found {
        finding.as_object_mut().unwrap().remove("evidence").unwrap();
    }
    found
}
