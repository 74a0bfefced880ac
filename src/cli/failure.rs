//! Exit codes, and errors with their hints.

use std::fmt;
use std::process::ExitCode;

use crate::cli::output;

/// What the exit code of flowq says. Documented in `docs/exit-codes.md`; scripts rely on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done; no finding at or above `--fail-on`.
    Fine = 0,
    /// Done; at least one finding at or above `--fail-on`.
    Findings = 1,
    /// The command line is wrong.
    Usage = 2,
    /// `flowq.toml`, a detection, a report or a SQL statement is wrong.
    Config = 3,
    /// The input could not be read: nothing there, no permission, no flow log.
    Input = 4,
    /// Done, but some input could not be read to its end: the answer is incomplete.
    Incomplete = 5,
    /// The output could not be written.
    Output = 6,
    /// Another flowq writes to the same lake.
    Busy = 7,
    /// Done, but the flow logs cannot answer every question for every interface of a job.
    Unanswered = 8,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command stopped, with the exit code that goes with it.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What happened, to what.
    pub error: anyhow::Error,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Failure {
    /// Makes a failure.
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into(), hint: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Returns whether the only cause is that the reader of the output is gone: `flowq … | head`.
    pub fn is_broken_pipe(&self) -> bool {
        output::is_broken_pipe(&self.error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.error)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Gives an error its exit code.
pub trait OrExit<T> {
    /// Turns an error into a [`Failure`] with this code.
    fn or_exit(self, exit: Exit) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> OrExit<T> for Result<T, E> {
    fn or_exit(self, exit: Exit) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(exit, error))
    }
}
