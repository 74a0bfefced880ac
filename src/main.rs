//! Runs one command, prints the error, picks the exit code.

use std::io::Write as _;
use std::process::ExitCode;

use flowq::cli;

/// Just below 32 MiB, the largest block of which glibc learns.
const LEARNT_BYTES: usize = (32 << 20) - (64 << 10);

fn main() -> ExitCode {
    keep_memory();
    match cli::run() {
        Ok(exit) => exit.into(),
        // `flowq … | head` is no error.
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            // With a closed standard error there is no place to report it.
            let text = failure.to_string();
            drop(writeln!(
                std::io::stderr().lock(),
                "flowq: {}",
                cli::output::visible_lines(&text)
            ));
            failure.exit.into()
        }
    }
}

/// Has the allocator of glibc keep what is freed, for the next batch.
///
/// Batches of records are made on one thread and freed on another, several megabytes at a time. By default each time
/// the memory goes back to the system, and the next batch faults it in page by page, which was a sixth of a query's
/// time. glibc raises its thresholds to the size of a large block that is freed (`M_MMAP_THRESHOLD` in
/// mallopt(3)). This one is never written to, so it costs nothing. Other allocators are not changed by it.
fn keep_memory() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(LEARNT_BYTES)));
}
