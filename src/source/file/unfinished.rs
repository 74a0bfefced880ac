//! Files that somebody is still writing: a pass that is recorded in a ledger leaves them for the next.

use std::fs::Metadata;
use std::time::Duration;

use crate::source::{Listing, Split};

/// A file that was written in that many last seconds may still be written.
const FRESH_SECS: i64 = 2;

/// How long such a file must stay as it is to count as whole. A longer pause is detected when the
/// file was read, and the file is read again.
const STABLE: Duration = Duration::from_millis(250);

/// Endings of files that a program renames once they are whole: downloads, copies, editors.
const ENDINGS: &[&str] = &[
    "~",
    ".tmp",
    ".temp",
    ".part",
    ".partial",
    ".filepart",
    ".crdownload",
    ".download",
    ".inprogress",
    ".swp",
    "._COPYING_",
];

/// Returns whether a name is one under which programs write unfinished files. `aws s3 cp` and `aws s3 sync` write
/// `NAME.` and eight hexadecimal digits.
pub(super) fn is_unfinished(name: &str) -> bool {
    let is_of_cli = name.rsplit_once('.').is_some_and(|(name, ending)| {
        let is_hex = ending.len() == 8 && ending.bytes().all(|b| b.is_ascii_hexdigit());
        // Eight digits are a date.
        is_hex && !ending.bytes().all(|b| b.is_ascii_digit()) && name.contains('.')
    });
    is_of_cli
        || ENDINGS.iter().any(|ending| name.ends_with(ending))
        || (name.len() > 1 && name.starts_with('#') && name.ends_with('#'))
}

/// The version of a file: its size and when it was written.
pub(super) fn version(meta: &Metadata) -> Option<String> {
    let modified = meta.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(format!("\"{}-{}\"", meta.len(), modified.as_nanos()))
}

/// Returns whether a file is not what it was when it was listed. One that is gone was read before, or was missed then.
pub(super) fn has_changed(split: &Split) -> bool {
    std::fs::metadata(&split.path).is_ok_and(|meta| version(&meta) != split.etag)
}

/// Leaves files that are being written out of a listing, with a note each. `now` is in Unix seconds.
pub(super) fn leave_out(mut listing: Listing, now: i64) -> Listing {
    let is_fresh = |split: &Split| {
        !split.one_shot && split.modified.is_some_and(|modified| modified >= now - FRESH_SECS)
    };
    if listing.splits.iter().any(is_fresh) {
        std::thread::sleep(STABLE);
        let is_written = |split: &Split| is_fresh(split) && has_changed(split);
        let (written, rest): (Vec<_>, Vec<_>) = listing.splits.into_iter().partition(is_written);
        listing.splits = rest;
        let note =
            |split: Split| format!("{} is being written: it is left for the next pass", split.id);
        listing.notes.extend(written.into_iter().map(note));
    }
    listing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_that_are_not_whole() {
        for name in [
            "a.log.gz.6eF3a1b2",
            "a.log.gz.part",
            "a.log~",
            "#a.log#",
            "a.parquet.tmp",
            "x.log.deadbeef",
        ] {
            assert!(is_unfinished(name), "{name}");
        }
        for name in [
            "a.log.gz",
            "a.log",
            "flow.log.20260310",
            "a.6eF3a1b",
            "12345678",
            "tmp",
            "abcdef12",
            "#",
        ] {
            assert!(!is_unfinished(name), "{name}");
        }
        let aws = "123456789012_vpcflowlogs_us-east-1_fl-0f1a2b3c_20260310T1620Z_fe123456.log.gz";
        assert!(!is_unfinished(aws));
    }
}
