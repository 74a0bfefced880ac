use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::inventory::import;

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn read(path: &Path) -> (Inventory, Vec<String>) {
    let (inventory, warnings) = Inventory::read(&[path.to_path_buf()]).unwrap();
    (inventory, warnings.into_iter().map(|warning| warning.message).collect())
}

#[test]
fn every_kind_of_file_is_told_by_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("sub")).unwrap();
    let lines = format!("{}\n{}\n", job("a", T0, None), job("b", T0, None));
    fs::write(path("lines.txt"), &lines).unwrap();
    let concatenated = format!("{}{}", job("c", T0, None), job("d", T0, None));
    let mut members = gzip(&concatenated);
    members.extend(gzip(&job("e", T0, None).to_string()));
    fs::write(path("sub/members.json"), members).unwrap();
    fs::write(
        path("map.csv"),
        "interface_id,job,from,to\neni-1,a,2026-03-10T00:00:00Z,\neni-2,b,,\n",
    )
    .unwrap();
    let array = json!([job("f", T0, None), { "Vpcs": [{ "VpcId": "vpc-a" }] }]);
    fs::write(path("pretty"), serde_json::to_string_pretty(&array).unwrap()).unwrap();
    let (inventory, warnings) = read(folder.path());
    assert_eq!(warnings, Vec::<String>::new());
    let names: Vec<_> = inventory.jobs.iter().map(|job| job.job_name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "d", "e", "f"]);
    assert_eq!((inventory.enis.len(), inventory.vpcs.len()), (2, 1));
    assert_eq!(inventory.enis[0].valid_from, Some(T0));
}

#[test]
fn broken_files_are_told_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let lines = format!("{}\n{{\"a\": ]}}\n{}\n", job("a", T0, None), job("b", T0, None));
    fs::write(path("1"), lines).unwrap();
    let whole = gzip(&format!("{}\n{}", job("c", T0, None), json!({ "x": "y".repeat(9000) })));
    fs::write(path("2"), &whole[..whole.len() - 12]).unwrap();
    fs::write(path("3"), "").unwrap();
    fs::write(path("4"), "# Read me\n").unwrap();
    fs::write(path("5"), [0xff, 0xfe, 0, 1]).unwrap();
    fs::write(path("6"), b"PAR1 is not all of it").unwrap();
    let (inventory, warnings) = Inventory::read(&[folder.path().to_path_buf()]).unwrap();
    assert_eq!(inventory.jobs.len(), 3, "{:?}", inventory.jobs);
    let texts: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert!(texts[0].contains("1: broken JSON at line 2 column 7: expected value"), "{texts:#?}");
    assert!(texts[1].contains("2: broken gzip after"), "{texts:#?}");
    for (file, says) in [("3", "empty"), ("4", "begins with"), ("5", "begins"), ("6", "Parquet")] {
        let ending = format!("/{file}: ");
        assert!(
            texts.iter().any(|t| t.contains(&ending) && t.contains(says)),
            "{file} in {texts:#?}"
        );
    }
}

#[test]
fn an_absent_path_is_an_error() {
    let error = Inventory::read(&[PathBuf::from("/nowhere/at-all")]).unwrap_err();
    assert_eq!(error.to_string(), "could not read inventory /nowhere/at-all");
}

#[test]
fn an_import_reads_back_identical_and_merges() {
    let folder = tempfile::tempdir().unwrap();
    let documents = folder.path().join("in");
    fs::create_dir(&documents).unwrap();
    let more = folder.path().join("more.json");
    fs::write(
        documents.join("1"),
        order::everything().iter().map(Value::to_string).collect::<String>(),
    )
    .unwrap();
    fs::write(&more, json!([job("late", T0, None), delete("eni-1", T0 + 250)]).to_string())
        .unwrap();
    let out = folder.path().join("out");
    let (written, warnings) = import(std::slice::from_ref(&documents), &out).unwrap();
    assert_eq!(warnings, []);
    assert!(!written.enis.is_empty());
    assert_eq!(read(&out), (written, Vec::new()));
    let (merged, _) = Inventory::read(&[out.clone(), more.clone()]).unwrap();
    let (direct, _) = Inventory::read(&[more, documents]).unwrap();
    assert_eq!(merged, direct);
    assert!(out.join("enis.parquet").exists());
    let (_, alone) = read(&{
        fs::remove_file(out.join("facts.parquet")).unwrap();
        out.join("enis.parquet")
    });
    assert!(alone[0].contains("table enis of an import without facts.parquet"), "{alone:?}");
}

/// Real answers: every one is understood, or the warning names it.
#[test]
fn the_corpus_is_recognised_or_warned_of() {
    let corpus = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus"));
    if !corpus.exists() {
        println!("skipped: no corpus at {}", corpus.display());
        return;
    }
    let examples = corpus.join("aws__aws-cli/ec2-examples");
    let (inventory, warnings) = Inventory::read(&[examples]).unwrap();
    let named: Vec<String> = warnings
        .iter()
        .map(|warning| warning.path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(
        named,
        [
            "create-flow-logs.1.json",
            "describe-vpc-endpoint-associations.1.json",
            "describe-vpc-endpoint-services.1.json",
            "describe-vpc-endpoint-services.2.json",
            "get-flow-logs-integration-template.1.json",
            "get-managed-prefix-list-associations.1.json",
            "get-managed-prefix-list-entries.1.json",
        ]
    );
    assert_eq!(inventory.enis.len(), 7, "{:#?}", inventory.enis);
    assert!(!inventory.vpc_endpoints.is_empty() && !inventory.flow_logs.is_empty());

    let (inventory, warnings) = Inventory::read(&[corpus.join("seligman__aws-ip-ranges")]).unwrap();
    assert_eq!(warnings, []);
    let now = inventory.ip_ranges.iter().filter(|range| range.valid_to.is_none()).count();
    assert!(now > 5_000 && now < inventory.ip_ranges.len(), "{now}");
}
