//! A pass: list what is new, read it, write it to the lake, publish, and only then move the checkpoint.
//!
//! A pass is published by one write, that of its record (`state`). Before it, what the pass wrote does not
//! count and is deleted by the next runner; after it, the next runner applies what is left to apply: the
//! commits of the lake's tables, which know which pass they are at, and the checkpoint.

mod names;
mod object_loader;
mod row_removal;
mod runner;
mod selected_source;
mod selection;
mod verification;

use std::fmt;
use std::sync::Arc;

use datafusion::common::DataFusionError;
pub use runner::Runner;
pub use selected_source::SelectedSource;
pub use verification::{Discrepancy, VerificationResult, verify};

use crate::engine::{MalformedSink, Resources};
use crate::flow::{Limits, LogFormat};
use crate::source::Source;
use crate::source::progress::Progress;
use crate::state::PassRecord;
use crate::time::Window;
use crate::{lake, source, state, storage};

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

    fn step(&self, name: &'static str) {
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

/// Why a pass was not made. Nothing of it counts.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state cannot be used.
    #[error(transparent)]
    State(#[from] state::Error),
    /// The lake cannot be used.
    #[error(transparent)]
    Lake(#[from] lake::Error),
    /// A place cannot be used.
    #[error(transparent)]
    Store(#[from] storage::Error),
    /// The sources cannot be listed, or not told what became of their objects.
    #[error(transparent)]
    Source(#[from] source::Error),
    /// Objects cannot be read at all.
    #[error("could not read the flow logs")]
    Engine(#[from] DataFusionError),
    /// An object cannot be read again and again.
    #[error("{id} can be read only once: what becomes of it after a crash could not be told")]
    OneShot {
        /// The object.
        id: String,
    },
    /// The identity of the ledger does not hold: flowq is at fault.
    #[error(
        "{table}: {read} records were read, but {rows} rows written and {known} left out as known"
    )]
    Unbalanced {
        /// The table.
        table: String,
        /// Records read.
        read: u64,
        /// Rows written.
        rows: u64,
        /// Rows left out because the lake has them.
        known: u64,
    },
}

impl Error {
    /// Returns what the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::State(error) => error.hint().map(str::to_owned),
            Self::Source(error) => error.hint(),
            Self::OneShot { .. } => Some("save it to a file first, and name that".to_owned()),
            Self::Unbalanced { .. } => {
                Some("nothing was published; please report this, with the object".to_owned())
            }
            Self::Store(error) => error.hint().map(str::to_owned),
            Self::Lake(_) | Self::Engine(_) => None,
        }
    }
}
