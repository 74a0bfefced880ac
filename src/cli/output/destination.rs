//! Rows to standard output or to a file.

use std::fs::File;
use std::io::{BufWriter, IsTerminal as _, Write as _};
use std::path::Path;

use anyhow::anyhow;
use arrow::array::{AsArray as _, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt as _;
use serde::Serialize;

use crate::cli::args;
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::output::{Format, OutputFile, RowWriter, Terminal, terminal_width, visible_lines};

/// Output of one command: a writer, and the file that it becomes.
pub(crate) struct Output {
    writer: RowWriter,
    file: Option<OutputFile>,
}

impl Output {
    /// Has CSV and TSV hold no text that a spreadsheet takes for a formula.
    pub(crate) fn csv_safe(self, csv_safe: bool) -> Self {
        Self { writer: self.writer.csv_safe(csv_safe), ..self }
    }

    /// Starts the output.
    pub(crate) fn new(
        format: Format,
        path: Option<&Path>,
        schema: SchemaRef,
    ) -> Result<Self, Failure> {
        let (file, sink) = sink(format.is_binary(), path)?;
        let width = if file.is_none() { terminal_width() } else { None };
        let writer = RowWriter::new(format, schema, sink, width).or_exit(Exit::Output)?;
        Ok(Self { writer, file })
    }

    /// Writes a batch.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        self.writer.write(batch).or_exit(Exit::Output)
    }

    /// Ends the output; a file appears now.
    pub(crate) fn finish(self) -> Result<u64, Failure> {
        let rows = self.writer.finish().or_exit(Exit::Output)?;
        if let Some(file) = self.file {
            file.publish().or_exit(Exit::Output)?;
        }
        Ok(rows)
    }
}

type Sink = Box<dyn std::io::Write + Send>;

/// Opens the file, or standard output. Bytes that are no text do not go to a terminal.
pub(crate) fn sink(
    binary: bool,
    path: Option<&Path>,
) -> Result<(Option<OutputFile>, Sink), Failure> {
    let Some(path) = path else {
        if binary && std::io::stdout().is_terminal() {
            let error = anyhow!("this format is not for a terminal");
            return Err(Failure::new(Exit::Usage, error).with_hint("name a file with --output"));
        }
        let out: Sink = match binary {
            true => Box::new(BufWriter::new(bare_stdout().or_exit(Exit::Output)?)),
            false if std::io::stdout().is_terminal() => Box::new(Terminal::new(std::io::stdout())),
            false => Box::new(std::io::stdout()),
        };
        return Ok((None, out));
    };
    let file = OutputFile::create(path).or_exit(Exit::Output)?;
    let writer = file.writer().or_exit(Exit::Output)?;
    Ok((Some(file), writer))
}

/// Returns standard output without its search for the ends of lines, which costs as much as writing.
fn bare_stdout() -> std::io::Result<File> {
    #[cfg(unix)]
    let out = std::os::fd::AsFd::as_fd(&std::io::stdout()).try_clone_to_owned()?;
    #[cfg(windows)]
    let out = std::os::windows::io::AsHandle::as_handle(&std::io::stdout()).try_clone_to_owned()?;
    Ok(File::from(out))
}

/// Prints a stream as it comes. Returns the number of rows. `--output` and the last batch appear only if
/// `ready` finds that the input could be read.
pub(crate) async fn stream(
    mut rows: SendableRecordBatchStream,
    write: &args::Write,
    ready: impl FnOnce() -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let schema = rows.schema();
    if schema.fields().is_empty() {
        while let Some(batch) = rows.next().await {
            drop(batch?);
        }
        return Ok(0);
    }
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    if write.format == Format::Table && names == ["plan_type", "plan"] {
        return plan(rows, write).await;
    }
    let output = Output::new(write.format, write.output.as_deref(), schema)?;
    let mut output = output.csv_safe(write.csv_safe);
    // One batch is buffered: a sum over input that could not be read at all must not be printed as "0".
    let mut previous = None;
    while let Some(batch) = rows.next().await {
        if let Some(batch) = previous.replace(batch?) {
            output.write(&batch)?;
        }
    }
    ready()?;
    if let Some(batch) = previous {
        output.write(&batch)?;
    }
    output.finish()
}

/// Prints what EXPLAIN tells: text of many lines, which no table column can hold.
async fn plan(mut rows: SendableRecordBatchStream, write: &args::Write) -> Result<u64, Failure> {
    let (file, mut sink) = sink(false, write.output.as_deref())?;
    let mut count = 0;
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        let text = |column: usize| cast(batch.column(column), &DataType::Utf8);
        let (kinds, plans) = (text(0).or_exit(Exit::Output)?, text(1).or_exit(Exit::Output)?);
        for (kind, plan) in kinds.as_string::<i32>().iter().zip(plans.as_string::<i32>()) {
            let (kind, plan) = (kind.unwrap_or_default(), plan.unwrap_or_default().trim_end());
            writeln!(sink, "{kind}\n  {}", plan.replace('\n', "\n  ")).or_exit(Exit::Output)?;
            count += 1;
        }
    }
    sink.flush().or_exit(Exit::Output)?;
    drop(sink);
    if let Some(file) = file {
        file.publish().or_exit(Exit::Output)?;
    }
    Ok(count)
}

/// Prints rows that are all there.
pub(crate) fn batch(batch: &RecordBatch, write: &args::Write) -> Result<(), Failure> {
    let output = Output::new(write.format, write.output.as_deref(), batch.schema())?;
    let mut output = output.csv_safe(write.csv_safe);
    output.write(batch)?;
    output.finish().map(drop)
}

/// Prints a text for people, without what a terminal obeys.
pub(crate) fn people(text: &str, path: Option<&Path>) -> Result<(), Failure> {
    crate::cli::output::destination::text(&visible_lines(text), path)
}

/// Prints a text that is all there; a file appears when it is complete.
pub(crate) fn text(text: &str, path: Option<&Path>) -> Result<(), Failure> {
    let (file, mut sink) = sink(false, path)?;
    sink.write_all(text.as_bytes()).or_exit(Exit::Output)?;
    sink.flush().or_exit(Exit::Output)?;
    drop(sink);
    match file {
        Some(file) => file.publish().or_exit(Exit::Output),
        None => Ok(()),
    }
}

/// Prints a value as JSON, indented.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T, path: Option<&Path>) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(value).or_exit(Exit::Output)?;
    text(&format!("{json}\n"), path)
}

/// Prints values as JSON, one a line.
pub(crate) fn json_lines<T: Serialize>(values: &[T], path: Option<&Path>) -> Result<(), Failure> {
    let mut lines = String::new();
    for value in values {
        lines.push_str(&serde_json::to_string(value).or_exit(Exit::Output)?);
        lines.push('\n');
    }
    text(&lines, path)
}
