//! Ctrl-C and SIGTERM end a query within a second or two, also one that computes without a pause.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{LOGS, command};

/// Queries that compute for minutes.
const ENDLESS: [&str; 4] = [
    "SELECT count(*) FROM flow_logs a, flow_logs b, flow_logs c WHERE a.bytes + b.bytes + c.bytes < 0",
    "SELECT count(*) FROM range(10000000) a, range(1000000) b WHERE a.value + b.value < 0",
    "SELECT max(a.value % b.value) FROM range(1, 1000000) a JOIN range(1, 1000000) b ON a.value < b.value",
    "SELECT a.value FROM range(3000000) a, range(1000) b ORDER BY sin(a.value * b.value) LIMIT 1",
];

/// Waits for the end, at most so long that a query that ignores signals fails the test.
fn ended(child: &mut Child) -> Option<i32> {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(20) {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

#[test]
fn every_query_ends_at_the_first_signal() {
    for (query, signal) in ENDLESS.iter().zip(["INT", "TERM", "INT", "TERM"]) {
        let mut child = command()
            .args(["sql", "-q", "-c", query, LOGS])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_secs(3));
        let pid = child.id().to_string();
        assert!(child.try_wait().unwrap().is_none(), "{query}: it ended by itself");
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
        assert_eq!(ended(&mut child), Some(130), "{query}");
    }
}
