//! How rows are printed: one writer for every format, which holds a bounded number of rows.
//!
//! Text formats show a time as `2026-03-10T12:00:00Z`, NULL as nothing, and lists and structs as JSON.

mod cells;
pub(crate) mod destination;
mod file;
pub(crate) mod findings;
pub(crate) mod sections;
mod table;
pub(crate) mod visible;

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::FileWriter;
use arrow::json::writer::{JsonArray, LineDelimited, WriterBuilder};
use clap::ValueEnum;
pub use file::OutputFile;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
pub use sections::sections;
use terminal_size::{Width, terminal_size_of};
pub use visible::{Terminal, markdown, markdown_block, visible, visible_lines};

use crate::batch::output_schema::{conform, with_parquet_times, with_unique_names};
use crate::cli::output::cells::Cells;
use crate::cli::output::table::Table;
use crate::cli::output::visible::no_formula;

/// Bytes of a Parquet row group that are buffered before they are written.
const ROW_GROUP_BYTES_MAX: usize = 64 << 20;

/// A format of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Format {
    /// Columns for people; rows stand one value a line where they do not fit the terminal.
    Table,
    /// One JSON array of objects.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// Comma-separated, with a header (RFC 4180).
    Csv,
    /// Tab-separated, with a header; tab, newline and backslash as \t, \n, \\.
    Tsv,
    /// A Markdown table.
    Markdown,
    /// Parquet, zstd.
    Parquet,
    /// Arrow IPC file.
    Arrow,
}

impl Format {
    /// Returns its name, as `--format` takes it.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Returns whether it is no text, so that it should not go to a terminal.
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Parquet | Self::Arrow)
    }
}

type Sink = Box<dyn Write + Send>;

/// Writes batches of one schema in one [`Format`], each as it comes.
pub struct RowWriter {
    rows: u64,
    /// The names and types as they are written.
    schema: SchemaRef,
    body: Body,
    /// Whether text that a spreadsheet would take for a formula is made none.
    csv_safe: bool,
}

enum Body {
    Table(Table, Sink),
    Json(arrow::json::Writer<Sink, JsonArray>),
    Ndjson(arrow::json::Writer<Sink, LineDelimited>),
    Csv(Box<csv::Writer<Sink>>),
    Tsv(Sink),
    Markdown(Sink),
    Parquet(Box<ArrowWriter<Sink>>),
    Arrow(Box<FileWriter<Sink>>),
}

impl RowWriter {
    /// Starts the output. `terminal_width` is the number of columns of the terminal that a table must
    /// fit; `None` where there is no terminal, and then nothing is cut.
    pub fn new(
        format: Format,
        schema: SchemaRef,
        mut out: Sink,
        terminal_width: Option<u16>,
    ) -> Result<Self> {
        let schema = match format {
            Format::Parquet => with_parquet_times(&with_unique_names(&schema)),
            _ => with_unique_names(&schema),
        };
        let names = || schema.fields().iter().map(|field| field.name().as_str());
        let json = || WriterBuilder::new().with_explicit_nulls(true);
        let body = match format {
            Format::Table => Body::Table(Table::new(&schema, terminal_width), out),
            Format::Json => Body::Json(json().build(out)),
            Format::Ndjson => Body::Ndjson(json().build(out)),
            Format::Csv => {
                let mut csv = csv::Writer::from_writer(out);
                csv.write_record(names()).map_err(of_csv)?;
                Body::Csv(Box::new(csv))
            }
            Format::Tsv => {
                out.write_all(tsv_line(names()).as_bytes())?;
                Body::Tsv(out)
            }
            Format::Markdown => {
                let rules =
                    cells::right_aligned(&schema).map(|right| if right { "--:" } else { "---" });
                let head = format!("{}{}", markdown_line(names()), markdown_line(rules));
                out.write_all(head.as_bytes())?;
                Body::Markdown(out)
            }
            Format::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .set_max_row_group_bytes(Some(ROW_GROUP_BYTES_MAX))
                    .build();
                let writer = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties));
                Body::Parquet(Box::new(writer.context("starting Parquet output")?))
            }
            Format::Arrow => {
                let writer = FileWriter::try_new(out, &schema);
                Body::Arrow(Box::new(writer.context("starting Arrow output")?))
            }
        };
        Ok(Self { rows: 0, schema, body, csv_safe: false })
    }

    /// Has CSV and TSV hold no text that a spreadsheet takes for a formula.
    pub fn csv_safe(mut self, csv_safe: bool) -> Self {
        self.csv_safe = csv_safe;
        self
    }

    /// Writes a batch. Text is flushed with it, so that a reader sees rows as they come.
    ///
    /// # Errors
    ///
    /// When the output takes no more; see [`is_broken_pipe`].
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        let batch = &conform(batch, &self.schema)?;
        match &mut self.body {
            Body::Table(table, out) => {
                out.write_all(table.push(batch)?.as_bytes())?;
                out.flush()?;
            }
            Body::Json(writer) => writer.write(batch)?,
            Body::Ndjson(writer) => {
                writer.write(batch)?;
                writer.get_mut().flush()?;
            }
            Body::Csv(writer) => {
                let mut cells = Cells::new(batch)?;
                let safe = Safe::new(self.csv_safe, batch);
                for row in 0..batch.num_rows() {
                    let row = safe.row(cells.row(row)?);
                    writer.write_record(row.iter().map(|cell| cell.as_bytes())).map_err(of_csv)?;
                }
                writer.flush()?;
            }
            Body::Tsv(out) => {
                let safe = Safe::new(self.csv_safe, batch);
                lines(batch, out, |row| tsv_line(safe.row(row).iter().map(|cell| &**cell)))?;
            }
            Body::Markdown(out) => {
                lines(batch, out, |row| markdown_line(row.iter().map(String::as_str)))?;
            }
            Body::Parquet(writer) => writer.write(batch)?,
            Body::Arrow(writer) => writer.write(batch)?,
        }
        Ok(())
    }

    /// Writes what is still buffered and the end of the format. Returns the number of rows written in all.
    ///
    /// # Errors
    ///
    /// When the output takes no more; see [`is_broken_pipe`].
    pub fn finish(self) -> Result<u64> {
        match self.body {
            Body::Table(table, mut out) => {
                out.write_all(table.finish().as_bytes())?;
                out.flush()?;
            }
            Body::Json(mut writer) => {
                writer.finish()?;
                let mut out = writer.into_inner();
                out.write_all(b"\n")?;
                out.flush()?;
            }
            Body::Ndjson(mut writer) => {
                writer.finish()?;
                writer.into_inner().flush()?;
            }
            Body::Csv(mut writer) => writer.flush()?,
            Body::Tsv(mut out) | Body::Markdown(mut out) => out.flush()?,
            Body::Parquet(mut writer) => {
                writer.finish()?;
                writer.inner_mut().flush()?;
            }
            Body::Arrow(mut writer) => {
                writer.finish()?;
                writer.get_mut().flush()?;
            }
        }
        Ok(self.rows)
    }
}

/// Prints rows of text, as help and lists do.
pub fn print_rows<const N: usize, T: AsRef<str>>(
    names: [&str; N],
    rows: impl Iterator<Item = [T; N]>,
    format: Format,
    out: Sink,
    terminal_width: Option<u16>,
) -> Result<()> {
    let mut columns = [const { Vec::new() }; N];
    for row in rows {
        for (column, cell) in columns.iter_mut().zip(row) {
            column.push(cell);
        }
    }
    let columns = columns.map(|cells| Arc::new(StringArray::from_iter_values(cells)) as ArrayRef);
    let batch = RecordBatch::try_from_iter(names.into_iter().zip(columns))?;
    let mut writer = RowWriter::new(format, batch.schema(), out, terminal_width)?;
    writer.write(&batch)?;
    writer.finish().map(drop)
}

/// Returns the width of the terminal that stdout is, in columns; `None` when it is none.
pub fn terminal_width() -> Option<u16> {
    let (Width(columns), _) = terminal_size_of(io::stdout())?;
    Some(columns).filter(|&columns| columns > 0)
}

/// Returns whether an error is only that the reader of our output went away, as in `flowq … | head`.
pub fn is_broken_pipe(err: &anyhow::Error) -> bool {
    err.chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|err| err.kind() == io::ErrorKind::BrokenPipe)
}

/// Returns the I/O error of the output: the conversion of the crate itself hides its kind.
fn of_csv(err: csv::Error) -> io::Error {
    match err.into_kind() {
        csv::ErrorKind::Io(err) => err,
        kind => io::Error::other(format!("{kind:?}")),
    }
}

/// The columns of a batch whose text is made safe for a spreadsheet.
struct Safe(Option<Vec<bool>>);

impl Safe {
    fn new(is_asked: bool, batch: &RecordBatch) -> Self {
        // A number below 0 is none.
        let texts = || cells::right_aligned(batch.schema_ref()).map(|is_number| !is_number);
        Self(is_asked.then(|| texts().collect()))
    }

    fn row<'a>(&self, row: &'a [String]) -> Vec<Cow<'a, str>> {
        let is_text = |at: usize| self.0.as_ref().is_some_and(|texts| texts.get(at) == Some(&true));
        let cell = |(at, cell): (usize, &'a String)| match is_text(at) {
            true => no_formula(cell),
            false => Cow::Borrowed(cell.as_str()),
        };
        row.iter().enumerate().map(cell).collect()
    }
}

fn lines(batch: &RecordBatch, out: &mut Sink, line: impl Fn(&[String]) -> String) -> Result<()> {
    let mut cells = Cells::new(batch)?;
    let mut text = String::new();
    for row in 0..batch.num_rows() {
        text += &line(cells.row(row)?);
    }
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

fn tsv_line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let cells = cells.map(|cell| {
        let cell = cell.replace('\\', "\\\\").replace('\t', "\\t");
        cell.replace('\n', "\\n").replace('\r', "\\r")
    });
    cells.collect::<Vec<_>>().join("\t") + "\n"
}

pub(crate) fn markdown_line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let cells = cells.map(markdown);
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

#[cfg(test)]
mod tests;
