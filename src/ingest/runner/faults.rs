//! Objects that could not be read, and when they are read again.

use crate::engine::Cause;
use crate::ingest::runner::Runner;
use crate::source::Split;
use crate::state::{ObjectFailure, PassRecord};

/// Seconds until an object that could not be read is tried again by the same runner, at first and at most.
const RETRY_SECS: (i64, i64) = (30, 3600);

impl Runner {
    /// Notes which objects changed while they were read. Their rows are replaced by the next pass.
    pub(super) async fn note_changes(&self, splits: &[Split], pass: &mut PassRecord) {
        let Some(listed) = &self.listed else { return };
        let changed = listed.source.changed(splits).await;
        for object in pass.objects.iter_mut().filter(|object| changed.contains(&object.id)) {
            let reason = "it changed while it was read".to_owned();
            pass.totals.failed += u64::from(object.failure.is_none());
            object.failure = Some(ObjectFailure { reason, retry: true, cause: Cause::Access });
        }
    }

    /// Notes which objects could not be read, and when to try them again.
    pub(super) fn note_failures(&mut self, pass: &PassRecord) {
        let now = self.clock.now();
        for object in &pass.objects {
            let Some(failure) = &object.failure else {
                self.tried.remove(&object.id);
                continue;
            };
            if let Some(listed) = &mut self.listed {
                listed.failed.insert(object.id.clone());
            }
            if failure.is_due() {
                let count = self.tried.get(&object.id).map_or(0, |(count, _)| *count);
                let (first, most) = RETRY_SECS;
                let wait = first.saturating_mul(1 << count.min(16)).min(most);
                self.tried.insert(object.id.clone(), (count + 1, now.saturating_add(wait)));
            }
        }
    }
}
