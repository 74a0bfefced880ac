//! The commands. Only this room reads the environment and the clock, prints, and picks exit codes.

use std::future::Future;
use std::io::Write as _;
use std::time::Instant;

use anyhow::{Context as _, anyhow};
use clap::{CommandFactory as _, Parser as _};

use crate::cli::args::{Cli, Command};
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::flow::field::Layout;

pub mod args;
pub(crate) mod commands;
pub mod failure;
mod messages;
pub mod output;
mod process_identity;
mod progress;
mod repl;
pub mod service;
mod session;
mod sql_errors;

/// Runs the command that was typed.
///
/// # Errors
///
/// What stopped it, with its exit code.
pub fn run() -> Result<Exit, Failure> {
    let started = Invocation { at: Instant::now(), now: now() };
    match Cli::parse().command {
        Command::Detect(args) => {
            let threads = args.read.threads;
            run_cancellable(threads, crate::cli::commands::detect::run(args, started))
        }
        Command::Audit(args) => {
            let threads = args.read.threads;
            run_cancellable(threads, crate::cli::commands::audit::run(args, started))
        }
        Command::Baseline(args) => crate::cli::commands::baseline::run(args, started),
        Command::Explain(command) => {
            let threads = match &command {
                args::Explain::Flow(args) => args.read.threads,
                args::Explain::Finding(args) => args.read.threads,
                args::Explain::Job(args) => args.read.threads,
            };
            run_cancellable(threads, crate::cli::commands::explain::run(command, started))
        }
        Command::Coverage(args) => {
            let threads = args.read.threads;
            run_cancellable(threads, crate::cli::commands::coverage::run(args, started))
        }
        Command::Feed(args) => {
            run_until_done(args.threads, crate::cli::commands::feed::run(args, started))
        }
        Command::Sql(args) => {
            let threads = args.read.threads;
            run_cancellable(threads, crate::cli::commands::sql::run(args, started))
        }
        Command::Report(args) => {
            let threads = args.read.threads;
            run_cancellable(threads, crate::cli::commands::report::run(args, started))
        }
        Command::Inventory(args) => {
            run_cancellable(None, crate::cli::commands::inventory::run(args, started))
        }
        Command::Alert(args::Alert::Test(args)) => {
            run_cancellable(None, crate::cli::commands::alert::test(args, started))
        }
        Command::Alert(args::Alert::Pending(args)) => {
            run_cancellable(None, crate::cli::commands::alert::pending(args))
        }
        Command::Alert(args::Alert::Resend(args)) => {
            run_cancellable(None, crate::cli::commands::alert::resend(args, started))
        }
        Command::Ingest(args) => {
            let threads = args.read.threads;
            run_cancellable(threads, crate::cli::commands::ingest::run(args, started))
        }
        Command::Status(args) => {
            run_cancellable(None, crate::cli::commands::status::run(args, started))
        }
        Command::Verify(args) => {
            run_cancellable(None, crate::cli::commands::verify::run(args, started))
        }
        Command::Replay(args) => {
            run_cancellable(None, crate::cli::commands::replay::run(args, started))
        }
        Command::IamPolicy(args) => crate::cli::commands::iam_policy::run(&args),
        Command::Check(args) => {
            run_cancellable(None, crate::cli::commands::check::run(args, started))
        }
        Command::Fields(args) => {
            let (_, out) = crate::cli::output::destination::sink(args.format.is_binary(), None)?;
            let layout = if args.transit_gateway { Layout::TransitGateway } else { Layout::Vpc };
            crate::cli::commands::fields::print(layout, args.format, out, output::terminal_width())
                .or_exit(Exit::Output)?;
            Ok(Exit::Fine)
        }
        Command::Functions(args) => {
            let (_, out) = crate::cli::output::destination::sink(args.format.is_binary(), None)?;
            crate::cli::commands::functions::print(args.format, out, output::terminal_width())
                .or_exit(Exit::Output)?;
            Ok(Exit::Fine)
        }
        Command::Compact(args) => {
            run_cancellable(None, crate::cli::commands::compact::run(args, started))
        }
        Command::Generate(args) => crate::cli::commands::generate::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "flowq", &mut script);
            std::io::stdout().write_all(&script).or_exit(Exit::Output)?;
            Ok(Exit::Fine)
        }
    }
}

/// When the command began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Invocation {
    at: Instant,
    /// Unix seconds.
    now: i64,
}

#[expect(clippy::disallowed_methods, reason = "the one place that asks the time")]
fn now() -> i64 {
    chrono::Utc::now().timestamp()
}

/// Waits for a command, or for Ctrl-C: then temporary files are cleaned up before the end.
fn run_cancellable(
    threads: Option<usize>,
    work: impl Future<Output = Result<Exit, Failure>>,
) -> Result<Exit, Failure> {
    run_until_done(threads, async {
        tokio::select! {
            result = work => result,
            _ = tokio::signal::ctrl_c() => Err(Failure::new(Exit::Interrupted, anyhow!("interrupted"))),
        }
    })
}

/// Waits for a command that takes signals itself.
fn run_until_done(
    threads: Option<usize>,
    work: impl Future<Output = Result<Exit, Failure>>,
) -> Result<Exit, Failure> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads.max(1));
    }
    let runtime = builder.enable_all().build().context("starting threads").or_exit(Exit::Input)?;
    let result = runtime.block_on(work);
    // A read of standard input that never ends must not hold up the end.
    runtime.shutdown_background();
    result
}
