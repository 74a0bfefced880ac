//! The memory of a session: how much each sort, group and join may take of it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};

/// What the engine may use of the machine.
#[derive(Debug, Clone)]
pub struct Resources {
    /// Objects read, and partitions worked on, at a time.
    pub threads: usize,
    /// Memory of sorts, joins and groups; beyond it they go to disk where they can.
    pub memory_bytes: usize,
}

/// The part of the memory that one sort needs to merge what it wrote to disk, at most and at least.
const MERGE_SHARE: usize = 64;
const MERGE_BYTES: std::ops::RangeInclusive<usize> = (64 << 10)..=(10 << 20);

/// Rows of a batch, and how much memory there has to be for each of them.
const BATCH_ROWS: std::ops::RangeInclusive<usize> = 512..=8192;
const BYTES_PER_BATCH_ROW: usize = 16 << 10;

/// Returns what a sort sets aside to merge what it wrote to disk.
pub(super) fn merge_bytes(resources: &Resources) -> usize {
    (resources.memory_bytes / MERGE_SHARE).clamp(*MERGE_BYTES.start(), *MERGE_BYTES.end())
}

/// Returns how many rows a batch has: with little memory, few.
pub(super) fn batch_rows(resources: &Resources) -> usize {
    (resources.memory_bytes / BYTES_PER_BATCH_ROW).clamp(*BATCH_ROWS.start(), *BATCH_ROWS.end())
}

/// Memory that all operators of a session share.
///
/// DataFusion's own fair pool divides by all operators that are planned, working or not: with forty sorts in a plan each
/// gets less than it needs to write to disk, and the query fails. Here only those that hold memory count, and
/// each always gets what it needs to go on: a little, or a first batch. What can go to disk takes three quarters
/// at most, so that what cannot finds some left.
#[derive(Debug)]
pub(super) struct SharedPool {
    bytes: usize,
    /// What every operator gets, whatever the others took.
    least: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By the id of its consumer.
    used: HashMap<usize, usize>,
    total: usize,
    spillable: usize,
    /// Consumers that can spill and have memory.
    spilling: usize,
}

impl SharedPool {
    pub(super) fn new(bytes: usize, least: usize) -> Self {
        Self { bytes, least, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn allows(&self, state: &State, consumer: &MemoryConsumer, additional: usize) -> bool {
        let used = state.used.get(&consumer.id()).copied().unwrap_or(0);
        let requested = used.saturating_add(additional);
        if requested <= self.least {
            return true;
        }
        let is_first = used == 0;
        let others = state.total.saturating_sub(state.spillable);
        if !consumer.can_spill() {
            // First batches may be more than there is: a quarter is left to these all the same.
            let left = self.bytes.saturating_sub(state.spillable).max(self.bytes / 4);
            return others.saturating_add(additional) <= left;
        }
        // A consumer without memory has nothing to spill either. The batch exists already.
        if is_first && requested <= self.bytes {
            return true;
        }
        let most = (self.bytes / 4 * 3).min(self.bytes.saturating_sub(others));
        let share = most / (state.spilling + usize::from(is_first)).max(1);
        state.spillable.saturating_add(additional) <= most && requested <= share
    }
}

impl State {
    fn add(&mut self, consumer: &MemoryConsumer, additional: usize) {
        let used = self.used.entry(consumer.id()).or_default();
        let was = *used;
        *used = was.saturating_add(additional);
        self.total = self.total.saturating_add(additional);
        if consumer.can_spill() {
            self.spillable = self.spillable.saturating_add(additional);
            self.spilling += usize::from(was == 0 && additional > 0);
        }
    }

    fn remove(&mut self, consumer: &MemoryConsumer, less: usize) {
        let Some(used) = self.used.get_mut(&consumer.id()) else { return };
        let was = *used;
        *used = was.saturating_sub(less);
        let is_last = *used == 0;
        self.total = self.total.saturating_sub(less);
        if consumer.can_spill() {
            self.spillable = self.spillable.saturating_sub(less);
            self.spilling = self.spilling.saturating_sub(usize::from(was > 0 && is_last));
        }
        if is_last {
            self.used.remove(&consumer.id());
        }
    }
}

impl MemoryPool for SharedPool {
    fn name(&self) -> &str {
        "shared"
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.state().add(reservation.consumer(), additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, less: usize) {
        self.state().remove(reservation.consumer(), less);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let consumer = reservation.consumer();
        let mut state = self.state();
        if self.allows(&state, consumer, additional) {
            state.add(consumer, additional);
            return Ok(());
        }
        let used = state.used.get(&consumer.id()).copied().unwrap_or(0);
        let (needs, other) = (used.saturating_add(additional), state.total.saturating_sub(used));
        Err(DataFusionError::ResourcesExhausted(format!(
            "not enough memory: {} needs {}, and the rest of the query has {} of the {} of --memory",
            consumer.name(),
            size(needs),
            size(other),
            size(self.bytes)
        )))
    }

    fn reserved(&self) -> usize {
        self.state().total
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.bytes)
    }
}

impl fmt::Display for SharedPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shared memory of {}", size(self.bytes))
    }
}

/// A number of bytes as `--memory` takes it.
fn size(bytes: usize) -> String {
    match bytes {
        0..0x40_0000 => format!("{}KB", bytes.div_ceil(1 << 10)),
        _ => format!("{}MB", bytes.div_ceil(1 << 20)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn consumer(pool: &Arc<dyn MemoryPool>, name: &str, can_spill: bool) -> MemoryReservation {
        MemoryConsumer::new(name).with_can_spill(can_spill).register(pool)
    }

    #[test]
    fn only_those_that_hold_memory_share_it() {
        let pool: Arc<dyn MemoryPool> = Arc::new(SharedPool::new(64 << 20, 1 << 20));
        let sorts: Vec<_> =
            (0..40).map(|at| consumer(&pool, &format!("sort {at}"), true)).collect();
        // The others do nothing: the first takes all that can go to disk.
        sorts[0].try_grow(48 << 20).unwrap();
        assert!(sorts[0].try_grow(1).is_err());
        // The next gets a first batch, and then not more than its half.
        sorts[1].try_grow(12 << 20).unwrap();
        assert!(sorts[1].try_grow(13 << 20).is_err());
        // What cannot go to disk finds the rest, and no more.
        let join = consumer(&pool, "join", false);
        join.try_grow(16 << 20).unwrap();
        let error = join.try_grow(1 << 20).unwrap_err().to_string();
        let expected = "not enough memory: join needs 17MB, and the rest of the query has 60MB of the 64MB of --memory";
        assert!(error.contains(expected), "{error}");
        // A little is there for all.
        for sort in &sorts[2..] {
            sort.try_grow(1 << 20).unwrap();
        }
        assert!(sorts[2].try_grow(1).is_err());
        sorts[0].free();
        drop(sorts);
        assert_eq!(pool.reserved(), 16 << 20);
        join.try_grow(48 << 20).unwrap();
    }
}
