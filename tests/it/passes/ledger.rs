//! What is read again, what is not, and what the ledger says of it.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::lake::{held, logs, status};
use crate::support::{flowq, run};

fn ingest(logs: &str, lake: &Path) -> crate::support::Run {
    // The logs are old, and what is old is not looked at again.
    flowq(&["ingest", logs, "--to", lake.to_str().unwrap(), "--lateness", "100000d"])
}

/// The first log file below a folder.
fn one_of(logs: &str) -> std::path::PathBuf {
    let files = walkdir::WalkDir::new(logs).sort_by_file_name().into_iter().map(Result::unwrap);
    files.map(walkdir::DirEntry::into_path).find(|path| path.is_file()).unwrap()
}

#[test]
fn an_object_is_taken_in_once_and_again_when_it_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (logs, lake) = (logs(folder.path(), 600, 3), folder.path().join("lake"));
    ingest(&logs, &lake).expect(0);
    let before = held(&lake);
    let again = ingest(&logs, &lake).expect(0);
    assert!(again.err.contains("nothing new"), "{}", again.err);
    assert_eq!(held(&lake), before);

    // Its last line goes: its rows are replaced, in one commit.
    let file = one_of(&logs);
    let plain = folder.path().join("plain");
    let packed = fs::read(&file).unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(&packed[..]), &mut text)
        .unwrap();
    let cut = text.trim_end().rfind('\n').unwrap();
    fs::write(&plain, &text[..=cut]).unwrap();
    fs::rename(&plain, &file).unwrap();
    let changed = ingest(&logs, &lake).expect(0);
    assert!(changed.err.contains("replaced"), "{}", changed.err);
    let after = status(&lake);
    assert_eq!(after["totals"]["rows"], before.totals.rows - 1);
    assert_eq!(after["totals"]["objects"], before.totals.objects);
    flowq(&["verify", lake.to_str().unwrap(), "--source", &logs]).expect(0);
}

#[test]
fn a_replay_gives_what_one_reading_gave_and_verify_names_what_is_not_so() {
    let folder = tempfile::tempdir().unwrap();
    let (logs, lake) = (logs(folder.path(), 600, 3), folder.path().join("lake"));
    ingest(&logs, &lake).expect(0);
    let name = lake.to_str().unwrap();
    let rows = |lake: &Path| {
        let place = flowq::storage::Storage::open(
            lake.to_str().unwrap(),
            &std::sync::Arc::new(flowq::aws::Account::default()),
        );
        let reader = flowq::state::Reader::open(place.unwrap().below("_flowq"));
        let reader = crate::aws::block_on(reader).unwrap();
        crate::aws::block_on(reader.current()).unwrap().totals
    };
    let before = rows(&lake);
    let replay = flowq(&["replay", name, "--source", &logs]).expect(0);
    assert!(replay.err.contains("replaced"), "{}", replay.err);
    assert_eq!(rows(&lake), before);
    flowq(&["verify", name, "--source", &logs]).expect(0);

    let wrong = flowq(&["replay", name, "--source", &logs, "--object", "nowhere"]).expect(4);
    assert!(wrong.err.contains("nowhere is not in the source"), "{}", wrong.err);

    // One more object in the source, and one that changed.
    let file = one_of(&logs);
    fs::copy(&file, file.with_file_name("another.log.gz")).unwrap();
    let verify = ["verify", name, "--source", &logs, "--format", "csv"];
    let missing = flowq(&verify).expect(1);
    assert!(missing.out.contains("another.log.gz,,object was not taken in"), "{}", missing.out);
}

#[test]
fn two_runners_at_once_are_one_too_many() {
    let folder = tempfile::tempdir().unwrap();
    let (logs, lake) = (logs(folder.path(), 100, 1), folder.path().join("lake"));
    fs::create_dir_all(lake.join("_flowq")).unwrap();
    let lock = fs::File::create(lake.join("_flowq/lease")).unwrap();
    lock.try_lock().unwrap();
    let holder =
        r#"{"runner":"process 7 on a host","token":"a","since":1773144000,"expires":null}"#;
    fs::write(lake.join("_flowq/lease"), holder).unwrap();
    let second = ingest(&logs, &lake).expect(7);
    let said = "in use by process 7 on a host since 2026-03-10T12:00:00Z";
    assert!(second.err.contains(said), "{}", second.err);
    // It dies: the lease is free at once.
    drop(lock);
    ingest(&logs, &lake).expect(0);
}

#[test]
fn a_full_disk_publishes_nothing_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let logs = logs(folder.path(), 20_000, 4);
    let mount = folder.path().join("small");
    fs::create_dir(&mount).unwrap();
    let script = "mount -t tmpfs -o size=192k none \"$1\" || exit 99
        \"$0\" ingest \"$2\" --to \"$1/lake\"; code=$?
        find \"$1\" -name '*.parquet*' -o -name '*.json.gz' | grep passes -c
        find \"$1\" -name '*.parquet*' | wc -l
        exit $code";
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", script, env!("CARGO_BIN_EXE_flowq")]);
    let output = command.arg(&mount).arg(&logs).output();
    let Ok(output) = output else {
        crate::support::skip("a full disk: there is no unshare here");
        return;
    };
    let full = run(&output);
    if full.code == 99 || full.code == 1 {
        crate::support::skip(&format!(
            "a full disk: a file system cannot be mounted here: {}",
            full.err
        ));
        return;
    }
    let full = full.expect(6);
    assert!(full.err.contains("No space left"), "{}", full.err);
    assert_eq!(full.out, "0\n0\n", "{}", full.err);
}

#[test]
fn a_read_only_target_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let logs = logs(folder.path(), 100, 1);
    // Below a file nothing can be made, whoever asks.
    fs::write(folder.path().join("file"), "").unwrap();
    let target = folder.path().join("file/lake");
    let refused = ingest(&logs, &target).expect(6);
    assert!(refused.err.contains("could not use the folder"), "{}", refused.err);
}

#[test]
fn standard_input_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = ingest("-", &folder.path().join("lake")).expect(4);
    assert!(refused.err.contains("can be read only once"), "{}", refused.err);
}
