//! `flowq replay`: reads chosen objects again and replaces their rows in the lake.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::anyhow;

use crate::aws::Account;
use crate::cli::commands::ingest::{
    MEMORY, absolute, failure, opener, pass_line, print_report, state,
};
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::invocation::Invocation;
use crate::cli::messages::Messages;
use crate::cli::{args, process_identity, session};
use crate::flow::LogFormat;
use crate::ingest::{Options, Runner};
use crate::inventory::Inventory;
use crate::storage::Storage;
use crate::time::{Clock, Window};

/// Runs the command.
pub(crate) async fn run(mut args: args::Replay, started: Invocation) -> Result<Exit, Failure> {
    let say = Messages::new(args.quiet);
    absolute(&mut args.source)?;
    absolute(&mut args.object)?;
    let account = Arc::new(Account::new(args.aws.writing(args.single_runner)));
    let clock = Clock::new(started.now);
    let (since, until) = session::times(args.since.as_deref(), args.until.as_deref(), started.now)?;
    let stated = args.log_format.as_deref().map(str::parse::<LogFormat>).transpose();
    let options = Options {
        stated: stated.or_exit(Exit::Usage)?,
        steps: process_identity::steps(),
        ..Options::new(args.source.clone(), session::resources(None, MEMORY)?)
    };
    let lake = Storage::open(&args.wherein.lake, &account).or_exit(Exit::Input)?;
    let state = state(&lake, args.wherein.state.as_deref(), &account, clock).await?;
    let open = opener(args.source.clone(), &account, &Inventory::default());
    let runner = Box::pin(Runner::open(lake, state, open, options)).await;
    let mut runner = runner.map_err(failure)?;
    let done = Box::pin(replay(&mut runner, &args, (since, until), say)).await;
    let closed = Box::pin(runner.close()).await;
    let exit = done?;
    closed.map_err(failure)?;
    Ok(exit)
}

async fn replay(
    runner: &mut Runner,
    args: &args::Replay,
    (since, until): (Option<i64>, Option<i64>),
    say: Messages<'_>,
) -> Result<Exit, Failure> {
    let selected: BTreeSet<&str> = args.object.iter().map(String::as_str).collect();
    let is_wanted = |id: &str| selected.is_empty() || selected.contains(id);
    let mut missing = selected.clone();
    let window = Window::new(since, until);
    let listed = runner.replay(&window, |split| {
        missing.remove(split.id.as_str());
        is_wanted(&split.id)
    });
    let count = Box::pin(listed).await.map_err(failure)?;
    if let Some(id) = missing.first() {
        let error = anyhow!("{id} is not in the source");
        let hint = "name it as flowq status and the column object do";
        return Err(Failure::new(Exit::Input, error).with_hint(hint));
    }
    let mut failed = 0;
    while runner.remaining() > 0 {
        let Some(report) = Box::pin(runner.pass()).await.map_err(failure)? else { break };
        say.note(&pass_line(&report));
        print_report(&report, say);
        failed += report.pass.totals.failed;
    }
    for note in runner.take_notes() {
        say.warn(&note);
    }
    if count == 0 {
        say.note("nothing in the source is of that time");
    }
    Ok(if failed > 0 { Exit::Incomplete } else { Exit::Fine })
}
