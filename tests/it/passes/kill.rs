//! The process is killed, at chosen points and at random, and the last run ends with the same lake.
//!
//! `FLOWQ_KILL_ROUNDS=200 cargo test --test it -- passes::kill` is the long version.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::lake::{held, logs};
use crate::aws::{block_on, command_at, server, unique, world};
use crate::support::{Run, command, run};

/// Lives that are ended at random, unless the environment says how many.
const ROUNDS: u32 = 6;

/// Every write has a step before it; a step is met once a pass.
const STEPS: [&str; 7] = ["begin", "written", "publish", "commit", "save", "settle", "fence"];

#[expect(clippy::disallowed_methods, reason = "how long it takes is for whoever runs it to say")]
fn rounds() -> u32 {
    std::env::var("FLOWQ_KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS)
}

/// Ends with everything in the lake: a lease that a dead runner left in S3 has to expire first.
fn finish(make: &dyn Fn() -> Command) -> Run {
    for _ in 0..100 {
        let run = run(&make().output().unwrap());
        if run.code != 7 {
            return run.expect(0);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    panic!("the lease of a dead runner does not end");
}

/// Lets a process die at each step, a process of its own each, until none is left to die at.
fn die_at_steps(make: &dyn Fn() -> Command) -> u32 {
    let mut deaths = 0;
    for (at, step) in STEPS.iter().enumerate() {
        let mut command = make();
        command.env("FLOWQ_TEST_DIE_AT", format!("{step}:{}", 1 + at % 2));
        let mut code = Some(7);
        while code == Some(7) {
            code = command.output().unwrap().status.code();
            std::thread::sleep(Duration::from_millis(if code == Some(7) { 200 } else { 0 }));
        }
        deaths += u32::from(code.is_none());
    }
    deaths
}

/// Kills processes some time after they began.
fn die_at_random(make: &dyn Fn() -> Command) -> u32 {
    let mut deaths = 0;
    let mut random = fastrand::Rng::with_seed(4);
    for _ in 0..rounds() {
        let mut child = make().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(random.u64(20..600)));
        child.kill().unwrap();
        deaths += u32::from(child.wait().unwrap().code().is_none());
    }
    deaths
}

fn ingest(logs: &str, lake: &Path) -> Command {
    let mut command = command();
    command.args(["ingest", logs, "--pass-size", "1B", "--to", lake.to_str().unwrap()]);
    command
}

#[test]
fn a_lake_in_a_folder_is_the_same_after_any_number_of_deaths() {
    let folder = tempfile::tempdir().unwrap();
    let logs = logs(folder.path(), 3000, 12);
    let (quiet, rough) = (folder.path().join("quiet"), folder.path().join("rough"));
    finish(&|| ingest(&logs, &quiet));
    let want = held(&quiet);
    assert!(want.rows.len() > 2000 && want.totals.objects >= 12, "{:?}", want.totals);
    assert_eq!(want.totals.rows, want.rows.len() as u64);

    let make = || ingest(&logs, &rough);
    let deaths = die_at_steps(&make);
    assert!(deaths >= 5, "only {deaths} died");
    die_at_random(&make);
    finish(&make);
    let got = held(&rough);
    assert_eq!(got.totals, want.totals);
    assert!(got.rows == want.rows, "{} rows, want {}", got.rows.len(), want.rows.len());
    let verify = ["verify", rough.to_str().unwrap(), "--source", &logs];
    crate::support::flowq(&verify).expect(0);
}

#[test]
fn a_lake_in_s3_is_the_same_after_any_number_of_deaths() {
    let server = server();
    let bucket = world::bucket(server, unique("kill"));
    let folder = tempfile::tempdir().unwrap();
    let logs = logs(folder.path(), 1500, 6);
    let quiet = folder.path().join("quiet");
    finish(&|| ingest(&logs, &quiet));

    let to = format!("s3://{bucket}/rough");
    let make = || {
        let mut command = command_at(server.url());
        command.args(["ingest", &logs, "--pass-size", "1B", "--to", &to]);
        command.env("FLOWQ_TEST_LEASE_SECS", "2").stdin(Stdio::null());
        command
    };
    let deaths = die_at_steps(&make);
    assert!(deaths >= 5, "only {deaths} died");
    die_at_random(&make);
    finish(&make);
    let rough = folder.path().join("rough");
    download(&bucket, "rough/", &rough);
    let (got, want) = (held(&rough), held(&quiet));
    assert_eq!(got.totals, want.totals);
    assert!(got.rows == want.rows, "{} rows, want {}", got.rows.len(), want.rows.len());
}

/// Copies all that is below a prefix into a folder.
fn download(bucket: &str, prefix: &str, folder: &Path) {
    let s3 = server().s3();
    let mut pages = s3.list_objects_v2().bucket(bucket).prefix(prefix).into_paginator().send();
    while let Some(page) = block_on(pages.next()) {
        for object in page.unwrap().contents() {
            let key = object.key().unwrap();
            let got = block_on(async {
                let got = s3.get_object().bucket(bucket).key(key).send().await.unwrap();
                got.body.collect().await.unwrap().into_bytes()
            });
            let path = folder.join(key.strip_prefix(prefix).unwrap());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, got).unwrap();
        }
    }
}
