//! Several tables in one output.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use arrow::array::RecordBatch;

use crate::cli::output::{Format, RowWriter, terminal_width};

/// Bytes that a writer leaves behind when it is done.
#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns several tables as one text: under their titles for people, as one object in JSON. `fits` cuts
/// tables to the terminal.
pub fn sections(parts: &[(&str, RecordBatch)], format: Format, fits: bool) -> Result<String> {
    let mut texts = Vec::new();
    for (name, batch) in parts {
        let buffer = Buffer::default();
        let width = if fits { terminal_width() } else { None };
        let mut writer = RowWriter::new(format, batch.schema(), Box::new(buffer.clone()), width)?;
        writer.write(batch)?;
        writer.finish()?;
        let bytes = buffer.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        texts.push((*name, String::from_utf8(bytes)?));
    }
    let title = |name: &str| name.replace('_', " ");
    let several = parts.len() > 1;
    Ok(match format {
        Format::Json => {
            let parts = texts.iter().map(|(name, text)| format!("\"{name}\":{}", text.trim_end()));
            format!("{{{}}}\n", parts.collect::<Vec<_>>().join(",\n"))
        }
        Format::Markdown => {
            let parts = texts.iter().map(|(name, text)| format!("## {}\n\n{text}", title(name)));
            parts.collect::<Vec<_>>().join("\n")
        }
        Format::Table if several => {
            let parts = texts.iter().map(|(name, text)| format!("{}\n{text}", title(name)));
            parts.collect::<Vec<_>>().join("\n")
        }
        _ => texts.into_iter().map(|(_, text)| text).collect(),
    })
}
