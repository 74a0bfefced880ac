//! `read_csv`, `read_parquet`, `read_json`: small lists of a user's own, to join with.
//!
//! A file is read whole when a statement is planned. Nothing else in SQL opens a file.

use std::fs::File;
use std::io::{Cursor, Read as _};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::csv::reader::Format;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::json::reader::infer_json_schema;
use bytes::Bytes;
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::datasource::MemTable;
use datafusion::logical_expr::Expr;
use datafusion::prelude::SessionContext;
use flate2::read::MultiGzDecoder;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// The most bytes of a list, unpacked.
const FILE_BYTES_MAX: u64 = 128 << 20;

/// The most rows of a Parquet file: they may take far more memory than they take in the file.
const ROWS_MAX: i64 = 10_000_000;

/// Rows from which the types of the columns of a text file are inferred.
const SAMPLE_ROWS: usize = 10_000;

/// What a file is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Csv,
    Parquet,
    Json,
}

/// A function that reads a file as a table.
#[derive(Debug)]
struct Reader {
    name: &'static str,
    kind: Kind,
}

/// Adds the functions to a session.
pub(super) fn register(session: &SessionContext) {
    for (name, kind) in
        [("read_csv", Kind::Csv), ("read_parquet", Kind::Parquet), ("read_json", Kind::Json)]
    {
        session.register_udtf(name, Arc::new(Reader { name, kind }));
    }
}

impl TableFunctionImpl for Reader {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let [Expr::Literal(value, _)] = args.exprs() else { return Err(self.usage()) };
        let (ScalarValue::Utf8(Some(path))
        | ScalarValue::Utf8View(Some(path))
        | ScalarValue::LargeUtf8(Some(path))) = value
        else {
            return Err(self.usage());
        };
        let failed =
            |what: String| DataFusionError::Plan(format!("{}('{path}'): {what}", self.name));
        let bytes = read(path).map_err(failed)?;
        let table = match self.kind {
            Kind::Csv => csv(&bytes),
            Kind::Parquet => parquet(bytes),
            Kind::Json => json(&bytes),
        };
        let (schema, batches) = table.map_err(|error| failed(error.to_string()))?;
        Ok(Arc::new(MemTable::try_new(schema, vec![batches])?))
    }
}

impl Reader {
    fn usage(&self) -> DataFusionError {
        DataFusionError::Plan(format!("{0} takes the name of a file: {0}('list.csv')", self.name))
    }
}

/// Reads a file, and unpacks it if it is gzip.
fn read(path: &str) -> std::result::Result<Bytes, String> {
    let to_text = |error: std::io::Error| error.to_string();
    let meta = std::fs::metadata(path).map_err(to_text)?;
    if !meta.is_file() {
        return Err("it is not a file".to_owned());
    }
    let file = File::open(path).map_err(to_text)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(to_text)?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        let unpacked = MultiGzDecoder::new(bytes.as_slice());
        unpacked.take(FILE_BYTES_MAX + 1).read_to_end(&mut plain).map_err(to_text)?;
        bytes = plain;
    }
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("it has more than {} MiB", FILE_BYTES_MAX >> 20));
    }
    Ok(bytes.into())
}

type Rows = std::result::Result<(SchemaRef, Vec<RecordBatch>), ArrowError>;

fn csv(bytes: &[u8]) -> Rows {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let format = Format::default().with_header(true);
    let (schema, _) = format.infer_schema(Cursor::new(bytes), Some(SAMPLE_ROWS))?;
    let schema = Arc::new(schema);
    let reader = arrow::csv::ReaderBuilder::new(Arc::clone(&schema)).with_header(true);
    let batches = reader.build(Cursor::new(bytes))?.collect::<std::result::Result<_, _>>()?;
    Ok((schema, batches))
}

fn parquet(bytes: Bytes) -> Rows {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
    let rows = builder.metadata().file_metadata().num_rows();
    if !(0..=ROWS_MAX).contains(&rows) {
        let what = format!("it has {rows} rows, and {ROWS_MAX} are the most");
        return Err(ArrowError::InvalidArgumentError(what));
    }
    let schema = Arc::clone(builder.schema());
    let batches = builder.build()?.collect::<std::result::Result<_, _>>()?;
    Ok((schema, batches))
}

/// Takes one object a line, or one array of objects.
fn json(bytes: &[u8]) -> Rows {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut lines = Vec::new();
    let mut text = bytes;
    if bytes.trim_ascii_start().starts_with(b"[") {
        let rows: Vec<serde_json::Value> = serde_json::from_slice(bytes)
            .map_err(|error| ArrowError::JsonError(error.to_string()))?;
        for row in rows {
            lines.extend_from_slice(row.to_string().as_bytes());
            lines.push(b'\n');
        }
        text = &lines;
    }
    let (schema, _) = infer_json_schema(Cursor::new(text), Some(SAMPLE_ROWS))?;
    let schema = Arc::new(schema);
    let reader = arrow::json::ReaderBuilder::new(Arc::clone(&schema)).build(Cursor::new(text))?;
    Ok((schema, reader.collect::<std::result::Result<_, _>>()?))
}
