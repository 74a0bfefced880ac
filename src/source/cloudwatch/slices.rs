//! The time of a log group, cut into slices that are read side by side.

use chrono::{DateTime, SecondsFormat};

use crate::time::Window;

/// How many slices a range is cut into, give or take the first and the last.
const SLICES: i64 = 64;

/// Lengths of slices in seconds; longer ones are whole days. Ends are whole multiples, so that another run
/// cuts at the same times.
const STEPS: &[i64] = &[600, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600];

const DAY: i64 = 86_400;

/// An event has the time of its record's start, which may be this far before the record's end: an
/// aggregation interval, and the minute that AWS's times may be off.
const RECORD_SECS: i64 = 600 + 60;

/// Events may be this much older than their log group: AWS takes them from two weeks ago on.
const OLDER_SECS: i64 = 14 * DAY;

/// How far the clocks may be apart.
const SKEW_SECS: i64 = 300;

/// A time range in Unix seconds, `[from, to)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) from: i64,
    pub(super) to: i64,
}

/// Returns the slices that contain all events of records in a window. `created` is when the log group was made,
/// in Unix seconds.
pub(super) fn slices(
    window: &Window,
    created: Option<i64>,
    retention_days: Option<i32>,
    now: i64,
) -> Vec<Slice> {
    let oldest = created.map_or(0, |created| created.saturating_sub(OLDER_SECS));
    let retained_since = retention_days.map_or(0, |days| now.saturating_sub(i64::from(days) * DAY));
    let since = window.read_from().map_or(0, |since| since.saturating_sub(RECORD_SECS));
    let from = since.max(oldest).max(retained_since).max(0);
    let last = now.saturating_add(SKEW_SECS);
    let to = window.until.map_or(last, |until| until.min(last));
    let fair = (to - from).max(0).div_euclid(SLICES);
    let step = STEPS.iter().copied().find(|step| *step >= fair);
    let step = step.unwrap_or_else(|| (fair + DAY - 1).div_euclid(DAY) * DAY);
    let mut slices = Vec::new();
    let mut at = from;
    while at < to {
        let next = ((at.div_euclid(step) + 1) * step).min(to);
        slices.push(Slice { from: at, to: next });
        at = next;
    }
    slices
}

impl Slice {
    /// Writes a slice after the name of its log group.
    pub(super) fn id(self, url: &str) -> String {
        let text = |secs| {
            let time = DateTime::from_timestamp(secs, 0).unwrap_or_default();
            time.to_rfc3339_opts(SecondsFormat::Secs, true)
        };
        format!("{url}#{}..{}", text(self.from), text(self.to))
    }

    /// Reads what [`Self::id`] wrote.
    pub(super) fn of_id(id: &str) -> Option<Self> {
        let (from, to) = id.rsplit_once('#')?.1.split_once("..")?;
        let secs = |text| DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp());
        Some(Self { from: secs(from)?, to: secs(to)? })
    }

    /// Returns whether an event of this time, in Unix milliseconds, is in it.
    pub(super) fn holds(self, time_ms: i64) -> bool {
        (self.from.saturating_mul(1000)..self.to.saturating_mul(1000)).contains(&time_ms)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    const NOW: i64 = 1_773_144_000; // 2026-03-10T12:00:00Z

    #[test]
    fn a_window_is_widened_by_a_record_and_cut_at_full_times() {
        let window = Window::new(Some(NOW - 7200), Some(NOW - 6000));
        let ids: Vec<String> =
            slices(&window, None, None, NOW).into_iter().map(|slice| slice.id("g#1")).collect();
        assert_eq!(
            ids,
            [
                "g#1#2026-03-10T09:49:00Z..2026-03-10T09:50:00Z",
                "g#1#2026-03-10T09:50:00Z..2026-03-10T10:00:00Z",
                "g#1#2026-03-10T10:00:00Z..2026-03-10T10:10:00Z",
                "g#1#2026-03-10T10:10:00Z..2026-03-10T10:20:00Z",
            ]
        );
        assert_eq!(Slice::of_id(&ids[0]), Some(Slice { from: NOW - 7860, to: NOW - 7800 }));
    }

    #[test]
    fn retention_and_birth_bound_what_is_asked() {
        let first = |created, retention| {
            slices(&Window::default(), created, retention, NOW).first().unwrap().from
        };
        assert_eq!(first(None, None), 0);
        assert_eq!(first(Some(NOW - DAY), None), NOW - 15 * DAY);
        assert_eq!(first(Some(NOW - DAY), Some(3)), NOW - 3 * DAY);
        assert_eq!(slices(&Window::new(None, Some(NOW - 4 * DAY)), None, Some(3), NOW), []);
    }

    proptest! {
        #[test]
        fn slices_neither_overlap_nor_leave_gaps(
            since in 0..NOW,
            lasts in 1..NOW,
            retention in any::<Option<u16>>(),
        ) {
            let window = Window::new(Some(since), Some(since + lasts));
            let slices = slices(&window, None, retention.map(i32::from), NOW);
            prop_assert!(slices.len() <= 66, "{}", slices.len());
            for pair in slices.windows(2) {
                prop_assert_eq!(pair[0].to, pair[1].from);
            }
            for slice in &slices {
                prop_assert!(slice.from < slice.to);
                prop_assert_eq!(Slice::of_id(&slice.id("x")), Some(*slice));
            }
            if let Some(last) = slices.last() {
                prop_assert_eq!(last.to, (since + lasts).min(NOW + SKEW_SECS));
            }
        }
    }
}
