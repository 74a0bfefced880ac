//! The loop with simulated passes and signals.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;

use tempfile::TempDir;

use super::*;
use crate::cli::session;

/// What a pass does.
enum Act {
    /// It succeeds, and leaves so much for the next one.
    Succeed(u64),
    Fail(Exit),
    /// It succeeds and says so beside it.
    Warn(&'static str),
    /// It asks the service for something, and goes on for so long.
    Ask(&'static [Event], Duration),
}

/// Passes as they are written down; after the last one the service is stopped.
struct Script {
    acts: VecDeque<Act>,
    sender: mpsc::Sender<Event>,
    /// The interval of the configuration at each pass.
    intervals: Vec<Duration>,
    ended: Rc<Cell<bool>>,
    dropped: Rc<Cell<bool>>,
}

/// Tells that a pass was dropped before its end.
struct Guard(Rc<Cell<bool>>, bool);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.set(self.0.get() || !self.1);
    }
}

impl Worker for Script {
    fn check(&self, config: &Config) -> Result<(), Failure> {
        match config.sources.iter().any(|source| source == "wrong") {
            true => Err(Failure::new(Exit::Config, anyhow!("a wrong source")).with_hint("none")),
            false => Ok(()),
        }
    }

    async fn pass(&mut self, config: &Config, _now: i64) -> Result<Report, Failure> {
        self.intervals.push(config.feed.interval);
        let mut guard = Guard(Rc::clone(&self.dropped), false);
        let act = self.acts.pop_front();
        if self.acts.is_empty() {
            self.sender.send(Event::Stop).await.unwrap();
        }
        let mut report = Report::default();
        report.pass.objects = 1;
        let result = match act {
            None => Ok(report),
            Some(Act::Succeed(waiting)) => {
                report.pass.waiting = waiting;
                Ok(report)
            }
            Some(Act::Fail(exit)) => Err(Failure::new(exit, anyhow!("no luck"))),
            Some(Act::Warn(warning)) => {
                report.warnings.push(warning.to_owned());
                Ok(report)
            }
            Some(Act::Ask(events, last)) => {
                for event in events {
                    self.sender.send(*event).await.unwrap();
                }
                tokio::time::sleep(last).await;
                Ok(report)
            }
        };
        guard.1 = true;
        result
    }

    async fn end(&mut self) {
        self.ended.set(true);
    }
}

struct Trial {
    service: Service,
    script: Script,
    folder: TempDir,
}

const LONG: Duration = Duration::from_secs(3600);

impl Trial {
    fn new(acts: Vec<Act>, config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flowq.toml");
        fs::write(&path, config).unwrap();
        let (sender, events) = mpsc::channel(16);
        let config = session::config(Some(&path)).unwrap();
        let options = Options {
            config: Some(path),
            once: false,
            log: log::Format::Text,
            started: 1_773_133_000,
        };
        let service = Service {
            log: Log::new(log::Format::Text),
            options,
            config,
            notify: Notify::default(),
            outlets: Exporters::new(Arc::default(), 1_773_133_000),
            events,
            grace: Duration::from_millis(20),
            pace: Backoff::default(),
            last_warnings: BTreeSet::new(),
            unsent: None,
            succeeded: false,
            clock: || 1_773_133_200,
        };
        let script = Script {
            acts: acts.into(),
            sender,
            intervals: Vec::new(),
            ended: Rc::default(),
            dropped: Rc::default(),
        };
        Self { service, script, folder }
    }

    /// Keeps standing by: without it the events would end.
    async fn run(&mut self) -> Result<Exit, Failure> {
        self.service.serve(&mut self.script).await
    }

    fn passes(&self) -> usize {
        self.script.intervals.len()
    }

    fn metric(&self, line: &str) -> bool {
        self.service.outlets.metrics.encode(false).lines().any(|found| found == line)
    }

    fn configure(&self, text: &str) {
        fs::write(self.folder.path().join("flowq.toml"), text).unwrap();
    }
}

#[tokio::test]
async fn passes_go_on_through_failures_until_a_signal() {
    let acts = vec![Act::Succeed(3), Act::Succeed(0), Act::Fail(Exit::Config), Act::Succeed(0)];
    let mut trial = Trial::new(acts, "[feed]\ninterval = \"0s\"");
    // The wait after the failure is no longer than a second.
    assert_eq!(trial.run().await.unwrap(), Exit::Fine);
    assert_eq!(trial.passes(), 4);
    assert!(trial.metric("flowq_passes_total{outcome=\"ok\"} 3"));
    assert!(trial.metric("flowq_passes_total{outcome=\"failed\"} 1"));
    assert!(!trial.script.dropped.get());
}

#[tokio::test]
async fn what_waits_is_read_at_once() {
    let acts = vec![Act::Succeed(3), Act::Succeed(2), Act::Succeed(0)];
    let mut trial = Trial::new(acts, "[feed]\ninterval = \"1h\"");
    assert_eq!(trial.run().await.unwrap(), Exit::Fine);
    assert_eq!(trial.passes(), 3);
}

#[tokio::test]
async fn once_ends_when_nothing_waits_or_a_pass_fails() {
    let mut trial = Trial::new(vec![Act::Succeed(3), Act::Succeed(0), Act::Succeed(0)], "");
    trial.service.options.once = true;
    assert_eq!(trial.run().await.unwrap(), Exit::Fine);
    assert_eq!(trial.passes(), 2);
    let mut trial = Trial::new(vec![Act::Fail(Exit::Input), Act::Succeed(0)], "");
    trial.service.options.once = true;
    assert_eq!(trial.run().await.unwrap_err().exit, Exit::Input);
    assert_eq!(trial.passes(), 1);
}

#[tokio::test]
async fn once_does_not_listen() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = format!("[metrics]\nlisten = \"{}\"", taken.local_addr().unwrap());
    let mut trial = Trial::new(vec![Act::Succeed(0)], &config);
    trial.service.options.once = true;
    assert_eq!(trial.run().await.unwrap(), Exit::Fine);
    let mut trial = Trial::new(vec![Act::Succeed(0)], &config);
    assert_eq!(trial.run().await.unwrap_err().exit, Exit::Config);
}

#[tokio::test]
async fn a_mistake_ends_the_service_at_its_start() {
    for exit in [Exit::Config, Exit::Usage] {
        let mut trial = Trial::new(vec![Act::Fail(exit), Act::Succeed(0)], "");
        assert_eq!(trial.run().await.unwrap_err().exit, exit);
    }
    let mut trial = Trial::new(vec![Act::Succeed(0)], "sources = [\"wrong\"]");
    assert_eq!(trial.run().await.unwrap_err().to_string(), "a wrong source\nhint: none");
    assert_eq!(trial.passes(), 0);
}

#[tokio::test]
async fn a_pass_in_flight_ends_in_its_grace_or_is_dropped() {
    let ask = |last| vec![Act::Ask(&[Event::Stop], last), Act::Succeed(0)];
    let mut trial = Trial::new(ask(Duration::from_millis(1)), "");
    trial.service.grace = LONG;
    assert_eq!(trial.run().await.unwrap(), Exit::Fine);
    assert_eq!(trial.passes(), 1);
    assert!(!trial.script.dropped.get());
    assert!(trial.metric("flowq_passes_total{outcome=\"ok\"} 1"));

    let mut trial = Trial::new(ask(LONG), "");
    assert_eq!(trial.run().await.unwrap(), Exit::Fine);
    assert!(trial.script.dropped.get());
    assert!(trial.metric("flowq_passes_total{outcome=\"stopped\"} 1"));
    assert!(trial.service.outlets.health.ready().is_err());

    let mut trial = Trial::new(ask(LONG), "");
    trial.service.options.once = true;
    assert_eq!(trial.run().await.unwrap(), Exit::Interrupted);
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let acts = vec![Act::Ask(&[Event::Stop, Event::Stop], LONG), Act::Succeed(0)];
    let mut trial = Trial::new(acts, "");
    trial.service.grace = LONG;
    assert_eq!(trial.run().await.unwrap_err().exit, Exit::Interrupted);
    assert!(trial.script.dropped.get());
}

#[tokio::test]
async fn a_new_configuration_is_taken_between_two_passes() {
    let acts = vec![Act::Ask(&[Event::Reload], Duration::ZERO), Act::Succeed(0)];
    let mut trial = Trial::new(acts, "[feed]\ninterval = \"0s\"");
    trial.configure("[feed]\ninterval = \"7s\"");
    trial.service.pace = Backoff::default();
    assert_eq!(trial.service.load(&trial.script).await.unwrap().0.feed.interval.as_secs(), 7);
    assert_eq!(trial.run().await.unwrap(), Exit::Fine);
    assert_eq!(trial.script.intervals, [Duration::ZERO, Duration::from_secs(7)]);
    assert!(trial.metric("flowq_config_reloads_total{outcome=\"ok\"} 1"));
}

#[tokio::test]
async fn a_wrong_configuration_is_refused_and_the_old_one_stays() {
    for wrong in ["[feed]\nintervall = \"7s\"", "sources = [\"wrong\"]", "not toml"] {
        let acts = vec![Act::Ask(&[Event::Reload], Duration::ZERO), Act::Succeed(0)];
        let mut trial = Trial::new(acts, "[feed]\ninterval = \"0s\"");
        trial.configure(wrong);
        assert_eq!(trial.run().await.unwrap(), Exit::Fine);
        assert_eq!(trial.script.intervals, [Duration::ZERO; 2], "{wrong}");
        assert!(trial.metric("flowq_config_reloads_total{outcome=\"refused\"} 1"));
    }
}

#[tokio::test]
async fn a_signal_ends_the_wait_between_two_passes() {
    let mut trial = Trial::new(vec![], "[feed]\ninterval = \"1h\"");
    trial.script.sender.send(Event::Reload).await.unwrap();
    // A reload in the wait begins a pass; the signal that the script sends then ends the next wait.
    let rest = trial.service.wait_for_next(&trial.script, LONG).await;
    assert!(matches!(rest, Next::Pass));
    trial.script.sender.send(Event::Stop).await.unwrap();
    let rest = trial.service.wait_for_next(&trial.script, LONG).await;
    assert!(matches!(rest, Next::End(Exit::Fine)));
}

#[tokio::test]
async fn the_address_of_the_metrics_follows_the_configuration() {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut outlets = Exporters::new(Arc::default(), 0);
    let config = MetricsConfig { listen: Some(any), ..MetricsConfig::default() };
    let change = outlets.prepare(&config).await.unwrap();
    let first = outlets.take(change).await.unwrap();
    TcpStream::connect(first).unwrap();
    // The same again changes nothing.
    let change = outlets.prepare(&config).await.unwrap();
    assert_eq!(outlets.take(change).await, None);
    TcpStream::connect(first).unwrap();
    // An address in use is refused, and the old server stays.
    let taken = std::net::TcpListener::bind(any).unwrap();
    let busy = MetricsConfig { listen: taken.local_addr().ok(), ..MetricsConfig::default() };
    let failure = outlets.prepare(&busy).await.unwrap_err();
    assert!(failure.to_string().contains("metrics cannot listen on 127.0.0.1:"), "{failure}");
    assert!(failure.hint.unwrap().contains("another process"));
    TcpStream::connect(first).unwrap();
    // No further pass is needed.
    let change = outlets.prepare(&MetricsConfig::default()).await.unwrap();
    assert_eq!(outlets.take(change).await, None);
    TcpStream::connect(first).unwrap_err();
}

#[tokio::test]
async fn embedded_metrics_are_added_pass_by_pass() {
    let acts = vec![Act::Succeed(1), Act::Succeed(1), Act::Succeed(0)];
    let mut trial = Trial::new(acts, "");
    let path = trial.folder.path().join("emf.log");
    trial.service.config.metrics.emf = Some(path.clone());
    trial.run().await.unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let read = lines.filter(|line| line["outcome"] == "read");
    // What each pass added, not the sum.
    let objects: Vec<f64> = read.map(|line| line["objects"].as_f64().unwrap()).collect();
    assert_eq!(objects, [1.0, 1.0, 1.0]);
}

#[tokio::test]
async fn metrics_that_cannot_be_sent_are_told_once_and_stop_nothing() {
    let mut trial = Trial::new(vec![Act::Succeed(1), Act::Succeed(0)], "");
    let folder = trial.folder.path().join("later");
    trial.service.config.metrics.emf = Some(folder.join("emf.log"));
    assert_eq!(trial.run().await.unwrap(), Exit::Fine);
    assert_eq!(trial.passes(), 2);
    assert!(trial.service.unsent.is_some());
    assert!(!trial.service.send().await, "it was told already");
    fs::create_dir(&folder).unwrap();
    assert!(!trial.service.send().await);
    assert_eq!(trial.service.unsent, None);
    // Nothing of the passes before was lost.
    assert!(fs::read_to_string(folder.join("emf.log")).unwrap().contains("\"objects\":2.0"));
    fs::remove_dir_all(&folder).unwrap();
    assert!(trial.service.send().await, "a new failure is news");
}

#[tokio::test]
async fn warnings_of_the_last_pass_alone_are_remembered() {
    let acts = (0..200).map(|at| Act::Warn(if at % 2 == 0 { "even" } else { "odd" })).collect();
    let mut trial = Trial::new(acts, "[feed]\ninterval = \"0s\"");
    trial.run().await.unwrap();
    assert_eq!(trial.passes(), 200);
    assert_eq!(trial.service.last_warnings.iter().collect::<Vec<_>>(), ["odd"]);
}

#[tokio::test]
async fn what_is_held_is_given_back_however_it_ends() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    for acts in [vec![Act::Succeed(0)], vec![Act::Fail(Exit::Config)]] {
        let mut trial = Trial::new(acts, "");
        let result = trial.run().await;
        let ended = Rc::clone(&trial.script.ended);
        trial.service.close(&mut trial.script).await;
        assert!(ended.get());
        seen.borrow_mut().push(result.is_ok());
    }
    assert_eq!(*seen.borrow(), [true, false]);
}
