//! Objects of S3: `s3://bucket/prefix`.
//!
//! [`S3Source`] lists a bucket or a prefix; [`PrefetchingReader`] reads objects ahead, also for other sources. The
//! layout of a bucket is detected from the listing, not from a setting.

mod lister;
mod listing_plan;
mod prefetch;
mod range_reader;
mod s3_source;

#[cfg(test)]
mod tests;

pub(in crate::source) use prefetch::PrefetchingReader;
pub(in crate::source) use s3_source::S3Source;
