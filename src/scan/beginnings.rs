//! When the log of each interface begins, noted while a scan reads.
//!
//! The first record of a conversation shows the initiator only where the log would have contained an earlier one.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::TimestampSecondType;
use foldhash::HashMap;

use crate::inventory::Inventory;
use crate::time::window::AGGREGATION_SECS;

/// How long after an interface was created the log may begin and still contain its whole life: AWS times are up to a
/// minute off, and nothing is opened on an interface that is not attached yet.
const BIRTH_SECS: i64 = 60;

/// When the records of each interface begin.
pub(crate) struct Beginnings {
    inventory: Arc<Inventory>,
    /// When each interface was created, in Unix seconds; interfaces without a known time are not in it.
    made: OnceLock<HashMap<String, i64>>,
    read: Mutex<Read>,
}

/// What was read so far.
#[derive(Debug, Default)]
struct Read {
    /// The first start of any record.
    first: Option<i64>,
    by_interface: HashMap<String, i64>,
}

impl Beginnings {
    pub(crate) fn new(inventory: &Arc<Inventory>) -> Self {
        let inventory = Arc::clone(inventory);
        Self { inventory, made: OnceLock::new(), read: Mutex::default() }
    }

    /// Adds the start times of the records of a batch.
    pub(crate) fn add(&self, batch: &RecordBatch) {
        let text = |name: &str| batch.column_by_name(name)?.as_string_view_opt();
        let time =
            |name: &str| batch.column_by_name(name)?.as_primitive_opt::<TimestampSecondType>();
        let Some((ids, starts)) = text("interface_id").zip(time("start")) else { return };
        let mut first: Option<i64> = None;
        // Most records of a batch are of few interfaces.
        let mut firsts: HashMap<&str, i64> = HashMap::default();
        for (id, start) in ids.iter().zip(starts.iter()) {
            let Some(start) = start else { continue };
            first = Some(first.map_or(start, |first| first.min(start)));
            if let Some(id) = id {
                let known = firsts.entry(id).or_insert(start);
                *known = start.min(*known);
            }
        }
        let mut read = self.read();
        read.first = read.first.into_iter().chain(first).min();
        for (id, start) in firsts {
            match read.by_interface.get_mut(id) {
                Some(known) => *known = start.min(*known),
                None => drop(read.by_interface.insert(id.to_owned(), start)),
            }
        }
    }

    fn read(&self) -> MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether the log would have shown earlier records of a conversation that starts at `start`: it starts
    /// well after the log of its interface does, or the log contains the interface's whole life.
    pub(crate) fn saw(&self, interface_id: Option<&str>, start: i64) -> bool {
        let made = self.made.get_or_init(|| made(&self.inventory));
        let read = self.read();
        let Some(log) = read.first else { return false };
        let own = interface_id.and_then(|id| read.by_interface.get(id).copied());
        start >= own.unwrap_or(log).saturating_add(AGGREGATION_SECS)
            || interface_id
                .and_then(|id| made.get(id))
                .is_some_and(|made| log <= made.saturating_add(BIRTH_SECS))
    }
}

impl fmt::Debug for Beginnings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beginnings").finish_non_exhaustive()
    }
}

/// When each interface was created: if that is unknown, the begin of its first interval.
fn made(inventory: &Inventory) -> HashMap<String, i64> {
    let mut made: HashMap<String, Option<i64>> = HashMap::default();
    for eni in &inventory.enis {
        let from = eni.created_at.or(eni.valid_from);
        let first = made.entry(eni.interface_id.clone()).or_insert(from);
        *first = first.zip(from).map(|(first, from)| first.min(from));
    }
    made.into_iter().filter_map(|(id, from)| Some((id, from?))).collect()
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, TimestampSecondArray};

    use super::*;
    use crate::inventory::model::Eni;

    fn batch(rows: &[(&str, i64)]) -> RecordBatch {
        let ids: arrow::array::StringViewArray = rows.iter().map(|(id, _)| Some(*id)).collect();
        let starts: Vec<i64> = rows.iter().map(|(_, start)| *start).collect();
        let starts = TimestampSecondArray::from(starts).with_timezone("UTC");
        let columns: [(&str, ArrayRef); 2] =
            [("interface_id", Arc::new(ids)), ("start", Arc::new(starts))];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn beginnings(enis: &[(&str, Option<i64>)]) -> Beginnings {
        let eni = |(id, from): &(&str, Option<i64>)| Eni {
            interface_id: (*id).to_owned(),
            valid_from: *from,
            ..Eni::default()
        };
        let inventory = Inventory { enis: enis.iter().map(eni).collect(), ..Inventory::default() };
        Beginnings::new(&Arc::new(inventory))
    }

    #[test]
    fn what_starts_well_inside_the_log_of_its_interface_was_seen_to_begin() {
        let log = beginnings(&[]);
        assert!(!log.saw(Some("eni-1"), 5000), "nothing was read");
        log.add(&batch(&[("eni-2", 1100), ("eni-1", 2000), ("eni-2", 1000)]));
        log.add(&batch(&[("eni-1", 1900), ("eni-1", 9000)]));
        assert!(log.saw(Some("eni-1"), 2500) && !log.saw(Some("eni-1"), 2499));
        assert!(log.saw(Some("eni-2"), 1600) && !log.saw(Some("eni-2"), 1599));
        assert!(log.saw(None, 1600) && !log.saw(None, 1599));
    }

    #[test]
    fn an_interface_made_after_the_log_began_was_seen_from_its_birth() {
        let log = beginnings(&[("eni-1", Some(3000)), ("eni-2", Some(900)), ("eni-3", None)]);
        log.add(&batch(&[("eni-1", 3010), ("eni-2", 1000), ("eni-3", 3000)]));
        assert!(log.saw(Some("eni-1"), 3010));
        assert!(!log.saw(Some("eni-2"), 1000), "it had lived for 100 s");
        assert!(!log.saw(Some("eni-3"), 3000), "nobody knows since when it lived");
    }
}
