//! Selects the listed splits that a pass has to read.

use chrono::DateTime;

use crate::source::Split;
use crate::state::{Checkpoint, ObjectState};

/// Seconds between two readings of the newest time of a log group, at least.
const AGAIN_SECS: i64 = 60;

/// Older times of a log group are read again after a share of their age.
const AGE_SHARE: i64 = 4;

/// When the records of a split end, `[first, last)` in Unix seconds. `None`: not known.
pub(super) fn ends(split: &Split) -> Option<(i64, i64)> {
    match &split.log_group {
        Some(_) => range(&split.id),
        None => split.name.ends,
    }
}

/// The time range at the end of a name such as `cloudwatch://group#2026-03-10T12:00:00Z..2026-03-10T12:10:00Z`.
pub(super) fn range(id: &str) -> Option<(i64, i64)> {
    let (from, to) = id.rsplit_once('#')?.1.split_once("..")?;
    let secs = |text| DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp());
    Some((secs(from)?, secs(to)?))
}

/// Since when a source has to be listed for an object to be in the listing, in Unix seconds. `None`: it always is.
pub(super) fn begins(id: &str, known: &ObjectState) -> Option<i64> {
    let ranged = id.starts_with("cloudwatch://").then(|| range(id)).flatten();
    ranged.map(|(from, _)| from).or(known.ends)
}

/// Returns whether a split has to be read, given what is known of it.
pub(super) fn is_new(
    split: &Split,
    known: Option<&ObjectState>,
    now: i64,
    lateness_secs: i64,
) -> bool {
    let Some(known) = known else { return true };
    if known.is_waiting() {
        return true;
    }
    match (&split.log_group, ends(split)) {
        // Events come late, and into the middle: the same time is read again until it is old.
        (Some(_), Some((_, to))) => {
            let age = now.saturating_sub(to).max(0);
            let since = now.saturating_sub(known.read);
            // A clock that was ahead noted a time that did not come yet.
            let is_time = since < 0 || since >= AGAIN_SECS.max(age / AGE_SHARE);
            age <= lateness_secs && is_time
        }
        _ => split.etag != known.etag,
    }
}

/// Returns whether a split ended so long ago that the checkpoint may have forgotten it.
pub(super) fn is_old(split: &Split, checkpoint: &Checkpoint) -> bool {
    let ended = ends(split).map(|(_, last)| last);
    let old = checkpoint.forgotten.zip(ended).is_some_and(|(forgotten, ended)| ended < forgotten);
    old && !checkpoint.known.contains_key(&split.id)
}

/// Puts splits in the order in which passes take them: by time, so that a pass touches few hours.
pub(super) fn order(splits: &mut [Split]) {
    splits.sort_by_cached_key(|split| (ends(split), split.id.clone()));
}

/// Returns how many of the first splits make a pass.
pub(super) fn pass_len(splits: &[Split], bytes_max: u64, objects_max: usize) -> usize {
    let mut bytes = 0u64;
    for (at, split) in splits.iter().enumerate() {
        bytes = bytes.saturating_add(split.size_bytes.unwrap_or(0));
        if at > 0 && (bytes > bytes_max || at >= objects_max) {
            return at;
        }
    }
    splits.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Cause;
    use crate::state::ObjectFailure;

    const NOW: i64 = 1_773_144_000; // 2026-03-10T12:00:00Z

    #[test]
    fn an_object_is_read_again_when_it_changed_or_waits() {
        let mut split = Split::new("a", Some(1));
        split.etag = Some("\"1\"".to_owned());
        let mut known = ObjectState { etag: split.etag.clone(), ..ObjectState::default() };
        assert!(is_new(&split, None, NOW, 60));
        assert!(!is_new(&split, Some(&known), NOW, 60));
        known.failed =
            Some(ObjectFailure { reason: "cut".to_owned(), retry: false, cause: Cause::Content });
        assert!(!is_new(&split, Some(&known), NOW, 60));
        known.failed = Some(ObjectFailure {
            reason: "no network".to_owned(),
            retry: true,
            cause: Cause::Access,
        });
        assert!(is_new(&split, Some(&known), NOW, 60));
        split.etag = Some("\"2\"".to_owned());
        known.failed = None;
        assert!(is_new(&split, Some(&known), NOW, 60));
    }

    #[test]
    fn a_time_of_a_log_group_is_read_again_until_it_is_old() {
        let id = "cloudwatch://group#2026-03-10T11:00:00Z..2026-03-10T11:10:00Z";
        let mut split = Split::new(id, None);
        split.log_group = Some("cloudwatch://group".to_owned());
        let read = |ago| ObjectState { read: NOW - ago, ..ObjectState::default() };
        let day = 86_400;
        assert!(is_new(&split, None, NOW, day));
        // It ended 50 minutes ago.
        assert!(!is_new(&split, Some(&read(740)), NOW, day));
        assert!(is_new(&split, Some(&read(760)), NOW, day));
        assert!(!is_new(&split, Some(&read(760)), NOW, 2999));
        assert!(!is_new(&split, Some(&read(3059)), NOW - 3000, day));
        // It was read by a clock that was ahead.
        assert!(is_new(&split, Some(&read(-2 * 365 * day)), NOW, day));
    }

    #[test]
    fn a_pass_takes_bytes_and_objects_up_to_its_size_and_never_none() {
        let splits: Vec<Split> =
            [5, 3, 3, 9].iter().map(|size| Split::new(size.to_string(), Some(*size))).collect();
        assert_eq!(pass_len(&splits, 8, 10), 2);
        assert_eq!(pass_len(&splits, 1, 10), 1);
        assert_eq!(pass_len(&splits, 100, 3), 3);
        assert_eq!(pass_len(&splits, 100, 10), 4);
        assert_eq!(pass_len(&[], 1, 1), 0);
    }
}
