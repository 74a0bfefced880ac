//! A server that runs, and a client that sends what a test wants, right or wrong.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::command;

/// How long to wait for what must come.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// The token of the servers of tests.
pub(super) const TOKEN: &str = "a-token-of-the-tests-that-is-long-enough";

/// A server, and what it printed. It ends with the test.
pub(super) struct Server {
    child: Child,
    out: BufReader<ChildStdout>,
    /// The URL that it printed.
    pub(super) url: String,
    pub(super) address: SocketAddr,
    _folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already, if the test stopped it.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Server {
    /// Starts a server with a token.
    pub(super) fn start(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        fs::write(&file, format!("{TOKEN}\n")).unwrap();
        let token = ["--token-file", file.to_str().unwrap()];
        Self::spawn(&[args, &token].concat(), folder)
    }

    /// Starts a server whose link is good for one browser.
    pub(super) fn start_with_link(args: &[&str]) -> Self {
        Self::spawn(args, tempfile::tempdir().unwrap())
    }

    fn spawn(args: &[&str], folder: TempDir) -> Self {
        let mut command = command();
        command.arg("serve").args(args).args(["--quiet", "--listen", "127.0.0.1:0"]);
        // It is not read; a pipe would fill up.
        command.stderr(std::process::Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut url = String::new();
        out.read_line(&mut url).unwrap();
        let url = url.trim().to_owned();
        let address = url.strip_prefix("http://").and_then(|rest| rest.split('/').next());
        let address = address.unwrap_or_else(|| panic!("no URL: {url}")).parse().unwrap();
        Self { child, out, url, address, _folder: folder }
    }

    /// Reads the next line that it prints.
    pub(super) fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// Waits until the sources are read.
    pub(super) fn ready(self) -> Self {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let answer = self.get("/version");
            if answer.status == 200 && answer.json()["version"].is_string() {
                return self;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("the sources were not read");
    }

    /// Asks with the token.
    pub(super) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[("Authorization", &format!("Bearer {TOKEN}"))], "")
    }

    /// Asks with these headers.
    pub(super) fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            request.push_str(&format!("Host: {}\r\n", self.address));
        }
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            let kind = "application/x-www-form-urlencoded";
            request
                .push_str(&format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len()));
        }
        self.send(&format!("{request}\r\n{body}"))
    }

    /// Sends bytes, and reads the answer to its end.
    pub(super) fn send(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        // An answer may be cut off, which its reader sees by its chunks.
        drop(stream.read_to_end(&mut bytes));
        Answer::read(&bytes)
    }

    /// Sends SIGTERM, and returns the exit code.
    pub(super) fn stop(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(
            std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success()
        );
        self.child.wait().unwrap().code()
    }
}

/// An answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
    /// Whether the body came to its end.
    pub(super) is_whole: bool,
}

impl Answer {
    fn read(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let rest = bytes.get(end + 4..).unwrap_or_default();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        let is_chunked = head.to_lowercase().contains("transfer-encoding: chunked");
        let (body, is_whole) = if is_chunked { unchunked(rest) } else { (rest.to_vec(), true) };
        Self { status, head, body, is_whole }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut found = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value)
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The rows of a section.
    #[track_caller]
    pub(super) fn rows(&self, section: &str) -> Vec<Value> {
        let page = self.json();
        page["sections"][section]["rows"].as_array().unwrap_or_else(|| panic!("{page}")).clone()
    }
}

/// The content of chunks, and whether the last one came.
fn unchunked(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut content = Vec::new();
    loop {
        let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") else {
            return (content, false);
        };
        let size = usize::from_str_radix(&String::from_utf8_lossy(&bytes[..end]), 16).unwrap_or(0);
        bytes = &bytes[end + 2..];
        if size == 0 {
            return (content, true);
        }
        let Some(chunk) = bytes.get(..size) else { return (content, false) };
        content.extend_from_slice(chunk);
        bytes = bytes.get(size + 2..).unwrap_or_default();
    }
}
