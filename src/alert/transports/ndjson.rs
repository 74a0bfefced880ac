//! Writes alerts as JSON lines, to standard output or at the end of a file.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::alert::Alert;
use crate::alert::transports::{DeliveryError, DeliveryResult, ErrorKind, Transport};

/// The most alerts that are written at once.
const TOGETHER: usize = 100;

/// How every line begins.
const BEGINNING: &[u8] = b"{\"alert_id\":";

/// How long to wait before a FIFO that is full is tried again.
const FULL_PAUSE: Duration = Duration::from_millis(20);

/// The most bytes of a line that a crash may have left half written.
const HALF_LINE_MAX: u64 = 1 << 20;

/// Where an `ndjson` sink without a file writes to.
pub type Stdout = Arc<Mutex<dyn Write + Send>>;

/// Standard output.
pub(in crate::alert) struct Output(pub(in crate::alert) Stdout);

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Output")
    }
}

/// A file, opened by its name each time, so that it can be moved away.
#[derive(Debug)]
pub(in crate::alert) struct File {
    pub(in crate::alert) path: PathBuf,
    /// How long a FIFO may take nothing.
    pub(in crate::alert) timeout: Duration,
}

#[async_trait]
impl Transport for Output {
    fn batch_size(&self) -> usize {
        TOGETHER
    }

    async fn send(&self, alerts: &[Alert], _: i64) -> Vec<DeliveryResult> {
        let written = match lines(alerts) {
            Ok(lines) => {
                let out = Arc::clone(&self.0);
                // Nobody may read what is at its other end.
                let write = tokio::task::spawn_blocking(move || {
                    let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
                    out.write_all(&lines)?;
                    out.flush()
                });
                write.await.unwrap_or_else(|err| Err(io::Error::other(err)))
            }
            Err(error) => Err(error),
        };
        fates(alerts, written, "standard output")
    }
}

#[async_trait]
impl Transport for File {
    fn batch_size(&self) -> usize {
        TOGETHER
    }

    async fn send(&self, alerts: &[Alert], _: i64) -> Vec<DeliveryResult> {
        let written = match lines(alerts) {
            Ok(lines) => {
                let (path, timeout) = (self.path.clone(), self.timeout);
                let append = tokio::task::spawn_blocking(move || append(&path, &lines, timeout));
                append.await.unwrap_or_else(|err| Err(io::Error::other(err)))
            }
            Err(error) => Err(error),
        };
        fates(alerts, written, &self.path.display().to_string())
    }
}

fn lines(alerts: &[Alert]) -> io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for alert in alerts {
        serde_json::to_writer(&mut lines, alert)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

fn fates(alerts: &[Alert], written: io::Result<()>, name: &str) -> Vec<DeliveryResult> {
    let fate = written.map_err(|error| {
        use io::ErrorKind::{Interrupted, StorageFull, TimedOut};
        let passing = [StorageFull, Interrupted, TimedOut];
        let passing = passing.contains(&error.kind());
        let trouble = if passing { ErrorKind::Passing } else { ErrorKind::Closed };
        DeliveryError::new(trouble, format!("could not write to {name}: {error}"))
    });
    vec![fate; alerts.len()]
}

/// Appends whole lines: all of them are there afterwards, or none.
fn append(path: &Path, lines: &[u8], timeout: Duration) -> io::Result<()> {
    if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
        // A pipe or a terminal has no end to look at.
        return feed(path, lines, timeout);
    }
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    // Another flowq may write to it, too.
    file.lock()?;
    let end = mend(&mut file)?;
    let written = file.write_all(lines).and_then(|()| file.sync_data());
    if written.is_err() {
        // A disk that is full has taken some of it.
        file.set_len(end)?;
    }
    written
}

/// Writes to a FIFO, or to a device. What is written to a FIFO without a reader is lost, so there must be a
/// reader; and one that does not read delays no other sink.
fn feed(path: &Path, lines: &[u8], timeout: Duration) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    let mut pipe = options.open(path).map_err(|error| match error.raw_os_error() {
        #[cfg(unix)]
        Some(libc::ENXIO) => {
            io::Error::new(io::ErrorKind::NotConnected, "no process reads from it")
        }
        _ => error,
    })?;
    let (mut left, mut last) = (lines, Instant::now());
    while !left.is_empty() {
        match pipe.write(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                left = left.get(count..).unwrap_or_default();
                last = Instant::now();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if last.elapsed() >= timeout {
                    let what = format!("nothing was read from it for {} s", timeout.as_secs());
                    return Err(io::Error::new(io::ErrorKind::TimedOut, what));
                }
                std::thread::sleep(FULL_PAUSE);
            }
            Err(error) => return Err(error),
        }
    }
    pipe.flush()
}

/// Ends the last line of a file if it has no line end. A half alert, which a crash left behind and which is sent again,
/// is cut off; whatever else it is gets its line end. Returns the size of the file.
fn mend(file: &mut std::fs::File) -> io::Result<u64> {
    let size = file.metadata()?.len();
    let from = size.saturating_sub(HALF_LINE_MAX);
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    (&*file).take(HALF_LINE_MAX).read_to_end(&mut tail)?;
    if tail.last().is_none_or(|last| *last == b'\n') {
        return Ok(size);
    }
    let start = memchr::memrchr(b'\n', &tail).map_or(0, |at| at + 1);
    let half = &tail[start..];
    let is_ours = half.starts_with(BEGINNING) || BEGINNING.starts_with(half);
    if is_ours && (start > 0 || from == 0) {
        let size = from + start as u64;
        file.set_len(size)?;
        return Ok(size);
    }
    file.write_all(b"\n")?;
    Ok(size + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[cfg(unix)]
    #[tokio::test]
    async fn a_fifo_that_nobody_reads_keeps_the_alerts_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        if !made.is_ok_and(|status| status.success()) {
            return;
        }
        let sink = File { path: path.clone(), timeout: Duration::from_millis(50) };
        let alerts = [Alert::sample(0)];
        let fate = sink.send(&alerts, 0).await.remove(0).unwrap_err();
        assert_eq!(fate.trouble, ErrorKind::Closed);
        assert!(fate.reason.ends_with("no process reads from it"), "{}", fate.reason);
        // Opened for both, it does not wait for a writer.
        let mut reader = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        assert_eq!(sink.send(&alerts, 0).await, [Ok(())]);
        let mut beginning = [0; BEGINNING.len()];
        reader.read_exact(&mut beginning).unwrap();
        assert_eq!(beginning, BEGINNING);
        // A reader that stopped reading.
        let full = vec![b'x'; 1 << 20];
        let error = feed(&path, &full, Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    fn appended(before: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.ndjson");
        std::fs::write(&path, before).unwrap();
        append(&path, b"{\"alert_id\":\"new\"}\n", SECOND).unwrap();
        std::fs::read_to_string(&path).unwrap()
    }

    #[test]
    fn a_line_is_never_glued_to_a_half_one() {
        let new = "{\"alert_id\":\"new\"}\n";
        for (before, complete) in [
            ("", ""),
            ("{\"alert_id\":\"1\"}\n", "{\"alert_id\":\"1\"}\n"),
            ("{\"alert_id\":\"1\"}\n{\"alert_id\":\"2", "{\"alert_id\":\"1\"}\n"),
            ("{\"alert_id\":\"1\"}\n{\"al", "{\"alert_id\":\"1\"}\n"),
            ("{\"alert_id\":\"2", ""),
            ("notes of somebody", "notes of somebody\n"),
        ] {
            assert_eq!(appended(before.as_bytes()), format!("{complete}{new}"), "{before:?}");
        }
        let long = [b"{\"alert_id\":\"".to_vec(), vec![b'x'; 3 << 20]].concat();
        assert!(appended(&long).ends_with(&format!("x\n{new}")), "what is no alert of ours stays");
    }

    #[tokio::test]
    async fn a_file_that_was_moved_away_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (path, old) = (folder.path().join("a.ndjson"), folder.path().join("a.1"));
        let sink = File { path: path.clone(), timeout: SECOND };
        let alerts = [Alert::sample(0)];
        assert_eq!(sink.send(&alerts, 0).await, [Ok(())]);
        std::fs::rename(&path, &old).unwrap();
        assert_eq!(sink.send(&alerts, 0).await, [Ok(())]);
        let line = std::fs::read(&path).unwrap();
        assert!(line.starts_with(BEGINNING) && line.ends_with(b"\n"));
        assert_eq!(line, std::fs::read(&old).unwrap());
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_keeps_the_alerts_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let sink = File { path: folder.path().join("gone/a.ndjson"), timeout: SECOND };
        let fate = sink.send(&[Alert::sample(0)], 0).await.remove(0).unwrap_err();
        assert_eq!(fate.trouble, ErrorKind::Closed);
        assert!(fate.reason.contains("gone/a.ndjson"), "{}", fate.reason);
    }
}
