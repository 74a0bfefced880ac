//! What a scan has done so far: counters that readers raise and a progress bar reads.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Counters of one command, shared by everything that reads. They only ever grow.
#[derive(Debug, Default)]
pub struct Progress {
    bytes_read: AtomicU64,
    bytes_total: AtomicU64,
    records: AtomicU64,
    objects_done: AtomicU64,
    objects_total: AtomicU64,
}

/// The counters of a [`Progress`] at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bytes read, as stored (still compressed).
    pub bytes_read: u64,
    /// Bytes that were listed so far. 0: not known, as with standard input.
    pub bytes_total: u64,
    /// Records decoded, whatever a filter dropped.
    pub records: u64,
    /// Objects read to their end.
    pub objects_done: u64,
    /// Objects that were listed so far.
    pub objects_total: u64,
}

impl Progress {
    /// Adds objects that were listed, with the sum of their sizes where those are known.
    pub fn add_listed(&self, objects: u64, bytes: u64) {
        self.objects_total.fetch_add(objects, Relaxed);
        self.bytes_total.fetch_add(bytes, Relaxed);
    }

    /// Adds bytes that were read, as stored.
    pub fn add_bytes(&self, bytes: u64) {
        self.bytes_read.fetch_add(bytes, Relaxed);
    }

    /// Adds records that were decoded.
    pub fn add_records(&self, records: u64) {
        self.records.fetch_add(records, Relaxed);
    }

    /// Adds one object that was read to its end.
    pub fn add_object(&self) {
        self.objects_done.fetch_add(1, Relaxed);
    }

    /// Returns the counters as they are now.
    pub fn counts(&self) -> Counts {
        Counts {
            bytes_read: self.bytes_read.load(Relaxed),
            bytes_total: self.bytes_total.load(Relaxed),
            records: self.records.load(Relaxed),
            objects_done: self.objects_done.load(Relaxed),
            objects_total: self.objects_total.load(Relaxed),
        }
    }
}
