//! Other readers see in a lake what flowq sees.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::{fill, place, sql};
use crate::support::{LOGS, flowq};

const REQUIREMENTS: &str = include_str!("requirements.txt");

/// Installs the readers below the build, unless that was done before.
fn install() -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lake-readers");
    fs::create_dir_all(&home).unwrap();
    let (venv, marker) = (home.join("venv"), home.join("installed.txt"));
    let python = venv.join("bin/python");
    if fs::read_to_string(&marker).is_ok_and(|text| text == REQUIREMENTS) {
        return python;
    }
    let requirements = home.join("requirements.txt");
    fs::write(&requirements, REQUIREMENTS).unwrap();
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv));
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--quiet", "-r"]);
    run(pip.arg(&requirements));
    fs::write(&marker, REQUIREMENTS).unwrap();
    python
}

fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    output.stdout
}

/// What flowq sees, in the order of `readers.py`: aggregates, then the rows of each filter.
fn seen_by_flowq(lake: &str, filters: &[Value]) -> Value {
    let query = "SELECT count(*) AS a, sum(bytes) AS b, sum(packets) AS c, sum(line) AS d,
        sum(dstport) AS e, count(DISTINCT interface_id) AS f, count(DISTINCT srcaddr) AS g,
        count(DISTINCT object) AS h, CAST(extract(epoch FROM min(start)) AS BIGINT) AS i,
        CAST(extract(epoch FROM max(\"end\")) AS BIGINT) AS j,
        count(DISTINCT date_trunc('day', start)) AS k,
        CAST(sum(extract(hour FROM start)) AS BIGINT) AS l FROM flow_logs";
    let row = flowq(&sql(query, lake)).expect(0).json_lines().remove(0);
    let aggregates = "abcdefghijkl".chars().map(|name| row[name.to_string()].clone());
    let counts = filters.iter().map(|filter| {
        let filter = filter.as_str().unwrap();
        let query = format!("SELECT count(*) AS n FROM flow_logs WHERE {filter}");
        flowq(&sql(&query, lake)).expect(0).json_lines().remove(0)["n"].clone()
    });
    aggregates.chain(counts).collect()
}

fn assert_alike(python: &Path, lake: &Path, how: &str, readers: usize) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/lake/readers.py");
    let seen = run(Command::new(python).arg(script).arg(lake.join("flow_logs")).arg(how));
    let seen: Value = serde_json::from_slice(&seen).unwrap();
    let want = seen_by_flowq(lake.to_str().unwrap(), seen["filters"].as_array().unwrap());
    assert!(want[0].as_i64() > Some(20), "{want}");
    let seen = &seen["readers"];
    let want: serde_json::Map<String, Value> =
        seen.as_object().unwrap().keys().map(|reader| (reader.clone(), want.clone())).collect();
    assert_eq!(want.len(), readers);
    assert_eq!(*seen, json!(want));
}

/// Runs if `CI` is set, or if `FLOWQ_TEST_READERS` is: it installs five readers from PyPI, 650 MB.
#[tokio::test(flavor = "multi_thread")]
async fn other_readers_see_what_flowq_sees() {
    if !["CI", "FLOWQ_TEST_READERS"].iter().any(|name| std::env::var_os(name).is_some()) {
        crate::support::skip(
            "other readers of the lake: set FLOWQ_TEST_READERS=1 to install deltalake, Polars, DuckDB and pyarrow (650 MB)",
        );
        return;
    }
    let python = install();
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), LOGS).await;
    assert_alike(&python, folder.path(), "plain", 6);

    // Until the grace period is over the files that were replaced are there too.
    let later = flowq::lake::CompactOptions::default();
    let done = flowq::lake::compact(&place(folder.path()), &later, super::NOW).await.unwrap();
    assert!(done.made > 0 && done.deleted == 0, "{done:?}");
    assert_alike(&python, folder.path(), "delta", 3);

    let now = flowq::lake::CompactOptions { grace_secs: 0, ..later };
    let done = flowq::lake::compact(&place(folder.path()), &now, super::NOW + 1).await.unwrap();
    assert!(done.deleted > 0, "{done:?}");
    assert_alike(&python, folder.path(), "plain", 6);
}
