//! Runs the program and reads what it printed.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The main set of the sample logs.
pub(crate) const LOGS: &str = "sample-logs/AWSLogs";

/// Number of records in the main set; three of them carry no traffic.
pub(crate) const SAMPLE_RECORDS: usize = 2017;

/// Number of objects in the main set.
pub(crate) const SAMPLE_OBJECTS: usize = 32;

/// Number of records of the VPC's own flow log; the others are copies by the flow log of a subnet.
pub(crate) const VPC_RECORDS: usize = 1929;

/// The VPC's own flow log.
pub(crate) const VPC_FLOW_LOG: &str = "fl-0f1a2b3c4d5e6f708";

/// The objects of the VPC's own flow log.
pub(crate) const VPC_LOGS: &str = "sample-logs/AWSLogs/**/*_fl-0f1a2b3c4d5e6f708_*";

/// Number of findings on the samples.
pub(crate) const SAMPLE_FINDINGS: usize = 29;

/// Number of jobs in the samples.
pub(crate) const SAMPLE_JOBS: usize = 30;

/// The arguments that README and `sample-logs/README.md` name.
pub(crate) const SAMPLES: [&str; 5] =
    [LOGS, "--inventory", "sample-logs/inventory", "--config", "sample-logs/flowq.toml"];

/// What a run gave.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    /// Expects an exit code, and shows what was said if it is another.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stderr: {}\nstdout: {}", self.err, self.out);
        self
    }

    /// The lines of standard output as JSON.
    pub(crate) fn json_lines(&self) -> Vec<serde_json::Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// The root of the project: relative paths in tests start here, as in the README.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of real inputs beside the project; not part of it, so a test may find it absent.
pub(crate) fn corpus() -> Option<PathBuf> {
    let path = root().join("../shared/corpus");
    if !path.is_dir() {
        skip(&format!("real inputs: {} is not there", path.display()));
        return None;
    }
    Some(path)
}

/// `flowq`, in the project's root, apart from the surroundings of whoever runs the tests.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowq"));
    command.current_dir(root()).env_remove("XDG_DATA_HOME").env_remove("COLUMNS");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs another program on files and expects success; `None` when it is not installed.
pub(crate) fn tool(name: &str, args: &[&str], folder: &Path) -> Option<String> {
    let output = match Command::new(name).args(args).current_dir(folder).output() {
        Ok(output) => output,
        Err(error) => {
            skip(&format!("{name}: {error}"));
            return None;
        }
    };
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{name} {}: {said}", args.join(" "));
    Some(said)
}

/// Runs `flowq` with these arguments, in the project's root.
pub(crate) fn flowq<S: AsRef<OsStr>>(args: &[S]) -> Run {
    flowq_with_input(args, b"")
}

/// Runs `flowq` with standard input.
pub(crate) fn flowq_with_input<S: AsRef<OsStr>>(args: &[S], input: &[u8]) -> Run {
    let mut child = command().args(args).spawn().unwrap();
    // A program that ends before it has read everything is no failure of the test.
    drop(child.stdin.take().unwrap().write_all(input));
    run(&child.wait_with_output().unwrap())
}

/// Runs a command on the sample logs with their inventory and config, and more arguments.
pub(crate) fn on_samples(command: &[&str], more: &[&str]) -> Run {
    flowq(&[command, &SAMPLES, more].concat())
}

pub(crate) fn run(output: &Output) -> Run {
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

/// The names in a folder, sorted.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Standard error without the time that a run took.
pub(crate) fn without_time(err: &str) -> String {
    let line = |line: &str| match line.rsplit_once(" in ") {
        Some((rest, _)) if line.starts_with("read ") => format!("{rest} in TIME\n"),
        _ => format!("{line}\n"),
    };
    err.lines().map(line).collect()
}

/// Reports a skipped test where the output of tests is not captured.
pub(crate) fn skip(what: &str) {
    use std::io::Write as _;
    // Not `eprintln`: its output is captured.
    std::io::stderr().write_all(format!("SKIPPED: {what}\n").as_bytes()).unwrap();
}
