use std::sync::Arc;

use serde_json::json;

use crate::detection::Finding;
use crate::explain::{
    Error, Explanation, FindingQuery, FlowQuery, LoggedFlow, RejectedFlow, explain, find, replay,
};
use crate::reachability::tests::configuration;
use crate::reachability::{Analyzer, Verdict};

fn reach(name: &str) -> Analyzer {
    let mut inventory = configuration(name);
    inventory.observed = Some((1_767_225_600, 1_767_225_600));
    Analyzer::new(Arc::new(inventory))
}

const FLOW: FlowQuery<'_> = FlowQuery {
    from: "eni-a",
    to: "eni-b",
    port: Some("7077"),
    protocol: "tcp",
    from_port: None,
    vpc: None,
    at: Some(1_767_225_600),
};

fn logged(interface: &str, is_request: bool, action: &str, reason: Option<&str>) -> LoggedFlow {
    LoggedFlow {
        interface_id: Some(interface.to_owned()),
        is_request,
        action: action.to_owned(),
        reject_reason: reason.map(str::to_owned),
        client_port: None,
        records: 3,
        first_seen: None,
        last_seen: None,
    }
}

fn explained(config: &str, logged: Vec<LoggedFlow>) -> Explanation {
    explain(&reach(config), &FLOW, logged).unwrap()
}

#[test]
fn the_verdict_names_the_rule_that_is_missing() {
    let explained = explained("no-self", Vec::new());
    assert_eq!(
        explained.summary,
        "refused: receiver's security group: sg-job allows no ingress from itself on tcp/7077"
    );
    assert_eq!(explained.inventory, "inventory of 2026-01-01T00:00:00Z");
    assert_eq!(explained.inconsistent, None);
    let fix = &explained.fixes[0];
    assert_eq!(
        fix.cli,
        "aws ec2 authorize-security-group-ingress --group-id sg-job --protocol tcp --port 7077 \
         --source-group sg-job --region us-east-1"
    );
    assert_eq!(
        fix.terraform,
        "resource \"aws_vpc_security_group_ingress_rule\" \"sg_job_ingress_tcp_7077_from_sg_job\" {\n  \
         security_group_id            = \"sg-job\"\n  referenced_security_group_id = \"sg-job\"\n  \
         ip_protocol                  = \"tcp\"\n  from_port                    = 7077\n  \
         to_port                      = 7077\n}"
    );
}

#[test]
fn what_the_log_shows_may_contradict_the_inventory() {
    let why = |config, row| explained(config, vec![row]).inconsistent;
    let accepted = why("no-self", logged("eni-b", true, "ACCEPT", None)).unwrap();
    assert!(
        accepted.starts_with("inconsistent with the inventory of 2026-01-01T00:00:00Z: "),
        "{accepted}"
    );
    // The sender's own groups let it out; it was refused where it arrived.
    assert_eq!(why("no-self", logged("eni-a", true, "ACCEPT", None)), None);
    assert_eq!(why("no-self", logged("eni-b", true, "REJECT", None)), None);
    let refused = why("base", logged("eni-b", true, "REJECT", None)).unwrap();
    assert!(refused.contains("late packets"), "{refused}");
    let by_bpa = why("base", logged("eni-b", true, "REJECT", Some("BPA"))).unwrap();
    assert!(by_bpa.contains("Block Public Access"), "{by_bpa}");
    assert_eq!(why("base", logged("eni-b", true, "ACCEPT", None)), None);
}

fn rejected(local: (&str, &str), remote: (&str, &str), port: i32) -> RejectedFlow {
    RejectedFlow {
        interface_id: Some(local.0.to_owned()),
        remote_interface_id: Some(remote.0.to_owned()),
        vpc_id: Some("vpc-a".to_owned()),
        job_name: Some("train".to_owned()),
        local_addr: local.1.to_owned(),
        remote_addr: remote.1.to_owned(),
        local_port: Some(port),
        remote_port: None,
        protocol: 6,
        opened_by: Some("remote".to_owned()),
        rejected_out: 0,
        rejected_in: 2,
        rejected_first: Some(1_767_225_600),
    }
}

#[test]
fn a_fix_lets_through_what_it_is_for_and_says_what_else_it_opens() {
    let reach = reach("no-self");
    let (a, b) = (("eni-a", "10.0.1.5"), ("eni-b", "10.0.1.6"));
    let empty = ("eni-empty", "10.0.2.10");
    let rows = [
        rejected(b, a, 7077),
        // Seen from the other side it is the same flow.
        rejected(b, a, 7077),
        rejected(empty, a, 7077),
        rejected(b, a, 22),
    ];
    let explained = explain(&reach, &FLOW, Vec::new()).unwrap();
    let (tuple, ..) = FLOW.ends(&reach).unwrap();
    let result = replay(&reach, &explained.fixes, &tuple, FLOW.at, &rows);
    let flows = |lines: &[crate::explain::FlowLine]| -> Vec<String> {
        lines
            .iter()
            .map(|line| format!("{} {} {}", line.source, line.destination, line.service))
            .collect()
    };
    assert_eq!(flows(&result.let_through), ["10.0.1.5 10.0.1.6 tcp/7077"]);
    assert_eq!(flows(&result.still_refused), ["10.0.1.5 10.0.2.10 tcp/7077"]);
    assert_eq!(flows(&result.open_before), ["10.0.1.5 10.0.1.6 tcp/22"]);
    // Every other pair of the group's interfaces, and no other.
    let opened = flows(&result.newly_open);
    assert!(
        opened.contains(&"10.0.1.6 (eni-b) 10.0.2.7 (eni-c) tcp/7077".to_owned()),
        "{opened:?}"
    );
    assert!(!opened.iter().any(|flow| flow.contains("eni-db") || flow.contains("eni-peer")));
    assert!(!opened.contains(&"10.0.1.5 (eni-a) 10.0.1.6 (eni-b) tcp/7077".to_owned()));
    assert!(result.opens[0].contains("from sg-job (5 interfaces then)"), "{:?}", result.opens);
}

fn finding(id: &str, remote: Option<&str>) -> Finding {
    serde_json::from_value(json!({
        "finding_id": id, "detection": "blocked-inter-container", "title": "t", "severity": "medium",
        "confidence": "strong", "reason": null, "first_seen": "2026-01-01T00:00:00Z", "last_seen": null,
        "account_id": null, "region": "us-east-1", "vpc_id": "vpc-a", "subnet_id": "subnet-a1",
        "interface_id": "eni-a", "job_name": null, "job_arn": null, "job_candidates": [],
        "attribution": null, "local_addr": "10.0.1.5", "remote_addr": remote, "remote_port": 7077,
        "protocol": 6, "remote_interface_id": "eni-b", "remote_scope": null, "flows": null,
        "packets": null, "bytes_out": null, "bytes_in": null, "path": null, "cause": null,
        "remediation": null, "evidence": []
    }))
    .unwrap()
}

#[test]
fn a_finding_is_found_by_the_beginning_of_its_id() {
    let findings = [finding("abc1", None), finding("abd2", Some("10.0.1.6"))];
    assert_eq!(find(&findings, "abd").unwrap().finding_id, "abd2");
    assert!(matches!(find(&findings, "ab"), Err(Error::Several(_, ids)) if ids == "abc1, abd2"));
    assert!(matches!(find(&findings, "x"), Err(Error::NoFinding(_))));
}

#[test]
fn the_flow_behind_a_finding_is_replayed() {
    assert!(FindingQuery::of(&finding("a", None)).is_none());
    let target = FindingQuery::of(&finding("a", Some("10.0.1.6"))).unwrap();
    let explained = target.explain(&reach("no-self"), Vec::new());
    assert_eq!(explained.verdict, Verdict::Refused);
    assert_eq!(explained.destination.interface_id.as_deref(), Some("eni-b"));
    assert_eq!(target.explain(&reach("base"), Vec::new()).verdict, Verdict::Passes);
}
