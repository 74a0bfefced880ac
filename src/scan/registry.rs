//! What the scans of a session count while they run.

use std::sync::{Arc, Mutex, PoisonError};

use crate::flow::field::Layout;
use crate::scan::interface_minutes::Minutes;
use crate::scan::summary::Summary;

/// One scan's summary while it runs.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) layout: Layout,
    summary: Mutex<Summary>,
}

impl Scan {
    pub(crate) fn new(layout: Layout) -> Self {
        Self { layout, summary: Mutex::default() }
    }

    pub(crate) fn take(self) -> Summary {
        self.summary.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut Summary)) {
        change(&mut self.summary.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The scans of one session.
#[derive(Debug, Default)]
pub(crate) struct Scans {
    begun: Mutex<Vec<Arc<Scan>>>,
    /// Counts the minutes of interfaces in the scans that begin now.
    minutes: Mutex<Option<Arc<Minutes>>>,
}

impl Scans {
    pub(crate) fn begin(&self, layout: Layout) -> Arc<Scan> {
        let scan = Arc::new(Scan::new(layout));
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.push(Arc::clone(&scan));
        scan
    }

    pub(crate) fn minutes(&self) -> Option<Arc<Minutes>> {
        self.minutes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn count_minutes(&self, minutes: Option<Arc<Minutes>>) {
        *self.minutes.lock().unwrap_or_else(PoisonError::into_inner) = minutes;
    }

    pub(crate) fn summaries(&self) -> Vec<(Layout, Summary)> {
        let begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let held = |scan: &Arc<Scan>| {
            let summary = scan.summary.lock().unwrap_or_else(PoisonError::into_inner);
            (scan.layout, summary.clone())
        };
        begun.iter().map(held).collect()
    }
}
