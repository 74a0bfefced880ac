//! A progress line on a terminal's stderr, for work that takes longer than a second.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval_at};

use crate::cli::args::ACCOUNT;
use crate::cli::messages;
use crate::source::progress::{Counts, Progress};

/// How long work may take before it shows its progress, and how often that is drawn anew.
const DELAY: Duration = Duration::from_secs(1);
const REDRAW: Duration = Duration::from_millis(200);

/// The progress line of one command. Dropped, it is wiped from the terminal.
pub(crate) struct ProgressLine {
    bar: ProgressBar,
    task: JoinHandle<()>,
}

impl ProgressLine {
    /// Starts to show counters. `None` when `quiet`, or when stderr is not a terminal.
    ///
    /// Must be called within a tokio runtime.
    pub(crate) fn start(progress: Arc<Progress>, quiet: bool) -> Option<Self> {
        if quiet || !std::io::stderr().is_terminal() {
            return None;
        }
        let bar = ProgressBar::hidden();
        let drawn = bar.clone();
        let started = Instant::now();
        let task = tokio::spawn(async move {
            let mut ticks = interval_at(tokio::time::Instant::now() + DELAY, REDRAW);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            loop {
                ticks.tick().await;
                if drawn.is_hidden() {
                    drawn.set_draw_target(indicatif::ProgressDrawTarget::stderr());
                    drawn.set_style(ProgressStyle::default_spinner());
                }
                drawn.set_message(line(&progress.counts(), started.elapsed()));
                drawn.tick();
            }
        });
        Some(Self { bar, task })
    }
}

/// How long a remote source may be silent before a message says so.
const SILENCE: Duration = Duration::from_secs(4);

/// Says once that nothing came yet from places that are not on this machine. Dropped, it says nothing.
pub(crate) struct Waiting {
    task: Option<JoinHandle<()>>,
}

impl Waiting {
    /// Starts to wait for the first bytes of places, as they are named on the command line.
    ///
    /// Must be called within a tokio runtime.
    pub(crate) fn start(
        places: impl Iterator<Item = impl AsRef<str>>,
        endpoint: Option<&str>,
        progress: Arc<Progress>,
        quiet: bool,
    ) -> Self {
        let text = silence(places, endpoint).filter(|_| !quiet);
        let task = text.map(|text| {
            tokio::spawn(async move {
                tokio::time::sleep(SILENCE).await;
                let counts = progress.counts();
                if counts.bytes_read == 0 && counts.objects_done == 0 {
                    messages::line(&text);
                }
            })
        });
        Self { task }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.task.iter().for_each(JoinHandle::abort);
    }
}

/// The message about sources that do not answer. `None`: all are on this machine.
fn silence(
    places: impl Iterator<Item = impl AsRef<str>>,
    endpoint: Option<&str>,
) -> Option<String> {
    let far = |place: &String| place.contains("://") || place == ACCOUNT;
    let far: Vec<String> = places.map(|place| place.as_ref().to_owned()).filter(far).collect();
    let at = endpoint.map_or_else(String::new, |url| format!(" at {url}"));
    let secs = SILENCE.as_secs();
    (!far.is_empty()).then(|| {
        format!(
            "flowq: no answer after {secs} s from {}{at}: retrying; Ctrl-C stops it",
            far.join(", ")
        )
    })
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.task.abort();
        self.bar.finish_and_clear();
    }
}

/// Returns one line: objects, bytes, share, records, rate.
fn line(counts: &Counts, elapsed: Duration) -> String {
    let Counts { bytes_read, bytes_total, records, objects_done, objects_total } = *counts;
    let mut text = match objects_total {
        0 => String::new(),
        total => format!("{} of {} objects, ", HumanCount(objects_done), HumanCount(total)),
    };
    text += &HumanBytes(bytes_read).to_string();
    // What is read may exceed what was listed: a file that grows, or standard input.
    if bytes_total >= bytes_read && bytes_total > 0 {
        let percent = 100.0 * bytes_read as f64 / bytes_total as f64;
        text += &format!(" of {} ({percent:.0} %)", HumanBytes(bytes_total));
    }
    let rate = (records as f64 / elapsed.as_secs_f64().max(0.001)) as u64;
    text + &format!(", {} records, {} records/s", HumanCount(records), HumanCount(rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_objects_bytes_records_and_rate() {
        let progress = Progress::default();
        progress.add_listed(10, 4096);
        progress.add_bytes(1024);
        progress.add_object();
        progress.add_records(3_000_000);
        assert_eq!(
            line(&progress.counts(), Duration::from_secs(2)),
            "1 of 10 objects, 1.00 KiB of 4.00 KiB (25 %), 3,000,000 records, 1,500,000 records/s"
        );
    }

    #[test]
    fn standard_input_has_no_total() {
        let progress = Progress::default();
        progress.add_bytes(2048);
        assert_eq!(line(&progress.counts(), Duration::ZERO), "2.00 KiB, 0 records, 0 records/s");
    }

    #[test]
    fn only_places_elsewhere_are_waited_for() {
        let places = ["logs/", "s3://b/AWSLogs/", "aws"];
        assert_eq!(
            silence(places.iter(), Some("http://127.0.0.1:9")).unwrap(),
            "flowq: no answer after 4 s from s3://b/AWSLogs/, aws at http://127.0.0.1:9: retrying; Ctrl-C \
             stops it"
        );
        assert_eq!(silence(places[..1].iter(), None), None);
    }

    #[tokio::test]
    async fn nothing_is_shown_when_quiet() {
        assert!(ProgressLine::start(Arc::default(), true).is_none());
    }
}
