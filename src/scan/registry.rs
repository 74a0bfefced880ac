//! What the scans of a session count while they run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::flow::field::Layout;
use crate::scan::interface_minutes::InterfaceMinutes;
use crate::scan::summary::ScanSummary;

/// One scan's summary while it runs.
#[derive(Debug)]
pub(crate) struct ScanCounters {
    pub(crate) layout: Layout,
    summary: Mutex<ScanSummary>,
}

impl ScanCounters {
    pub(crate) fn new(layout: Layout) -> Self {
        Self { layout, summary: Mutex::default() }
    }

    pub(crate) fn take(self) -> ScanSummary {
        self.summary.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut ScanSummary)) {
        change(&mut self.summary.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The scans of one session.
#[derive(Debug, Default)]
pub(crate) struct ScanRegistry {
    begun: Mutex<Vec<Arc<ScanCounters>>>,
    /// Counts the minutes of interfaces in the scans that begin now.
    minutes: Mutex<Option<Arc<InterfaceMinutes>>>,
    /// Scans that begin now do not count.
    is_closed: AtomicBool,
}

impl ScanRegistry {
    /// Scans that begin from now on do not count: a session of any number of statements stays small.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn begin(&self, layout: Layout) -> Arc<ScanCounters> {
        let scan = Arc::new(ScanCounters::new(layout));
        if self.is_closed.load(Ordering::Relaxed) {
            return scan;
        }
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.push(Arc::clone(&scan));
        scan
    }

    pub(crate) fn minutes(&self) -> Option<Arc<InterfaceMinutes>> {
        self.minutes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn count_minutes(&self, minutes: Option<Arc<InterfaceMinutes>>) {
        *self.minutes.lock().unwrap_or_else(PoisonError::into_inner) = minutes;
    }

    pub(crate) fn summaries(&self) -> Vec<(Layout, ScanSummary)> {
        let begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = |scan: &Arc<ScanCounters>| {
            let summary = scan.summary.lock().unwrap_or_else(PoisonError::into_inner);
            (scan.layout, summary.clone())
        };
        begun.iter().map(counted).collect()
    }
}
