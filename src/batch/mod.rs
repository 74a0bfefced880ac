//! Typed rows and Arrow batches.
//!
//! `decode` reads columns of a query result, whatever Arrow type the SQL returned.

pub(crate) mod decode;
