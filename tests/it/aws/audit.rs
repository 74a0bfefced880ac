//! `flowq audit` on a VPC that the emulator has.

use std::collections::BTreeMap;

use serde_json::Value;

use super::inventory::make_world;
use super::server::server;

#[test]
fn the_account_is_audited() {
    let (server, region) = (server(), "us-west-1");
    let made = make_world(server, region);
    let args = ["audit", "--inventory", "aws", "--region", region, "--format", "ndjson"];
    let run = server.flowq(&args).expect(0);
    assert!(!run.err.contains("warning"), "{}", run.err);
    assert!(run.err.contains("1 jobs, "), "{}", run.err);
    let results = run.json_lines();
    let verdicts: BTreeMap<&str, &str> = results
        .iter()
        .map(|one| (one["check"].as_str().unwrap(), one["verdict"].as_str().unwrap()))
        .collect();
    for (check, verdict) in [
        ("job-vpc-config", "pass"),
        ("subnet-addresses", "pass"),
        ("s3-endpoint", "pass"),
        ("dns-support", "pass"),
        ("dns-hostnames", "pass"),
        ("route-table", "pass"),
        ("route-blackhole", "pass"),
        ("group-egress", "pass"),
        ("network-acl", "pass"),
        // The gateway lies in a subnet whose table leads nowhere.
        ("nat-gateway", "fail"),
        ("public-subnet", "pass"),
        ("flow-log", "pass"),
        ("flow-log-traffic", "pass"),
        ("flow-log-fields", "fail"),
        ("bucket-policy", "not known"),
        ("service-endpoints", "not known"),
    ] {
        assert_eq!(verdicts.get(check), Some(&verdict), "{check} of {results:#?}");
    }
    assert!(!verdicts.contains_key("group-self"), "the job has one instance");
    let nat = results.iter().find(|one| one["check"] == "nat-gateway").unwrap();
    assert!(nat["why"].as_str().unwrap().contains(made["nat"].as_str().unwrap()), "{nat}");

    // Without the endpoint, and told once more, it is another VPC.
    let script = "boto3.client('ec2', sys.argv[1]).delete_vpc_endpoints(VpcEndpointIds=[sys.argv[2]])\nprint('{}')";
    let endpoint = made["endpoint"].as_str().unwrap();
    server.python(script, &[region, endpoint]);
    let only = ["--only", "s3-endpoint", "--fail-on", "high"];
    let run = server.flowq(&[&args[..], &only].concat()).expect(1);
    let result: &Value = &run.json_lines()[0];
    assert_eq!(result["verdict"], "fail");
    let command = result["cli"].as_str().unwrap();
    assert!(
        command.contains(made["vpc"].as_str().unwrap()) && command.contains(region),
        "{command}"
    );
}
