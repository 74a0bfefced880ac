//! The times of which a flow log has records, in steps of ten seconds.

use std::collections::BTreeMap;

/// Seconds of a slot.
pub(super) const SLOT_SECS: i64 = 10;

/// Slots of an hour.
const HOUR: i64 = 3600 / SLOT_SECS;

/// A record covers no more time than this: AWS aggregates over ten minutes at most, and its times are up to a
/// minute off.
const RECORD_SLOTS: i64 = 15 * 60 / SLOT_SECS;

/// Two flow logs may give the same packet times that differ by this many slots.
const NEAR: i64 = 2;

/// One bit for each slot of an hour.
type Hour = [u64; (HOUR as usize).div_ceil(64)];

/// A set of slots.
#[derive(Debug, Default)]
pub(super) struct Slots {
    hours: BTreeMap<i64, Box<Hour>>,
}

impl Slots {
    /// Adds the time from `first` to `last`, both included. Returns how many hours were added.
    pub(super) fn add(&mut self, first: i64, last: i64) -> usize {
        let before = self.hours.len();
        let slot = first.div_euclid(SLOT_SECS);
        let end = last.div_euclid(SLOT_SECS).clamp(slot, slot.saturating_add(RECORD_SLOTS));
        for at in slot..=end {
            let hour = self.hours.entry(at.div_euclid(HOUR)).or_default();
            let bit = at.rem_euclid(HOUR) as usize;
            if let Some(word) = hour.get_mut(bit / 64) {
                *word |= 1 << (bit % 64);
            }
        }
        self.hours.len() - before
    }

    /// Takes away the slots of another set.
    pub(super) fn remove(&mut self, other: &Self) {
        for (at, hour) in &other.hours {
            let Some(own) = self.hours.get_mut(at) else { continue };
            own.iter_mut().zip(hour.iter()).for_each(|(own, other)| *own &= !other);
        }
    }

    /// How many hours it has slots of.
    pub(super) fn hours(&self) -> usize {
        self.hours.len()
    }

    fn has(&self, slot: i64) -> bool {
        let bit = slot.rem_euclid(HOUR) as usize;
        let hour = self.hours.get(&slot.div_euclid(HOUR));
        hour.and_then(|hour| hour.get(bit / 64)).is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }
}

/// Returns whether a packet at `time` is in one of the sets.
fn is_near(sets: &[(&Slots, i64)], time: i64) -> bool {
    let slot = time.div_euclid(SLOT_SECS);
    sets.iter().any(|(set, _)| (slot - NEAR..=slot + NEAR).any(|slot| set.has(slot)))
}

/// Returns whether the sets cover a record from `first` to `last`: its first and its last packet are in one of them, and
/// none has a hole between the two that is longer than it may be, which stands beside each set in seconds.
pub(super) fn cover(sets: &[(&Slots, i64)], first: i64, last: i64) -> bool {
    let last = last.clamp(first, first.saturating_add(RECORD_SLOTS * SLOT_SECS));
    if !is_near(sets, first) || !is_near(sets, last) {
        return false;
    }
    let hole_max = sets.iter().map(|(_, secs)| *secs).max().unwrap_or(0);
    if last - first <= hole_max {
        return true;
    }
    let (mut hole, mut longest) = (0, 0);
    for slot in first.div_euclid(SLOT_SECS)..=last.div_euclid(SLOT_SECS) {
        let is_covered = sets.iter().any(|(set, _)| set.has(slot));
        hole = if is_covered { 0 } else { hole + 1 };
        longest = longest.max(hole);
    }
    longest * SLOT_SECS <= hole_max
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(spans: &[(i64, i64)]) -> Slots {
        let mut slots = Slots::default();
        for (first, last) in spans {
            slots.add(*first, *last);
        }
        slots
    }

    #[test]
    fn a_copy_is_covered_and_what_lies_in_a_gap_is_not() {
        // One minute each, with ten seconds between, from 3000 on; nothing from 3360 to 3600.
        let spans: Vec<(i64, i64)> = (50..70)
            .filter(|minute| !(56..60).contains(minute))
            .map(|minute| (minute * 60, minute * 60 + 50))
            .collect();
        let set = slots(&spans);
        let covers = |first, last| cover(&[(&set, 180)], first, last);
        assert!(covers(3000, 3050) && covers(3001, 3059) && covers(3010, 3340));
        // A record of ten minutes over the gap has packets that no other record counts.
        assert!(!covers(3300, 3700));
        assert!(!covers(3400, 3450) && !covers(3350, 3400) && !covers(3360, 3410));
        assert!(covers(3600, 3650) && !covers(4300, 4350));
        // The hole may be so long where the interval is ten minutes.
        assert!(cover(&[(&set, 1260)], 3300, 3700));
        // Two sets together.
        let other = slots(&[(3350, 3600)]);
        assert!(cover(&[(&set, 180), (&other, 180)], 3300, 3700));
    }

    #[test]
    fn what_was_skipped_is_a_gap() {
        let mut set = slots(&[(0, 590)]);
        set.remove(&slots(&[(120, 300)]));
        assert!(!cover(&[(&set, 180)], 150, 200) && cover(&[(&set, 180)], 0, 60));
        assert_eq!(set.hours(), 1);
        // A time that is none of AWS's does not make the set grow without end.
        assert_eq!(slots(&[(0, i64::MAX)]).hours(), 1);
    }
}
