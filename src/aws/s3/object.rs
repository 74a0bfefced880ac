//! Objects of S3, and pages of listings.

use crate::aws::s3::location::Location;

/// What is known of an object that is to be read. It is enforced: bytes of another version are
/// never given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Object {
    /// Where it is.
    pub location: Location,
    /// Its size; `None`: whatever the response states.
    pub size_bytes: Option<u64>,
    /// Its version; `None`: that of the first response.
    pub etag: Option<String>,
    /// When it was written, in Unix seconds of the store's clock; `None`: not known.
    pub modified: Option<i64>,
}

impl From<Location> for S3Object {
    fn from(location: Location) -> Self {
        Self { location, size_bytes: None, etag: None, modified: None }
    }
}

/// An object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The key, decoded.
    pub key: String,
    /// Its size as stored; `None`: the store does not report it.
    pub size_bytes: Option<u64>,
    /// Its version, with its quotes.
    pub etag: Option<String>,
    /// When it was written, Unix seconds.
    pub modified: Option<i64>,
    /// Whether it has to be restored before it can be read. Intelligent tiering does not report it.
    pub archived: bool,
}

/// A page of a listing, at most 1,000 names, in the order of their bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The objects.
    pub objects: Vec<Object>,
    /// With a delimiter: the common prefixes, each with its `/`.
    pub prefixes: Vec<String>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<String>,
}
