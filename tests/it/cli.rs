//! What a user sees who runs the commands on the sample logs.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use serde_json::Value;

use crate::support::{
    LOGS, SAMPLE_FINDINGS, SAMPLE_RECORDS, VPC_RECORDS, command, flowq, flowq_with_input, names,
    on_samples, run, sql, without_time,
};

const COUNT: &str = "SELECT count(*) AS n FROM flow_logs";

fn detect(more: &[&str]) -> crate::support::Run {
    on_samples(&["detect"], more)
}

fn rows_of_parquet(path: &Path) -> i64 {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    reader.metadata().file_metadata().num_rows()
}

#[test]
fn findings_for_people() {
    let run = detect(&[]).expect(0);
    insta::assert_snapshot!("detect-stdout", run.out);
    insta::assert_snapshot!("detect-stderr", without_time(&run.err));
}

#[test]
fn findings_as_json_and_ndjson_and_csv_are_the_same() {
    let json: Vec<Value> =
        serde_json::from_str(&detect(&["--format", "json"]).expect(0).out).unwrap();
    let ndjson = detect(&["--format", "ndjson"]).expect(0).json_lines();
    assert_eq!(json, ndjson);
    let text = detect(&["--format", "csv"]).expect(0).out;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let at = reader.headers().unwrap().iter().position(|name| name == "finding_id").unwrap();
    let ids: Vec<String> = reader.records().map(|row| row.unwrap()[at].to_owned()).collect();
    assert_eq!(
        ids,
        json.iter().map(|finding| finding["finding_id"].as_str().unwrap()).collect::<Vec<_>>()
    );
    assert_eq!(
        ids.iter().collect::<BTreeSet<_>>().len(),
        SAMPLE_FINDINGS,
        "a finding has an id of its own"
    );
}

#[test]
fn findings_as_parquet_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("findings.parquet");
    let run = detect(&["--format", "parquet", "--output", path.to_str().unwrap()]).expect(0);
    assert_eq!(run.out, "");
    assert_eq!(rows_of_parquet(&path), SAMPLE_FINDINGS as i64);
    assert_eq!(names(folder.path()), ["findings.parquet"]);
}

#[test]
fn findings_as_ocsf_have_what_the_schema_requires() {
    let lines = detect(&["--format", "ocsf"]).expect(0).json_lines();
    assert_eq!(lines.len(), SAMPLE_FINDINGS);
    for event in lines {
        for field in [
            "activity_id",
            "category_uid",
            "class_uid",
            "cloud",
            "finding_info",
            "metadata",
            "severity_id",
            "time",
            "type_uid",
        ] {
            assert!(!event[field].is_null(), "{field}: {event}");
        }
        assert_eq!(event["class_uid"], 2004);
        assert_eq!(
            event["type_uid"].as_i64(),
            event["activity_id"].as_i64().map(|id| 200_400 + id)
        );
        for (parent, child) in [
            ("finding_info", "uid"),
            ("finding_info", "title"),
            ("metadata", "version"),
            ("cloud", "provider"),
        ] {
            assert!(event[parent][child].is_string(), "{parent}.{child}: {event}");
        }
        assert!(event["metadata"]["product"]["name"].is_string());
    }
}

#[test]
fn only_some_detections() {
    let run = detect(&[
        "--only",
        "s3-endpoint-bypass",
        "--only",
        "attempted-egress",
        "--format",
        "ndjson",
    ]);
    let run = run.expect(0);
    let ran: BTreeSet<String> =
        run.json_lines().iter().map(|finding| finding["detection"].to_string()).collect();
    assert_eq!(
        ran.into_iter().collect::<Vec<_>>(),
        ["\"attempted-egress\"", "\"s3-endpoint-bypass\""]
    );
    assert!(run.err.contains("2 of 2 detections ran"), "{}", run.err);
}

#[test]
fn fail_on_is_told_by_the_exit_code() {
    let only = |detection, severity| {
        detect(&["--only", detection, "--fail-on", severity, "--format", "ndjson"]).code
    };
    assert_eq!(only("s3-endpoint-bypass", "medium"), 1);
    assert_eq!(only("s3-endpoint-bypass", "high"), 0);
    assert_eq!(only("isolated-job-traffic", "critical"), 1);
}

#[test]
fn since_and_until_cut_the_time() {
    let run = detect(&[
        "--since",
        "2026-03-10T08:50",
        "--until",
        "2026-03-10T09:02",
        "--format",
        "ndjson",
    ]);
    let run = run.expect(0);
    let jobs: BTreeSet<String> = run
        .json_lines()
        .iter()
        .map(|finding| format!("{} {}", finding["job_name"], finding["job_candidates"]))
        .collect();
    assert_eq!(
        jobs.into_iter().collect::<Vec<_>>(),
        [
            "\"calls-home\" []",
            "\"plain-cluster\" []",
            "\"reads-cache\" []",
            "\"refused-egress\" []",
            "\"slow-upload\" []",
            "\"ssh-tunnel\" []",
            "null [\"tune-a\",\"tune-b\"]"
        ],
    );
    let until = [LOGS, "--until", "2026-03-10T08:05", "--slack", "0s"];
    let first = flowq(&[&["sql", "--format", "csv", "-c", COUNT], &until[..]].concat()).expect(0);
    assert!(first.err.contains("left out by their names"), "{}", first.err);
    let counted: u64 = first.out.lines().nth(1).unwrap().parse().unwrap();
    let query = "SELECT count(*) FROM flow_logs WHERE start < TIMESTAMP '2026-03-10T08:05:00Z'";
    assert_eq!(sql(query, &[LOGS])[1], counted.to_string());
}

#[test]
fn records_are_counted_with_a_time_that_nothing_falls_into() {
    let run =
        flowq(&["sql", "--format", "csv", "-c", COUNT, LOGS, "--since", "2027-01-01"]).expect(0);
    assert_eq!(run.out, "n\n0\n");
}

#[test]
fn sql_by_argument_file_and_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("question.sql");
    fs::write(&file, format!("-- how many\n{COUNT};\n")).unwrap();
    let file = file.to_str().unwrap();
    for run in [
        flowq(&["sql", "--format", "csv", "-c", COUNT, LOGS]),
        flowq(&["sql", "--format", "csv", "-f", file, LOGS]),
        flowq_with_input(&["sql", "--format", "csv", LOGS], COUNT.as_bytes()),
    ] {
        assert_eq!(run.expect(0).out, format!("n\n{SAMPLE_RECORDS}\n"));
    }
    let log = fs::read("sample-logs/formats/v2-default.log").unwrap();
    let run = flowq_with_input(&["sql", "--format", "csv", "-c", COUNT, "-"], &log).expect(0);
    assert_eq!(run.out, format!("n\n{VPC_RECORDS}\n"));
}

#[test]
fn sql_in_every_format() {
    let query = "SELECT action, sum(bytes) AS bytes, min(start) AS first, NULL AS none FROM flow_logs \
         WHERE action IS NOT NULL GROUP BY action ORDER BY action";
    for format in ["table", "json", "ndjson", "csv", "tsv", "markdown"] {
        let run = flowq(&["sql", "--format", format, "-c", query, LOGS, "-q"]).expect(0);
        assert_eq!(run.err, "");
        insta::assert_snapshot!(format!("sql-{format}"), run.out);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (parquet, arrow) = (path("rows.parquet"), path("rows.arrow"));
    flowq(&["sql", "--format", "parquet", "-c", query, LOGS, "--output", &parquet]).expect(0);
    flowq(&["sql", "--format", "arrow", "-c", query, LOGS, "--output", &arrow]).expect(0);
    assert_eq!(rows_of_parquet(Path::new(&parquet)), 2);
    let reader =
        arrow::ipc::reader::FileReader::try_new(File::open(&arrow).unwrap(), None).unwrap();
    assert_eq!(reader.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 2);
}

#[test]
fn parameters() {
    let query =
        "SELECT count(*) AS n FROM flow_logs WHERE in_cidr(dstaddr, $net) AND bytes > $least";
    let args = [LOGS, "--param", "net=203.0.113.0/24", "--param", "least=100"];
    let count = sql(query, &args)[1].clone();
    let same =
        "SELECT count(*) FROM flow_logs WHERE in_cidr(dstaddr, '203.0.113.0/24') AND bytes > 100";
    assert_eq!(count, sql(same, &[LOGS])[1]);
    assert_ne!(count, "0");
}

#[test]
fn explain_shows_what_is_pushed_down_and_decoded() {
    let query = "EXPLAIN SELECT sum(bytes) FROM flow_logs WHERE interface_id = 'eni-1' AND action = 'REJECT' \
         AND start >= TIMESTAMP '2026-03-10T08:30:00Z'";
    let run = flowq(&["sql", "-c", query, LOGS, "-q"]).expect(0);
    let scan = run.out.lines().find(|line| line.contains("FlowScanExec")).unwrap();
    for part in [
        "decoded=[",
        "bytes",
        "interface_id = eni-1",
        "action = REJECT",
        "start >= 2026-03-10T08:30:00Z",
    ] {
        assert!(scan.contains(part), "{part}: {scan}");
    }
    assert!(!scan.contains("srcaddr"), "{scan}");
    assert!(run.out.starts_with("logical_plan\n  "), "{}", run.out);
}

#[test]
fn information_schema() {
    let tables = sql(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name",
        &[],
    );
    for table in
        ["flow_logs", "flows", "conversations", "jobs", "enis", "transit_gateway_flow_logs"]
    {
        assert!(tables.iter().any(|name| name == table), "{table}: {tables:?}");
    }
    let columns =
        sql("SELECT count(*) FROM information_schema.columns WHERE table_name = 'flow_logs'", &[]);
    assert_eq!(columns[1], "56", "54 fields, object and line");
}

#[test]
fn every_report_runs() {
    let list = flowq(&["report", "--format", "ndjson"]).expect(0);
    let reports = list.json_lines();
    assert!(reports.len() >= 30, "{}", list.out);
    for report in reports {
        let name = report["report"].as_str().unwrap();
        let run = on_samples(&["report", name], &["--format", "ndjson"]).expect(0);
        assert!(!run.err.contains("warning"), "{name}: {}", run.err);
        // The sample has no records from or to what these ask for by default, or none in that shape.
        drop(run.json_lines());
    }
}

#[test]
fn reports_of_jobs_have_rows() {
    for name in [
        "job-traffic",
        "traffic-by-job-and-destination",
        "s3-bytes-by-path",
        "ports-by-job",
        "rejected-traffic",
        "records-by-status-per-hour",
        "top-talkers",
        "inter-container-matrix",
        "nat-gateway-bytes",
    ] {
        let run = on_samples(&["report", name], &["--format", "ndjson"]).expect(0);
        assert!(!run.json_lines().is_empty(), "{name}");
    }
    insta::assert_snapshot!("report-list", flowq(&["report"]).expect(0).out);
    insta::assert_snapshot!(
        "report-s3",
        on_samples(&["report", "s3-bytes-by-path", "-q"], &[]).expect(0).out
    );
}

#[test]
fn a_report_of_jobs_without_inventory_says_what_is_missing() {
    let run = flowq(&["report", "job-traffic", LOGS]).expect(0);
    assert!(run.err.contains("without --inventory it is empty"), "{}", run.err);
}

#[test]
fn a_report_whose_fields_are_not_there_says_so() {
    let run =
        flowq(&["report", "athena-top-talking-instances", "sample-logs/formats/v2-default.log"]);
    assert!(run.err.contains("no object has instance_id"), "{}", run.err);
}

#[test]
fn check_names_a_broken_detection() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("mine.sql", "SELECT 1");
    let run = flowq(&["check", "--queries", folder.path().to_str().unwrap()]).expect(3);
    assert!(run.err.contains("detection mine"), "{}", run.err);
}

#[test]
fn fields_and_functions() {
    let fields = flowq(&["fields", "--format", "ndjson"]).expect(0).json_lines();
    assert_eq!(fields.len(), 54);
    let transit =
        flowq(&["fields", "--transit-gateway", "--format", "ndjson"]).expect(0).json_lines();
    assert!(transit.iter().any(|field| field["field"] == "tgw-id"));
    insta::assert_snapshot!(
        "functions",
        flowq(&["functions", "--format", "markdown"]).expect(0).out
    );
    for function in flowq(&["functions", "--format", "ndjson"]).expect(0).json_lines() {
        // The files that these name are the user's own.
        if function["returns"] == "table" {
            continue;
        }
        let example = function["example"].as_str().unwrap();
        let query = match example.strip_prefix("ORDER BY ") {
            Some(key) => format!("SELECT {key} FROM flows LIMIT 1"),
            None => format!("SELECT {example} FROM flows LIMIT 1"),
        };
        flowq(&["sql", "-c", &query, "sample-logs/formats/nodata-skipdata.log"]).expect(0);
    }
}

#[test]
fn generate_writes_what_detect_reads() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().to_str().unwrap();
    let run = flowq(&["generate", "--to", to, "--records", "3000", "--files", "3"]).expect(0);
    assert!(run.err.contains("try: flowq detect"), "{}", run.err);
    let (logs, inventory) = (format!("{to}/logs"), format!("{to}/inventory"));
    let run = flowq(&["detect", &logs, "--inventory", &inventory, "--format", "ndjson"]).expect(0);
    assert!(run.json_lines().len() >= 10);
}

#[test]
fn the_samples_are_what_the_generator_writes() {
    let folder = tempfile::tempdir().unwrap();
    flowq(&["generate", "--samples", "--to", folder.path().to_str().unwrap()]).expect(0);
    let compare = Command::new("diff")
        .args(["-r", "-q", "--exclude=README.md", "--exclude=flowq.toml", "sample-logs"])
        .arg(folder.path())
        .current_dir(crate::support::root())
        .output()
        .unwrap();
    assert!(compare.status.success(), "{}", String::from_utf8_lossy(&compare.stdout));
}

#[test]
fn quiet_is_quiet() {
    assert_eq!(detect(&["--quiet"]).expect(0).err, "");
    assert_eq!(flowq(&["sql", "-q", "-c", COUNT, LOGS]).expect(0).err, "");
}

#[test]
fn suppressions_and_expired_rules_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("flowq.toml");
    fs::write(
        &config,
        "[[suppress]]\ndetection = \"attempted-egress\"\njob_name = \"refused-*\"\nreason = \"known\"\n\
         [[suppress]]\ndetection = \"*\"\nreason = \"was noisy\"\nuntil = \"2026-01-01\"\n",
    )
    .unwrap();
    let args =
        ["detect", LOGS, "--inventory", "sample-logs/inventory", "--format", "ndjson", "--config"];
    let run = flowq(&[&args[..], &[config.to_str().unwrap()]].concat()).expect(0);
    assert!(run.json_lines().iter().all(|finding| finding["detection"] != "attempted-egress"));
    assert!(run.err.contains("1 suppressed"), "{}", run.err);
    assert!(run.err.contains("suppressed: 1 by \"known\""), "{}", run.err);
    assert!(run.err.contains("suppression \"was noisy\" has expired"), "{}", run.err);
}

#[test]
fn malformed_lines_are_kept_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("malformed.ndjson");
    let path = file.to_str().unwrap();
    let args = ["sql", "-c", COUNT, "sample-logs/formats/oddities.log", "--malformed", path];
    flowq(&args).expect(0);
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let at: Vec<&Value> = lines.iter().map(|line| &line["line"]).collect();
    assert_eq!(at, [17, 19, 21]);
    assert!(lines.iter().all(|line| line["object"] == "sample-logs/formats/oddities.log"));
    assert_eq!(names(folder.path()), ["malformed.ndjson"]);
}

#[test]
fn head_ends_the_output_without_a_word() {
    let args = [
        "sql",
        "--format",
        "csv",
        "-c",
        "SELECT * FROM flow_logs CROSS JOIN (VALUES (1), (2), (3))",
        LOGS,
    ];
    let mut child = command().args(args).spawn().unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    assert!(line.starts_with("version,"), "{line}");
    drop(out);
    let run = run(&child.wait_with_output().unwrap());
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(!run.err.contains("panic") && !run.err.contains("flowq:"), "{}", run.err);
}

#[test]
fn ctrl_c_ends_at_once_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("rows.csv");
    fs::write(&output, "what was there before\n").unwrap();
    let mut child = command()
        .args(["sql", "--format", "csv", "-c", "SELECT * FROM flow_logs", "-", "--output"])
        .arg(&output)
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    // More than is looked at beforehand, so that the query is under way; then the stream stays open.
    let log = fs::read("sample-logs/formats/v2-default.log").unwrap();
    input.write_all(&log).unwrap();
    input.flush().unwrap();
    std::thread::sleep(Duration::from_millis(800));
    let asked = Instant::now();
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{err}");
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert_eq!(err, "flowq: interrupted\n");
    assert_eq!(names(folder.path()), ["rows.csv"]);
    assert_eq!(fs::read_to_string(&output).unwrap(), "what was there before\n");
    drop(input);
}

#[test]
fn a_config_names_sources_and_inventory_for_those_who_name_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flowq.toml");
    let config = path.to_str().unwrap();
    let write = |sources: &str, inventory: &str| {
        fs::write(&path, format!("sources = [\"{sources}\"]\ninventory = [\"{inventory}\"]\n"))
            .unwrap();
    };
    write(LOGS, "sample-logs/inventory");
    let named =
        flowq(&["detect", LOGS, "--inventory", "sample-logs/inventory", "--format", "ndjson"]);
    let taken = flowq(&["detect", "--config", config, "--format", "ndjson"]).expect(0);
    assert!(!taken.out.is_empty());
    assert_eq!(taken.out, named.out);
    // What is named on the command line stands alone.
    let other = flowq(&["report", "top-talkers", "nowhere", "--config", config]).expect(4);
    assert!(other.err.contains("nowhere does not exist"), "{}", other.err);

    write("s3://my-logs/AWSLogs/", "aws");
    let policy = flowq(&["iam-policy", "--config", config]).expect(0).out;
    assert!(policy.contains("arn:aws:s3:::my-logs/AWSLogs/*"), "{policy}");
    assert!(policy.contains("sagemaker:ListProcessingJobs"), "{policy}");
}
