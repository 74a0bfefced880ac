//! What is read as one.

use std::path::PathBuf;
use std::sync::Arc;

use crate::flow::field::Layout;
use crate::flow::{LogFormat, ObjectMeta};
use crate::source::ObjectName;

/// One unit of reading: a file, standard input, an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Names the split, as the user named it: a path, `-`, `s3://bucket/key`.
    pub id: String,
    /// Where the source finds it; differs from `id` only where a path is not UTF-8.
    pub path: PathBuf,
    /// Size as stored (compressed); `None` where it is not known before the end.
    pub size_bytes: Option<u64>,
    /// The version of an object, with its quotes; bytes of another are not given out. Of a file its size and
    /// when it was written. `None`: any.
    pub etag: Option<String>,
    /// When it was written, in Unix seconds of the store's own clock. `None`: the store does not report it.
    pub modified: Option<i64>,
    /// Device, inode and time of birth of a file: it is the same one under another name. `None`: it is no file.
    pub inode: Option<String>,
    /// What the name states about the records inside.
    pub name: ObjectName,
    /// Whether it can be read only once: standard input, a FIFO.
    pub one_shot: bool,
    /// The formats that its records may have where no header states one: those of the flow logs that
    /// write there. Empty: nothing is known.
    pub formats: Vec<LogFormat>,
    /// The log group that it is a time range of, as `cloudwatch://…`: evidence names stream and event.
    pub log_group: Option<String>,
    /// The layout of its table in a lake, and the table's columns that flowq does not know. `None`: it is of
    /// no lake.
    pub fields: Option<(Layout, Arc<[String]>)>,
    /// Which of several sources gave it.
    pub source: usize,
}

impl Split {
    /// Returns a split that can be read again and again, with what its name states.
    pub fn new(id: impl Into<String>, size_bytes: Option<u64>) -> Self {
        let id = id.into();
        let (path, name) = (PathBuf::from(&id), ObjectName::parse(&id));
        Self {
            id,
            path,
            size_bytes,
            etag: None,
            modified: None,
            inode: None,
            name,
            one_shot: false,
            formats: Vec::new(),
            log_group: None,
            fields: None,
            source: 0,
        }
    }
}

impl From<&Split> for ObjectMeta {
    fn from(split: &Split) -> Self {
        Self {
            name: split.id.clone(),
            formats: split.formats.clone(),
            log_group: split.log_group.clone(),
        }
    }
}
