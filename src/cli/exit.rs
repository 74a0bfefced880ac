//! Exit codes, and errors on their way to the user.

use std::fmt;
use std::process::ExitCode;

use datafusion::common::DataFusionError;

/// What the exit code of flowq says. Documented in the README; scripts rely on it.
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

    /// Tells whether it is only that nobody reads the output any more: `flowq … | head`.
    pub fn is_broken_pipe(&self) -> bool {
        self.error.chain().any(|cause| {
            let io = cause.downcast_ref::<std::io::Error>();
            io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
        })
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
    ///
    /// # Errors
    ///
    /// The failure, if there was one.
    fn or_exit(self, exit: Exit) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> OrExit<T> for Result<T, E> {
    fn or_exit(self, exit: Exit) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(exit, error))
    }
}

impl From<DataFusionError> for Failure {
    /// What the engine says, without the engine's own wrapping. A wrong statement is the user's to mend;
    /// everything else came from the input.
    fn from(error: DataFusionError) -> Self {
        match error.find_root() {
            DataFusionError::SQL(..)
            | DataFusionError::Plan(_)
            | DataFusionError::SchemaError(..)
            | DataFusionError::Configuration(_)
            | DataFusionError::NotImplemented(_) => {
                Self::new(Exit::Config, anyhow::anyhow!(engine_message(&error)))
            }
            DataFusionError::ResourcesExhausted(_) => {
                Self::new(Exit::Input, anyhow::anyhow!(engine_message(&error)))
                    .with_hint("give it more with --memory, or ask for less at a time")
            }
            _ => input_failure(error),
        }
    }
}

fn input_failure(error: DataFusionError) -> Failure {
    let text = engine_message(&error);
    // A join or a sort hands on what its inputs ran into wrapped up.
    let hint = match error.find_root() {
        DataFusionError::External(inner) => {
            inner.downcast_ref::<crate::source::Error>().and_then(crate::source::Error::hint)
        }
        _ => None,
    };
    if let DataFusionError::External(inner) = error
        && let Ok(inner) = inner.downcast::<crate::source::Error>()
    {
        let hint = inner.hint();
        return Failure { exit: Exit::Input, error: anyhow::Error::new(*inner), hint };
    }
    Failure { exit: Exit::Input, error: anyhow::anyhow!(text), hint }
}

/// What the engine says in flowq's own style: without the name of the layer it came from, lower case.
pub fn engine_message(error: &DataFusionError) -> String {
    let text = error.strip_backtrace();
    let layers = [
        "Error during planning: ",
        "Execution error: ",
        "External error: ",
        "Schema error: ",
        "SQL error: ",
        "This feature is not implemented: ",
        "Resources exhausted: ",
        "Arrow error: ",
    ];
    let mut text = text.as_str();
    while let Some(rest) = layers.iter().find_map(|layer| text.strip_prefix(layer)) {
        text = rest;
    }
    let text =
        text.trim_start_matches("ParserError(\"").trim_end_matches("\")").trim_end_matches('.');
    let mut letters = text.chars();
    let second_is_lower = text.chars().nth(1).is_some_and(char::is_lowercase);
    match letters.next() {
        Some(first) if second_is_lower => first.to_lowercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}
