//! The count of what was in an object. Nothing is dropped without being counted here.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::flow::log_format::LogFormat;

/// How many malformed lines are retained to be shown.
const SAMPLES_MAX: usize = 10;

/// How much of a malformed line is retained.
pub(super) const TEXT_BYTES_MAX: usize = 200;

/// What was in an object, or in many.
///
/// `lines = ok + nodata + skipdata + other + other_layout + blank + malformed.total()`, always.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DecodeStats {
    /// Lines of text; in a JSON envelope log events.
    pub lines: u64,
    /// Records with status OK, or of a log that does not state the status.
    pub ok: u64,
    /// Records without traffic (NODATA).
    pub nodata: u64,
    /// Records that report lost records (SKIPDATA).
    pub skipdata: u64,
    /// Records of a status that AWS does not document.
    pub other: u64,
    /// Records of the layout that was not requested.
    pub other_layout: u64,
    /// Headers, blank lines, comments, control messages.
    pub blank: u64,
    /// Lines that could not be read.
    pub malformed: Malformed,
    /// Every format that records were read with, in order of appearance.
    pub formats: Vec<LogFormat>,
    /// Decompressed bytes.
    pub bytes: u64,
}

impl DecodeStats {
    /// Adds the count of another object.
    pub fn merge(&mut self, other: Self) {
        self.lines += other.lines;
        self.ok += other.ok;
        self.nodata += other.nodata;
        self.skipdata += other.skipdata;
        self.other += other.other;
        self.other_layout += other.other_layout;
        self.blank += other.blank;
        self.malformed.merge(other.malformed);
        for format in other.formats {
            self.add_format(format);
        }
        self.bytes += other.bytes;
    }

    /// Returns the records of the layout that was requested, filtered out or not.
    pub fn records(&self) -> u64 {
        self.ok + self.nodata + self.skipdata + self.other
    }

    /// Returns whether every line is accounted for. Always true, unless flowq has a bug.
    pub fn is_balanced(&self) -> bool {
        self.lines == self.records() + self.other_layout + self.blank + self.malformed.total()
    }

    pub(super) fn add_format(&mut self, format: LogFormat) {
        if !self.formats.contains(&format) {
            self.formats.push(format);
        }
    }
}

/// Lines that could not be read: how many, why, and the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Malformed {
    /// Number of lines by reason.
    pub by_reason: BTreeMap<Reason, u64>,
    /// The first 10, by object and line.
    pub first: Vec<MalformedLine>,
}

impl Malformed {
    /// Returns the number of malformed lines.
    pub fn total(&self) -> u64 {
        self.by_reason.values().sum()
    }

    /// Adds another count. The order of merging does not change the outcome.
    pub fn merge(&mut self, other: Self) {
        for (reason, count) in other.by_reason {
            *self.by_reason.entry(reason).or_default() += count;
        }
        self.first.extend(other.first);
        self.first.sort();
        self.first.truncate(SAMPLES_MAX);
    }

    /// Adds the count of another reading of the same lines, for the other layout: lines that fit no layout
    /// are in both.
    pub fn merge_other_layout(&mut self, other: Self) {
        for (reason, count) in other.by_reason {
            let known = self.by_reason.entry(reason).or_default();
            *known = if reason.is_of_values() { *known + count } else { count.max(*known) };
        }
        self.first.extend(other.first);
        self.first.sort();
        self.first.dedup();
        self.first.truncate(SAMPLES_MAX);
    }

    pub(super) fn add(&mut self, line: &MalformedLine) {
        *self.by_reason.entry(line.reason).or_default() += 1;
        if self.first.len() < SAMPLES_MAX {
            self.first.push(line.clone());
        }
    }
}

/// A line that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct MalformedLine {
    /// The object it is in.
    pub object: String,
    /// Its number in the object, from 1.
    pub line: u64,
    /// Why it could not be read.
    #[serde(serialize_with = "as_text")]
    pub reason: Reason,
    /// Its first 200 bytes; what is not UTF-8 is replaced.
    pub text: String,
}

fn as_text<S: Serializer>(reason: &Reason, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(reason)
}

/// Why a line could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Fewer values than the format has fields.
    TooFewFields,
    /// More values than the format has fields.
    TooManyFields,
    /// Letters in a field of numbers.
    NotANumber,
    /// A number that its type cannot represent.
    OutOfRange,
    /// Neither IPv4 nor IPv6.
    NotAnAddress,
    /// In the assumed default format: an action or a status that AWS does not document.
    UnknownValue,
    /// Several formats of a log group fit, and do not mean the same.
    AmbiguousFormat,
    /// A record of a transit gateway under a header of VPC records.
    TransitGateway,
    /// Bytes that are not UTF-8.
    NotUtf8,
    /// Longer than the limit.
    LineTooLong,
    /// JSON that is broken, or that contains no record.
    NotARecord,
}

impl Reason {
    /// Returns whether it is about the value of a field, which only a reading of the line's own layout checks.
    fn is_of_values(self) -> bool {
        matches!(
            self,
            Self::NotANumber | Self::OutOfRange | Self::NotAnAddress | Self::UnknownValue
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooFewFields => "too few fields",
            Self::TooManyFields => "too many fields",
            Self::NotANumber => "not a number",
            Self::OutOfRange => "number out of range",
            Self::NotAnAddress => "not an address",
            Self::UnknownValue => "not an action or status of AWS",
            Self::AmbiguousFormat => "fits several of the log group's formats",
            Self::TransitGateway => "transit gateway record under a header of VPC records",
            Self::NotUtf8 => "not UTF-8",
            Self::LineTooLong => "line too long",
            Self::NotARecord => "JSON without a record",
        })
    }
}
