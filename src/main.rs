//! Runs one command, prints the error, picks the exit code.

use std::io::Write as _;
use std::process::ExitCode;

use flowq::cli;

fn main() -> ExitCode {
    match cli::run() {
        Ok(exit) => exit.into(),
        // `flowq … | head` is no error.
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            // Where standard error is closed there is nobody to tell.
            drop(writeln!(std::io::stderr().lock(), "flowq: {failure}"));
            failure.exit.into()
        }
    }
}
