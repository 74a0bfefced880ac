//! The threads that a command runs on, and the signals that end it.

use std::future::Future;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::sync::Notify;

use crate::cli::failure::{Exit, Failure, OrExit as _};

/// How long a command may take to end after a signal.
const GRACE: Duration = Duration::from_millis(700);

/// Waits for a command, or for Ctrl-C or SIGTERM: then temporary files are cleaned up before the end.
pub(super) fn run_cancellable(
    threads: Option<usize>,
    work: impl Future<Output = Result<Exit, Failure>>,
) -> Result<Exit, Failure> {
    let stop = Arc::new(Notify::new());
    end_at_signal(Arc::clone(&stop));
    run_until_done(threads, async {
        tokio::select! {
            result = work => result,
            () = stop.notified() => Err(Failure::new(Exit::Interrupted, anyhow!("interrupted"))),
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

/// Notifies `stop` at the first signal, and ends the process if it is still there after [`GRACE`].
///
/// A thread of its own waits: an operator of a query, such as a nested loop join, may compute for minutes without
/// a pause in which its thread could see a signal. What it leaves in the temporary folder, the next run deletes.
fn end_at_signal(stop: Arc<Notify>) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            if signal().await.is_err() {
                return;
            }
            stop.notify_one();
            tokio::time::sleep(GRACE).await;
            drop(writeln!(std::io::stderr(), "flowq: interrupted"));
            end();
        });
    });
}

#[expect(clippy::exit, reason = "a thread that computes cannot be stopped in another way")]
fn end() -> ! {
    std::process::exit(Exit::Interrupted as i32)
}

/// Waits for Ctrl-C or SIGTERM.
async fn signal() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        let kind = tokio::signal::unix::SignalKind::terminate();
        let mut terminate = tokio::signal::unix::signal(kind)?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
