//! The feed: what it ends with, whatever comes in which order, and whatever ends it in between.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, thread};

use serde_json::Value;

use crate::support::{LOGS, command, flowq, root};

/// Kills of the test that kills: more with this variable set to a number.
const ROUNDS: &str = "FLOWQ_KILLS";

/// A folder that objects are delivered to, and a feed over it.
struct Feed {
    folder: tempfile::TempDir,
}

impl Feed {
    fn new(more: &str) -> Self {
        let feed = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(feed.path("logs")).unwrap();
        let rules = fs::read_to_string(root().join("sample-logs/flowq.toml")).unwrap();
        let inventory = root().join("sample-logs/inventory");
        let config = format!(
            "sources = [{:?}]\ninventory = [{inventory:?}]\n{rules}\n\
            [feed]\nlake = {:?}\ninterval = \"0s\"\nlateness = \"100000d\"\n{more}\n\
            [[alert]]\nname = \"file\"\ntype = \"ndjson\"\npath = {:?}\n",
            feed.path("logs"),
            feed.path("lake"),
            feed.path("alerts.ndjson"),
        );
        fs::write(feed.path("flowq.toml"), config).unwrap();
        feed
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts an object where the feed finds it, at once.
    fn deliver(&self, object: &Path) {
        let below = object.strip_prefix(root().join(LOGS)).unwrap();
        let target = self.path("logs").join(below);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        let hidden = self.path("incoming");
        fs::copy(object, &hidden).unwrap();
        fs::rename(hidden, target).unwrap();
    }

    fn args(&self) -> [String; 4] {
        let config = self.path("flowq.toml").display().to_string();
        ["feed".into(), "--once".into(), "--config".into(), config]
    }

    /// Makes passes until nothing waits.
    fn once(&self) {
        flowq(&self.args()).expect(0);
    }

    /// Begins a pass and kills it after a while.
    fn kill_after(&self, wait: Duration) {
        let mut child = command().args(self.args()).spawn().unwrap();
        thread::sleep(wait);
        drop(child.kill());
        child.wait().unwrap();
    }

    /// The findings that the feed holds.
    fn findings(&self) -> Vec<Value> {
        let text = fs::read(self.path("lake/_flowq/findings.json")).unwrap();
        let all: Value = serde_json::from_slice(&text).unwrap();
        all["findings"].as_array().unwrap().clone()
    }

    /// The findings of one batch over a source, with the same inventory and rules.
    fn batch(&self, source: &Path) -> Vec<Value> {
        let (source, config) = (source.display().to_string(), self.path("flowq.toml"));
        let config = config.display().to_string();
        let run = flowq(&["detect", &source, "--config", &config, "--format", "ndjson"]).expect(0);
        run.json_lines()
    }

    /// Every alert that the sink has, by its id. The same one twice must say the same.
    fn alerts(&self) -> BTreeMap<String, Value> {
        let text = fs::read_to_string(self.path("alerts.ndjson")).unwrap_or_default();
        let mut alerts = BTreeMap::new();
        for line in text.lines() {
            let alert: Value = serde_json::from_str(line).unwrap();
            let id = alert["alert_id"].as_str().unwrap().to_owned();
            alerts.insert(id, alert);
        }
        alerts
    }

    /// Checks all that a feed promises once everything was delivered.
    fn check(&self) {
        let findings = self.findings();
        assert!(findings.len() > 5, "{} findings", findings.len());
        assert_eq!(findings, self.batch(&self.path("logs")), "feed and batch over the objects");
        assert_eq!(findings, self.batch(&self.path("lake")), "feed and batch over the lake");
        let id = |value: &Value| value["finding_id"].as_str().map(str::to_owned);
        let told: BTreeSet<Option<String>> = self
            .alerts()
            .values()
            .map(|alert| id(&alert["finding"]).or_else(|| id(alert)))
            .collect();
        for finding in &findings {
            assert!(told.contains(&id(finding)), "nobody was told of {finding}");
        }
    }
}

/// The sample logs, shuffled.
fn shuffled(random: &mut fastrand::Rng) -> Vec<PathBuf> {
    let all = walkdir::WalkDir::new(root().join(LOGS)).sort_by_file_name();
    let entries = all.into_iter().map(|entry| entry.unwrap());
    let mut objects: Vec<PathBuf> =
        entries.filter(|entry| entry.file_type().is_file()).map(|e| e.into_path()).collect();
    random.shuffle(&mut objects);
    objects
}

#[test]
fn late_and_shuffled_deliveries_end_with_the_findings_of_one_batch() {
    let feed = Feed::new("");
    let mut random = fastrand::Rng::with_seed(3);
    let objects = shuffled(&mut random);
    for part in objects.chunks(objects.len().div_ceil(4)) {
        part.iter().for_each(|object| feed.deliver(object));
        feed.once();
    }
    feed.check();
    // Nothing new: nothing is told again.
    let told = fs::read(feed.path("alerts.ndjson")).unwrap();
    feed.once();
    assert_eq!(fs::read(feed.path("alerts.ndjson")).unwrap(), told);
}

#[test]
fn a_feed_that_is_killed_again_and_again_ends_with_the_findings_of_one_batch() {
    #[expect(clippy::disallowed_methods, reason = "a test may be asked to do more")]
    let rounds = std::env::var(ROUNDS).ok().and_then(|text| text.parse().ok()).unwrap_or(8);
    let feed = Feed::new("");
    let mut random = fastrand::Rng::with_seed(4);
    let objects = shuffled(&mut random);
    let mut parts = objects.chunks(objects.len().div_ceil(4));
    for round in 0..rounds {
        if round % 2 == 0 {
            parts.next().into_iter().flatten().for_each(|object| feed.deliver(object));
        }
        feed.kill_after(Duration::from_millis(random.u64(50..1500)));
    }
    parts.flatten().for_each(|object| feed.deliver(object));
    feed.once();
    feed.check();
}

#[test]
fn a_feed_waits_for_its_first_record() {
    let feed = Feed::new("");
    feed.once();
    fs::write(feed.path("logs/broken.log"), "version srcaddr\nno record\n").unwrap();
    feed.once();
    assert_eq!(feed.findings(), Vec::<Value>::new());
    shuffled(&mut fastrand::Rng::with_seed(5)).iter().for_each(|object| feed.deliver(object));
    feed.once();
    assert_eq!(feed.findings(), feed.batch(&feed.path("lake")));
}
