//! Reads lines on a terminal, with history and completion, and runs them.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Config, Editor};

use crate::cli::output;
use crate::cli::output::Format;
use crate::cli::repl::complete::LineHelper;
use crate::cli::repl::session::{Next, Session, Sql};

/// The most lines of history.
const HISTORY_MAX: usize = 10_000;

/// Reads and runs statements until `\q` or Ctrl-D. Ctrl-C stops a query, or clears the line.
///
/// The error of a failed statement is printed, and the loop goes on. `history` is the file of earlier lines; its
/// folder is created where it is missing.
pub(crate) async fn run(sql: &impl Sql, format: Format, history: Option<PathBuf>) -> Result<()> {
    let mut session = Session::on_terminal(sql, format);
    let mut editor = editor(history.as_ref())?;
    editor.set_helper(Some(LineHelper::new(session.names().await)));
    session.note("type SQL ending in ;  or \\? for help, \\q to quit")?;
    loop {
        let line = match editor.readline("flowq> ") {
            Ok(line) => line,
            // A Ctrl-C that stopped a query shows up here once more, as a signal.
            Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => continue,
            Err(ReadlineError::Eof) => break,
            Err(err) => return Err(err).context("reading the terminal"),
        };
        if line.trim().is_empty() {
            continue;
        }
        editor.add_history_entry(line.trim()).context("adding to the history")?;
        match session.handle(&line).await {
            Ok(Next::Quit) => break,
            Ok(Next::Line) => {}
            Ok(Next::NewNames) => {
                editor.set_helper(Some(LineHelper::new(session.names().await)));
            }
            Err(err) if output::is_broken_pipe(&err) => return Err(err),
            Err(err) => session.note(&format!("error: {err:#}"))?,
        }
    }
    // The history is a comfort: losing it is worth a note, not a failure.
    if let Some(path) = history
        && let Err(err) = editor.save_history(&path)
    {
        session.note(&format!("could not save history {}: {err}", path.display()))?;
    }
    Ok(())
}

fn editor(history: Option<&PathBuf>) -> Result<Editor<LineHelper, FileHistory>> {
    let config =
        Config::builder().max_history_size(HISTORY_MAX)?.history_ignore_space(true).build();
    let mut editor = Editor::with_config(config).context("opening the terminal")?;
    if let Some(path) = history {
        if let Some(folder) = path.parent() {
            // A failure shows when the history is saved.
            fs::create_dir_all(folder).ok();
        }
        // There is none at the first start.
        editor.load_history(path).ok();
    }
    Ok(editor)
}
