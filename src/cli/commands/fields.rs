//! `flowq fields`; the table of `docs/fields.md` is its output.

use std::io::Write;

use anyhow::Result;

use crate::cli::output::{Format, print_rows};
use crate::flow::field::{Field, Layout};

/// Prints every field of a layout: AWS's name, SQL column, version, AWS's type, meaning.
pub(crate) fn print(
    layout: Layout,
    format: Format,
    out: Box<dyn Write + Send>,
    terminal_width: Option<u16>,
) -> Result<()> {
    let rows = layout.fields().iter().map(row);
    print_rows(["field", "column", "version", "type", "meaning"], rows, format, out, terminal_width)
}

fn row(field: &Field) -> [String; 5] {
    let kind = field.kind.aws_type().to_owned();
    [
        field.name.to_owned(),
        field.column(),
        field.version.to_string(),
        kind,
        field.meaning.to_owned(),
    ]
}
