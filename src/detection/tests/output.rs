use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;

use super::World;
use super::detection;
use super::findings;
use super::outcome;
use super::query;
use super::session;
use super::shown;
use crate::detection::Coverage;
use crate::detection::Detection;
use crate::detection::Finding;
use crate::detection::Suppression;
use crate::detection::built_in;
use crate::detection::coverage::Kind;
use crate::detection::export::Lists;
use crate::detection::ocsf::detection_finding;
use crate::detection::run::run;
use crate::detection::suppress::suppress;

const ONE: World = World {
    conversations: "
        interface_id account_id   job_name job_arn                                                        attribution region    local_addr remote_addr remote_port protocol remote_scope opened_by accepted_out accepted_first accepted_last
        eni-1        123456789012 a        arn:aws:sagemaker:us-east-1:123456789012:processing-job/a exact       us-east-1 10.0.1.5   203.0.113.9 443         6        internet     local     1            100            200",
    enis: "",
    jobs: "",
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
    assert_eq!(all_seen.lines(), ["no holes: every interface of every job has records"]);
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
