//! Options of a pass, and its report.

use std::fmt;
use std::sync::Arc;

use crate::engine::{MalformedSink, Resources};
use crate::flow::{Limits, LogFormat};
use crate::source;
use crate::source::Source;
use crate::source::progress::Progress;
use crate::state::PassRecord;
use crate::time::Window;

/// How late an object or an event may come and still be found by listing: 7 days.
pub const LATENESS_SECS: i64 = 7 * 86_400;

/// Makes the sources, for one listing; `now` is in Unix seconds.
pub type Opener = dyn Fn(i64) -> Result<Arc<dyn Source>, source::Error> + Send + Sync;

/// Told of each step before it is taken, for tests that end the process there.
pub type StepHook = dyn Fn(&'static str) + Send + Sync;

/// How passes are made.
#[derive(Clone)]
pub struct Options {
    /// The sources, as they were named.
    pub sources: Vec<String>,
    /// The objects to take in, by their names. What is in one of them is taken in whole.
    pub window: Window,
    /// How long before now an object may end and still be listed, where [`Options::window`] does not say
    /// since when. Seconds.
    pub lateness_secs: i64,
    /// Bytes of one pass, as stored, give or take an object.
    pub pass_bytes: u64,
    /// Objects of one pass.
    pub pass_objects: usize,
    /// Format of records that come without a header.
    pub stated: Option<LogFormat>,
    /// Whether the first malformed line or unreadable object ends the pass.
    pub strict: bool,
    /// Where every malformed line goes.
    pub malformed: Option<Arc<MalformedSink>>,
    /// Caps on what untrusted bytes may cost.
    pub limits: Limits,
    /// What may be used of the machine.
    pub resources: Resources,
    /// Told what was read so far.
    pub progress: Arc<Progress>,
    /// Told of each step.
    pub steps: Option<Arc<StepHook>>,
}

impl Options {
    /// Takes in all that the sources have, in passes of 256 MiB.
    pub fn new(sources: Vec<String>, resources: Resources) -> Self {
        Self {
            sources,
            window: Window::default(),
            lateness_secs: LATENESS_SECS,
            pass_bytes: 256 << 20,
            pass_objects: 10_000,
            stated: None,
            strict: false,
            malformed: None,
            limits: Limits::default(),
            resources,
            progress: Arc::new(Progress::default()),
            steps: None,
        }
    }

    pub(super) fn step(&self, name: &'static str) {
        if let Some(steps) = &self.steps {
            steps(name);
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("sources", &self.sources).finish_non_exhaustive()
    }
}

/// What a pass did.
#[derive(Debug, Clone)]
pub struct PassReport {
    /// Its entry in the ledger.
    pub pass: PassRecord,
    /// Objects of the same listing that no pass has read yet.
    pub left: usize,
    /// What the sources want the user to know.
    pub notes: Vec<String>,
}
