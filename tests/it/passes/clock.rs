//! What a clock that was ahead once has noted is taken back.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::lake::held;
use crate::support::{Run, flowq};

/// In 2038.
const AHEAD: i64 = 2_147_000_000;

fn ingest(logs: &Path, lake: &Path) -> Run {
    flowq(&["ingest", logs.to_str().unwrap(), "--to", lake.to_str().unwrap()])
}

fn put(logs: &Path, name: &str) {
    let text = "2 123456789012 eni-0a 10.0.0.1 10.0.0.2 40000 443 6 2 88 1773129600 1773129650 ACCEPT OK\n";
    fs::write(logs.join(format!("123456789012_vpcflowlogs_us-east-1_fl-1_{name}.log")), text)
        .unwrap();
}

fn edit(file: &Path, change: impl FnOnce(&mut Value)) {
    let mut text = String::new();
    MultiGzDecoder::new(&fs::read(file).unwrap()[..]).read_to_string(&mut text).unwrap();
    let mut value = serde_json::from_str(&text).unwrap();
    change(&mut value);
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(value.to_string().as_bytes()).unwrap();
    fs::write(file, packed.finish().unwrap()).unwrap();
}

#[test]
fn a_floor_in_the_future_is_taken_back_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let (logs, lake) = (folder.path().join("logs"), folder.path().join("lake"));
    fs::create_dir(&logs).unwrap();
    put(&logs, "20260310T0800Z_a");
    ingest(&logs, &lake).expect(0);
    // As the runner left it that thought it was 2038: nothing before is listed, and all is forgotten.
    edit(&lake.join("_flowq/checkpoint.json.gz"), |checkpoint| {
        let floors = checkpoint["floors"].as_object_mut().unwrap();
        assert!(!floors.is_empty());
        floors.values_mut().for_each(|floor| *floor = AHEAD.into());
        checkpoint["forgotten"] = AHEAD.into();
        checkpoint["known"] = json!({});
    });
    put(&logs, "20260310T0900Z_b");
    let mended = ingest(&logs, &lake).expect(0);
    assert!(mended.err.contains("with a clock that was ahead"), "{}", mended.err);
    assert_eq!(held(&lake).rows.len(), 2);
    let again = ingest(&logs, &lake).expect(0);
    assert!(!again.err.contains("ahead") && again.err.contains("nothing new"), "{}", again.err);
    flowq(&["verify", lake.to_str().unwrap(), "--source", logs.to_str().unwrap()]).expect(0);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the time of the files is this machine's")]
fn the_floor_follows_the_newest_object_and_no_clock() {
    let folder = tempfile::tempdir().unwrap();
    let (logs, lake) = (folder.path().join("logs"), folder.path().join("lake"));
    fs::create_dir(&logs).unwrap();
    put(&logs, "20260310T0800Z_a");
    ingest(&logs, &lake).expect(0);
    // Months later by the clock, but not by what was seen.
    put(&logs, "20260309T0800Z_b");
    ingest(&logs, &lake).expect(0);
    assert_eq!(held(&lake).rows.len(), 2);
    // The name of an object says 2038; it was written today.
    put(&logs, "20380110T0800Z_c");
    ingest(&logs, &lake).expect(0);
    let name = chrono::Utc::now().format("%Y%m%dT%H%MZ_d").to_string();
    put(&logs, &name);
    ingest(&logs, &lake).expect(0);
    assert_eq!(held(&lake).rows.len(), 4);
}
