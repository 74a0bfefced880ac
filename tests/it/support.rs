//! Runs the program and reads what it printed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What a run gave.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The root of the project: relative paths in tests start here, as in the README.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of real inputs beside the project; not part of it, so a test may find it absent.
pub(crate) fn corpus() -> Option<PathBuf> {
    let path = root().join("../shared/corpus");
    if !path.is_dir() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

/// Runs `flowq` with these arguments, in the project's root.
pub(crate) fn flowq<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> Run {
    flowq_with_input(args, b"")
}

/// Runs `flowq` with standard input.
pub(crate) fn flowq_with_input<S: AsRef<std::ffi::OsStr>>(args: &[S], input: &[u8]) -> Run {
    use std::io::Write as _;
    let mut child = Command::new(env!("CARGO_BIN_EXE_flowq"))
        .args(args)
        .current_dir(root())
        .env_remove("XDG_DATA_HOME")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that ends before it has read everything is no failure of the test.
    let _ = child.stdin.take().unwrap().write_all(input);
    run(&child.wait_with_output().unwrap())
}

fn run(output: &Output) -> Run {
    Run {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs SQL over sources and returns the lines of its CSV, header first.
pub(crate) fn sql(query: &str, args: &[&str]) -> Vec<String> {
    let mut all = vec!["sql", "--format", "csv", "-c", query];
    all.extend(args);
    let run = flowq(&all);
    assert!(matches!(run.code, 0 | 5), "{query}: exit {}: {}", run.code, run.err);
    run.out.lines().map(str::to_owned).collect()
}
