//! Runs one command, prints the error, picks the exit code.

#![expect(clippy::print_stderr, reason = "errors go to the user here")]

use std::process::ExitCode;

use flowq::cli;

fn main() -> ExitCode {
    match cli::run() {
        Ok(exit) => exit.into(),
        // `flowq … | head` is no error.
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("flowq: {failure}");
            failure.exit.into()
        }
    }
}
