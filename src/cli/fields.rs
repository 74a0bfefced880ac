//! `flowq fields`, and the field table of the README: both come from the one list of fields.

use std::io::Write;

use anyhow::Result;

use super::output::{Format, print_rows};
use crate::flow::field::{Field, Layout};

/// Prints every field of a layout: AWS's name, SQL column, version, AWS's type, meaning.
///
/// # Errors
///
/// When the output takes no more.
pub fn print(
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

/// Returns the fields of a layout as the Markdown table that stands in the README.
pub fn fields_markdown(layout: Layout) -> String {
    let mut text = "| Field | Version | Type | Meaning |\n| --- | --: | --- | --- |\n".to_owned();
    for Field { name, version, kind, meaning } in layout.fields() {
        text += &format!("| `{name}` | {version} | {} | {meaning} |\n", kind.aws_type());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_markdown_table_has_a_row_for_each_field() {
        for layout in [Layout::Vpc, Layout::TransitGateway] {
            let text = fields_markdown(layout);
            assert_eq!(text.lines().count(), 2 + layout.fields().len());
            assert!(text.lines().all(|line| line.matches('|').count() == 5), "{text}");
        }
    }
}
