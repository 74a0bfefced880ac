//! The threads that a command runs on.

use std::future::Future;

use anyhow::{Context as _, anyhow};

use crate::cli::failure::{Exit, Failure, OrExit as _};

/// Waits for a command, or for Ctrl-C: then temporary files are cleaned up before the end.
pub(super) fn run_cancellable(
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
pub(super) fn run_until_done(
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
