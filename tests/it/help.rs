//! `--help` of every command, as a user reads it, and the completion scripts.

use crate::support::flowq;

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
    "alert test",
    "iam-policy",
    "check",
    "compact",
    "fields",
    "functions",
    "generate",
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
fn the_version_is_told() {
    let run = flowq(&["--version"]).expect(0);
    assert_eq!(run.out, format!("flowq {}\n", env!("CARGO_PKG_VERSION")));
}
