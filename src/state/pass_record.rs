//! What a pass did: its entry in the ledger.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::lake::DataFile;
use crate::state::object_record::{LineCounts, ObjectRecord, ObjectState};

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
    /// How many findings it had; `None`: no detection ran.
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
    /// Returns whether the table is another afterwards.
    pub fn changes(&self) -> bool {
        !self.added.is_empty() || !self.removed.is_empty()
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
