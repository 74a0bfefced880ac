//! How the sources are read, and what a scan reports of each object.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::flow::{Limits, LogFormat, MalformedLine};
use crate::scan::summary::ScanSummary;
use crate::source::Split;
use crate::source::progress::Progress;
use crate::time::Window;

/// Receives every malformed line, for `--malformed FILE`.
pub type MalformedSink = dyn Fn(&MalformedLine) -> std::io::Result<()> + Send + Sync;

/// What one scan read of one object.
#[derive(Debug, Clone)]
pub struct ObjectRead {
    /// Its lines and records, and the columns that they have.
    pub summary: ScanSummary,
    /// Why it could not be read to its end, and what was at fault. `None`: it was read to its end.
    pub failure: Option<(String, Cause)>,
}

/// What was at fault when an object could not be read to its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// Not known: a record of an earlier version.
    #[default]
    Unknown,
    /// Its own bytes, which were all there: it is cut, damaged or in a format that cannot be read.
    Content,
    /// It was deleted after it was listed.
    Missing,
    /// Access to it: credentials, permission, network, an archive, a checksum, a disk.
    Access,
}

/// Called for every object once it was read.
pub type ObjectSink = dyn Fn(&Split, ObjectRead) + Send + Sync;

/// How the sources are read.
pub struct ScanOptions {
    /// Event time of the query; records outside are dropped.
    pub window: Window,
    /// Format of records that come without a header (`--log-format`).
    pub stated: Option<LogFormat>,
    /// Whether the first malformed line or unreadable object ends the run.
    pub strict: bool,
    /// Where every malformed line goes.
    pub malformed: Option<Arc<MalformedSink>>,
    /// Caps on what untrusted bytes may cost.
    pub limits: Limits,
    /// Updated with what was read so far.
    pub progress: Arc<Progress>,
    /// Called with what was read of each object.
    pub objects: Option<Arc<ObjectSink>>,
    /// Whether all records count where several flow logs record an interface.
    pub all_flow_logs: bool,
}

impl ScanOptions {
    /// Reads everything in the window, leniently, with the usual caps.
    pub fn new(window: Window) -> Self {
        Self {
            window,
            stated: None,
            strict: false,
            malformed: None,
            limits: Limits::default(),
            progress: Arc::new(Progress::default()),
            objects: None,
            all_flow_logs: false,
        }
    }
}

impl fmt::Debug for ScanOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScanOptions").field("window", &self.window).finish_non_exhaustive()
    }
}
