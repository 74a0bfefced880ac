//! What to read of a Parquet file.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use crate::flow::Filter;
use crate::flow::field::Layout;
use crate::flow::parquet::file_part::FilePart;

/// The rows and columns of a file to read.
pub struct ParquetRequest {
    /// Names the file in errors and in the column `object`.
    pub object: String,
    /// The columns that flowq does not know of the lake's table that names the file. `None`: it is in no lake, and
    /// its own metadata is not trusted.
    pub lake: Option<Arc<[String]>>,
    /// The table that is read; rows of the other layout are counted and left out.
    pub layout: Layout,
    /// The columns to return, from [`Layout::schema`]; any order, any subset, maybe none.
    pub schema: SchemaRef,
    /// The rows to select. Numbers are compared as numbers.
    pub filter: Filter,
    /// Which row groups: counts are of them alone.
    pub part: FilePart,
    /// Checks the values of every column, not only of those that are read.
    pub validate_all: bool,
    /// Rows in a batch, at most.
    pub batch_rows: usize,
    /// How many malformed rows [`Tally::first`] has at most; `usize::MAX` for all.
    pub malformed_max: usize,
}
