use crate::detection::tests::{World, findings, shown};

/// One job with an exact attribution, and every row that must or must not be reported of it.
const TRAFFIC: &str = "
interface_id job_name attribution network_isolation local_addr local_port remote_addr  remote_port protocol remote_scope opened_by accepted_out accepted_in rejected_out rejected_syn accepted_first accepted_last rejected_first rejected_last accepted_bytes_out accepted_bytes_in first_seen last_seen
eni-1        nightly  exact       false             10.0.1.5   40000      203.0.113.9  443         6        internet     local     2            2           0            0            100            200           -              -             1000               5000              100        200
eni-1        nightly  exact       false             10.0.1.5   40001      203.0.113.9  443         6        internet     local     1            0           0            0            150            300           -              -             10                 0                 150        300
# answered only
eni-1        nightly  exact       false             10.0.1.5   8080       203.0.113.10 50000       6        internet     remote    1            1           0            0            100            200           -              -             10                 10                100        200
# allowed
eni-1        nightly  exact       false             10.0.1.5   40002      192.0.2.1    443         6        internet     local     1            1           0            0            100            200           -              -             10                 10                100        200
# in the VPC, S3, same job
eni-1        nightly  exact       false             10.0.1.5   40003      10.0.9.9     443         6        vpc          local     1            1           0            0            100            200           -              -             10                 10                100        200
eni-1        nightly  exact       false             10.0.1.5   40004      52.216.0.1   443         6        s3           local     1            1           0            0            100            200           -              -             10                 10                100        200
# another VPC, and one of the same
eni-1        nightly  exact       false             10.0.1.5   40005      10.9.1.7     9000        6        other-job    local     1            1           0            0            100            200           -              -             10                 10                100        200
# isolated
eni-2        sealed   exact       true              10.0.1.6   40000      203.0.113.9  443         6        internet     local     1            1           0            0            100            200           -              -             10                 10                100        200
# refused, with and without an attempt of its own
eni-1        nightly  exact       false             10.0.1.5   40006      198.51.100.7 22          6        internet     local     0            0           3            3            -              -             100            400           0                  0                 100        400
eni-1        nightly  exact       false             10.0.1.5   40007      198.51.100.8 22          6        internet     local     1            1           1            0            100            200           300            400           0                  0                 100        400
# nobody knows who opened; not a job; shared
eni-1        nightly  exact       false             10.0.1.5   5000       172.31.0.9   5000        17       private      -         1            1           0            0            100            200           -              -             10                 10                100        200
eni-9        -        -           -                 10.0.1.9   40000      203.0.113.9  443         6        internet     local     1            1           0            0            100            200           -              -             10                 10                100        200
eni-3        -        shared      false             10.0.1.7   40000      2001:db8::1  443         6        internet     local     1            1           0            0            100            200           -              -             10                 10                100        200
";

const WORLD: World = World {
    conversations: TRAFFIC,
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
async fn unexpected_egress_reports_what_left_and_nothing_else() {
    let found = findings("unexpected-egress", &WORLD).await;
    let fields =
        "severity confidence interface_id remote_addr remote_port flows bytes_out bytes_in";
    assert_eq!(
        shown(&found, fields),
        [
            "high | inferred | eni-3 | 2001:db8::1 | 443 | 2 | 10 | 10",
            "high | strong | eni-1 | 198.51.100.8 | 22 | 2 | 0 | 0",
            "high | strong | eni-1 | 203.0.113.9 | 443 | 5 | 1010 | 5000",
            "medium | weak | eni-1 | 172.31.0.9 | 5000 | 2 | 10 | 10",
        ]
    );
    let reason = found.iter().find(|f| f.remote_addr.as_deref() == Some("203.0.113.9")).unwrap();
    assert_eq!(
        reason.reason.as_deref().unwrap(),
        "10.0.1.5 opened 2 connections to 203.0.113.9 port 443 (TCP, the internet); it was answered, and no allow rule fits"
    );
    assert_eq!((reason.first_seen, reason.last_seen), (Some(100), Some(300)));
    assert_eq!(reason.evidence.len(), 2);
    assert_eq!(reason.evidence[0].line, Some(1));
}

#[tokio::test]
async fn attempted_egress_reports_refused_attempts_only() {
    let found = findings("attempted-egress", &WORLD).await;
    assert_eq!(
        shown(&found, "severity confidence remote_addr flows first_seen last_seen"),
        ["low | strong | 198.51.100.7 | 3 | 1970-01-01T00:01:40Z | 1970-01-01T00:06:40Z"]
    );
}

#[tokio::test]
async fn isolated_jobs_have_their_own_detection() {
    let world = World {
        conversations: "
            interface_id job_name attribution network_isolation eni_role local_addr local_port remote_addr remote_port protocol remote_scope s3_path opened_by accepted_out accepted_in rejected_out rejected_in
            eni-2 sealed exact true -         10.0.1.6 40000 203.0.113.9  443   6 internet - local  1 1 0 0
            eni-2 sealed exact true -         10.0.1.6 40001 52.216.0.1   443   6 s3 gateway-endpoint local 1 1 0 0
            eni-2 sealed exact true -         10.0.1.6 40002 10.0.1.7     9000  6 same-job - local 1 1 0 0
            eni-2 sealed exact true -         10.0.1.6 40003 10.0.5.5     443   6 endpoint interface-endpoint local 1 1 0 0
            eni-2 sealed exact true -         10.0.1.6 40004 10.0.5.6     5432  6 vpc - local 0 0 2 0
            eni-2 sealed exact true -         10.0.1.6 22    10.0.5.7     50000 6 vpc - remote 0 0 0 1
            eni-2 sealed exact true -         10.0.1.6 8080  10.0.5.8     50001 6 vpc - remote 1 1 0 0
            eni-2 sealed exact true -         10.0.1.6 8080  10.0.5.8     50002 6 vpc - remote 1 1 0 0
            eni-4 sealed exact true platform  10.0.1.9 40000 203.0.113.9  443   6 internet - local 1 1 0 0
            eni-1 open   exact false -        10.0.1.5 40000 203.0.113.9  443   6 internet - local 1 1 0 0",
        ..World::default()
    };
    let found = findings("isolated-job-traffic", &world).await;
    assert_eq!(
        shown(&found, "severity confidence remote_addr remote_port"),
        [
            "critical | strong | 203.0.113.9 | 443",
            "high | strong | 10.0.5.8 | null",
            "medium | strong | 10.0.5.6 | 5432",
        ]
    );
    let found = findings("unexpected-egress", &world).await;
    assert_eq!(shown(&found, "interface_id"), ["eni-1", "eni-4"]);
}
