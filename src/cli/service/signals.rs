//! Signals to a running service.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// The signals that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// SIGTERM or SIGINT: end. The second one: at once.
    Stop,
    /// SIGHUP: read the configuration again.
    Reload,
}

/// Signals that may wait to be seen. More of them say nothing new.
const WAITING_MAX: usize = 16;

/// Returns the signals of this process as they come. From now on they no longer end it by themselves.
///
/// Must be called within a tokio runtime.
pub(crate) fn events() -> io::Result<mpsc::Receiver<Event>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    tokio::spawn(async move {
        loop {
            let event = tokio::select! {
                _ = terminate.recv() => Event::Stop,
                _ = interrupt.recv() => Event::Stop,
                _ = hangup.recv() => Event::Reload,
            };
            if let Err(mpsc::error::TrySendError::Closed(_)) = sender.try_send(event) {
                return;
            }
        }
    });
    Ok(receiver)
}
