use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::detection::coverage::Kind;
use crate::detection::finding_batch::Lists;
use crate::detection::ocsf::detection_finding;
use crate::detection::runner::run;
use crate::detection::suppression::suppress;
use crate::detection::tests::{World, detection, findings, outcome, query, session, shown};
use crate::detection::{Coverage, Detection, Finding, InterfaceLog, Suppression, built_in};

const ONE: World = World {
    conversations: "
        interface_id account_id   job_name job_arn                                                        attribution region    local_addr remote_addr remote_port protocol remote_scope opened_by accepted_out accepted_first accepted_last
        eni-1        123456789012 a        arn:aws:sagemaker:us-east-1:123456789012:processing-job/a exact       us-east-1 10.0.1.5   203.0.113.9 443         6        internet     local     1            100            200",
    enis: "",
    jobs: "",
    logs: "",
    flow_logs: "",
    subnets: "",
    rules: "",
    acls: "",
    tables: "",
    endpoints: "",
};

#[tokio::test]
async fn a_detection_without_its_columns_is_not_run() {
    let ask = async |_: &str, _: &[(String, datafusion::scalar::ScalarValue)]| {
        Err::<Vec<_>, _>("never asked".to_owned())
    };
    let columns = BTreeSet::from(["interface_id", "pkt_srcaddr", "dstaddr"].map(str::to_owned));
    let outcome = run(&[detection("unexpected-egress")], &columns, &[], 0, ask).await.unwrap();
    assert_eq!(outcome.ran, Vec::<String>::new());
    assert_eq!(outcome.not_run[0].missing, ["action", "start"]);
}

#[tokio::test]
async fn every_built_in_detection_runs_on_nothing() {
    let detections = built_in().unwrap();
    let outcome = outcome(&detections, &World::default()).await;
    assert_eq!((outcome.findings.len(), outcome.ran.len()), (0, detections.len()));
}

#[tokio::test]
async fn a_table_has_every_field() {
    let found = findings("unexpected-egress", &ONE).await;
    for lists in [Lists::Nested, Lists::Text] {
        let batch = Finding::to_batch(&found, lists).unwrap();
        assert_eq!((batch.num_rows(), batch.num_columns()), (1, 31));
    }
    assert_eq!(shown(&found, "finding_id")[0].len(), 16);
    assert_eq!(Finding::to_batch(&[], Lists::Nested).unwrap().num_rows(), 0);
}

#[tokio::test]
async fn the_configured_severity_wins() {
    let mut detection = detection("unexpected-egress");
    detection.severity_set = Some(crate::detection::Severity::Low);
    let outcome = outcome(&[detection], &ONE).await;
    assert_eq!(shown(&outcome.findings, "severity"), ["low"]);
}

#[tokio::test]
async fn an_ocsf_event_has_what_the_schema_requires() {
    let found = findings("unexpected-egress", &ONE).await;
    let event = detection_finding(&found[0], Some(&detection("unexpected-egress")), 1_000);
    for (pointer, value) in [
        ("/activity_id", Value::from(1)),
        ("/category_uid", 2.into()),
        ("/class_uid", 2004.into()),
        ("/type_uid", 200_401.into()),
        ("/severity_id", 4.into()),
        ("/confidence_id", 3.into()),
        ("/status_id", 1.into()),
        ("/time", 1_000_000.into()),
        ("/start_time", 100_000.into()),
        ("/end_time", 200_000.into()),
        ("/metadata/version", "1.5.0".into()),
        ("/metadata/product/vendor_name", "flowq".into()),
        ("/cloud/provider", "AWS".into()),
        ("/cloud/account/uid", "123456789012".into()),
        ("/finding_info/uid", found[0].finding_id.clone().into()),
        ("/finding_info/analytic/type_id", 1.into()),
        ("/finding_info/attacks/0/technique/uid", "T1048".into()),
        ("/evidences/0/src_endpoint/ip", "10.0.1.5".into()),
        ("/evidences/0/dst_endpoint/port", 443.into()),
        ("/evidences/0/connection_info/direction_id", 2.into()),
        ("/resources/0/type", "AWS::SageMaker::ProcessingJob".into()),
        ("/resources/0/cloud_partition", "aws".into()),
    ] {
        assert_eq!(event.pointer(pointer), Some(&value), "{pointer}");
    }
    assert!(!event.to_string().contains("null"), "OCSF has no null");
}

#[tokio::test]
async fn coverage_names_every_hole() {
    let world = World {
        conversations: "
            interface_id job_name attribution log_status records first_seen last_seen
            eni-1        a        exact       OK         1       1000       2000
            eni-1        a        exact       SKIPDATA   2       1100       1200
            eni-6        late     inferred    OK         1       1100       1200
            eni-7        first    declared    OK         1       1100       1200",
        enis: "
            interface_id job_name job_candidates attribution valid_from valid_to
            eni-1        a        -              exact       900        2000
            eni-2        b        -              exact       900        2000
            eni-3        c        -              exact       10         20
            eni-4        -        d,e            shared      900        -
            eni-5        -        -              -           900        -
            eni-7        first    -              declared    900        1500
            eni-7        second   -              declared    1500       -",
        jobs: "
            job_name in_vpc created_at ended_at
            a        true   900        2000
            b        true   900        2000
            d        true   900        2000
            nets     false  1000       -
            lost     true   1000       -
            past     true   1          2
            late     -      1000       -",
        ..World::default()
    };
    let context = session(&world);
    let ask = async |sql: &str, params: &[_]| query(&context, sql, params).await;
    let coverage = Coverage::read(None, None, ask).await.unwrap();
    let of = |kind: Kind| -> Vec<String> {
        let gaps = coverage.gaps.iter().filter(|gap| gap.kind == kind);
        gaps.map(|gap| gap.interface_id.clone().or(gap.job.clone()).unwrap()).collect()
    };
    assert_eq!(of(Kind::Skipdata), ["eni-1"]);
    assert_eq!(of(Kind::SilentInterface), ["eni-2", "eni-4", "eni-7"]);
    assert_eq!(of(Kind::JobWithoutVpc), ["nets"]);
    assert_eq!(of(Kind::JobWithoutInterface), ["lost"]);
    assert_eq!(of(Kind::WithoutDirection), ["eni-1", "eni-7", "eni-6"]);
    assert!(!coverage.is_complete());
    assert_eq!(
        coverage.lines()[1],
        "  eni-1 job a 2 records from 1970-01-01T00:18:20Z to 1970-01-01T00:20:00Z"
    );
}

#[tokio::test]
async fn zero_findings_of_zero_records_are_said_loudly() {
    let coverage = async |world: World| {
        let context = session(&world);
        let ask = async |sql: &str, params: &[_]| query(&context, sql, params).await;
        Coverage::read(None, None, ask).await.unwrap()
    };
    let nothing = coverage(World::default()).await;
    assert!(!nothing.is_complete());
    assert_eq!(
        nothing.lines(),
        [
            "NOTHING WAS JUDGED: no record could be tied to a job; the inventory names no processing \
          job and no interface of one"
        ]
    );
    let other_time =
        World { jobs: "job_name in_vpc created_at ended_at\na true 1 2", ..World::default() };
    assert!(coverage(other_time).await.lines()[0].contains("knows 1 jobs and 0 interfaces"));
    let all_seen = World {
        conversations: "
            interface_id job_name attribution log_status records local_addr first_seen last_seen
            eni-1        a        exact       OK         1       10.0.1.5   1000       2000",
        ..World::default()
    };
    let all_seen = coverage(all_seen).await;
    assert!(all_seen.is_complete());
    assert_eq!(
        all_seen.lines(),
        ["no holes: every interface of every job has records, and they can answer every question"]
    );
    // NODATA says that there was no traffic, SKIPDATA nothing.
    let idle = |status| World {
        conversations: match status {
            "NODATA" => {
                "interface_id job_name attribution log_status records first_seen last_seen
                eni-1 a exact NODATA 1 1000 2000"
            }
            _ => {
                "interface_id job_name attribution log_status records first_seen last_seen
                eni-1 a exact SKIPDATA 1 1000 2000"
            }
        },
        ..World::default()
    };
    assert!(coverage(idle("NODATA")).await.blindness().is_none());
    assert!(coverage(idle("SKIPDATA")).await.blindness().is_some());
}

/// What the flow logs of interfaces hold, by interface: their traffic type and whether it was configured.
async fn traffic_types(logs: &'static str, flow_logs: &'static str) -> Vec<String> {
    let enis = "interface_id vpc_id subnet_id job_name attribution\neni-1 vpc-1 subnet-1 a exact";
    let context = session(&World { logs, flow_logs, enis, ..World::default() });
    let ask = async |sql: &str, params: &[_]| query(&context, sql, params).await;
    let coverage = Coverage::read(None, None, ask).await.unwrap();
    let line = |log: &InterfaceLog| format!("{} {}", log.traffic_type, log.is_configured);
    coverage.logs.iter().map(line).collect()
}

#[tokio::test]
async fn the_traffic_type_is_what_is_configured_unless_the_records_show_otherwise() {
    const REFUSED: &str = "interface_id job_name attribution flow_log_id records accepted rejected
        eni-1 a exact fl-1 4 0 4";
    const BOTH: &str = "interface_id job_name attribution flow_log_id records accepted rejected
        eni-1 a exact fl-1 5 1 4";
    const NAMELESS: &str = "interface_id job_name attribution flow_log_id records accepted rejected
        eni-1 a exact - 3 3 0";
    const FEW: &str = "interface_id job_name attribution flow_log_id records accepted rejected
        eni-1 a exact fl-1 999 999 0";
    const MANY: &str = "interface_id job_name attribution flow_log_id records accepted rejected
        eni-1 a exact fl-1 1000 1000 0";
    let reject = "flow_log_id resource_id traffic_type\nfl-1 vpc-1 REJECT";
    let all = "flow_log_id resource_id traffic_type\nfl-1 vpc-1 ALL";
    assert_eq!(traffic_types(REFUSED, reject).await, ["REJECT true"]);
    assert_eq!(traffic_types(BOTH, reject).await, ["ALL false"]);
    assert_eq!(traffic_types(REFUSED, all).await, ["ALL false"]);
    assert_eq!(traffic_types(REFUSED, "flow_log_id").await, ["REJECT false"]);
    assert_eq!(traffic_types(FEW, "flow_log_id").await, ["ALL false"]);
    assert_eq!(traffic_types(MANY, "flow_log_id").await, ["ACCEPT false"]);
    // Without a name, the flow logs of the interface's VPC and subnet speak, if they are of one type.
    let accept = "flow_log_id resource_id traffic_type\nfl-1 vpc-1 ACCEPT";
    let both = "flow_log_id resource_id traffic_type\nfl-1 vpc-1 ACCEPT\nfl-2 subnet-1 ALL";
    assert_eq!(traffic_types(NAMELESS, accept).await, ["ACCEPT true"]);
    assert_eq!(traffic_types(NAMELESS, both).await, ["ALL false"]);
}

#[tokio::test]
async fn zero_findings_come_with_their_reason() {
    let world = World {
        conversations: "
            interface_id job_name attribution log_status records local_addr remote_interface_id first_seen last_seen
            eni-1        a        exact       OK         4       10.0.1.5   -                   1000       2000
            eni-nat      -        -           OK         3       10.0.0.9   eni-2               1000       2000",
        enis: "
            interface_id vpc_id job_name attribution valid_from valid_to
            eni-1        vpc-1  a        exact       900        2000
            eni-2        vpc-1  b        exact       900        2000",
        logs: "
            interface_id job_name attribution flow_log_id records accepted rejected without_action first_seen last_seen
            eni-1        a        exact       fl-1        4       0        4        0              1000       2000",
        flow_logs: "
            flow_log_id resource_id traffic_type deliver_logs_status deliver_logs_error
            fl-1        vpc-1       ALL          SUCCESS             -
            fl-2        vpc-1       ALL          FAILED              \"Access error\"
            fl-3        vpc-9       ALL          FAILED              -",
        ..World::default()
    };
    let context = session(&world);
    let ask = async |sql: &str, params: &[_]| query(&context, sql, params).await;
    let coverage = Coverage::read(None, None, ask).await.unwrap();
    let gap = |kind| coverage.gaps.iter().find(|gap| gap.kind == kind).unwrap();
    assert_eq!(gap(Kind::RefusedJob).interface_id.as_deref(), Some("eni-1"));
    let silent = gap(Kind::SilentInterface);
    assert_eq!(silent.interface_id.as_deref(), Some("eni-2"));
    let why = "only the NAT gateway's interface was logged: 3 records of eni-nat";
    assert_eq!(silent.why.as_deref(), Some(why));
    assert_eq!(gap(Kind::FailedDelivery).flow_log_id.as_deref(), Some("fl-2"));
    assert_eq!(gap(Kind::FailedDelivery).why.as_deref(), Some("Access error"));
    assert_eq!(
        coverage.summary().unwrap(),
        "1 interfaces of jobs without any record; 1 interfaces of jobs with nothing but refused \
         records; 1 flow logs that AWS cannot deliver"
    );
}

#[tokio::test]
async fn suppressed_findings_are_counted_until_the_rule_runs_out() {
    let found = findings("unexpected-egress", &ONE).await;
    let rule = |name: &str, value: &str| {
        let fields = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        Suppression::new(fields, None, Some(100))
    };
    let rules = [rule("detection", "s3-*").unwrap(), rule("remote_port", "443").unwrap()];
    let mut left = found.clone();
    assert_eq!(suppress(&mut left, &rules, 99), [0, 1]);
    assert_eq!(left, []);
    let mut left = found.clone();
    assert_eq!(suppress(&mut left, &rules, 100), [0, 0], "an expired rule hides nothing");
    assert_eq!(left, found);
    let err = rule("remote_prot", "443").unwrap_err().to_string();
    assert!(err.starts_with("unknown finding field remote_prot; did you mean"), "{err}");
    assert!(Suppression::new(BTreeMap::new(), None, None).is_err());
}

#[tokio::test]
async fn rows_that_are_no_findings_are_refused() {
    let of = async |sql: &str| {
        let header =
            "-- title = 't'\n-- severity = 'low'\n-- description = 'd'\n-- remediation = 'r'\n";
        let detection = Detection::parse("mine", &format!("{header}{sql}")).unwrap();
        let context = session(&World::default());
        let ask = async |sql: &str, params: &[_]| query(&context, sql, params).await;
        run(&[detection], &BTreeSet::new(), &[], 0, ask).await.map(|outcome| outcome.findings)
    };
    let err = of("SELECT 1 AS remote_prot").await.unwrap_err().to_string();
    assert!(err.contains("column remote_prot is no field of a finding; did you mean"), "{err}");
    let err = of("SELECT 'eni-1' AS interface_id UNION ALL SELECT 'eni-1'").await.unwrap_err();
    assert!(err.to_string().contains("two rows have the key"), "{err}");
    let err = of("SELECT 'loud' AS severity").await.unwrap_err().to_string();
    assert!(err.contains("unknown severity loud"), "{err}");
    let found = of("SELECT 'eni-2' AS interface_id UNION ALL SELECT 'eni-1'").await.unwrap();
    assert_eq!(shown(&found, "interface_id remediation"), ["eni-1 | r", "eni-2 | r"]);
}
