//! What a pass did: its entry in the ledger.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::Cause;
use crate::lake::DataFile;
use crate::state::ObjectState;

/// Why a pass was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// To take in what is new.
    Ingest,
    /// To read chosen objects again.
    Replay,
    /// To take a number away from a runner that died, or that only seems to have: nothing was read.
    Takeover,
}

/// A pass that was published. All times are in Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassRecord {
    /// Its number, from 1, without gaps.
    pub number: u64,
    /// Why it was made.
    pub kind: Kind,
    /// Who made it.
    pub runner: String,
    /// When it began.
    pub begun: i64,
    /// When its files were written.
    pub ended: i64,
    /// The sources, as they were named.
    pub sources: Vec<String>,
    /// What was read, sorted by id.
    pub objects: Vec<ObjectRecord>,
    /// What changes in each table, by the table's name.
    pub tables: BTreeMap<String, TableChange>,
    /// The sum over the objects.
    pub totals: PassTotals,
    /// How many findings were made of it; NULL: nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<u64>,
    /// What the user was warned of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What a pass changes in a table of the lake.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableChange {
    /// Files that are added.
    pub added: Vec<DataFile>,
    /// Files that are taken away.
    pub removed: Vec<DataFile>,
    /// Rows written from what was read.
    pub rows: u64,
    /// Rows of a former reading of the same objects, which are not in the table any more.
    pub replaced: u64,
    /// Rows that were read and left out, because the lake had them: events of a log group.
    pub known: u64,
    /// Fields that flowq does not know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra: Vec<String>,
}

impl TableChange {
    /// Tells whether the table is another afterwards.
    pub fn changes(&self) -> bool {
        !self.added.is_empty() || !self.removed.is_empty()
    }
}

/// Lines and records. `lines = ok + nodata + skipdata + other + other_layout + blank + malformed`, always.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineCounts {
    /// Lines of text, rows of Parquet, events.
    pub lines: u64,
    /// Records with traffic.
    pub ok: u64,
    /// Records that say there was none.
    pub nodata: u64,
    /// Records that say that records were lost.
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

    /// Tells whether every line is accounted for.
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
            let held = self.malformed.entry(reason.clone()).or_default();
            *held = held.saturating_sub(*count);
        }
        self.malformed.retain(|_, count| *count > 0);
    }
}

/// What was read of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectRecord {
    /// Its name, as the source lists it.
    pub id: String,
    /// Its version. NULL: the source tells none.
    pub etag: Option<String>,
    /// Its size as stored. NULL: not known.
    pub size_bytes: Option<u64>,
    /// Device, inode and time of birth of a file: it may come under another name. NULL: it is no file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inode: Option<String>,
    /// When its records end, `[first, last)`, as its name tells. NULL: it tells no time.
    pub ends: Option<(i64, i64)>,
    /// What was in it.
    pub counts: LineCounts,
    /// Rows by table.
    pub rows: BTreeMap<String, u64>,
    /// Why it could not be read to its end. NULL: it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<ObjectFailure>,
    /// What an earlier pass had read of it, which this one replaces. NULL: it was not read before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Box<ObjectState>>,
}

/// Why an object could not be read to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectFailure {
    /// In words.
    pub reason: String,
    /// Whether it is read again by the next pass; otherwise it is read again only by a replay, or when it changes.
    pub retry: bool,
    /// What was at fault.
    #[serde(default)]
    pub cause: Cause,
}

impl ObjectFailure {
    /// Makes the failure of an object. `earlier` is what is known of the same version of it, if it was read before.
    ///
    /// Only content that is proved bad counts as read. Bytes that came over a network are proved bad by two
    /// readings: one may have been damaged on the way.
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

/// The sum over the objects of a pass, or of many.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassTotals {
    /// Objects read.
    pub objects: u64,
    /// Those that could not be read to their end.
    pub failed: u64,
    /// Bytes, as stored, of those whose size is known.
    pub bytes: u64,
    /// Lines and records.
    pub counts: LineCounts,
    /// Rows written.
    pub rows: u64,
    /// Rows left out because the lake had them.
    pub known: u64,
}

impl PassTotals {
    /// Adds an object; its rows are counted by table.
    pub fn add(&mut self, object: &ObjectRecord) {
        self.objects += 1;
        self.failed += u64::from(object.failure.is_some());
        self.bytes += object.size_bytes.unwrap_or(0);
        self.counts.add(&object.counts);
    }

    /// Adds other totals.
    pub fn merge(&mut self, other: &Self) {
        self.objects += other.objects;
        self.failed += other.failed;
        self.bytes += other.bytes;
        self.counts.add(&other.counts);
        self.rows += other.rows;
        self.known += other.known;
    }

    /// Takes away what an earlier reading of an object gave, because it was read again.
    pub fn replace(&mut self, earlier: &ObjectState) {
        self.objects = self.objects.saturating_sub(1);
        self.failed = self.failed.saturating_sub(u64::from(earlier.failed.is_some()));
        self.bytes = self.bytes.saturating_sub(earlier.size_bytes);
        self.counts.subtract(&earlier.counts);
        self.rows = self.rows.saturating_sub(earlier.rows);
    }
}
