//! The inventory from the account. Each test has a region of its own, and so an account without the others.

use std::fs;
use std::io::{BufRead as _, Write as _};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::proxy::{Fault, Proxy, What};
use super::server::{ACCOUNT, Server, command_at, flowq_at, server, unique};
use super::world;
use crate::support::Run;

/// Runs flowq against a server that works every signature out by itself, as botocore does. Prints whether each
/// was right, by service.
const CHECK_SIGNATURES: &str = "
import http.server, os, subprocess, threading
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
os.environ['AWS_SESSION_TOKEN'] = 'a/token+of=some length'
key = Credentials(*(os.environ[name] for name in ('AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN')))
seen = {}
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers['content-length']))
        parts = dict(part.strip().split('=', 1) for part in self.headers['authorization'].split(' ', 1)[1].split(','))
        _, _, region, service, _ = parts['Credential'].split('/')
        signed = {name: self.headers[name] for name in parts['SignedHeaders'].split(';')}
        request = AWSRequest('POST', f\"http://{self.headers['host']}{self.path}\", signed, body)
        request.context['timestamp'] = self.headers['x-amz-date']
        auth = SigV4Auth(key, service, region)
        text = auth.string_to_sign(request, auth.canonical_request(request))
        needed = {'host', 'x-amz-date', 'x-amz-security-token'} | ({'x-amz-target'} if self.headers['x-amz-target'] else set())
        right = auth.signature(text, request) == parts['Signature'] and needed <= set(signed)
        seen[service] = seen.get(service, True) and right
        status, answer = 400, b'{\"__type\": \"AccessDeniedException\"}'
        if service == 'sts':
            result = '<GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult>'
            status, answer = 200, f'<R>{result}</R>'.encode()
        self.send_response(status)
        self.send_header('content-length', str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
    def log_message(self, *args):
        pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ['AWS_ENDPOINT_URL'] = f'http://127.0.0.1:{server.server_port}'
subprocess.run([sys.argv[1], 'inventory', 'show', '--inventory', 'aws'], capture_output=True)
print(json.dumps(seen))";

/// A VPC with two subnets, a job that runs in it, and all that traffic goes through.
const WORLD: &str = "
region = sys.argv[1]
ec2, sagemaker = boto3.client('ec2', region), boto3.client('sagemaker', region)
vpc = ec2.create_vpc(CidrBlock='10.7.0.0/16')['Vpc']['VpcId']
ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={'Value': True})
subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f'10.7.{i}.0/24', AvailabilityZone=region + 'a')['Subnet']['SubnetId'] for i in (1, 2)]
group = ec2.create_security_group(GroupName='jobs', Description='jobs', VpcId=vpc)['GroupId']
own = ec2.create_managed_prefix_list(PrefixListName='partners', MaxEntries=5, AddressFamily='IPv4',
    Entries=[{'Cidr': '198.51.100.0/24'}, {'Cidr': '203.0.113.0/24'}])['PrefixList']['PrefixListId']
ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
    {'IpProtocol': 'tcp', 'FromPort': 0, 'ToPort': 65535, 'UserIdGroupPairs': [{'GroupId': group}]},
    {'IpProtocol': 'tcp', 'FromPort': 443, 'ToPort': 443, 'PrefixListIds': [{'PrefixListId': own}]}])
table = ec2.create_route_table(VpcId=vpc)['RouteTable']['RouteTableId']
ec2.associate_route_table(RouteTableId=table, SubnetId=subnets[0])
endpoint = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=f'com.amazonaws.{region}.s3', VpcEndpointType='Gateway', RouteTableIds=[table])['VpcEndpoint']['VpcEndpointId']
address = ec2.allocate_address(Domain='vpc')['AllocationId']
nat = ec2.create_nat_gateway(SubnetId=subnets[1], AllocationId=address)['NatGateway']['NatGatewayId']
ec2.create_route(RouteTableId=table, DestinationCidrBlock='0.0.0.0/0', NatGatewayId=nat)
enis = [ec2.create_network_interface(SubnetId=subnets[0], Groups=[group], Description='a & b')['NetworkInterface']['NetworkInterfaceId'] for _ in range(24)]
ec2.create_flow_logs(ResourceIds=[vpc], ResourceType='VPC', TrafficType='ALL', LogGroupName='flow',
    DeliverLogsPermissionArn='arn:aws:iam::123456789012:role/flow', LogFormat='${version} ${start} ${end}')
def job(name, network):
    sagemaker.create_processing_job(ProcessingJobName=name, RoleArn='arn:aws:iam::123456789012:role/job-role',
        AppSpecification={'ImageUri': 'image'}, NetworkConfig=network,
        ProcessingResources={'ClusterConfig': {'InstanceCount': 1, 'InstanceType': 'ml.m5.large', 'VolumeSizeInGB': 1}})
job('nightly', {'VpcConfig': {'SecurityGroupIds': [group], 'Subnets': [subnets[0]]}})
print(json.dumps(dict(vpc=vpc, subnets=subnets, group=group, own=own, table=table, endpoint=endpoint, nat=nat, enis=enis)))";

pub(super) fn make_world(server: &Server, region: &str) -> Value {
    let made = server.python(WORLD, &[region]);
    let running = json!([{ "name": "nightly", "processing_job_status": "InProgress", "processing_end_time": null }]);
    tell(server, region, "job", &running);
    made
}

pub(super) fn tell(server: &Server, region: &str, kind: &str, entries: &Value) {
    let script = "
import os, urllib.request
url = f\"{os.environ['AWS_ENDPOINT_URL']}/_test/tell?region={sys.argv[1]}&kind={sys.argv[2]}\"
urllib.request.urlopen(urllib.request.Request(url, sys.argv[3].encode(), {'Content-Type': 'application/json'}))";
    server.python(script, &[region, kind, &entries.to_string()]);
}

fn collect(server: &Server, region: &str, to: &str, more: &[&str]) -> Run {
    let args = ["inventory", "collect", "--to", to, "--region", region];
    server.flowq(&[&args, more].concat())
}

fn show(server: &Server, table: &str, inventory: &str, more: &[&str]) -> Vec<Value> {
    let args = ["inventory", "show", table, "--inventory", inventory, "--format", "ndjson"];
    server.flowq(&[&args, more].concat()).expect(0).json_lines()
}

fn of<'a>(rows: &'a [Value], key: &str, value: &str) -> &'a Value {
    let found: Vec<&Value> = rows.iter().filter(|row| row[key] == value).collect();
    assert_eq!(found.len(), 1, "{key} {value} in {rows:#?}");
    found[0]
}

#[expect(clippy::disallowed_methods, reason = "the account's clock is this machine's")]
pub(super) fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64
}

/// An event of an interface as `LookupEvents` gives it.
pub(super) fn event(name: &str, at: i64, region: &str, id: &str, made: &Value) -> Value {
    let record = json!({
        "eventSource": "ec2.amazonaws.com", "eventName": name,
        "eventTime": chrono::DateTime::from_timestamp(at, 0).unwrap().to_rfc3339(),
        "awsRegion": region, "recipientAccountId": ACCOUNT,
        "userIdentity": { "sessionContext": { "sessionIssuer": { "arn": "arn:aws:iam::123456789012:role/job-role" } } },
        "requestParameters": { "networkInterfaceId": id },
        "responseElements": if name == "CreateNetworkInterface" { json!({ "networkInterface": {
            "networkInterfaceId": id, "subnetId": made["subnets"][0], "vpcId": made["vpc"],
            "privateIpAddress": "10.7.1.77", "ownerId": ACCOUNT, "availabilityZone": format!("{region}a"),
            "groupSet": { "items": [{ "groupId": made["group"] }] },
        } }) } else { json!({ "_return": true }) },
    });
    json!({ "EventName": name, "EventTime": at, "CloudTrailEvent": record.to_string() })
}

#[test]
fn an_account_is_collected_whole() {
    let (server, region) = (server(), "eu-west-1");
    let made = make_world(server, region);
    // Nobody asks for what is in the VPCs of others.
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().to_str().unwrap();
    let run = collect(server, region, to, &[]).expect(0);
    assert!(run.err.contains("1 jobs, 25 interfaces"), "{}", run.err);

    let rows = |table| show(server, table, to, &[]);
    let text = |key: &str| made[key].as_str().unwrap();
    let jobs = rows("jobs");
    assert_eq!(of(&jobs, "job_name", "nightly")["status"], "InProgress");
    let enis = rows("enis");
    let eni = of(&enis, "interface_id", made["enis"][23].as_str().unwrap());
    assert_eq!(eni["security_group_ids"], json!([text("group")]));
    assert_eq!(eni["description"], "a & b");
    let vpcs = rows("vpcs");
    assert_eq!(vpcs.len(), 1);
    assert_eq!((&vpcs[0]["dns_support"], &vpcs[0]["dns_hostnames"]), (&true.into(), &true.into()));
    assert_eq!(rows("subnets").len(), 2);
    let routes = rows("routes");
    assert_eq!(of(&routes, "target", text("nat"))["destination"], "0.0.0.0/0");
    let tables = rows("route_table_associations");
    assert_eq!(of(&tables, "subnet_id", made["subnets"][0].as_str().unwrap())["main"], false);
    let endpoints = rows("vpc_endpoints");
    assert_eq!(of(&endpoints, "vpc_endpoint_id", text("endpoint"))["endpoint_type"], "Gateway");
    let own: Vec<Value> = rows("prefix_lists")
        .into_iter()
        .filter(|row| row["prefix_list_id"] == text("own"))
        .collect();
    assert_eq!(own.len(), 2);
    assert_eq!(of(&own, "cidr", "203.0.113.0/24")["name"], "partners");
    let rules = rows("security_group_rules");
    assert_eq!(of(&rules, "peer", text("own"))["from_port"], 443);
    assert_eq!(of(&rules, "peer", text("group"))["to_port"], 65535);
    assert!(rows("network_acl_entries").iter().any(|row| row["rule_number"] == 100));
    assert_eq!(rows("nat_gateways")[0]["nat_gateway_id"], text("nat"));
    let flow_logs = rows("aws_flow_logs");
    assert_eq!(of(&flow_logs, "destination", "flow")["log_format"], "${version} ${start} ${end}");
    // Two pages of twenty.
    assert_eq!(server.count("DescribeNetworkInterfaces", text("vpc")), 2);

    // The same, asked for when it is needed.
    let asked = show(server, "enis", "aws", &["--region", region]);
    let ids = |rows: &[Value]| -> Vec<Value> {
        rows.iter().map(|row| row["interface_id"].clone()).collect()
    };
    assert_eq!(ids(&asked), ids(&enis));
    let log = dir.path().join("eni.log");
    let (eni, start) = (made["enis"][3].as_str().unwrap(), now() + 60);
    let fields =
        "version interface-id subnet-id vpc-id srcaddr dstaddr start end action log-status";
    let record = format!(
        "3 {eni} {} {} 10.7.1.9 192.0.2.1 {start} {start} ACCEPT OK",
        text_of(&made["subnets"][0]),
        text("vpc")
    );
    fs::write(&log, format!("{fields}\n{record}\n")).unwrap();
    let query = "SELECT job_name FROM flows";
    let args = ["sql", "-c", query, "--format", "ndjson", "--inventory", "aws", "--region", region];
    let run = server.flowq(&[&args[..], &[log.to_str().unwrap()]].concat()).expect(0);
    assert_eq!(run.json_lines(), [json!({ "job_name": "nightly" })]);
    assert!(run.err.contains("querying the account for the last day"), "{}", run.err);
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn an_account_that_tells_nothing_is_an_error() {
    let server = server();
    let denied = |operation| Fault::new(What::Answer(403, "AccessDenied")).operation(operation);
    let operations = [
        "ListProcessingJobs",
        "LookupEvents",
        "DescribePrefixLists",
        "DescribeFlowLogs",
        "DescribeConfigurationRecorders",
    ];
    let proxy = Proxy::start(server.url(), operations.map(denied).into());
    let run = flowq_at(
        proxy.url(),
        &["inventory", "show", "--inventory", "aws", "--region", "ca-central-1"],
    );
    let run = run.expect(4);
    let want =
        format!("could not read inventory of account {ACCOUNT}: access denied: AccessDenied");
    assert!(run.err.contains(&want) && run.err.contains("flowq iam-policy"), "{}", run.err);
}

#[test]
fn interfaces_between_passes_keep_their_intervals_over_restarts() {
    let (server, region) = (server(), "eu-west-2");
    let made = make_world(server, region);
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().to_str().unwrap();
    let subnet = made["subnets"][0].as_str().unwrap();
    let before = now();
    collect(server, region, to, &["-q"]).expect(0);
    let first = now();
    sleep(Duration::from_millis(1100));
    let script = "print(json.dumps(boto3.client('ec2', sys.argv[1]).create_network_interface(SubnetId=sys.argv[2])['NetworkInterface']['NetworkInterfaceId']))";
    let id = server.python(script, &[region, subnet]);
    let id = id.as_str().unwrap();
    // This one came and went with no pass in between; CloudTrail tells of it, after a while.
    let (from, until) = (first - 600, first - 300);
    collect(server, region, to, &["-q"]).expect(0);
    let second = now();
    let script =
        "boto3.client('ec2', sys.argv[1]).delete_network_interface(NetworkInterfaceId=sys.argv[2])";
    server.python(script, &[region, id]);
    sleep(Duration::from_millis(1100));
    tell(
        server,
        region,
        "events",
        &json!([
            event("CreateNetworkInterface", from, region, "eni-0gone", &made),
            event("DeleteNetworkInterface", until, region, "eni-0gone", &made),
            event("DeleteNetworkInterface", until, region, "eni-0other", &made),
        ]),
    );
    let run = collect(server, region, to, &[]).expect(0);
    assert!(run.err.contains(" 0 jobs") || run.err.contains(" 1 jobs"), "{}", run.err);

    let enis = show(server, "enis", to, &[]);
    let eni = of(&enis, "interface_id", id);
    let time = |row: &Value, key: &str| {
        let text = row[key].as_str().unwrap_or_else(|| panic!("{key} of {row}"));
        let text = if text.ends_with('Z') || text.contains('+') {
            text.to_owned()
        } else {
            format!("{text}Z")
        };
        chrono::DateTime::parse_from_rfc3339(&text).unwrap().timestamp()
    };
    // Not there at the first listing, there at the second, gone at the third.
    let (valid_from, valid_to) = (time(eni, "valid_from"), time(eni, "valid_to"));
    assert!((before..=first).contains(&valid_from), "{eni}");
    assert!((first..=second).contains(&valid_to), "{eni}");
    let gone = of(&enis, "interface_id", "eni-0gone");
    assert_eq!((time(gone, "valid_from"), time(gone, "valid_to")), (from, until));
    assert_eq!(gone["source"], "cloudtrail");
    // What matters to no job is not kept.
    assert!(enis.iter().all(|row| row["interface_id"] != "eni-0other"));
    // What a run that was killed left behind is not read.
    fs::write(dir.path().join(".flowq-left"), b"PAR1").unwrap();
    let run = server.flowq(&["inventory", "show", "--inventory", to]).expect(0);
    assert_eq!(run.err, "");
    fs::remove_file(dir.path().join(".flowq-left")).unwrap();
    // One file for the day, or two at midnight.
    let files = fs::read_dir(dir.path()).unwrap().count();
    assert!((1..=2).contains(&files));
}

#[test]
fn a_denied_source_is_a_warning_and_the_others_go_on() {
    let (server, region) = (server(), "eu-central-1");
    make_world(server, region);
    tell(server, region, "denied", &json!(["LookupEvents"]));
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().to_str().unwrap();
    let run = collect(server, region, to, &[]).expect(5);
    let warning = "warning: inventory: LookupEvents: access denied: ";
    assert_eq!(run.err.matches(warning).count(), 1, "{}", run.err);
    assert!(run.err.contains("deleted by now are known only from other sources"), "{}", run.err);
    assert_eq!(show(server, "enis", to, &[]).len(), 25);
    // Whoever asks for an answer on the spot is told that it may lack something, also by the exit code.
    for command in [&["inventory", "show"][..], &["sql", "-c", "SELECT count(*) FROM enis"]] {
        let run = server.flowq(&[command, &["--inventory", "aws", "--region", region]].concat());
        assert!(run.expect(5).err.contains(warning));
    }
}

#[test]
fn credentials_that_are_not_there_or_over_are_one_line() {
    let server = server();
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("none");
    let args = ["inventory", "collect", "--to", to.to_str().unwrap()];
    let over = Fault::new(What::Answer(403, "ExpiredToken")).operation("GetCallerIdentity");
    let proxy = Proxy::start(server.url(), vec![over]);
    let run = flowq_at(proxy.url(), &args).expect(4);
    assert!(run.err.starts_with("flowq: no usable AWS credentials: ExpiredToken"), "{}", run.err);
    assert_eq!(run.err.trim_end().lines().count(), 2, "{}", run.err);
    assert_eq!(proxy.requests(), 1);
    let mut command = command_at(server.url());
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").args(args);
    let run = crate::support::run(&command.output().unwrap()).expect(4);
    assert!(run.err.starts_with("flowq: no usable AWS credentials: "), "{}", run.err);
    assert!(!Path::new(&to).exists());
}

#[test]
fn signatures_are_those_that_botocore_makes() {
    let seen = server().python(CHECK_SIGNATURES, &[env!("CARGO_BIN_EXE_flowq")]);
    let services = ["cloudtrail", "config", "ec2", "sagemaker", "sts"];
    assert_eq!(
        seen,
        services.iter().map(|name| ((*name).to_owned(), Value::Bool(true))).collect::<Value>()
    );
}

#[test]
fn throttling_and_cut_answers_are_tried_again() {
    let (server, region) = (server(), "eu-west-3");
    make_world(server, region);
    let fault = |operation, what| Fault::new(what).operation(operation).nth(&[1]);
    let proxy = Proxy::start(
        server.url(),
        vec![
            fault("DescribeNetworkInterfaces", What::Answer(503, "RequestLimitExceeded")),
            fault("DescribeSubnets", What::Cut(100)),
            fault("DescribeVpcs", What::Lose),
            fault("DescribeProcessingJob", What::Answer(500, "InternalFailure")),
        ],
    );
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().to_str().unwrap();
    let args = ["inventory", "collect", "--to", to, "--region", region];
    let run = flowq_at(proxy.url(), &args).expect(0);
    assert!(run.err.contains("1 jobs, 25 interfaces"), "{}", run.err);
    assert_eq!(proxy.done(), [1, 1, 1, 1]);
    assert_eq!(show(server, "subnets", to, &[]).len(), 2);
}

#[test]
fn a_loop_says_a_line_a_pass_and_survives_one_that_fails() {
    let (server, region) = (server(), "sa-east-1");
    make_world(server, region);
    let over = Fault::new(What::Answer(403, "ExpiredToken"));
    let over = over.operation("ListProcessingJobs").nth(&[2]);
    let proxy = Proxy::start(server.url(), vec![over]);
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().to_str().unwrap();
    let args = ["inventory", "collect", "--to", to, "--region", region, "--every", "100ms"];
    let mut child = command_at(proxy.url()).args(args).spawn().unwrap();
    let mut lines = std::io::BufReader::new(child.stderr.take().unwrap()).lines();
    let mut passes = Vec::new();
    while passes.len() < 3 {
        let line = lines.next().unwrap().unwrap();
        if line.contains(" new facts") || line.contains("this pass failed") {
            passes.push(line);
        }
    }
    let interrupt =
        std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupt.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(passes[0].contains("1 jobs, 25 interfaces"), "{passes:?}");
    assert!(passes[1].contains("this pass failed, the next one tries again: "), "{passes:?}");
    assert!(passes[2].contains("1 jobs, 25 interfaces"), "{passes:?}");
    assert_eq!(show(server, "enis", to, &[]).len(), 25);
}

#[test]
fn a_bucket_keeps_what_a_folder_keeps() {
    let (server, region) = (server(), "ap-south-1");
    make_world(server, region);
    let bucket = world::bucket(server, unique("inventory"));
    let to = format!("s3://{bucket}/of/mine");
    collect(server, region, &to, &[]).expect(0);
    sleep(Duration::from_millis(1100));
    // The second run takes up what the first one wrote.
    let run = collect(server, region, &to, &[]).expect(0);
    assert!(run.err.contains("25 interfaces"), "{}", run.err);
    world::put(
        server,
        &bucket,
        "of/mine-not/x.json",
        b"{\"Subnets\": [{\"SubnetId\": \"subnet-x\"}]}".to_vec(),
    );
    assert_eq!(show(server, "enis", &to, &[]).len(), 25);
    assert_eq!(show(server, "subnets", &to, &[]).len(), 2);
    let nothing = format!("s3://{bucket}/nothing");
    let run = server.flowq(&["inventory", "show", "--inventory", &nothing]).expect(4);
    assert!(run.err.contains(&nothing) && run.err.contains("does not exist"), "{}", run.err);
}

#[test]
fn trails_and_config_remember_what_is_gone() {
    let (server, region) = (server(), "ap-northeast-1");
    let made = make_world(server, region);
    let bucket = world::bucket(server, unique("trail"));
    let at = now() - 7200;
    let day = chrono::DateTime::from_timestamp(at, 0).unwrap();
    let record = |name, at| -> Value {
        let event = event(name, at, region, "eni-0trail", &made);
        serde_json::from_str(event["CloudTrailEvent"].as_str().unwrap()).unwrap()
    };
    let records = [record("CreateNetworkInterface", at), record("DeleteNetworkInterface", at + 60)];
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(json!({ "Records": records }).to_string().as_bytes()).unwrap();
    let key = format!(
        "audit/AWSLogs/{ACCOUNT}/CloudTrail/{region}/{}/{ACCOUNT}_CloudTrail_{region}_{}_x.json.gz",
        day.format("%Y/%m/%d"),
        day.format("%Y%m%dT%H%MZ")
    );
    world::put(server, &bucket, &key, gz.finish().unwrap());
    let script = "
config = boto3.client('config', sys.argv[1])
config.put_configuration_recorder(ConfigurationRecorder={'name': 'all', 'roleARN': 'arn:aws:iam::123456789012:role/config',
    'recordingGroup': {'allSupported': True, 'includeGlobalResourceTypes': True}})";
    server.python(script, &[region]);
    let item = |status: &str, at: i64| {
        json!({
            "resourceType": "AWS::EC2::NetworkInterface", "resourceId": "eni-0config",
            "configurationItemStatus": status, "configurationItemCaptureTime": at,
            "resourceCreationTime": now() - 3600, "accountId": ACCOUNT, "awsRegion": region,
            "configuration": json!({
                "networkInterfaceId": "eni-0config", "vpcId": made["vpc"], "subnetId": made["subnets"][0],
                "privateIpAddress": "10.7.1.88", "groups": [{ "groupId": made["group"] }],
            }).to_string(),
        })
    };
    tell(
        server,
        region,
        "items",
        &json!([item("ResourceDeleted", now() - 1800), item("OK", now() - 3500)]),
    );
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().to_str().unwrap();
    collect(server, region, to, &["--trail", &format!("s3://{bucket}/audit")]).expect(0);
    let enis = show(server, "enis", to, &[]);
    let trail = of(&enis, "interface_id", "eni-0trail");
    assert_eq!((&trail["source"], trail["valid_to"].is_null()), (&"cloudtrail".into(), false));
    let config = of(&enis, "interface_id", "eni-0config");
    assert_eq!((&config["source"], config["valid_to"].is_null()), (&"config".into(), false));
}
