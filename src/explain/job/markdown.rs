//! A page as Markdown.

use std::fmt::Write as _;

use arrow::error::ArrowError;

use crate::explain::job::{JobReport, cells};

/// Characters that Markdown, or HTML inside it, gives a meaning to.
const SPECIAL: &[char] =
    &['\\', '`', '*', '_', '{', '}', '[', ']', '<', '>', '#', '|', '!', '~', '&'];

/// Returns the page.
pub(super) fn page(page: &JobReport) -> Result<String, ArrowError> {
    let mut text = format!("# Job {}\n", escaped(&page.title));
    // Writing to a String cannot fail.
    for part in &page.parts {
        let _ = write!(text, "\n## {}\n\n", escaped(&part.title));
        for note in &part.notes {
            let _ = writeln!(text, "- {}", escaped(note));
        }
        if part.rows.num_rows() == 0 {
            continue;
        }
        if !part.notes.is_empty() {
            text.push('\n');
        }
        let schema = part.rows.schema();
        let names: Vec<String> =
            schema.fields().iter().map(|field| escaped(field.name())).collect();
        let _ = writeln!(text, "| {} |", names.join(" | "));
        let rule = |field: &arrow::datatypes::FieldRef| {
            if field.data_type().is_numeric() { "--:" } else { "---" }
        };
        let rules: Vec<&str> = schema.fields().iter().map(rule).collect();
        let _ = writeln!(text, "| {} |", rules.join(" | "));
        for row in cells(&part.rows)? {
            let row: Vec<String> = row.iter().map(|cell| escaped(cell)).collect();
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
    }
    Ok(text)
}

/// Takes every meaning from a text but that of its letters.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_control() => safe.push(' '),
            c if SPECIAL.contains(&c) => safe.extend(['\\', c]),
            c => safe.push(c),
        }
    }
    safe
}
