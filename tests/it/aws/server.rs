//! The emulator: installed once, started once a test process, gone with it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_credential_types::Credentials;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::support::{self, Run};

const REQUIREMENTS: &str = include_str!("requirements.txt");

/// AWS's own example key.
const KEY: [&str; 2] = ["AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"];

pub(crate) const REGION: &str = "us-east-1";

/// The account that the emulator takes every call for.
pub(crate) const ACCOUNT: &str = "123456789012";

/// An emulator of AWS that ends with the test process.
pub(crate) struct Server {
    url: String,
    python: PathBuf,
    /// Holds the pipe whose end ends the emulator.
    _child: Child,
}

/// One call that reached the emulator.
#[derive(Debug, Clone, serde::Deserialize)]
pub(crate) struct Call {
    /// AWS's name of it: `ListObjectsV2`, `ReceiveMessage`.
    pub(crate) operation: String,
    /// Path and query, as sent.
    pub(crate) path: String,
    /// The body, where it is JSON or a form.
    pub(crate) body: String,
}

/// Returns the emulator of this test process, started at the first call.
pub(crate) fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::start)
}

/// Runs a future to its end.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    runtime().block_on(future)
}

pub(super) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().unwrap())
}

/// Returns a name for a bucket, queue or group that no other test has.
pub(crate) fn unique(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// `flowq`, whose AWS is at `url`, with nothing of the surroundings' own AWS.
pub(crate) fn command_at(url: &str) -> Command {
    let mut command = support::command();
    isolate(&mut command, url);
    command
}

/// Runs `flowq`, whose AWS is at `url`.
pub(crate) fn flowq_at<S: AsRef<OsStr>>(url: &str, args: &[S]) -> Run {
    support::run(&command_at(url).args(args).stdin(Stdio::null()).output().unwrap())
}

impl Server {
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Runs `flowq` against the emulator.
    pub(crate) fn flowq<S: AsRef<OsStr>>(&self, args: &[S]) -> Run {
        flowq_at(&self.url, args)
    }

    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        s3_at(&self.url)
    }

    pub(crate) fn logs(&self) -> aws_sdk_cloudwatchlogs::Client {
        let config = aws_sdk_cloudwatchlogs::Config::builder()
            .behavior_version_latest()
            .region(aws_sdk_cloudwatchlogs::config::Region::new(REGION))
            .credentials_provider(credentials())
            .endpoint_url(&self.url);
        aws_sdk_cloudwatchlogs::Client::from_conf(config.build())
    }

    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version_latest()
            .region(aws_sdk_sqs::config::Region::new(REGION))
            .credentials_provider(credentials())
            .endpoint_url(&self.url);
        aws_sdk_sqs::Client::from_conf(config.build())
    }

    /// Runs Python with boto3, for the services that flowq has no SDK of. `args` are in `sys.argv[1:]`;
    /// `boto3`, `json` and `sys` are imported. What the script prints is read as JSON.
    #[track_caller]
    pub(crate) fn python(&self, script: &str, args: &[&str]) -> Value {
        let mut command = Command::new(&self.python);
        isolate(&mut command, &self.url);
        let script = format!("import boto3, json, sys\n{script}");
        let output = command.arg("-c").arg(script).args(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "python failed: {said}");
        match output.stdout.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(&output.stdout).unwrap(),
        }
    }

    /// Returns the calls so far that name `about` in their path or body, oldest first.
    pub(crate) fn calls(&self, about: &str) -> Vec<Call> {
        let script = "
import os, urllib.parse, urllib.request
about = urllib.parse.urlencode({'about': sys.argv[1]})
url = os.environ['AWS_ENDPOINT_URL'] + '/_test/calls?' + about
print(urllib.request.urlopen(url).read().decode())";
        serde_json::from_value(self.python(script, &[about])).unwrap()
    }

    /// Returns how many calls of one operation name `about`.
    pub(crate) fn count(&self, operation: &str, about: &str) -> usize {
        self.calls(about).iter().filter(|call| call.operation == operation).count()
    }

    fn start() -> Self {
        let python = install();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/aws");
        let errors = home().join("emulator.log");
        let mut command = Command::new(&python);
        isolate(&mut command, "http://127.0.0.1");
        let mut child = command
            .arg(folder.join("emulator.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&errors).unwrap())
            .spawn()
            .unwrap();
        let mut port = String::new();
        // It prints the port once it listens.
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let port: u16 = port.trim().parse().unwrap_or_else(|_| {
            panic!("the emulator did not start: {}", fs::read_to_string(&errors).unwrap())
        });
        Self { url: format!("http://127.0.0.1:{port}"), python, _child: child }
    }
}

/// A client of S3 at `url`: the emulator, or a proxy before it.
pub(crate) fn s3_at(url: &str) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version_latest()
        .region(aws_sdk_s3::config::Region::new(REGION))
        .credentials_provider(credentials())
        .force_path_style(true)
        .endpoint_url(url);
    aws_sdk_s3::Client::from_conf(config.build())
}

fn credentials() -> Credentials {
    Credentials::new(KEY[0], KEY[1], None, None, "tests")
}

/// Takes away what the surroundings say of AWS and proxies, and sets the emulator's own.
fn isolate(command: &mut Command, url: &str) {
    for (name, _) in std::env::vars_os() {
        let upper = name.to_string_lossy().to_uppercase();
        if upper.starts_with("AWS_") || upper.ends_with("_PROXY") {
            command.env_remove(name);
        }
    }
    command
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_ACCESS_KEY_ID", KEY[0])
        .env("AWS_SECRET_ACCESS_KEY", KEY[1])
        .env("AWS_REGION", REGION)
        .env("AWS_DEFAULT_REGION", REGION)
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("PYTHONPATH", packages());
}

/// Where the emulator lives: below the build, so that `cargo clean` takes it away.
fn home() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("aws-emulator")
}

/// Where packages lie on a machine whose Python makes no environments of its own.
fn packages() -> PathBuf {
    home().join("packages")
}

/// Installs what the emulator needs, unless that was done before, and returns the Python to run it with.
fn install() -> PathBuf {
    fs::create_dir_all(home()).unwrap();
    // Another test process may be at it.
    let lock = File::create(home().join("lock")).unwrap();
    lock.lock().unwrap();
    let (marker, venv) = (home().join("installed.txt"), home().join("venv"));
    let own = venv.join("bin/python");
    let system = PathBuf::from("python3");
    if fs::read_to_string(&marker).is_ok_and(|text| text == REQUIREMENTS) {
        return if own.exists() { own } else { system };
    }
    for left in [&venv, &packages()] {
        if left.exists() {
            fs::remove_dir_all(left).unwrap();
        }
    }
    let requirements = home().join("requirements.txt");
    fs::write(&requirements, REQUIREMENTS).unwrap();
    let pip = |python: &Path| {
        let mut command = Command::new(python);
        command.args(["-m", "pip", "install", "--disable-pip-version-check", "--quiet", "-r"]);
        command.arg(&requirements);
        command
    };
    let made = Command::new(&system).args(["-m", "venv"]).arg(&venv).output();
    let made = made.unwrap_or_else(|error| panic!("the tests of AWS need python3: {error}"));
    let python = if made.status.success() {
        run("pip", &mut pip(&own));
        own
    } else {
        // Debian splits `ensurepip` off.
        drop(fs::remove_dir_all(&venv));
        run("pip", pip(&system).arg("--target").arg(packages()));
        system
    };
    File::create(&marker).unwrap().write_all(REQUIREMENTS.as_bytes()).unwrap();
    python
}

fn run(what: &str, command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what} could not install the emulator of AWS: {said}");
}
