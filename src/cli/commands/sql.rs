//! `flowq sql`: one query, SQL from standard input, or a prompt.

use std::io::{IsTerminal as _, Read as _};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use futures::StreamExt as _;

use crate::cli::args::{Sql, Write};
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::invocation::Invocation;
use crate::cli::messages::Messages;
use crate::cli::output::destination;
use crate::cli::progress::ProgressLine;
use crate::cli::repl;
use crate::cli::session::{Session, configure, open};
use crate::engine::{Engine, no_params};
use crate::query::params::params_untyped;
use crate::scan::ScanSummary;
use crate::source;

/// Memory of a query that says nothing else: joins of a user's own need it all at once.
pub(crate) const MEMORY: &str = "512MB";

/// Runs the command.
pub(crate) async fn run(mut args: Sql, started: Invocation) -> Result<Exit, Failure> {
    let say = Messages::new(args.read.quiet);
    let query = query(&args)?;
    let config = configure(&mut args.read)?;
    let session = open(&args.read, &config, started.now, MEMORY, &say).await?;
    session.engine.allow_files();
    let Some(query) = query else {
        repl::run(&session.engine, args.write.format, history()).await.or_exit(Exit::Input)?;
        session.close_unchanged(say).await?;
        return Ok(Exit::Fine);
    };
    let params = params_untyped(&pairs(&args.param)?);
    let line = ProgressLine::start(Arc::clone(&session.progress), say.quiet);
    let rows = session.engine.query(&query, params).await?;
    print_rows(rows, &args.write, &session, say, started).await?;
    drop(line);
    finish(session, say, started).await
}

/// Prints the rows of a query, unless nothing of the sources could be read: then the summary says so.
pub(crate) async fn print_rows(
    rows: SendableRecordBatchStream,
    write: &Write,
    session: &Session,
    say: Messages<'_>,
    started: Invocation,
) -> Result<(), Failure> {
    let ready = || {
        let summary = session.engine.summary();
        incomplete(&summary).map(drop).inspect_err(|_| {
            say.summary(&summary, started.at.elapsed());
            say.problems(&summary);
        })
    };
    let printed = destination::stream(rows, write, ready).await.map(drop);
    if printed.is_err() {
        session.release(say).await;
    }
    printed
}

/// Prints the summary and picks the exit code of a command that only reads.
pub(crate) async fn finish(
    session: Session,
    say: Messages<'_>,
    started: Invocation,
) -> Result<Exit, Failure> {
    let summary = session.engine.summary();
    if summary.objects_listed > 0 {
        say.summary(&summary, started.at.elapsed());
        say.problems(&summary);
    }
    let exit = incomplete(&summary).map(|exit| session.exit(exit));
    session.close(say).await?;
    exit
}

/// Nothing readable at all is an error; something unreadable makes the answer incomplete.
pub(crate) fn incomplete(summary: &ScanSummary) -> Result<Exit, Failure> {
    if summary.problem_objects == 0 {
        return Ok(Exit::Fine);
    }
    // An event that is not understood is no object.
    let only_events = summary.failed.iter().all(|id| source::is_event(id));
    if summary.problem_objects == summary.objects_read && summary.records() == 0 && !only_events {
        let error = anyhow!("none of the objects could be read as VPC flow logs");
        return Err(Failure::new(Exit::Input, error));
    }
    Ok(Exit::Incomplete)
}

/// Splits `name=value`.
pub(crate) fn pairs(params: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let split = |param: &String| {
        let (name, value) = param.split_once('=').ok_or_else(|| {
            let error = anyhow!("--param {param} has no value");
            Failure::new(Exit::Usage, error).with_hint("write --param name=value")
        })?;
        Ok((name.to_owned(), value.to_owned()))
    };
    params.iter().map(split).collect()
}

/// Returns whether there is no query to run, and a terminal to read statements from.
pub(crate) fn is_prompt(args: &Sql) -> bool {
    args.command.is_none() && args.file.is_none() && std::io::stdin().is_terminal()
}

/// The query, or `None` for a prompt.
fn query(args: &Sql) -> Result<Option<String>, Failure> {
    if let Some(query) = &args.command {
        return Ok(Some(query.clone()));
    }
    if let Some(path) = &args.file {
        let text = std::fs::read_to_string(path);
        let text = text.with_context(|| format!("query {}", path.display()));
        return text.or_exit(Exit::Config).map(Some);
    }
    if std::io::stdin().is_terminal() {
        return Ok(None);
    }
    if args.read.sources.iter().any(|source| source == "-") {
        let error = anyhow!("standard input cannot be the flow log and the query at once");
        return Err(Failure::new(Exit::Usage, error).with_hint("give the query with -c or -f"));
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("query").or_exit(Exit::Input)?;
    if text.trim().is_empty() {
        let error = anyhow!("no query: standard input is empty");
        return Err(Failure::new(Exit::Usage, error).with_hint("give the query with -c or -f"));
    }
    Ok(Some(text))
}

/// Where the prompt keeps its history: the user's data folder.
#[expect(clippy::disallowed_methods, reason = "`cli` is the room that reads the environment")]
fn history() -> Option<std::path::PathBuf> {
    let folder = std::env::var("XDG_DATA_HOME").ok().filter(|path| !path.is_empty());
    let folder = folder.map(std::path::PathBuf::from).or_else(|| {
        let home = std::env::var("HOME").ok().filter(|path| !path.is_empty())?;
        Some(std::path::PathBuf::from(home).join(".local/share"))
    })?;
    Some(folder.join("flowq").join("history"))
}

impl repl::Sql for Engine {
    async fn query(&self, sql: &str) -> anyhow::Result<SendableRecordBatchStream> {
        let rows = Self::query(self, sql, no_params()).await;
        rows.map(in_background).map_err(|error| anyhow!(Failure::from(error).to_string()))
    }
}

/// Computes rows on a thread of the runtime, so that the prompt sees Ctrl-C while an operator computes. Dropping
/// the stream ends the work at its next pause.
fn in_background(mut rows: SendableRecordBatchStream) -> SendableRecordBatchStream {
    let mut stream = RecordBatchReceiverStreamBuilder::new(rows.schema(), 2);
    let batches = stream.tx();
    stream.spawn(async move {
        while let Some(batch) = rows.next().await {
            if batches.send(batch).await.is_err() {
                break;
            }
        }
        Ok(())
    });
    stream.build()
}
