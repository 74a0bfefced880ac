//! Bucket and key of an object or a prefix.

use std::fmt;

use percent_encoding::percent_decode_str;

use crate::aws::{Error, Kind};

/// An object, or the beginning of the names of several.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Location {
    /// The bucket, or the alias of an access point.
    pub bucket: String,
    /// The key, as it is: nothing in it is encoded. Empty for the whole bucket.
    pub key: String,
}

impl Location {
    /// Creates a location.
    pub fn new(bucket: impl Into<String>, key: impl Into<String>) -> Self {
        Self { bucket: bucket.into(), key: key.into() }
    }

    /// Reads `s3://bucket/key`. The key is taken as it is, `%` and spaces included.
    ///
    /// # Errors
    ///
    /// [`Kind::Other`] when it is no such URL, or names no bucket.
    pub fn parse(url: &str) -> Result<Self, Error> {
        let failed = |what| Err(Error::new(Kind::Other, format!("{url} {what}")));
        let Some(rest) = url.strip_prefix("s3://") else { return failed("is no s3:// URL") };
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        if bucket.is_empty() || !bucket.bytes().all(fits) {
            return failed("names no bucket");
        }
        Ok(Self::new(bucket, key))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

/// Returns a key as it is from the form that listings and notifications give it in.
pub fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}
