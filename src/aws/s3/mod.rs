//! Reliable access to S3: listings, whole objects, ranges, and streams that resume where they broke off.
//!
//! [`S3Client`] lists a [`Page`] of [`Object`]s below a [`Location`], reads an [`S3Object`], and writes under a
//! [`Condition`]; [`BucketStore`] is a bucket as an object store. The content of objects is not known here.

mod bucket_region;
mod bucket_store;
mod client;
mod listing;
mod location;
mod object;
mod read;
mod resuming_stream;
mod write;

#[cfg(test)]
pub(crate) mod tests;

pub use bucket_store::BucketStore;
pub use client::S3Client;
pub use location::{Location, decode};
pub use object::{Object, Page, S3Object};
pub use write::Condition;
