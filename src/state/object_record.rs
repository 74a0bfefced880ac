//! What was read of one object, and what is known of it since.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::Cause;

/// Lines and records. `lines = ok + nodata + skipdata + other + other_layout + blank + malformed`, always.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineCounts {
    /// Lines of text, rows of Parquet, events.
    pub lines: u64,
    /// Records with traffic.
    pub ok: u64,
    /// Records without traffic (NODATA).
    pub nodata: u64,
    /// Records that report lost records (SKIPDATA).
    pub skipdata: u64,
    /// Records of a status that AWS does not document.
    pub other: u64,
    /// Records of a layout that is in no table.
    pub other_layout: u64,
    /// Headers, blank lines and comments.
    pub blank: u64,
    /// Lines that could not be read, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub malformed: BTreeMap<String, u64>,
}

impl LineCounts {
    /// Records that became rows.
    pub fn records(&self) -> u64 {
        self.ok + self.nodata + self.skipdata + self.other
    }

    /// Lines that could not be read.
    pub fn malformed(&self) -> u64 {
        self.malformed.values().sum()
    }

    /// Returns whether every line is accounted for.
    pub fn adds_up(&self) -> bool {
        self.lines == self.records() + self.other_layout + self.blank + self.malformed()
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.lines += other.lines;
        self.ok += other.ok;
        self.nodata += other.nodata;
        self.skipdata += other.skipdata;
        self.other += other.other;
        self.other_layout += other.other_layout;
        self.blank += other.blank;
        for (reason, count) in &other.malformed {
            *self.malformed.entry(reason.clone()).or_default() += count;
        }
    }

    /// Takes others away.
    pub fn subtract(&mut self, other: &Self) {
        self.lines = self.lines.saturating_sub(other.lines);
        self.ok = self.ok.saturating_sub(other.ok);
        self.nodata = self.nodata.saturating_sub(other.nodata);
        self.skipdata = self.skipdata.saturating_sub(other.skipdata);
        self.other = self.other.saturating_sub(other.other);
        self.other_layout = self.other_layout.saturating_sub(other.other_layout);
        self.blank = self.blank.saturating_sub(other.blank);
        for (reason, count) in &other.malformed {
            let count_so_far = self.malformed.entry(reason.clone()).or_default();
            *count_so_far = count_so_far.saturating_sub(*count);
        }
        self.malformed.retain(|_, count| *count > 0);
    }
}

/// What was read of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectRecord {
    /// Its name, as the source lists it.
    pub id: String,
    /// Its version. `None`: the source reports none.
    pub etag: Option<String>,
    /// Its size as stored. `None`: not known.
    pub size_bytes: Option<u64>,
    /// Device, inode and time of birth of a file: it may come under another name. `None`: it is no file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inode: Option<String>,
    /// When its records end, `[first, last)`, from its name. `None`: the name has no time.
    pub ends: Option<(i64, i64)>,
    /// What was in it.
    pub counts: LineCounts,
    /// Rows by table.
    pub rows: BTreeMap<String, u64>,
    /// Why it could not be read to its end. `None`: it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<ObjectFailure>,
    /// What an earlier pass had read of it, which this one replaces. `None`: it was not read before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Box<ObjectState>>,
}

/// Why an object could not be read to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectFailure {
    /// The message.
    pub reason: String,
    /// Whether it is read again by the next pass; otherwise it is read again only by a replay, or when it changes.
    pub retry: bool,
    /// What was at fault.
    #[serde(default)]
    pub cause: Cause,
}

impl ObjectFailure {
    /// Creates the failure of an object. `earlier` is what is known of the same version of it, if it was read before.
    ///
    /// Only content that is proved bad counts as read. Bytes that came over a network are proved bad by two
    /// readings: one may have been damaged in transit.
    pub fn new(id: &str, reason: String, cause: Cause, earlier: Option<&ObjectState>) -> Self {
        let before = earlier.and_then(|known| known.failed.as_ref());
        let is_proved =
            !id.contains("://") || before.is_some_and(|before| before.cause == Cause::Content);
        Self { reason, retry: cause != Cause::Content || !is_proved, cause }
    }

    /// Whether the object is to be read again. Earlier versions gave up what they could not name.
    pub fn is_due(&self) -> bool {
        self.retry || self.cause == Cause::Unknown
    }
}

/// What is known of an object that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectState {
    /// The version that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Its size as stored; 0 when it is not known.
    pub size_bytes: u64,
    /// Device, inode and time of birth of a file. `None`: it is no file, or an earlier version of flowq read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inode: Option<String>,
    /// The last second, exclusive, that its records end in, by its name. `None`: the name has no time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<i64>,
    /// Its rows in the lake.
    pub rows: u64,
    /// What was in it.
    pub counts: LineCounts,
    /// Why it could not be read to its end. `None`: it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<ObjectFailure>,
    /// When it was read, Unix seconds.
    pub read: i64,
}

impl ObjectState {
    /// The state of an object after a pass that ended at `ended`, in Unix seconds.
    pub fn of(object: &ObjectRecord, ended: i64) -> Self {
        Self { read: ended, ..Self::of_object(object) }
    }

    /// The state of an object from its record, without the time of reading.
    pub fn of_object(object: &ObjectRecord) -> Self {
        Self {
            etag: object.etag.clone(),
            size_bytes: object.size_bytes.unwrap_or(0),
            inode: object.inode.clone(),
            ends: object.ends.map(|(_, last)| last),
            rows: object.rows.values().sum(),
            counts: object.counts.clone(),
            failed: object.failure.clone(),
            read: 0,
        }
    }

    /// Returns whether a later try may read more of the same version.
    pub fn is_waiting(&self) -> bool {
        self.failed.as_ref().is_some_and(ObjectFailure::is_due)
    }
}
