//! `flowq man`: the man pages, from the same definitions as `--help`.

use std::path::Path;
use std::{env, fs};

use anyhow::Context as _;
use chrono::DateTime;
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::cli::args::Cli;
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::invocation::Invocation;
use crate::cli::messages::Messages;

/// The section of programs.
const SECTION: &str = "1";

/// The first line of the part of a help text that lists examples.
const EXAMPLES: &str = "Examples:";

/// The beginning of the part that lists exit codes.
const EXIT_CODES: &str = "Exit codes: ";

/// Runs the command.
pub(crate) fn run(to: &Path, started: Invocation) -> Result<Exit, Failure> {
    let pages = pages(&date(started.now)?).or_exit(Exit::Output)?;
    let context = || format!("{}: the man pages could not be written", to.display());
    fs::create_dir_all(to).with_context(context).or_exit(Exit::Output)?;
    for (name, page) in &pages {
        fs::write(to.join(name), page).with_context(context).or_exit(Exit::Output)?;
    }
    Messages::new(false).note(&format!("wrote {} man pages to {}", pages.len(), to.display()));
    Ok(Exit::Fine)
}

/// The date of the pages. `SOURCE_DATE_EPOCH` (Unix seconds) replaces today, so that a package built twice has the same
/// bytes (<https://reproducible-builds.org/specs/source-date-epoch/>).
#[expect(clippy::disallowed_methods, reason = "only `cli` reads the environment")]
fn date(now: i64) -> Result<String, Failure> {
    let given = env::var("SOURCE_DATE_EPOCH").ok().filter(|text| !text.is_empty());
    let seconds = match &given {
        None => Some(now),
        Some(text) => text.parse().ok(),
    };
    let time = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let Some(time) = time else {
        let text = given.unwrap_or_default();
        let error = anyhow::anyhow!(
            "SOURCE_DATE_EPOCH is '{text}', which is no number of seconds since 1970"
        );
        return Err(Failure::new(Exit::Usage, error));
    };
    Ok(time.format("%Y-%m-%d").to_string())
}

/// Names and texts of all pages: flowq's own, and one for each command.
fn pages(date: &str) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let mut pages = Vec::new();
    let mut open = vec![(root, None)];
    while let Some((command, parent)) = open.pop() {
        let name = page_name(&command);
        pages.push((format!("{name}.{SECTION}"), page(&command, parent.as_deref(), date)?));
        let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
        open.extend(shown.map(|below| (below.clone(), Some(name.clone()))));
    }
    Ok(pages)
}

/// `flowq-inventory-collect`.
fn page_name(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

/// One page.
fn page(command: &Command, parent: Option<&str>, date: &str) -> anyhow::Result<Vec<u8>> {
    let mut page = Vec::new();
    let source = concat!("flowq ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).date(date).source(source).manual("flowq");
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    if let Some(text) = command.get_after_help() {
        after_help(&text.to_string()).to_writer(&mut page)?;
    }
    see_also(command, parent).to_writer(&mut page)?;
    Ok(tidy(&String::from_utf8(page)?))
}

/// The page without what mandoc's lint finds in it: each section begins with the same preamble, values of options are
/// separated from their text by two line breaks around an empty line, and lines end with blanks.
fn tidy(page: &str) -> Vec<u8> {
    let preamble: Vec<&str> = page.lines().take_while(|line| !line.starts_with(".TH")).collect();
    let lines = page.lines().filter(|line| !preamble.contains(line)).map(str::trim_end);
    let text: Vec<&str> = preamble.iter().copied().chain(lines).collect();
    let text = text.join("\n") + "\n";
    text.replace("\n.br\n\n.br\n", "\n.sp\n").into_bytes()
}

/// The text below the options as sections: examples line by line, exit codes one by one, the rest as notes.
fn after_help(text: &str) -> Roff {
    let mut page = Roff::new();
    let mut has_notes = false;
    for part in text.split("\n\n") {
        if let Some(examples) = part.strip_prefix(EXAMPLES) {
            page.control("SH", ["EXAMPLES"]);
            page.control("EX", []);
            for line in examples.lines().filter(|line| !line.is_empty()) {
                page.text([roman(line.trim())]);
            }
            page.control("EE", []);
        } else if let Some(codes) = part.strip_prefix(EXIT_CODES) {
            page.control("SH", ["EXIT STATUS"]);
            for code in codes.replace('\n', " ").split(", ") {
                let (code, meaning) = code.split_once(' ').unwrap_or((code, ""));
                page.control("TP", []).text([bold(code)]).text([roman(meaning)]);
            }
        } else {
            let (macro_name, title) = if has_notes { ("PP", None) } else { ("SH", Some("NOTES")) };
            page.control(macro_name, title);
            page.text([roman(part.replace('\n', " "))]);
            has_notes = true;
        }
    }
    page
}

/// The page above and those below.
fn see_also(command: &Command, parent: Option<&str>) -> Roff {
    let below = command.get_subcommands().filter(|command| !command.is_hide_set()).map(page_name);
    let names: Vec<String> = parent.map(str::to_owned).into_iter().chain(below).collect();
    let mut page = Roff::new();
    if names.is_empty() {
        return page;
    }
    page.control("SH", ["SEE ALSO"]);
    for (place, name) in names.iter().enumerate() {
        let comma = if place + 1 < names.len() { "," } else { "" };
        page.text([bold(name.as_str()), roman(format!("({SECTION}){comma}"))]);
    }
    page
}
