//! What to decode of an object: columns, rows, and how strictly to check it.

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use crate::flow::field::Layout;
use crate::flow::log_format::LogFormat;

/// What a decoder is to make of an object.
#[derive(Debug, Clone)]
pub struct DecodeOptions {
    /// The layout that is read; records of the other one are only counted.
    pub layout: Layout,
    /// The columns of the batches: any of [`Layout::schema`], in any order. Empty = row counts only.
    pub schema: SchemaRef,
    /// The rows to select.
    pub filter: Filter,
    /// The format of objects without a header. `None` = that of [`ObjectMeta::formats`], or else the default
    /// format, and every field checked.
    pub log_format: Option<LogFormat>,
    /// Checks the type of every field, not only of those that are read.
    pub validate_all: bool,
    /// Rows of a full batch.
    pub batch_rows: usize,
    /// How much of what is accepted.
    pub limits: Limits,
    /// Retains every malformed line for `Decoder::take_malformed`, not only the first ones.
    pub keep_all_malformed: bool,
}

/// An object, and what is known of it before its first byte.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectMeta {
    /// Names it in [`OBJECT`](crate::flow::field::OBJECT), and where it is at fault.
    pub name: String,
    /// The formats that records without a header may have; [`DecodeOptions::log_format`] comes before them. Of several,
    /// each record is read with the only one whose every field fits. Empty: nothing is known.
    pub formats: Vec<LogFormat>,
    /// The log group that its JSON documents are from, as `cloudwatch://…`. A record is then named by its
    /// log stream and event id, `cloudwatch://group/stream#id`, and its lines are counted in its event.
    pub log_group: Option<String>,
}

impl From<&str> for ObjectMeta {
    fn from(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }
}

impl DecodeOptions {
    /// Creates a plan that reads these columns of all rows.
    pub fn new(layout: Layout, schema: SchemaRef) -> Self {
        Self {
            layout,
            schema,
            filter: Filter::default(),
            log_format: None,
            validate_all: false,
            batch_rows: 8192,
            limits: Limits::default(),
            keep_all_malformed: false,
        }
    }
}

/// Which records of an interface to select.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordSelection {
    /// None.
    None,
    /// Those that name one of [`Filter::addresses`], whichever field it is in. More may be given: an
    /// address of IPv6 is not looked up, nor is any in Parquet.
    ByAddress,
    /// All.
    All,
}

/// Returns which records of an `interface_id` are selected.
pub type InterfacePredicate = Arc<dyn Fn(&str) -> RecordSelection + Send + Sync>;

/// Which rows to select: all conditions are true. Rows that fail are dropped, but counted. A NULL, or a field
/// that the log does not have, fails every condition but `interface`, `since` and `until`, as in SQL.
#[derive(Clone, Default)]
pub struct Filter {
    /// Column, and the values that it may have, as text: `dstport` in `22`, `3389`.
    pub equals: Vec<(String, HashSet<String>)>,
    /// Column of numbers or times (Unix seconds), smallest and largest value, both included.
    pub ranges: Vec<(String, Option<i64>, Option<i64>)>,
    /// Which ENIs. A record that names none stays: regional NAT gateways have no ENI.
    pub interface: Option<InterfacePredicate>,
    /// The addresses that select records of [`RecordSelection::OfAddresses`].
    pub addresses: HashSet<IpAddr>,
    /// Drops records that ended before it (Unix seconds). A record that does not state when it ended stays:
    /// it is not known to be outside.
    pub since: Option<i64>,
    /// Drops records that did not start before it (Unix seconds). A record that does not state when it
    /// started stays.
    pub until: Option<i64>,
}

impl Filter {
    /// Returns whether every row is selected.
    pub fn is_empty(&self) -> bool {
        self.equals.is_empty()
            && self.ranges.is_empty()
            && self.interface.is_none()
            && self.since.is_none()
            && self.until.is_none()
    }

    /// The window as columns with their smallest and largest value, both included. NULL passes.
    pub fn window(&self) -> Vec<(&'static str, Option<i64>, Option<i64>)> {
        let since = self.since.map(|since| ("end", Some(since), None));
        let until = self.until.map(|until| ("start", None, Some(until.saturating_sub(1))));
        since.into_iter().chain(until).collect()
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter")
            .field("equals", &self.equals)
            .field("ranges", &self.ranges)
            .field("interface", &self.interface.is_some())
            .field("addresses", &self.addresses.len())
            .field("since", &self.since)
            .field("until", &self.until)
            .finish()
    }
}

/// Caps against objects that are not what they seem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one line; a longer one is malformed.
    pub line_bytes_max: usize,
    /// Decompressed bytes of one object; a larger one is refused.
    pub object_bytes_max: u64,
    /// Bytes of one JSON document; an object with a larger one is refused.
    pub json_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line_bytes_max: 1 << 20, object_bytes_max: 64 << 30, json_bytes_max: 256 << 20 }
    }
}
