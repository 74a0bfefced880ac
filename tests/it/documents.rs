//! The documents match the program: their commands run, their tables are generated, their links lead somewhere.
//!
//! A block that begins with ```` ```sh ```` is run line by line; one without a language is only shown, because it
//! needs an AWS account or is output. `FLOWQ_UPDATE_DOCS=1 cargo test --test it documents` writes the tables.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::process::Stdio;
use std::{env, fs};

use flowq::audit::CHECKS;
use flowq::cli::failure::Exit;
use flowq::config::Config;
use flowq::detection::built_in;
use flowq::metrics::cloudwatch::name_and_unit;
use flowq::metrics::{Kind, METRICS, Metric};

use crate::support::{Run, command, flowq, root, run};

/// The most lines that the README may have: its first screens have to suffice for a decision.
const README_LINES_MAX: usize = 250;

/// Documents outside of `docs/`.
const OTHERS: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "queries/README.md",
    "sample-logs/README.md",
    "benches/README.md",
    "packaging/README.md",
];

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|err| panic!("{path}: {err}"))
}

/// The names of the files of a folder, sorted, as paths from the project's root.
fn listed(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut paths: Vec<String> = names.map(|name| format!("{folder}/{name}")).collect();
    paths.sort();
    paths
}

fn documents() -> Vec<String> {
    let docs = listed("docs").into_iter().filter(|path| path.ends_with(".md"));
    OTHERS.iter().map(|path| (*path).to_owned()).chain(docs).collect()
}

/// The lines of a document with the language of the fenced block that they are in; `None` outside of blocks.
fn lines(text: &str) -> Vec<(Option<&str>, &str)> {
    let mut lines = Vec::new();
    let mut block = None;
    for line in text.lines() {
        match (block, line.trim_start().strip_prefix("```")) {
            (None, Some(language)) => block = Some(language.trim()),
            (Some(_), Some("")) => block = None,
            _ => lines.push((block, line)),
        }
    }
    assert!(block.is_none(), "a block is not closed");
    lines
}

/// The commands of the blocks of shell, as a user with flowq on the path types them.
fn commands(path: &str) -> Vec<String> {
    let text = read(path);
    let mut commands = Vec::new();
    for (block, line) in lines(&text) {
        let line = line.trim();
        if block != Some("sh") || line.is_empty() {
            continue;
        }
        let line = line.replacen("cargo run -- ", "flowq ", 1);
        if line.starts_with("flowq ") {
            commands.push(line);
        } else {
            // The tests are what runs now, and a build was made for them.
            assert_eq!(line, "cargo test", "{path}: no test runs this line");
        }
    }
    commands
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

/// The names of the commands, as `flowq --help` lists them.
fn command_names() -> BTreeSet<String> {
    let help = flowq(&["--help"]).expect(0).out;
    let listed = help.lines().skip_while(|line| !line.starts_with("Commands:")).skip(1);
    let rows = listed.take_while(|line| !line.is_empty());
    // A description that goes on in a second line is indented further.
    let rows = rows.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = rows.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn every_command_of_the_documents_runs() {
    // Their outputs go there; with `CARGO_TARGET_DIR` the build itself does not make it.
    fs::create_dir_all(root().join("target")).unwrap();
    let mut done = BTreeSet::new();
    for path in documents() {
        for line in commands(&path) {
            // Several documents show the same command: once is enough.
            if !done.insert(line.clone()) {
                continue;
            }
            let run = shell(&line);
            let Run { code, out, err } = &run;
            assert!(matches!(code, 0 | 1 | 5), "{path}: {line}: exit {code}: {err}");
            assert!(!out.is_empty() || !err.is_empty(), "{path}: {line} prints nothing");
            assert!(!err.contains("panicked"), "{path}: {line}: {err}");
            if line.starts_with("flowq check") {
                let detections = built_in().unwrap().len();
                let all = format!("{detections} detections,");
                assert!(err.contains(&all) && err.contains(" 0 failed"), "{path}: {err}");
            }
        }
    }
    assert!(done.len() >= 30, "{done:?}");
}

#[test]
fn every_command_is_in_the_table_of_the_readme_and_has_an_example() {
    let names = command_names();
    let readme = read("README.md");
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `flowq "));
    let rows: BTreeSet<String> =
        rows.filter_map(|row| row.split('`').next()).map(str::to_owned).collect();
    assert_eq!(rows, names, "the table of commands");
    let shown: BTreeSet<String> = documents()
        .iter()
        .flat_map(|path| {
            let text = read(path);
            let lines = lines(&text).into_iter().filter(|(block, _)| block.is_some());
            let calls = lines.filter_map(|(_, line)| {
                let line = line.trim().replacen("cargo run -- ", "flowq ", 1);
                let name = line.strip_prefix("flowq ")?.split_whitespace().next()?.to_owned();
                Some((path.clone(), line, name))
            });
            calls.collect::<Vec<_>>()
        })
        .map(|(path, line, name)| {
            assert!(names.contains(&name), "{path}: there is no command {name}: {line}");
            name
        })
        .collect();
    assert_eq!(shown, names, "commands that no document shows in a block");
}

#[test]
fn the_readme_is_short_and_lists_every_document() {
    let readme = read("README.md");
    let count = readme.lines().count();
    assert!(count <= README_LINES_MAX, "README.md has {count} lines");
    for path in documents() {
        let is_other_readme = path.ends_with("/README.md") || path == "README.md";
        assert!(is_other_readme || readme.contains(&format!("({path})")), "README.md lacks {path}");
    }
}

#[test]
fn every_document_begins_with_who_it_is_for() {
    for path in documents().iter().filter(|path| *path != "README.md") {
        let text = read(path);
        let mut paragraphs = text.split("\n\n");
        let title = paragraphs.next().unwrap_or_default();
        assert!(title.starts_with("# "), "{path} begins with no title");
        let first = paragraphs.next().unwrap_or_default();
        assert!(first.starts_with("For everyone"), "{path}: {first}");
    }
}

/// The anchors of a document, as GitHub makes them of its headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = lines(text).into_iter().filter(|(block, line)| {
        let name = line.trim_start_matches('#');
        block.is_none() && line.starts_with('#') && name.starts_with(' ')
    });
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = BTreeSet::new();
    for (_, line) in headings {
        let name = line.trim_start_matches('#').trim().to_lowercase();
        let name = name.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let name: String = name.map(|c| if c == ' ' { '-' } else { c }).collect();
        let before = counts.entry(name.clone()).or_default();
        anchors.insert(if *before == 0 { name } else { format!("{name}-{before}") });
        *before += 1;
    }
    anchors
}

/// The targets of the links of a document, code apart.
fn links(text: &str) -> Vec<String> {
    let mut targets = Vec::new();
    for (_, line) in lines(text).into_iter().filter(|(block, _)| block.is_none()) {
        // Every second part is between backticks.
        let prose: Vec<&str> = line.split('`').step_by(2).collect();
        for part in prose.join("``").split("](").skip(1) {
            targets.push(part.split(')').next().unwrap_or_default().to_owned());
        }
    }
    targets
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut seen = 0;
    for path in documents() {
        let text = read(&path);
        let folder = Path::new(&path).parent().unwrap();
        for link in links(&text) {
            if link.starts_with("https://") {
                continue;
            }
            assert!(!link.contains("://"), "{path}: {link} is no https link");
            seen += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link.as_str(), ""));
            let target = match file {
                "" => PathBuf::from(&path),
                file => plain(&folder.join(file)),
            };
            assert!(root().join(&target).exists(), "{path}: {link} leads nowhere");
            if !anchor.is_empty() {
                let known = anchors(&read(target.to_str().unwrap()));
                assert!(known.contains(anchor), "{path}: {link}: headings are {known:?}");
            }
        }
    }
    assert!(seen >= 60, "only {seen} links were found");
}

/// A row of a Markdown table; `|` in a cell is escaped.
fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut text = row(header);
    text.push_str(&format!("|{}\n", "---|".repeat(header.len())));
    for cells in rows {
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        text.push_str(&row(&cells));
    }
    text
}

fn printed(command: &str) -> String {
    flowq(&[command, "--format", "markdown"]).expect(0).out.trim_end().to_owned() + "\n"
}

fn metrics() -> String {
    let header = ["metric", "type", "labels", "CloudWatch", "meaning"];
    let rows = METRICS.iter().map(|metric| {
        let Metric { name, kind, labels, help } = metric;
        let cloudwatch = match kind {
            Kind::Info => String::new(),
            _ => format!("`{}`", name_and_unit(metric).0),
        };
        let kind = kind.prometheus().to_owned();
        vec![format!("`{name}`"), kind, labels.join(", "), cloudwatch, (*help).to_owned()]
    });
    table(&header, rows)
}

fn detections() -> String {
    let header = ["Id", "Severity", "Question", "Required fields", "Parameters"];
    let mut detections = built_in().unwrap();
    detections.sort_by(|a, b| a.id.cmp(&b.id));
    let rows = detections.iter().map(|detection| {
        let required = detection.requires.iter();
        let required = required.map(|field| format!("`{}`", field.replace('|', "` or `")));
        let params = detection.params.iter().map(|(name, value)| format!("`{name} = {value}`"));
        vec![
            format!("`{}`", detection.id),
            detection.severity.as_str().to_owned(),
            detection.title.clone(),
            required.collect::<Vec<_>>().join(", "),
            params.collect::<Vec<_>>().join(", "),
        ]
    });
    table(&header, rows)
}

fn checks() -> String {
    let header = ["Check", "Severity", "Fails when", "What passes", "Guide"];
    let rows = CHECKS.iter().map(|check| {
        vec![
            format!("`{}`", check.id),
            check.severity.as_str().to_owned(),
            check.title.to_owned(),
            check.help.to_owned(),
            format!("[{}]({})", check.section.title, check.section.url),
        ]
    });
    table(&header, rows)
}

/// Every exit code with its meaning.
fn exit_codes() -> String {
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
    // A new code does not compile here until it has a meaning; it belongs into the list above as well.
    let meaning = |exit| match exit {
        Exit::Fine => "done; no finding at or above `--fail-on`",
        Exit::Findings => {
            "done; at least one finding at or above `--fail-on`, or with `--fail-on-new` something new; \
             `verify`: a difference was found"
        }
        Exit::Usage => "the command line is wrong",
        Exit::Config => "`flowq.toml`, a detection, a report or a SQL statement is wrong",
        Exit::Input => "the input could not be read",
        Exit::Incomplete => {
            "done, but the result is incomplete: some input could not be read to its end, a document of \
             the inventory was not understood, no record could be tied to a job, or memory did not \
             suffice for a question"
        }
        Exit::Output => "the output could not be written",
        Exit::Busy => "another flowq writes to the same lake",
        Exit::Unanswered => {
            "`detect`: done, but the flow logs cannot answer every question for every interface of a \
             job (`--fail-on-unknown`)"
        }
        Exit::Interrupted => "interrupted; `flowq feed`: by a second signal",
    };
    let rows = all.into_iter().map(|exit| {
        let text = meaning(exit).to_owned();
        vec![format!("{}", exit as u8), text]
    });
    table(&["code", "meaning"], rows)
}

/// The text between the markers of a generated table, with what stands before and behind.
fn split<'a>(text: &'a str, name: &str) -> (&'a str, &'a str, &'a str) {
    let marker = format!("<!-- generated: {name} -->\n");
    let start = text.find(&marker).unwrap_or_else(|| panic!("no marker {name}")) + marker.len();
    let len = text[start..].find("<!-- end -->").unwrap_or_else(|| panic!("no end of {name}"));
    (&text[..start], &text[start..start + len], &text[start + len..])
}

#[test]
fn generated_tables_are_what_flowq_has() {
    #[expect(clippy::disallowed_methods, reason = "the one who runs the tests asks for it")]
    let update = env::var("FLOWQ_UPDATE_DOCS").is_ok();
    let tables = [
        ("fields", "docs/fields.md", printed("fields")),
        ("functions", "docs/sql.md", printed("functions")),
        ("metrics", "docs/feed.md", metrics()),
        ("detections", "docs/detections.md", detections()),
        ("checks", "docs/audit.md", checks()),
        ("exit-codes", "docs/exit-codes.md", exit_codes()),
    ];
    let mut wrong = Vec::new();
    for (name, path, table) in &tables {
        let text = read(path);
        let (before, stored, behind) = split(&text, name);
        if stored == table {
            continue;
        }
        if update {
            fs::write(root().join(path), format!("{before}{table}{behind}")).unwrap();
            continue;
        }
        let line = table.lines().find(|line| !stored.lines().any(|other| other == *line));
        wrong.push(format!(
            "{path}, {name}: {}",
            line.unwrap_or("rows are too many or in another order")
        ));
    }
    assert!(wrong.is_empty(), "FLOWQ_UPDATE_DOCS=1 writes them:\n{}", wrong.join("\n"));
}

/// The blocks of TOML of a document.
fn toml_blocks(text: &str) -> Vec<&str> {
    let blocks = text.split("```toml\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap()).collect()
}

#[test]
fn configurations_of_the_documents_are_valid() {
    let text = read("docs/configuration.md");
    let config = Config::parse(toml_blocks(&text)[0]).unwrap();
    assert!(config.metrics.listen.is_some() && config.metrics.put_metric_data);
    config.apply(&mut built_in().unwrap()).unwrap();
    for path in ["docs/alerts.md", "docs/coverage-and-baseline.md"] {
        for block in toml_blocks(&read(path)) {
            Config::parse(block).unwrap_or_else(|err| panic!("{path}: {err}\n{block}"));
        }
    }
}

#[test]
fn every_key_of_the_examples_is_in_the_table_of_keys() {
    let text = read("docs/configuration.md");
    let (_, table, _) = split(&text, "config");
    let alerts = read("docs/alerts.md");
    for block in toml_blocks(&text).into_iter().chain(toml_blocks(&alerts)) {
        let mut section = String::new();
        for line in block.lines() {
            if let Some(name) = line.strip_prefix('[') {
                section = name.trim_start_matches('[').split(']').next().unwrap().to_owned();
                let name = section.split('.').next().unwrap();
                assert!(table.contains(&format!("[{name}")), "the table of keys lacks [{section}]");
            } else if let Some((key, _)) = line.split_once(" = ")
                && !line.starts_with('#')
                // Any field of a finding is a key there.
                && section != "suppress"
            {
                assert!(
                    table.contains(&format!("`{key}`")),
                    "the table of keys lacks {section} {key}"
                );
            }
        }
    }
}

/// The text between two marker comments.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let start = text.find(from).unwrap_or_else(|| panic!("no {from}")) + from.len();
    let len = text[start..].find(to).unwrap_or_else(|| panic!("no {to}"));
    &text[start..start + len]
}

#[test]
fn the_code_map_lists_the_rooms_in_import_order() {
    let text = read("ARCHITECTURE.md");
    let map = between(&text, "<!-- code map -->", "<!-- end of code map -->");
    let rows = map.lines().filter_map(|line| line.strip_prefix("| `"));
    let mapped: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    let root = read("src/lib.rs");
    let declared = root.lines().filter_map(|line| {
        let line = line.trim_start_matches("pub(crate) ").trim_start_matches("pub ");
        line.strip_prefix("mod ")?.strip_suffix(';')
    });
    assert_eq!(mapped, declared.collect::<Vec<_>>(), "ARCHITECTURE.md and src/lib.rs");
    let folders: BTreeSet<String> = listed("src")
        .iter()
        .filter_map(|path| path.strip_prefix("src/"))
        .map(|name| name.strip_suffix(".rs").unwrap_or(name).to_owned())
        .filter(|name| name != "lib" && name != "main")
        .collect();
    let mapped: BTreeSet<String> = mapped.iter().map(|room| (*room).to_owned()).collect();
    assert_eq!(mapped, folders, "ARCHITECTURE.md and the folders of src");
}

/// Whether a text in backticks is a path of the project, and no pattern of one.
fn is_path(text: &str) -> bool {
    let known = ["src/", "tests/", "queries/", "docs/", "examples/", "sample-logs/", "benches/"];
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "/._-".contains(c);
    known.iter().any(|folder| text.starts_with(folder)) && text.chars().all(plain)
}

#[test]
fn paths_in_the_documents_exist() {
    for path in documents() {
        let text = read(&path);
        for (_, line) in lines(&text).into_iter().filter(|(block, _)| block.is_none()) {
            for word in line.split('`').skip(1).step_by(2).filter(|word| is_path(word)) {
                assert!(root().join(word).exists(), "{path}: there is no {word}");
            }
        }
    }
}

fn sources_below(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources_below(&path, text);
        } else if path.extension().is_some_and(|end| end == "rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_invariant_names_a_test_that_there_is() {
    let text = read("ARCHITECTURE.md");
    let table = between(&text, "<!-- invariants -->", "<!-- end of invariants -->");
    let mut sources = String::new();
    for folder in ["src", "tests/it"] {
        sources_below(&root().join(folder), &mut sources);
    }
    let mut rows = 0;
    for line in table.lines().filter(|line| line.starts_with("| ")).skip(1) {
        rows += 1;
        let held_by = line.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let names: Vec<&str> = held_by.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "nothing holds this: {line}");
        for name in names {
            let is_test = name.contains('_') && !name.contains('/');
            let is_lint = held_by.contains("lint");
            let there = sources.contains(&format!("fn {name}("));
            assert!(!is_test || is_lint || there, "there is no test {name}");
        }
    }
    assert!(rows >= 15, "only {rows} invariants were found");
}

#[test]
fn a_shell_without_arguments_gets_help() {
    let run = run(&command().output().unwrap());
    assert_eq!(run.code, 2);
    assert!(run.err.contains("Usage: flowq <COMMAND>"), "{}", run.err);
}
