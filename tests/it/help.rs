//! `--help` of every command, as a user reads it, and the completion scripts.

use std::fs;
use std::process::Command;

use clap::CommandFactory as _;
use flowq::cli::args::Cli;

use crate::support::{command, flowq, root, run, tool};

const COMMANDS: &[&str] = &[
    "",
    "baseline",
    "baseline learn",
    "baseline diff",
    "detect",
    "audit",
    "explain",
    "explain flow",
    "explain finding",
    "explain job",
    "coverage",
    "feed",
    "serve",
    "health",
    "ingest",
    "status",
    "verify",
    "replay",
    "sql",
    "report",
    "inventory",
    "inventory show",
    "inventory import",
    "inventory collect",
    "alert",
    "alert pending",
    "alert resend",
    "alert test",
    "iam-policy",
    "check",
    "compact",
    "fields",
    "functions",
    "generate",
    "man",
    "completions",
];

#[test]
fn help_of_every_command() {
    for command in COMMANDS {
        let mut args: Vec<&str> = command.split_whitespace().collect();
        args.push("--help");
        let run = flowq(&args).expect(0);
        assert_eq!(run.err, "");
        let name = format!("help {command}").trim().replace(' ', "-");
        insta::assert_snapshot!(name, run.out);
    }
}

#[test]
fn the_commands_with_sources_have_examples() {
    let commands = [
        "baseline",
        "detect",
        "audit",
        "explain",
        "explain flow",
        "explain finding",
        "coverage",
        "feed",
        "sql",
        "report",
        "generate",
        "inventory",
        "alert",
        "iam-policy",
        "compact",
    ];
    for command in commands {
        let mut args: Vec<&str> = command.split_whitespace().collect();
        args.push("--help");
        let run = flowq(&args).expect(0);
        assert!(run.out.contains("Examples:"), "{command}");
    }
}

#[test]
fn completions_name_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let run = flowq(&["completions", shell]).expect(0);
        for command in
            ["detect", "feed", "sql", "report", "inventory", "check", "fields", "--fail-on"]
        {
            let name = command.trim_start_matches('-');
            assert!(run.out.contains(name), "{shell}: {command}");
        }
    }
}

#[test]
fn the_version_names_the_commit() {
    let short = flowq(&["-V"]).expect(0).out;
    assert_eq!(short, format!("flowq {}\n", env!("CARGO_PKG_VERSION")));
    let long = flowq(&["--version"]).expect(0).out;
    let git = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(root()).output();
    let commit = match git {
        Ok(git) if git.status.success() => String::from_utf8(git.stdout).unwrap(),
        _ => return crate::support::skip("the commit in --version: this is no git repository"),
    };
    let expected = format!("flowq {} ({}", env!("CARGO_PKG_VERSION"), &commit[..12]);
    let rest = long.strip_prefix(&expected);
    assert!(matches!(rest, Some(")\n" | ", modified)\n")), "{long}{expected}");
}

/// The names of the man pages of a command and of those below it.
fn page_names(command: &clap::Command, name: &str) -> Vec<String> {
    let below = command.get_subcommands().filter(|command| !command.is_hide_set());
    let below = below.flat_map(|below| page_names(below, &format!("{name}-{}", below.get_name())));
    std::iter::once(format!("{name}.1")).chain(below).collect()
}

#[test]
fn every_command_has_a_man_page() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("man1");
    let mut man = command();
    let output = man.arg("man").arg(&to).env("SOURCE_DATE_EPOCH", "1767225600").output().unwrap();
    run(&output).expect(0);
    let mut expected = page_names(&Cli::command(), "flowq");
    expected.sort();
    let mut pages: Vec<String> = fs::read_dir(&to)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    assert_eq!(pages, expected);
    let detect = fs::read_to_string(to.join("flowq-detect.1")).unwrap();
    for part in [".TH flowq-detect 1 2026-01-01", ".SH EXAMPLES", "\\-\\-fail\\-on", "flowq(1)"] {
        let text = detect.replace("\\fB", "").replace("\\fR", "");
        assert!(text.contains(part), "{part}: {detect}");
    }
    let root = fs::read_to_string(to.join("flowq.1")).unwrap();
    assert!(root.contains(".SH \"EXIT STATUS\"") && root.contains("wrong command line"), "{root}");
    let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
    tool("mandoc", &[&["-T", "lint", "-W", "warning"], &pages[..]].concat(), &to);
}

#[test]
fn a_man_page_without_a_date_that_can_be_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("man1");
    let output = command().arg("man").arg(&to).env("SOURCE_DATE_EPOCH", "today").output().unwrap();
    let run = run(&output).expect(2);
    assert!(run.err.contains("SOURCE_DATE_EPOCH is 'today'"), "{}", run.err);
    assert!(!to.exists());
}
