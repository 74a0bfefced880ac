//! What to read of a Parquet file.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use crate::flow::Filter;
use crate::flow::field::Layout;
use crate::flow::parquet::file_part::FilePart;

/// Which rows and columns of a file are wanted.
pub struct ParquetRequest {
    /// Names the file in errors and in the column `object`.
    pub object: String,
    /// The columns that flowq does not know of the lake's table that names the file. NULL: it is of no lake, and
    /// what it says of itself is not believed.
    pub lake: Option<Arc<[String]>>,
    /// The table that is read; rows of the other layout are counted and left out.
    pub layout: Layout,
    /// The columns wanted, from [`Layout::schema`]; any order, any subset, maybe none.
    pub schema: SchemaRef,
    /// The rows that are wanted. Numbers are compared as numbers.
    pub filter: Filter,
    /// Which row groups: counts are of them alone.
    pub part: FilePart,
    /// Checks the values of every column, not only of those that are read.
    pub validate_all: bool,
    /// Rows in a batch, at most.
    pub batch_rows: usize,
    /// How many malformed rows [`Tally::first`] holds; `usize::MAX` for all.
    pub malformed_max: usize,
}
