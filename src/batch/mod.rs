//! Typed rows and Arrow batches.

pub(crate) mod decode;
