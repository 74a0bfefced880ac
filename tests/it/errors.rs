//! What goes wrong: every message names the thing and what to do, and the exit code tells whose fault it is.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;

use crate::support::{LOGS, Run, SAMPLE_RECORDS, VPC_RECORDS, flowq, flowq_with_input, names, sql};

const COUNT: &str = "SELECT count(*) AS n FROM flow_logs";

fn query(sql: &str) -> Run {
    flowq(&["sql", "-q", "-c", sql, LOGS])
}

fn count_of(path: &Path) -> Run {
    flowq(&["sql", "--format", "csv", "-c", COUNT, path.to_str().unwrap()])
}

fn write_ocsf(path: &Path) {
    let columns: [(&str, ArrayRef); 3] = [
        ("class_uid", Arc::new(Int32Array::from(vec![4001]))),
        ("activity_name", Arc::new(StringArray::from(vec!["Traffic"]))),
        ("metadata_version", Arc::new(StringArray::from(vec!["1.1.0"]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn the_command_line() {
    for (args, says) in [
        (&["detect", LOGS, "--nope"][..], "unexpected argument '--nope'"),
        (&["detekt"], "a similar subcommand exists: 'detect'"),
        (&["detect"], "no flow logs named"),
        (&["detect", LOGS, "--only", "s3-endpoint-bypas"], "did you mean s3-endpoint-bypass?"),
        (&["detect", LOGS, "--only", "zzz"], "there are "),
        (&["detect", LOGS, "--fail-on", "bad"], "possible values"),
        (&["report", "top-talker", LOGS], "did you mean top-talkers?"),
        (&["report", "top-talkers"], "no flow logs named"),
        (&["report", "top-talkers", LOGS, "--param", "limt=3"], "limit"),
        (&["report", "top-talkers", LOGS, "--param", "limit=many"], "limit"),
        (&["sql", "-c", "SELECT 1", "--param", "x"], "--param name=value"),
        (&["sql", "-c", "SELECT 1", "-f", "x.sql"], "cannot be used with"),
        (&["sql", "-c", COUNT, LOGS, "--since", "yesterday"], "\"yesterday\" is not a time"),
        (
            &["sql", "-c", COUNT, LOGS, "--since", "2026-03-11", "--until", "2026-03-10"],
            "not before",
        ),
        (&["sql", "-c", COUNT, LOGS, "--slack", "x"], "is not a duration"),
        (&["sql", "-c", COUNT, LOGS, "--memory", "much"], "write 256MB or 2GB"),
        (&["sql", "-c", COUNT, LOGS, "--threads", "0"], "at least one"),
        (&["sql", "-c", COUNT, LOGS, "--log-format", "x y"], "has no field of flow logs"),
        (&["sql", "-c", COUNT, LOGS, "--log-format", ""], "--log-format"),
        (&["sql", LOGS], "standard input is empty"),
        (&["completions", "csh"], "possible values"),
    ] {
        let run = flowq(args).expect(2);
        assert!(run.err.contains(says), "{args:?}: {}", run.err);
        assert_eq!(run.out, "", "{args:?}");
    }
}

#[test]
fn standard_input_twice() {
    let run = flowq_with_input(&["sql", "-"], COUNT.as_bytes()).expect(2);
    assert!(run.err.contains("cannot be the flow log and the query at once"), "{}", run.err);
    let log = fs::read("sample-logs/formats/v2-default.log").unwrap();
    let run = flowq_with_input(&["sql", "--format", "csv", "-c", COUNT, "-", "-"], &log).expect(0);
    assert_eq!(run.out, format!("n\n{VPC_RECORDS}\n"), "named twice, read once");
}

#[test]
fn statements_are_refused_in_plain_words() {
    for (sql, says) in [
        ("SELEC 1", "expected: an SQL statement, found: SELEC at Line: 1, Column: 1"),
        ("SELECT 1; SELECT 2", "one statement at a time"),
        ("SELECT srcadr FROM flow_logs", "no column srcadr\nhint: did you mean srcaddr?"),
        ("SELECT zzzz FROM flow_logs", "no column zzzz\nhint: DESCRIBE"),
        ("SELECT * FROM flow_log", "no table flow_log\nhint: did you mean flow_logs?"),
        ("SELECT * FROM enies", "no table enies\nhint: did you mean enis?"),
        (
            "SELECT in_cid(srcaddr, '::/0') FROM flow_logs",
            "no function in_cid\nhint: did you mean in_cidr?",
        ),
        ("SELECT in_cidr(srcaddr) FROM flow_logs", "in_cidr takes 2"),
        ("SELECT in_cidr(srcaddr, 'x') FROM flow_logs", "\"x\" is not a CIDR range"),
        ("SELECT sum(srcaddr) FROM flow_logs", "sum(text) cannot be"),
        ("SELECT $x", "no value for $x\nhint: --param x=VALUE"),
        ("SELECT * FROM flow_logs WHERE start > 'x'", "'x'"),
        ("SELECT * FROM flow_logs WHERE action = 3", "cannot cast"),
        ("SELECT 1 / 0", "divide by zero"),
        ("COPY flow_logs TO 'x.csv'", "COPY is not for flowq"),
        ("INSERT INTO jobs SELECT * FROM jobs", "INSERT INTO is not for flowq"),
    ] {
        let run = query(sql).expect(3);
        assert!(run.err.contains(says), "{sql}: {}", run.err);
        for noise in [
            "DataFusion",
            "Error during planning",
            "caused by",
            "type_coercion",
            "Optimizer",
            "Utf8View",
        ] {
            assert!(!run.err.to_lowercase().contains(&noise.to_lowercase()), "{sql}: {}", run.err);
        }
        assert_eq!(run.out, "", "{sql}");
    }
}

#[test]
fn files_that_are_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let misspelt = path("misspelt.toml", "[[alow]]\nto = \"10.0.0.0/8\"\n");
    let broken = path("broken.toml", "[[allow\n");
    for (args, says) in [
        (["--config", "nowhere.toml"], "config nowhere.toml"),
        (["--config", &misspelt], "unknown key alow; did you mean allow?"),
        (["--config", &broken], "broken.toml"),
        (["--queries", "nowhere"], "nowhere"),
    ] {
        let run = flowq(&["detect", LOGS, args[0], args[1]]).expect(3);
        assert!(run.err.contains(says), "{args:?}: {}", run.err);
    }
    let run = flowq(&["sql", "-f", "nowhere.sql", LOGS]).expect(3);
    assert!(run.err.contains("query nowhere.sql"), "{}", run.err);
    let run = flowq(&["check", "--config", &misspelt]).expect(3);
    assert!(run.err.contains("did you mean allow?"), "{}", run.err);
}

#[test]
fn sources_that_are_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().to_str().unwrap();
    for (source, says) in [
        (empty, "nothing to read in"),
        ("nowhere", "nowhere does not exist"),
        ("sample-logs/*.nothing", "sample-logs/*.nothing"),
        ("ftp://bucket/key", "write s3://bucket/prefix"),
    ] {
        for args in [&["detect", source][..], &["sql", "-c", COUNT, source]] {
            let run = flowq(args).expect(4);
            assert!(run.err.contains(says), "{args:?}: {}", run.err);
        }
    }
}

#[cfg(unix)]
#[test]
fn a_source_without_permission() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret.log");
    fs::copy("sample-logs/formats/v2-default.log", &path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if File::open(&path).is_ok() {
        crate::support::skip("unreadable files: this user may read everything");
        return;
    }
    let run = count_of(&path).expect(4);
    assert!(
        run.err.contains("no permission to read") && run.err.contains("secret.log"),
        "{}",
        run.err
    );
}

#[test]
fn duplicate_fields_in_a_header() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("twice.log");
    fs::write(&path, "version srcaddr srcaddr bytes\n2 10.0.0.1 10.0.0.2 5\n").unwrap();
    let run = count_of(&path).expect(4);
    assert!(run.err.contains("twice.log") && run.err.contains("srcaddr"), "{}", run.err);
}

#[test]
fn a_folder_with_a_parquet_file_that_is_no_flow_log() {
    let folder = tempfile::tempdir().unwrap();
    write_ocsf(&folder.path().join("ocsf.parquet"));
    let run = count_of(folder.path()).expect(4);
    assert!(run.err.contains("ocsf.parquet"), "{}", run.err);
    assert_eq!(run.out, "n\n", "no count of what could not be read");
    fs::copy("sample-logs/formats/custom-order.log", folder.path().join("good.log")).unwrap();
    let run = count_of(folder.path()).expect(5);
    assert_eq!(run.out, format!("n\n{}\n", VPC_RECORDS / 4));
    assert!(run.err.contains("ocsf.parquet"), "{}", run.err);
}

#[test]
fn detect_names_what_it_could_not_read() {
    let run =
        flowq(&["detect", LOGS, "sample-logs/formats/truncated.log.gz", "--format", "ndjson"])
            .expect(5);
    assert!(run.err.contains("truncated.log.gz: the gzip stream is cut"), "{}", run.err);
}

#[test]
fn strict_ends_at_the_first_malformed_line() {
    let run =
        flowq(&["sql", "-c", COUNT, "sample-logs/formats/oddities.log", "--strict"]).expect(4);
    assert!(run.err.contains("oddities.log"), "{}", run.err);
    assert_eq!(run.out, "");
    let run =
        flowq(&["sql", "-c", COUNT, "sample-logs/formats/truncated.log.gz", "--strict"]).expect(4);
    assert!(run.err.contains("truncated.log.gz"), "{}", run.err);
    flowq(&["sql", "-c", COUNT, LOGS, "--strict"]).expect(0);
}

#[test]
fn output_is_whole_or_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answer.csv");
    let output = file.to_str().unwrap();
    let write =
        |args: &[&str]| flowq(&[&["sql", "--format", "csv", "--output", output], args].concat());
    write(&["-c", COUNT, "sample-logs/formats/oddities.log", "--strict"]).expect(4);
    write(&["-c", "SELECT CAST(srcaddr AS int) FROM flow_logs", LOGS]).expect(3);
    write(&["-c", COUNT, "sample-logs/README.md"]).expect(4);
    assert_eq!(names(folder.path()), [""; 0]);
    fs::write(&file, "before").unwrap();
    write(&["-c", COUNT, "sample-logs/formats/oddities.log", "--strict"]).expect(4);
    assert_eq!(fs::read_to_string(&file).unwrap(), "before");
    write(&["-c", COUNT, LOGS]).expect(0);
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("n\n{SAMPLE_RECORDS}\n"));
    assert_eq!(names(folder.path()), ["answer.csv"]);
}

#[test]
fn output_that_cannot_be_written() {
    for output in ["nowhere/answer.csv", "sample-logs", "/"] {
        let run = flowq(&["sql", "-c", COUNT, LOGS, "--output", output]).expect(6);
        assert!(run.err.contains("output") && run.err.contains(output), "{output}: {}", run.err);
    }
    if Path::new("/dev/full").exists() {
        flowq(&["sql", "-q", "-c", "SELECT 1", "--output", "/dev/full"]).expect(6);
    }
}

#[test]
fn a_detection_without_its_columns_is_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("few.log");
    fs::write(
        &path,
        "interface-id srcaddr dstaddr start end\neni-1 10.0.0.1 10.0.0.2 1773129600 1773129660\n",
    )
    .unwrap();
    let args = ["detect", path.to_str().unwrap(), "--inventory", "sample-logs/inventory"];
    let run = flowq(&args).expect(5);
    assert!(run.err.contains("not run"), "{}", run.err);
    let all = flowq::detection::built_in().unwrap().len();
    assert!(run.err.contains(&format!("2 of {all} detections ran")), "{}", run.err);
    assert_eq!(sql(COUNT, &[path.to_str().unwrap()])[1], "1");
}
