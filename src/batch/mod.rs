//! Typed rows and Arrow batches.
//!
//! `decode` reads columns of a query result, whatever Arrow type the SQL returned. `output_schema` gives rows the names and
//! types that files need.

pub(crate) mod decode;
pub(crate) mod output_schema;
