//! The README keeps its word: its examples run, its tables are what the program prints.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use flowq::cli::exit::Exit;
use flowq::config::Config;
use flowq::metrics::cloudwatch::name_and_unit;
use flowq::metrics::{Kind, METRICS, Metric};

use crate::support::{Run, command, flowq, root, run};

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

/// The lines of the README's blocks of shell that run flowq, as a user with it on the path types them.
fn examples(text: &str) -> Vec<String> {
    let mut examples = Vec::new();
    let mut in_shell = false;
    for line in text.lines() {
        match line.trim() {
            "```sh" => in_shell = true,
            "```" => in_shell = false,
            line if in_shell => {
                let line = line.replacen("cargo run --release -- ", "flowq ", 1);
                if line.starts_with("flowq ") {
                    examples.push(line);
                } else {
                    assert!(
                        line.is_empty() || line.starts_with("cargo "),
                        "who tests this? {line}"
                    );
                }
            }
            _ => {}
        }
    }
    examples
}

/// Runs a line in a shell that finds flowq.
fn shell(line: &str) -> Run {
    let folder = Path::new(env!("CARGO_BIN_EXE_flowq")).parent().unwrap();
    #[expect(clippy::disallowed_methods, reason = "the shell needs its path")]
    let path = env::var("PATH").unwrap_or_default();
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", line]).current_dir(root()).stdin(Stdio::null());
    shell.env("PATH", format!("{}:{path}", folder.display()));
    run(&shell.output().unwrap())
}

#[test]
fn every_example_runs() {
    let examples = examples(&readme());
    assert!(examples.len() >= 15, "{examples:?}");
    for line in examples {
        let run = shell(&line);
        assert!(matches!(run.code, 0 | 1 | 5), "{line}: exit {}: {}", run.code, run.err);
        assert!(!run.out.is_empty() || !run.err.is_empty(), "{line} says nothing");
        assert!(!run.err.contains("panicked"), "{line}: {}", run.err);
        // All cases of all detections: it takes long, so this is the one time.
        if line.starts_with("flowq check") {
            let detections = flowq::detection::built_in().unwrap().len();
            assert!(
                run.err.contains(&format!("{detections} detections,"))
                    && run.err.contains(" 0 failed"),
                "{}",
                run.err
            );
        }
    }
}

#[test]
fn every_example_of_the_samples_and_of_the_queries_runs() {
    for file in ["sample-logs/README.md", "queries/README.md"] {
        for line in examples(&fs::read_to_string(root().join(file)).unwrap()) {
            let run = shell(&line);
            assert!(
                matches!(run.code, 0 | 1 | 5),
                "{file}: {line}: exit {}: {}",
                run.code,
                run.err
            );
        }
    }
}

#[test]
fn every_command_has_an_example_and_every_example_a_command() {
    let help = flowq(&["--help"]).expect(0).out;
    let commands: BTreeSet<&str> = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    let text = readme();
    let named: BTreeSet<&str> = text
        .split("flowq ")
        .skip(1)
        .filter_map(|rest| rest.split(|c: char| !c.is_ascii_lowercase() && c != '-').next())
        .filter(|word| commands.contains(word))
        .collect();
    assert_eq!(named, commands, "commands that the README does not show");
    for line in examples(&text) {
        let command = line.split_whitespace().nth(1).unwrap();
        assert!(commands.contains(command), "{line}");
    }
}

#[test]
fn the_field_table_is_what_flowq_fields_prints() {
    let table = flowq(&["fields", "--format", "markdown"]).expect(0).out;
    assert!(table.lines().count() > 54, "{table}");
    let text = readme();
    let missing = table.lines().find(|line| !text.contains(line));
    assert_eq!(missing, None, "the README lacks this row of `flowq fields --format markdown`");
    assert!(text.contains(table.trim_end()), "the README has the rows, but not the table as it is");
}

#[test]
fn the_table_of_metrics_is_that_of_the_registry() {
    let text = readme();
    let mut table = String::from("| metric | type | labels | CloudWatch | what it tells |\n");
    table.push_str("|---|---|---|---|---|\n");
    for metric in METRICS {
        let Metric { name, kind, labels, help } = metric;
        let there = match kind {
            Kind::Info => String::new(),
            _ => format!("`{}`", name_and_unit(metric).0),
        };
        let (kind, labels) = (kind.prometheus(), labels.join(", "));
        table.push_str(&format!("| `{name}` | {kind} | {labels} | {there} | {help} |\n"));
    }
    let missing = table.lines().find(|line| !text.contains(line));
    assert_eq!(missing, None, "the README lacks this row");
    assert!(text.contains(&table), "the README has the rows, but not the table as it is");
}

#[test]
fn the_config_of_the_readme_is_right() {
    let text = readme();
    let section = text.split("## Configuration").nth(1).unwrap();
    let toml = section.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let config = Config::parse(toml).unwrap();
    assert!(config.metrics.listen.is_some() && config.metrics.put_metric_data);
    config.apply(&mut flowq::detection::built_in().unwrap()).unwrap();
}

#[test]
fn the_readme_is_filled_in() {
    let text = readme();
    assert!(!text.contains("@@"), "a placeholder is left");
}

#[test]
fn the_exit_codes_are_those_of_the_program() {
    let all = [
        Exit::Fine,
        Exit::Findings,
        Exit::Usage,
        Exit::Config,
        Exit::Input,
        Exit::Incomplete,
        Exit::Output,
        Exit::Busy,
        Exit::Unanswered,
        Exit::Interrupted,
    ];
    let known = |exit| match exit {
        // A new code must be added above, and to the README.
        Exit::Fine
        | Exit::Findings
        | Exit::Usage
        | Exit::Config
        | Exit::Input
        | Exit::Incomplete
        | Exit::Output
        | Exit::Busy
        | Exit::Unanswered
        | Exit::Interrupted => format!("{}", exit as u8),
    };
    let text = readme();
    let section = text.split("## Exit codes").nth(1).unwrap();
    let rows = section.lines().skip_while(|line| !line.starts_with("|---"));
    let rows = rows.skip(1).take_while(|line| line.starts_with('|'));
    let codes: Vec<String> =
        rows.map(|row| row.split('|').nth(1).unwrap().trim().to_owned()).collect();
    assert_eq!(codes, all.map(known));
}

#[test]
fn a_shell_without_arguments_gets_help() {
    let run = run(&command().output().unwrap());
    assert_eq!(run.code, 2);
    assert!(run.err.contains("Usage: flowq <COMMAND>"), "{}", run.err);
}
