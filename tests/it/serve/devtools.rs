//! A browser by the DevTools protocol over its standard input and output: no driver, no port.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::skip;

/// Names of the browser.
const NAMES: &[&str] = &["chromium", "chromium-browser", "google-chrome"];

/// How long a page may take to load.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one page. It ends with the test.
pub(super) struct Browser {
    child: Child,
    to: ChildStdin,
    from: ChildStdout,
    read: Vec<u8>,
    number: u64,
    session: String,
    /// What the page complained of: errors, and violations of its policy.
    pub(super) complaints: Vec<String>,
    _profile: TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Browser {
    /// Starts the browser. `None`: there is none, which only a machine without `CI` may lack.
    pub(super) fn start() -> Option<Self> {
        let is_there = |name: &&&str| {
            let mut version = Command::new(name);
            version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
            version.status().is_ok_and(|status| status.success())
        };
        let Some(name) = NAMES.iter().find(is_there) else {
            assert!(std::env::var_os("CI").is_none(), "no Chromium: apt-get install chromium");
            skip(
                "pages in a browser: there is no Chromium on this machine; apt-get install chromium",
            );
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let options = "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-proxy-server --no-first-run \
                       --hide-scrollbars --force-color-profile=srgb --remote-debugging-pipe";
        // The shell makes the two pipes those that the browser reads and writes.
        let line = format!(
            "exec {name} {options} --user-data-dir='{}' about:blank 3<&0 4>&1 </dev/null >/dev/null 2>/dev/null",
            profile.path().display()
        );
        let mut command = Command::new("sh");
        command.args(["-c", &line]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut browser = Self {
            child,
            to,
            from,
            read: Vec::new(),
            number: 0,
            session: String::new(),
            complaints: Vec::new(),
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let target = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.call("Target.attachToTarget", &target);
        browser.session = session["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page", "Runtime", "Log", "Accessibility"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        Some(browser)
    }

    /// Calls a method, and returns its result.
    #[track_caller]
    pub(super) fn call(&mut self, method: &str, params: &Value) -> Value {
        let mut answer = self.ask(method, params);
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].take()
    }

    /// Calls a method, and returns its answer: a result or an error.
    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.number += 1;
        let mut message = json!({ "id": self.number, "method": method, "params": params });
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let answer = self.message();
            if answer["id"] == self.number {
                return answer;
            }
            self.notice(&answer);
        }
    }

    fn message(&mut self) -> Value {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == 0) {
                let message: Vec<u8> = self.read.drain(..=end).collect();
                return serde_json::from_slice(&message[..end]).unwrap();
            }
            let mut chunk = [0; 1 << 16];
            let count = self.from.read(&mut chunk).unwrap();
            assert!(count > 0, "the browser ended");
            self.read.extend_from_slice(&chunk[..count]);
        }
    }

    fn notice(&mut self, event: &Value) {
        let params = &event["params"];
        let complaint = match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => params["exceptionDetails"].to_string(),
            Some("Log.entryAdded") if params["entry"]["level"] == "error" => {
                params["entry"].to_string()
            }
            Some("Runtime.consoleAPICalled") if params["type"] == "error" => {
                params["args"].to_string()
            }
            _ => return,
        };
        self.complaints.push(complaint);
    }

    /// Runs an expression in the page, and returns its value.
    #[track_caller]
    pub(super) fn run(&mut self, script: &str) -> Value {
        let params = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let mut result = self.call("Runtime.evaluate", &params);
        assert!(result["exceptionDetails"].is_null(), "{script}: {result}");
        result["result"]["value"].take()
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub(super) fn wait_for(&mut self, script: &str) {
        let begun = Instant::now();
        loop {
            // Between two pages there is nothing to ask.
            let params =
                json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
            if self.ask("Runtime.evaluate", &params)["result"]["result"]["value"] == true {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "never: {script}");
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Opens a page.
    #[track_caller]
    pub(super) fn open(&mut self, url: &str) {
        self.run("window.old = true");
        self.call("Page.navigate", &json!({ "url": url }));
        self.wait_for("window.old !== true && document.readyState === 'complete'");
    }

    /// Sets the width of the page and its colours.
    pub(super) fn show_as(&mut self, width: u32, height: u64, colours: &str) {
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", &size);
        let features =
            json!({ "features": [{ "name": "prefers-color-scheme", "value": colours }] });
        self.call("Emulation.setEmulatedMedia", &features);
    }

    /// Returns a picture of the page, as PNG.
    pub(super) fn picture(&mut self) -> Vec<u8> {
        let picture = self.call("Page.captureScreenshot", &json!({ "format": "png" }));
        decoded(picture["data"].as_str().unwrap())
    }
}

/// The bytes of base64.
fn decoded(text: &str) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        let value = LETTERS.iter().position(|known| *known == letter).unwrap();
        bits = bits << 6 | u32::try_from(value).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).unwrap());
        }
    }
    bytes
}
