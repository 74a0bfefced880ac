//! One file is one object, however it is named and whoever still writes it.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::lake::{held, status};
use crate::support::{Run, flowq, run};

/// Two records, in text.
const TEXT: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status
2 123456789012 eni-0a 10.0.0.1 10.0.0.2 40000 443 6 2 88 1773129600 1773129650 ACCEPT OK
2 123456789012 eni-0a 10.0.0.2 10.0.0.1 443 40000 6 2 88 1773129600 1773129650 ACCEPT OK
";

fn ingest(logs: &str, lake: &Path) -> Run {
    flowq(&["ingest", logs, "--to", lake.to_str().unwrap()])
}

#[test]
fn a_file_is_read_once_however_it_is_spelled() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let (logs, lake) = (root.join("logs"), root.join("lake"));
    fs::create_dir_all(logs.join("sub")).unwrap();
    fs::write(logs.join("sub/a.log"), TEXT).unwrap();
    symlink(&logs, root.join("link")).unwrap();
    let at = |spelling: &str| format!("{}/{spelling}", root.display());
    for spelling in ["logs", "logs/", "link", "logs//sub", "logs/sub/../sub/a.log", "link/*/a.log"]
    {
        ingest(&at(spelling), &lake).expect(0);
        assert_eq!(held(&lake).rows.len(), 2, "{spelling}");
    }
    let mut relative = crate::support::command();
    relative.current_dir(logs.join("sub")).args([
        "ingest",
        "../../logs",
        "--to",
        lake.to_str().unwrap(),
    ]);
    run(&relative.output().unwrap()).expect(0);
    assert_eq!(held(&lake).rows.len(), 2);
    flowq(&["verify", lake.to_str().unwrap(), "--source", &at("link/../logs")]).expect(0);
    flowq(&[
        "replay",
        lake.to_str().unwrap(),
        "--source",
        &at("link"),
        "--object",
        &at("link/sub/a.log"),
    ])
    .expect(0);
    // The file whose rows were replaced stays for those who read it.
    assert_eq!(status(&lake)["totals"]["rows"], 2);
    flowq(&["verify", lake.to_str().unwrap(), "--source", &at("logs")]).expect(0);
}

#[test]
fn a_second_name_of_a_file_and_a_new_one_are_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let (logs, lake) = (folder.path().join("logs"), folder.path().join("lake"));
    fs::create_dir_all(&logs).unwrap();
    fs::write(logs.join("a.log"), TEXT).unwrap();
    fs::hard_link(logs.join("a.log"), logs.join("b.log")).unwrap();
    let source = logs.to_str().unwrap();
    ingest(source, &lake).expect(0);
    assert_eq!(held(&lake).rows.len(), 2);
    fs::remove_file(logs.join("a.log")).unwrap();
    ingest(source, &lake).expect(0);
    fs::rename(logs.join("b.log"), logs.join("c.log")).unwrap();
    ingest(source, &lake).expect(0);
    assert_eq!(held(&lake).rows.len(), 2);
    flowq(&["verify", lake.to_str().unwrap(), "--source", source]).expect(0);
    // A copy is another file.
    fs::copy(logs.join("c.log"), logs.join("d.log")).unwrap();
    ingest(source, &lake).expect(0);
    assert_eq!(held(&lake).rows.len(), 4);
}

#[test]
fn a_file_that_is_still_being_written_is_left_until_it_has_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let (logs, lake) = (folder.path().join("logs"), folder.path().join("lake"));
    fs::create_dir_all(&logs).unwrap();
    fs::write(logs.join("whole.log"), TEXT).unwrap();
    let unfinished = logs.join("a.log.6eF3a1b2");
    fs::write(&unfinished, &TEXT[..150]).unwrap();
    let source = logs.to_str().unwrap();
    let first = ingest(source, &lake).expect(0);
    assert!(
        first.err.contains("a.log.6eF3a1b2 has the name of a file that is being written"),
        "{}",
        first.err
    );
    assert_eq!(held(&lake).rows.len(), 2);
    fs::write(&unfinished, TEXT).unwrap();
    fs::rename(&unfinished, logs.join("a.log")).unwrap();
    ingest(source, &lake).expect(0);
    assert_eq!(held(&lake).rows.len(), 4);
    flowq(&["verify", lake.to_str().unwrap(), "--source", source]).expect(0);
}

#[test]
fn names_that_differ_in_bytes_that_are_no_text_are_two_objects() {
    let folder = tempfile::tempdir().unwrap();
    let (logs, lake) = (folder.path().join("logs"), folder.path().join("lake"));
    fs::create_dir_all(&logs).unwrap();
    for name in [&b"a\xff.log"[..], b"a\xfe.log", b"a\\xff.log"] {
        fs::write(logs.join(std::ffi::OsStr::from_bytes(name)), TEXT).unwrap();
    }
    let source = logs.to_str().unwrap();
    ingest(source, &lake).expect(0);
    assert_eq!(held(&lake).rows.len(), 6);
    assert_eq!(status(&lake)["totals"]["objects"], 3);
    let counts =
        flowq(&["sql", "-q", "-c", "select count(*) from flow_logs", source, "--format", "csv"])
            .expect(0);
    assert!(counts.out.contains('6'), "{}", counts.out);
    flowq(&["verify", lake.to_str().unwrap(), "--source", source]).expect(0);
}
