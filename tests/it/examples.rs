//! The files in `examples/`: what they name exists, and the tools that read them take them.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use flowq::cli::args::Cli;
use flowq::config::Config;
use flowq::metrics::{Kind, METRICS};
use serde_json::Value;

use crate::support::{root, tool};

fn example(path: &str) -> PathBuf {
    root().join("examples/feed").join(path)
}

fn text(path: &str) -> String {
    fs::read_to_string(example(path)).unwrap()
}

/// The names of flowq's metrics in a text; those of a histogram by the name of the whole.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
    let ours = words.filter(|word| word.starts_with("flowq_") || word.starts_with("process_"));
    let whole = |word: &str| {
        let histogram = METRICS.iter().find(|metric| {
            let rest = word.strip_prefix(metric.name);
            metric.kind == Kind::Histogram && matches!(rest, Some("_bucket" | "_sum" | "_count"))
        });
        histogram.map_or(word, |metric| metric.name).to_owned()
    };
    ours.map(whole).collect()
}

fn known() -> BTreeSet<String> {
    METRICS.iter().map(|metric| metric.name.to_owned()).collect()
}

#[test]
fn the_dashboard_shows_every_metric_and_no_other() {
    let dashboard: Value = serde_json::from_str(&text("grafana/flowq.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut shown = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        for target in panel["targets"].as_array().into_iter().flatten() {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{panel}");
            shown.extend(metrics_in(target["expr"].as_str().unwrap()));
        }
    }
    assert_eq!(shown, known());
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    assert_eq!(variables[0]["type"], "datasource");
    let definitions = dashboard["templating"].to_string();
    assert!(metrics_in(&definitions).is_subset(&known()), "{definitions}");
}

#[test]
fn the_alert_rules_name_metrics_that_there_are_and_each_is_tested() {
    let rules = text("prometheus/flowq.rules.yml");
    let named = metrics_in(&rules);
    assert!(named.is_subset(&known()), "{:?}", named.difference(&known()));
    assert!(named.len() >= 10, "{named:?}");
    let tests = text("prometheus/flowq.rules.test.yml");
    assert!(metrics_in(&tests).is_subset(&known()));
    let alerts: Vec<&str> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() >= 10, "{alerts:?}");
    for alert in alerts {
        assert!(tests.contains(&format!("alertname: {alert}, exp_alerts: []")), "{alert}: quiet");
        assert!(tests.contains(&format!("alertname: {alert}\n")), "{alert}: fires");
    }
}

#[test]
fn promtool_takes_the_rules_and_their_tests() {
    let folder = example("prometheus");
    tool("promtool", &["check", "rules", "flowq.rules.yml"], &folder);
    tool("promtool", &["test", "rules", "flowq.rules.test.yml"], &folder);
}

#[test]
fn systemd_takes_the_units() {
    let folder = tempfile::tempdir().unwrap();
    let units = ["flowq-feed.service", "flowq-once.service", "flowq-once.timer"];
    for unit in units {
        let here = env!("CARGO_BIN_EXE_flowq");
        let text = text(&format!("systemd/{unit}")).replace("/usr/local/bin/flowq", here);
        fs::write(folder.path().join(unit), text).unwrap();
    }
    let args = [&["verify", "--man=no"], &units[..]].concat();
    if let Some(said) = tool("systemd-analyze", &args, folder.path()) {
        let about = said.lines().filter(|line| line.contains("flowq-")).collect::<Vec<_>>();
        assert!(about.is_empty(), "{about:#?}");
    }
}

#[test]
fn the_commands_of_units_and_cron_can_be_typed() {
    use clap::Parser as _;

    let mut lines = Vec::new();
    for unit in ["systemd/flowq-feed.service", "systemd/flowq-once.service"] {
        let text = text(unit);
        let start = text.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/"));
        lines.push(start.unwrap().to_owned());
    }
    let cron = text("crontab");
    let line = cron.lines().find(|line| !line.starts_with('#')).unwrap();
    let command = line.split("cron.lock ").nth(1).unwrap().split(" 2>>").next().unwrap();
    lines.push(command.to_owned());
    assert_eq!(lines.len(), 3);
    for line in lines {
        if let Err(error) = Cli::try_parse_from(line.split_whitespace()) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn the_config_of_the_feed_is_right() {
    let config = Config::parse(&text("flowq.toml")).unwrap();
    let scraped = format!("targets: [\"{}\"]", config.metrics.listen.unwrap());
    assert!(text("prometheus/scrape.yml").contains(&scraped));
}
