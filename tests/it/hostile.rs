//! Input that somebody made to do harm, or that a loss of power left: named, kept apart, and the rest goes on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{LOGS, SAMPLE_RECORDS, flowq, root};

const HEADER: &str = "version srcaddr dstaddr start end";
const RECORD: &str = "2 10.0.0.1 10.0.0.2 1773129600 1773129660";

/// A folder of a test.
struct World(tempfile::TempDir);

impl World {
    fn new() -> Self {
        let world = Self(tempfile::tempdir().unwrap());
        fs::create_dir(world.0.path().join("logs")).unwrap();
        world
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn log(&self, name: &str, text: &str) {
        fs::write(self.0.path().join("logs").join(name), text).unwrap();
    }

    fn ingest(&self, code: i32) -> String {
        flowq(&["ingest", &self.path("logs"), "--to", &self.path("lake"), "-q"]).expect(code).err
    }

    /// What a query over the lake gives, as CSV without the header.
    fn lake(&self, sql: &str) -> Vec<String> {
        let args = ["sql", "-q", "-c", sql, &self.path("lake"), "--format", "csv"];
        flowq(&args).expect(0).out.lines().skip(1).map(str::to_owned).collect()
    }
}

fn mkfifo(path: &Path) -> bool {
    let made = Command::new("mkfifo").arg(path).status();
    made.is_ok_and(|status| status.success())
}

#[test]
fn a_field_with_the_name_of_a_column_of_flowq_gets_another_one() {
    let world = World::new();
    let fields = "date hour log-account log-region object line job-name";
    world.log("x.log", &format!("{HEADER} {fields}\n{RECORD} d h a r o l j\n"));
    world.ingest(0);
    // What comes after it is taken in as ever.
    world.log("y.log", &format!("{HEADER}\n{RECORD}\n"));
    world.ingest(0);
    let own = "date_, hour_, log_account_, log_region_, object_, line_, job_name_";
    let sql = format!("SELECT {own}, object, line FROM flow_logs ORDER BY object");
    let (x, y) = (world.path("logs/x.log"), world.path("logs/y.log"));
    assert_eq!(world.lake(&sql), [format!("d,h,a,r,o,l,j,{x},2"), format!(",,,,,,,{y},2")]);
    // The evidence of a finding is the object, not what a record says.
    let logs = world.path("logs");
    let args = ["detect", &logs, "--inventory", "sample-logs/inventory", "-q"];
    flowq(&args).expect(5);
    let sql = "SELECT object, object_, job_name, job_name_ FROM flow_context WHERE object_ = 'o'";
    let run = flowq(&["sql", "-q", "-c", sql, &logs, "--format", "csv"]).expect(0);
    assert_eq!(run.out, format!("object,object_,job_name,job_name_\n{x},o,,j\n"));
}

#[test]
fn a_value_that_no_folder_and_no_date_can_hold_is_kept() {
    let world = World::new();
    let long = "a".repeat(400);
    let other = format!("{}b", "a".repeat(399));
    world.log(
        "x.log",
        &format!(
            "version account-id region srcaddr dstaddr start end\n\
             2 {long} ../../x 10.0.0.1 10.0.0.2 1773129600 1773129660\n\
             2 {other} r 10.0.0.3 10.0.0.2 1773129600 1773129660\n\
             2 123456789012 r 10.0.0.4 10.0.0.2 4102444700 4102444760\n"
        ),
    );
    world.ingest(0);
    let rows =
        world.lake("SELECT srcaddr, length(account_id), region FROM flow_logs ORDER BY line");
    assert_eq!(rows, ["10.0.0.1,400,../../x", "10.0.0.3,400,r", "10.0.0.4,12,r"]);
    world.log("y.log", &format!("{HEADER}\n{RECORD}\n"));
    world.ingest(0);
    assert_eq!(world.lake("SELECT count(*) FROM flow_logs"), ["4"]);
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_named_and_waited_for_by_nobody() {
    let world = World::new();
    world.log("x.log", &format!("{HEADER}\n{RECORD}\n"));
    let logs = world.0.path().join("logs");
    let names = |names: &[&str]| names.iter().map(|n| world.path(n)).collect::<Vec<_>>();
    if !mkfifo(&logs.join("f.log")) {
        return;
    }
    std::os::unix::fs::symlink("b", logs.join("a")).unwrap();
    std::os::unix::fs::symlink("a", logs.join("b")).unwrap();
    drop(std::os::unix::net::UnixListener::bind(logs.join("s.log")).unwrap());
    let sql = "SELECT count(*) FROM flow_logs";
    let folder = world.path("logs");
    let run = flowq(&["sql", "-q", "-c", sql, &folder, "--format", "csv"]).expect(5);
    assert_eq!(run.out.lines().last(), Some("1"));
    for name in names(&["logs/f.log", "logs/s.log", "logs/a", "logs/b"]) {
        assert!(run.err.contains(&format!("object {name}: ")), "{name}: {}", run.err);
    }
    assert!(run.err.contains("a FIFO is not a file"), "{}", run.err);
    world.ingest(5);
    assert_eq!(world.lake(sql), ["1"]);
}

#[cfg(unix)]
#[test]
fn an_inventory_says_what_of_it_was_not_read() {
    let world = World::new();
    let folder = world.0.path().join("inventory");
    fs::create_dir(&folder).unwrap();
    for entry in fs::read_dir(root().join("sample-logs/inventory")).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_file() {
            fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
        }
    }
    let inventory = folder.display().to_string();
    let args = ["inventory", "show", "--inventory", &inventory, "--format", "csv"];
    let whole = flowq(&args).expect(0).out;
    std::os::unix::fs::symlink("nowhere", folder.join("x")).unwrap();
    std::os::unix::fs::symlink("y", folder.join("y")).unwrap();
    if !mkfifo(&folder.join("z")) {
        return;
    }
    let run = flowq(&args).expect(5);
    assert_eq!(run.out, whole);
    for name in ["x", "y", "z"] {
        assert!(run.err.contains(&format!("inventory/{name}: not read")), "{name}: {}", run.err);
    }
}

#[test]
fn no_line_and_no_name_moves_the_cursor_of_who_reads() {
    let world = World::new();
    let hostile = "bad \u{1b}]0;PWNED\u{7}\u{1b}[2J\u{9b}1m \u{202e}line";
    world.log("a\u{1b}[31m\n.log", &format!("{HEADER}\n{hostile}\n{RECORD}\n"));
    let logs = world.path("logs");
    let sql = "SELECT object FROM flow_logs";
    for format in ["table", "markdown"] {
        let run = flowq(&["sql", "-c", sql, &logs, "--format", format]).expect(0);
        for text in [&run.out, &run.err] {
            let obeyed = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!text.contains(obeyed), "{format}: {text:?}");
        }
        assert!(run.err.contains("\\u{1b}]0;PWNED\\u{7}"), "{}", run.err);
    }
    let run = flowq(&[
        "sql",
        "-q",
        "-c",
        "SELECT '=1+1' AS a, -1 AS b",
        &logs,
        "--format",
        "csv",
        "--csv-safe",
    ]);
    assert_eq!(run.expect(0).out, "a,b\n'=1+1,-1\n");
}

/// A feed over the sample logs, with alerts in a file.
struct Feed(World);

impl Feed {
    fn new() -> Self {
        let world = World::new();
        let rules = fs::read_to_string(root().join("sample-logs/flowq.toml")).unwrap();
        let config = format!(
            "sources = [{:?}]\ninventory = [{:?}]\n{rules}\n[feed]\nlake = {:?}\n\
             [[alert]]\nname = \"file\"\ntype = \"ndjson\"\npath = {:?}\n",
            root().join(LOGS),
            root().join("sample-logs/inventory"),
            world.path("lake"),
            world.path("alerts.ndjson"),
        );
        fs::write(world.path("flowq.toml"), config).unwrap();
        Self(world)
    }

    fn once(&self) -> String {
        flowq(&["feed", "--once", "--config", &self.0.path("flowq.toml")]).expect(0).err
    }

    fn state(&self, name: &str) -> PathBuf {
        PathBuf::from(self.0.path("lake/_flowq")).join(name)
    }

    fn alerts(&self) -> Vec<String> {
        let text = fs::read_to_string(self.0.path("alerts.ndjson")).unwrap();
        let id = |line: &str| line.split('"').nth(3).unwrap().to_owned();
        text.lines().map(id).collect()
    }
}

#[test]
fn what_a_loss_of_power_left_broken_is_made_again() {
    let feed = Feed::new();
    feed.once();
    let (findings, alerts) = (fs::read(feed.state("findings.json")).unwrap(), feed.alerts());
    // Derived, and made again.
    for broken in ["", "{\"through\":1,\"fing"] {
        fs::write(feed.state("findings.json"), broken).unwrap();
        feed.once();
        let again: serde_json::Value =
            serde_json::from_slice(&fs::read(feed.state("findings.json")).unwrap()).unwrap();
        let first: serde_json::Value = serde_json::from_slice(&findings).unwrap();
        assert_eq!(again["findings"], first["findings"]);
        assert_eq!(feed.alerts(), alerts, "nothing is sent twice");
    }
    // What was sent is sent again under the same ids.
    fs::write(feed.state("alerts/sent/file.json"), "").unwrap();
    let said = feed.once();
    assert!(said.contains("sent/file.json was broken"), "{said}");
    assert_eq!(feed.alerts(), [alerts.clone(), alerts].concat());
    // The record of a pass that was not whole when the power went: it did not count yet.
    let passes = feed.state("passes");
    let last = fs::read_dir(&passes).unwrap().map(|e| e.unwrap().file_name()).max().unwrap();
    let number: u64 = last.to_str().unwrap()[..10].parse().unwrap();
    fs::write(passes.join(format!("{:010}.json.gz", number + 1)), "").unwrap();
    feed.once();
    let count = feed.0.lake("SELECT count(*) FROM flow_logs");
    assert_eq!(count, [SAMPLE_RECORDS.to_string()]);
    // And the identity of the state.
    fs::write(feed.state("state.json"), "").unwrap();
    feed.once();
    assert_eq!(feed.0.lake("SELECT count(*) FROM flow_logs"), count);
}

#[test]
fn alerts_that_wait_are_listed_and_sent() {
    let world = World::new();
    let config = |path: &str| {
        let sink = format!("[[alert]]\nname = \"file\"\ntype = \"ndjson\"\npath = {path:?}\n");
        fs::write(world.path("flowq.toml"), sink).unwrap();
    };
    config(&world.path("gone/alerts.ndjson"));
    let (state, toml) = (world.path("state"), world.path("flowq.toml"));
    let findings = world.path("findings.txt");
    let detect = || {
        let inventory = ["--inventory", "sample-logs/inventory", "--config", &toml];
        let alert = ["--alert", "--state", &state, "-q", "--output", &findings];
        flowq(&[&["detect", LOGS], &inventory[..], &alert[..]].concat())
    };
    detect().expect(6);
    let pending = ["alert", "pending", "--state", &state, "--format", "csv"];
    let listed = flowq(&pending).expect(0).out;
    assert!(listed.lines().count() > 20, "{listed}");
    assert!(listed.lines().nth(1).unwrap().starts_with("file,waiting,"), "{listed}");
    config(&world.path("alerts.ndjson"));
    flowq(&["alert", "resend", "--state", &state, "--config", &toml]).expect(0);
    let sent = fs::read_to_string(world.path("alerts.ndjson")).unwrap();
    assert_eq!(sent.lines().count(), listed.lines().count() - 1);
    assert_eq!(flowq(&pending).expect(0).out.lines().count(), 1);
    // Whoever holds the state is alone with it.
    let lease = fs::File::open(world.path("state/lease")).unwrap();
    lease.lock().unwrap();
    let busy = detect();
    assert!(busy.err.contains("is in use by"), "{}", busy.err);
}
