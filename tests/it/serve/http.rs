//! The HTTP API: who is let in, true numbers, limits.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::server::{PATIENCE, Server, TOKEN};
use crate::support::{SAMPLE_FINDINGS, SAMPLE_JOBS, SAMPLE_RECORDS, SAMPLES, flowq, on_samples};

/// A statement that would run for years.
const ENDLESS: &str = "/sql.csv?sql=SELECT%20sum(a.bytes%2Bb.bytes%2Bc.bytes%2Bd.bytes%2Be.bytes)%20FROM%20flow_logs%20a,\
                       flow_logs%20b,flow_logs%20c,flow_logs%20d,flow_logs%20e";

fn samples() -> Server {
    Server::start(
        &[&SAMPLES[..], &["--query-timeout", "3s", "--max-queries", "2", "--max-rows", "50000"]]
            .concat(),
    )
    .ready()
}

fn column(rows: &[Value], name: &str) -> Vec<String> {
    let text = |row: &Value| match &row[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    rows.iter().map(text).collect()
}

#[test]
fn pages_have_the_numbers_of_the_commands() {
    let server = samples();
    findings_are_those_of_detect(&server);
    results_are_those_of_audit(&server);
    coverage_is_that_of_coverage(&server);
    traffic_is_that_of_the_reports(&server);
    statements_end_within_their_limits(&server);
    filters_leave_what_fits(&server);
    many_clients_and_slow_ones(&server);
    assert_eq!(server.stop(), Some(0));
}

fn findings_are_those_of_detect(server: &Server) {
    let detect = on_samples(&["detect"], &["--format", "ndjson"]).expect(0);
    let mut detected: Vec<String> = detect
        .json_lines()
        .iter()
        .map(|row| row["finding_id"].as_str().unwrap().to_owned())
        .collect();
    let rows = server.get("/findings.json").rows("findings");
    assert_eq!(rows.len(), SAMPLE_FINDINGS);
    let mut served = column(&rows, "finding_id");
    assert_eq!(served, detected, "in the same order");
    served.sort();
    detected.sort();
    assert_eq!(served, detected);
    let csv = server.get("/findings.csv");
    assert_eq!(
        csv.header("content-disposition"),
        Some("attachment; filename=\"flowq-findings-findings.csv\"")
    );
    assert_eq!(csv.text().lines().count(), SAMPLE_FINDINGS + 1);
    let blocked = rows.iter().find(|row| row["job"] == "spark-no-self-rule").unwrap();
    let id = blocked["finding_id"].as_str().unwrap();
    let page = server.get(&format!("/findings/{id}.json?simulate=all"));
    assert_eq!(page.rows("finding")[0]["finding_id"], id);
    let records = page.rows("records");
    assert!(
        records.len() >= 2 && records.iter().all(|row| row["action"] == "REJECT"),
        "{records:?}"
    );
    assert_eq!(page.rows("path").last().unwrap()["state"], "denied");
    let fixes = page.rows("fixes");
    assert!(
        fixes[0]["cli"].as_str().unwrap().starts_with("aws ec2 authorize-security-group-ingress"),
        "{fixes:?}"
    );
    assert!(column(&page.rows("simulation"), "outcome").contains(&"let through".to_owned()));
    assert_eq!(server.get("/findings/ffff.json").status, 404);
}

fn results_are_those_of_audit(server: &Server) {
    let audit = on_samples(&["audit"], &["--format", "json", "--all"]).expect(0);
    let audit: Value = serde_json::from_str(&audit.out).unwrap();
    let expected: Vec<String> = column(audit.as_array().unwrap(), "finding_id");
    let rows = server.get("/guide.json").rows("results");
    assert_eq!(column(&rows, "finding_id"), expected);
    assert_eq!(column(&rows, "verdict"), column(audit.as_array().unwrap(), "verdict"));
}

fn coverage_is_that_of_coverage(server: &Server) {
    let coverage = on_samples(&["coverage"], &["--format", "json"]).expect(0);
    let coverage: Value = serde_json::from_str(&coverage.out).unwrap();
    let page = server.get("/coverage.json");
    let (rows, expected) = (page.rows("interfaces"), coverage["interfaces"].as_array().unwrap());
    for name in ["job", "interface_id", "state", "from", "to", "minutes", "records"] {
        assert_eq!(column(&rows, name), column(expected, name), "{name}");
    }
    assert_eq!(
        column(&page.rows("questions"), "question"),
        column(coverage["questions"].as_array().unwrap(), "question")
    );
}

fn traffic_is_that_of_the_reports(server: &Server) {
    let report = on_samples(&["report", "s3-bytes-by-path"], &["--format", "ndjson"]).expect(0);
    let mut expected: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for row in report.json_lines() {
        let entry = expected.entry(row["s3_path"].as_str().unwrap().to_owned()).or_default();
        entry.0 += row["bytes_out"].as_i64().unwrap();
        entry.1 += row["bytes_in"].as_i64().unwrap();
    }
    let page = server.get("/overview.json");
    let mut served: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for row in page.rows("s3") {
        let entry = served.entry(row["path"].as_str().unwrap().to_owned()).or_default();
        entry.0 += row["bytes_out"].as_i64().unwrap();
        entry.1 += row["bytes_in"].as_i64().unwrap();
    }
    assert_eq!(served, expected);
    // The same bytes, by time.
    let by_time: i64 =
        page.rows("bytes_over_time").iter().filter_map(|row| row["s3 nat-gateway"].as_i64()).sum();
    assert_eq!(by_time, expected["nat-gateway"].0 + expected["nat-gateway"].1);
    let found: i64 = page
        .rows("findings_over_time")
        .iter()
        .map(|row| {
            ["critical", "high", "medium", "low", "informational"]
                .iter()
                .filter_map(|name| row[*name].as_i64())
                .sum::<i64>()
        })
        .sum();
    assert_eq!(usize::try_from(found).unwrap(), SAMPLE_FINDINGS);
    let jobs = server.get("/jobs.json").rows("jobs");
    assert_eq!(jobs.iter().filter(|row| row["status"].is_string()).count(), SAMPLE_JOBS);
    let job = server.get("/jobs/s3-through-nat.json").rows("s3");
    assert_eq!(
        (job[0]["path"].as_str(), job[0]["bytes_in"].as_i64()),
        (Some("nat-gateway"), Some(126_180_000))
    );
    assert_eq!(server.get("/jobs/no-such-job").status, 404);
    let flows = server.get("/flows.json?way=s3%20nat-gateway&side=job").rows("flows");
    assert_eq!(column(&flows, "job"), ["s3-through-nat"]);
}

fn statements_end_within_their_limits(server: &Server) {
    let all = server.get("/sql.json?sql=SELECT%20start%20FROM%20flow_logs");
    assert!(all.is_whole);
    assert_eq!(all.text().lines().count(), SAMPLE_RECORDS);
    let begun = Instant::now();
    let endless = server.get(ENDLESS);
    assert_eq!(endless.status, 422, "{}", endless.text());
    assert!(endless.text().contains("longer than 3s"), "{}", endless.text());
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    for refused in [
        "CREATE%20TABLE%20t%20AS%20SELECT%201",
        "DROP%20VIEW%20peers",
        "SET%20datafusion.runtime.memory_limit%20%3D%20'1G'",
        "COPY%20(SELECT%201)%20TO%20'%2Ftmp%2Fx.csv'",
        "CREATE%20EXTERNAL%20TABLE%20t%20STORED%20AS%20CSV%20LOCATION%20'%2Fetc%2Fpasswd'",
        "SELECT%20*%20FROM%20read_csv('%2Fetc%2Fpasswd')",
        "SELECT%20*%20FROM%20'%2Fetc%2Fpasswd'",
        "INSERT%20INTO%20jobs%20SELECT%20*%20FROM%20jobs",
    ] {
        let answer = server.get(&format!("/sql.csv?sql={refused}"));
        assert_eq!(answer.status, 400, "{refused}: {}", answer.text());
        assert!(!answer.text().contains("/tmp/"), "{}", answer.text());
    }
    let cut = server.get("/sql.csv?sql=SELECT%20*%20FROM%20generate_series(1,2000000)");
    let lines = cut.text().lines().count();
    assert!(
        !cut.is_whole && (40_000..=50_001).contains(&lines),
        "{lines} lines, whole: {}",
        cut.is_whole
    );
    let parquet = server.get("/sql.parquet?sql=SELECT%20count(*)%20AS%20n%20FROM%20flow_logs");
    assert!(parquet.body.starts_with(b"PAR1") && parquet.body.ends_with(b"PAR1"));
    cancel(server);
}

/// A statement ends when its user says so, and when its reader is gone: then there is room for another.
fn cancel(server: &Server) {
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| server.get(&format!("{ENDLESS}&run=one")));
        let origin = format!("http://{}", server.address);
        let headers = [("Authorization", &*format!("Bearer {TOKEN}")), ("Origin", &origin)];
        while server.ask("POST", "/sql/cancel", &headers, "id=one").json()["cancelled"] != true {
            assert!(begun.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(20));
        }
        let answer = running.join().unwrap();
        assert!(answer.text().contains("was cancelled"), "{}", answer.text());
    });
    for _ in 0..8 {
        let mut stream = TcpStream::connect(server.address).unwrap();
        write!(
            stream,
            "GET {ENDLESS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        )
        .unwrap();
        std::thread::sleep(Duration::from_millis(100));
        drop(stream);
    }
    let answer = server.get("/sql.json?sql=SELECT%201%20AS%20n");
    assert_eq!((answer.status, answer.text().trim()), (200, "{\"n\":1}"), "{}", answer.head);
}

fn filters_leave_what_fits(server: &Server) {
    let high = server.get("/findings.json?severity=high").rows("findings");
    assert!(
        !high.is_empty()
            && high.iter().all(|row| row["severity"] == "high" || row["severity"] == "critical")
    );
    let one = server.get("/findings.json?job=spark-*").rows("findings");
    assert!(
        !one.is_empty() && one.iter().all(|row| row["job"].as_str().unwrap().starts_with("spark-")),
        "{one:?}"
    );
    assert!(server.get("/findings.json?since=2026-03-11").rows("findings").is_empty());
    let groups = server.get("/findings.json?group=detection").rows("groups");
    let count: i64 = groups.iter().filter_map(|row| row["findings"].as_i64()).sum();
    assert_eq!(usize::try_from(count).unwrap(), SAMPLE_FINDINGS);
    for wrong in [
        "since=soon",
        "sort=colour",
        "job=%5B",
        "severity=worst",
        "since=2026-03-10&until=2026-03-09",
    ] {
        assert_eq!(server.get(&format!("/findings.json?{wrong}")).status, 400, "{wrong}");
    }
}

/// A hundred clients at once are all answered, and so is another one while others say nothing or read nothing.
fn many_clients_and_slow_ones(server: &Server) {
    let mut silent: Vec<TcpStream> =
        (0..60).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    for (at, stream) in silent.iter_mut().enumerate() {
        let part = &"GET /findings HTTP/1.1\r\nHost: localhost\r\n"[..at % 40];
        stream.write_all(part.as_bytes()).unwrap();
    }
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..100).map(|_| scope.spawn(|| server.get("/").status)).collect();
        assert!(clients.into_iter().all(|client| client.join().unwrap() == 200));
    });
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    // A client that sends nothing is disconnected.
    let mut rest = Vec::new();
    silent[0].set_read_timeout(Some(PATIENCE)).unwrap();
    drop(silent[0].read_to_end(&mut rest));
}

#[test]
fn no_page_is_readable_without_a_token() {
    let mut server = Server::start_with_link(&SAMPLES);
    let link = server.url.clone();
    let path = link.split_once(&server.address.to_string()).unwrap().1.to_owned();
    let html = [("Accept", "text/html")];
    for page in [
        "/",
        "/findings",
        "/findings.json",
        "/sql.csv?sql=SELECT+1",
        "/version",
        "/nothing",
        "/sql/rows",
    ] {
        for headers in [
            &[][..],
            &[("Cookie", "flowq=x")],
            &[("Authorization", "Bearer ")],
            &[("Authorization", "Basic eDp4")],
        ] {
            assert_eq!(server.ask("GET", page, headers, "").status, 401, "{page} {headers:?}");
        }
    }
    assert_eq!(
        server
            .ask(
                "POST",
                "/sql/cancel",
                &[("Origin", &*format!("http://{}", server.address))],
                "id=1"
            )
            .status,
        401
    );
    for (name, value) in [
        ("Host", "evil.example"),
        ("Host", "flowq.example:80"),
        ("Origin", "http://evil.example"),
        ("Origin", "null"),
    ] {
        assert_eq!(server.ask("GET", &path, &[(name, value)], "").status, 403, "{name}: {value}");
    }
    assert_eq!(server.ask("GET", "/login?token=wrong", &html, "").status, 401);
    let login = server.ask("GET", &format!("{path}&next=//evil.example/"), &html, "");
    assert_eq!(login.status, 200);
    assert!(login.text().contains("url=/\""), "{}", login.text());
    let cookie = login.header("set-cookie").unwrap().to_owned();
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200"), "{cookie}");
    assert_eq!(server.ask("GET", &path, &html, "").status, 401, "a link opens one browser");
    let next = server.line();
    assert!(next.starts_with("http://") && next != link, "{next}");
    logged_in(&server, cookie.split(';').next().unwrap());
    assert_eq!(server.stop(), Some(0), "also while the sources are being read");
}

/// The responses to a browser with a session, and what it may do.
fn logged_in(server: &Server, cookie: &str) {
    let cookie = [("Cookie", cookie)];
    let page = server.ask("GET", "/findings", &cookie, "");
    assert!(matches!(page.status, 200 | 503), "{}", page.status);
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"),
        "{policy}"
    );
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(page.header(name), Some(value));
    }
    let foreign = [cookie[0], ("Origin", "http://evil.example")];
    assert_eq!(server.ask("POST", "/logout", &foreign, "").status, 403);
    assert_eq!(
        server.ask("POST", "/logout", &cookie, "").status,
        403,
        "a form of this server names its origin"
    );
    let own = format!("http://{}", server.address);
    assert_eq!(server.ask("POST", "/logout", &[cookie[0], ("Origin", &own)], "").status, 303);
    assert_eq!(server.ask("GET", "/findings", &cookie, "").status, 401);
    assert_eq!(server.ask("DELETE", "/findings", &[("Origin", &own)], "").status, 401);
    assert_eq!(server.ask("GET", "/healthz", &[], "").text(), "alive\n");
}

#[test]
fn a_server_answers_from_a_source_that_grows() {
    let folder = tempfile::tempdir().unwrap();
    let line = |end: u32| {
        format!("2 1 eni-1 10.0.0.1 10.0.0.2 40000 443 6 1 100 {} {end} ACCEPT OK\n", end - 60)
    };
    fs::write(folder.path().join("a.log"), line(1_773_133_260)).unwrap();
    let path = folder.path().to_str().unwrap();
    let server = Server::start(&[path, "--check-every", "200ms"]).ready();
    let count = || {
        server.get("/sql.json?sql=SELECT%20count(*)%20AS%20n%20FROM%20flow_logs").json()["n"]
            .as_i64()
            .unwrap()
    };
    assert_eq!(count(), 1);
    fs::write(folder.path().join("b.log"), line(1_773_133_320)).unwrap();
    let begun = Instant::now();
    while count() != 2 {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(200));
    }
    // What cannot be read any more does not take away what was read.
    fs::remove_file(folder.path().join("a.log")).unwrap();
    fs::remove_file(folder.path().join("b.log")).unwrap();
    while server.get("/version").json()["failure"].is_null() {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(server.get("/findings").status, 200);
}

#[test]
fn what_would_not_be_safe_is_refused_at_the_start() {
    let refused = |args: &[&str], code: i32, says: &str| {
        let run = flowq(&[&["serve"], args].concat()).expect(code);
        assert!(run.err.contains(says), "{args:?}: {}", run.err);
    };
    let logs = SAMPLES[0];
    refused(&[logs, "--listen", "0.0.0.0:0"], 2, "is not a loopback address");
    refused(&["-"], 2, "can be read only once");
    refused(&["sqs://arn:aws:sqs:us-east-1:1:q"], 2, "can be read only once");
    refused(&[], 2, "no flow logs named");
    refused(&[logs, "--tls-cert", "a.pem"], 2, "--tls-key");
    refused(&[logs, "--tls-cert", "a.pem", "--tls-key", "b.pem"], 3, "TLS certificate a.pem");
    refused(&["nowhere"], 4, "nowhere");
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    fs::write(&token, "secret").unwrap();
    refused(&[logs, "--token-file", token.to_str().unwrap()], 3, "at least 32 are needed");
}
