//! `flowq feed` as a service: real signals, a real scrape, a service manager that listens.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{SAMPLE_OBJECTS, SAMPLE_RECORDS, command, flowq};

/// How long to wait for what must come.
const PATIENCE: Duration = Duration::from_secs(120);

/// A feed that runs, and ends with the test.
struct Feed {
    child: Child,
    log: BufReader<ChildStderr>,
}

impl Drop for Feed {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Feed {
    fn start(config: &Path, change: impl FnOnce(&mut Command)) -> Self {
        let mut command = command();
        command.args(["feed", "--log", "json", "--config"]).arg(config);
        change(&mut command);
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Self { child, log }
    }

    /// Reads the log up to a line with this message.
    #[track_caller]
    fn expect(&mut self, message: &str) -> Value {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "no {message:?} in {seen}");
            let value: Value = serde_json::from_str(&line).unwrap();
            seen.push_str(&line);
            if value["message"].as_str().unwrap().contains(message) {
                return value;
            }
        }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    fn code(&mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap()
    }
}

/// Writes a configuration, with a lake, that reads objects however old they are.
fn config(folder: &TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("flowq.toml");
    let lake = format!("[feed]\nlake = {:?}\nlateness = \"100000d\"\n", folder.path().join("lake"));
    let text = match text.contains("[feed]\n") {
        true => text.replace("[feed]\n", &lake),
        false => format!("{text}\n{lake}"),
    };
    fs::write(&path, text).unwrap();
    path
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: flowq\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The value of a line of metrics.
fn value(metrics: &str, name: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {metrics}")).parse().unwrap()
}

const SAMPLES: &str = "sources = [\"sample-logs/AWSLogs\"]\n\
    inventory = [\"sample-logs/inventory\"]\n[metrics]\nlisten = \"127.0.0.1:0\"\n";

#[test]
fn a_service_is_scraped_reloaded_and_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let path = config(&folder, &format!("{SAMPLES}[feed]\ninterval = \"1h\"\n"));
    let manager = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let status = || {
        let mut buffer = [0; 512];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    };
    let mut feed = Feed::start(&path, |command| {
        command.env("NOTIFY_SOCKET", folder.path().join("notify"));
    });
    let served = feed.expect("metrics are served");
    let address: SocketAddr = served["address"].as_str().unwrap().parse().unwrap();
    assert!(get(address, "/healthz").starts_with("HTTP/1.1 200"));
    assert_eq!(status(), "READY=1");
    let pass = feed.expect("pass done");
    assert_eq!(
        (&pass["records"], &pass["level"]),
        (&Value::from(SAMPLE_RECORDS), &Value::from("info"))
    );
    assert!(status().starts_with(&format!(
        "STATUS=last pass: {SAMPLE_OBJECTS} objects, {SAMPLE_RECORDS} records"
    )));
    assert!(get(address, "/readyz").contains("ready: the last pass that succeeded ended"));
    let metrics = get(address, "/metrics");
    assert_eq!(value(&metrics, "flowq_passes_total{outcome=\"ok\"}"), 1.0);
    assert_eq!(value(&metrics, "flowq_records_total{status=\"skipdata\"}"), 1.0);
    let critical = "flowq_findings{detection=\"isolated-job-traffic\",severity=\"critical\"}";
    assert_eq!(value(&metrics, critical), 1.0);
    assert!(value(&metrics, "process_resident_memory_bytes") > 1e6);

    fs::write(&path, "[feed]\nintervall = \"1h\"\n").unwrap();
    feed.signal("-HUP");
    let refused = feed.expect("was refused");
    assert_eq!(refused["level"], "error");
    assert!(refused["error"].as_str().unwrap().contains("line 2: unknown key intervall"));
    assert_eq!((status(), status()), ("RELOADING=1".to_owned(), "READY=1".to_owned()));
    let off = "[detections.isolated-job-traffic]\nenabled = false\n";
    config(&folder, &format!("{SAMPLES}[feed]\ninterval = \"1h\"\n{off}"));
    feed.signal("-HUP");
    feed.expect("configuration read again");
    feed.expect("pass done");
    let metrics = get(address, "/metrics");
    assert_eq!(value(&metrics, critical), 0.0);
    assert_eq!(value(&metrics, "flowq_config_reloads_total{outcome=\"refused\"}"), 1.0);

    feed.signal("-TERM");
    feed.expect("stopped");
    assert_eq!(feed.code(), 0);
    let mut last = String::new();
    while last != "STOPPING=1" {
        last = status();
    }
    TcpStream::connect(address).unwrap_err();
}

#[test]
fn a_second_signal_ends_a_pass_at_once() {
    let folder = tempfile::tempdir().unwrap();
    // A server that takes requests and answers none: a pass that does not end.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let path = config(&folder, "sources = [\"s3://bucket/\"]\n");
    let mut feed = Feed::start(&path, |command| {
        command.env("AWS_ENDPOINT_URL", url).env("AWS_REGION", "us-east-1");
        command.env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE");
        command.env("AWS_SECRET_ACCESS_KEY", "none").env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("AWS_CONFIG_FILE", "/dev/null");
        command.env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    });
    feed.expect("started");
    feed.signal("-TERM");
    feed.expect("stopping after this pass");
    feed.signal("-INT");
    assert_eq!(feed.code(), 130);
}

#[test]
fn once_makes_one_pass_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = config(&folder, SAMPLES);
    let path = path.to_str().unwrap();
    let run = flowq(&["feed", "--once", "--config", path]).expect(0);
    assert_eq!(run.out, "");
    let passes: Vec<&str> = run.err.lines().filter(|line| line.contains("pass done")).collect();
    assert_eq!(passes.len(), 1, "{}", run.err);
    assert!(
        passes[0]
            .contains(&format!("objects={SAMPLE_OBJECTS} records={SAMPLE_RECORDS} malformed=0"))
    );
}

#[test]
fn what_is_wrong_at_the_start_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = format!(
        "sources = [\"sample-logs/AWSLogs\"]\n[metrics]\nlisten = \"{}\"\n",
        taken.local_addr().unwrap()
    );
    let cases = [
        ("", 3, "no flow logs named"),
        ("[metrics]\nemf = \"-\"\nput-metric-data = true\n", 3, "count everything twice"),
        (busy.as_str(), 3, "hint: another process listens there"),
    ];
    for (text, code, said) in cases {
        let path = config(&folder, text);
        let run = flowq(&["feed", "--config", path.to_str().unwrap()]).expect(code);
        assert!(run.err.contains(said), "{}", run.err);
    }
    let path = config(&folder, "sources = [\"no/such/folder\"]\n");
    let run = flowq(&["feed", "--once", "--config", path.to_str().unwrap()]).expect(4);
    assert!(run.err.contains("no/such/folder"), "{}", run.err);
}

/// Runs passes without a pause and expects the memory to stay where it was after the first ones.
fn soak(warm: f64, passes: f64, growth_max: f64) {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    fs::create_dir(&logs).unwrap();
    let text = SAMPLES.replace("\"sample-logs/AWSLogs\"", &format!("{logs:?}"));
    let path = config(&folder, &format!("{text}[feed]\ninterval = \"0s\"\n"));
    let log = fs::read("sample-logs/formats/v2-default.log").unwrap();
    let mut delivered = 0;
    let mut deliver = || {
        delivered += 1;
        fs::write(folder.path().join("incoming"), &log).unwrap();
        let object = logs.join(format!("{delivered}.log"));
        fs::rename(folder.path().join("incoming"), object).unwrap();
    };
    deliver();
    let mut feed = Feed::start(&path, |_| {});
    let served = feed.expect("metrics are served");
    let address: SocketAddr = served["address"].as_str().unwrap().parse().unwrap();
    let (mut done, mut first) = (0.0, None);
    while done < passes {
        deliver();
        feed.expect("pass done");
        let metrics = get(address, "/metrics");
        done = value(&metrics, "flowq_passes_total{outcome=\"ok\"}");
        let memory = value(&metrics, "process_resident_memory_bytes");
        let files = value(&metrics, "process_open_fds");
        if done >= warm && first.is_none() {
            first = Some((memory, files));
        }
        if done % 50.0 == 0.0 || done >= passes {
            println!("{done} passes: {:.1} MiB, {files} open files", memory / 1_048_576.0);
        }
        if let Some((memory_first, files_first)) = first {
            let grown = memory - memory_first;
            assert!(grown < growth_max, "{grown} bytes more after {done} passes than after {warm}");
            assert!(files < files_first + 32.0, "{files} open files after {done} passes");
        }
    }
    feed.signal("-TERM");
    assert_eq!(feed.code(), 0);
}

#[test]
fn memory_does_not_grow_with_the_passes() {
    soak(5.0, 16.0, 48e6);
}

/// More than a day of a feed with a pass a minute:
/// `cargo test --release --test it service::memory_does_not_grow_in_a_long_run -- --ignored --nocapture`
#[test]
#[ignore = "takes minutes"]
fn memory_does_not_grow_in_a_long_run() {
    soak(100.0, 1800.0, 64e6);
}
