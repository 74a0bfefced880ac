//! What the scans of a session count while they run.

use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::minutes::Minutes;
use crate::engine::summary::Summary;
use crate::flow::field::Layout;

/// One scan's summary while it runs.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) layout: Layout,
    summary: Mutex<Summary>,
}

impl Scan {
    pub(super) fn new(layout: Layout) -> Self {
        Self { layout, summary: Mutex::default() }
    }

    pub(super) fn take(self) -> Summary {
        self.summary.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut Summary)) {
        change(&mut self.summary.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The scans of one session.
#[derive(Debug, Default)]
pub(super) struct Scans {
    begun: Mutex<Vec<Arc<Scan>>>,
    /// Counts the minutes of interfaces in the scans that begin now.
    minutes: Mutex<Option<Arc<Minutes>>>,
}

impl Scans {
    pub(super) fn begin(&self, layout: Layout) -> Arc<Scan> {
        let scan = Arc::new(Scan::new(layout));
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.push(Arc::clone(&scan));
        scan
    }

    pub(super) fn minutes(&self) -> Option<Arc<Minutes>> {
        self.minutes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn count_minutes(&self, minutes: Option<Arc<Minutes>>) {
        *self.minutes.lock().unwrap_or_else(PoisonError::into_inner) = minutes;
    }

    pub(super) fn summaries(&self) -> Vec<(Layout, Summary)> {
        let begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let held = |scan: &Arc<Scan>| {
            let summary = scan.summary.lock().unwrap_or_else(PoisonError::into_inner);
            (scan.layout, summary.clone())
        };
        begun.iter().map(held).collect()
    }
}
