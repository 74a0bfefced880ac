//! The commands. Only this room reads the environment and the clock, prints, and picks exit codes.

use std::io::Write as _;

use clap::{CommandFactory as _, Parser as _};

use crate::cli::args::{Cli, Command};
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::invocation::Invocation;
use crate::cli::runtime::{run_cancellable, run_until_done};
use crate::flow::field::Layout;

pub mod args;
pub(crate) mod commands;
pub mod failure;
mod invocation;
mod malformed_file;
mod messages;
pub mod output;
mod process_identity;
mod progress;
mod repl;
mod runtime;
pub mod service;
mod session;
mod sql_errors;

/// Runs the command that was typed.
///
/// # Errors
///
/// What stopped it, with its exit code.
#[expect(clippy::too_many_lines, reason = "one arm for each command")]
pub fn run() -> Result<Exit, Failure> {
    let started = Invocation::start();
    match Cli::parse().command {
        Command::Detect(args) => {
            let threads = args.read.threads;
            run_cancellable(threads, commands::detect::run(args, started))
        }
        Command::Audit(args) => {
            let threads = args.read.threads;
            run_cancellable(threads, commands::audit::run(args, started))
        }
        Command::Baseline(args::Baseline::Learn(args)) => {
            run_cancellable(args.read.threads, commands::baseline::learn::run(args, started))
        }
        Command::Baseline(args::Baseline::Diff(args)) => {
            run_cancellable(args.read.threads, commands::baseline::diff::run(args, started))
        }
        Command::Explain(args::Explain::Flow(args)) => {
            let threads = args.read.threads;
            run_cancellable(threads, Box::pin(commands::explain::flow::run(args, started)))
        }
        Command::Explain(args::Explain::Finding(args)) => {
            let threads = args.read.threads;
            run_cancellable(threads, Box::pin(commands::explain::finding::run(args, started)))
        }
        Command::Explain(args::Explain::Job(args)) => {
            let threads = args.read.threads;
            run_cancellable(threads, Box::pin(commands::explain::job::run(args, started)))
        }
        Command::Coverage(args) => {
            let threads = args.read.threads;
            run_cancellable(threads, commands::coverage::run(args, started))
        }
        Command::Feed(args) => run_until_done(args.threads, commands::feed::run(args, started)),
        // The prompt takes Ctrl-C itself: it ends the statement.
        Command::Sql(args) if commands::sql::is_prompt(&args) => {
            run_until_done(args.read.threads, commands::sql::run(args, started))
        }
        Command::Health(args) => commands::health::run(&args),
        Command::Sql(args) => {
            let threads = args.read.threads;
            run_cancellable(threads, commands::sql::run(args, started))
        }
        Command::Report(args) => {
            let threads = args.read.threads;
            run_cancellable(threads, commands::report::run(args, started))
        }
        Command::Serve(args) => {
            let threads = args.read.threads;
            run_until_done(threads, commands::serve::run(args, started))
        }
        Command::Inventory(args) => run_cancellable(None, commands::inventory::run(args, started)),
        Command::Alert(args::Alert::Test(args)) => {
            run_cancellable(None, commands::alert::test(args, started))
        }
        Command::Alert(args::Alert::Pending(args)) => {
            run_cancellable(None, commands::alert::pending(args))
        }
        Command::Alert(args::Alert::Resend(args)) => {
            run_cancellable(None, commands::alert::resend(args, started))
        }
        Command::Ingest(args) => {
            let threads = args.read.threads;
            run_cancellable(threads, commands::ingest::run(args, started))
        }
        Command::Status(args) => run_cancellable(None, commands::status::run(args, started)),
        Command::Verify(args) => run_cancellable(None, commands::verify::run(args, started)),
        Command::Replay(args) => run_cancellable(None, commands::replay::run(args, started)),
        Command::IamPolicy(args) => commands::iam_policy::run(&args),
        Command::Check(args) => run_cancellable(None, commands::check::run(args, started)),
        Command::Fields(args) => {
            let (_, out) = output::destination::sink(args.format.is_binary(), None)?;
            let layout = if args.transit_gateway { Layout::TransitGateway } else { Layout::Vpc };
            commands::fields::print(layout, args.format, out, output::terminal_width())
                .or_exit(Exit::Output)?;
            Ok(Exit::Fine)
        }
        Command::Functions(args) => {
            let (_, out) = output::destination::sink(args.format.is_binary(), None)?;
            commands::functions::print(args.format, out, output::terminal_width())
                .or_exit(Exit::Output)?;
            Ok(Exit::Fine)
        }
        Command::Compact(args) => run_cancellable(None, commands::compact::run(args, started)),
        Command::Generate(args) => commands::generate::run(&args),
        Command::Man { to } => commands::man::run(&to, started),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "flowq", &mut script);
            std::io::stdout().write_all(&script).or_exit(Exit::Output)?;
            Ok(Exit::Fine)
        }
    }
}
