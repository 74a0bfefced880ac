//! Tables for people: aligned columns, or one value a line where a terminal is too narrow for that.

use anyhow::Result;
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;

use crate::cli::output::cells::{Cells, right_aligned};
use crate::cli::output::visible;

/// Rows that are buffered to find the widths of the columns. Later rows use the same widths.
const SAMPLE_ROWS: usize = 1000;

/// A text column is not cut below this; a table that is still too wide is printed as records.
const CUT_WIDTH_MIN: usize = 12;

const GAP: &str = "  ";

/// A table that is printed while its rows come in.
pub(crate) struct Table {
    columns: Vec<Column>,
    terminal_width: Option<usize>,
    /// The first rows; `None` once the widths are known.
    sample: Option<Vec<Vec<String>>>,
    records: bool,
    printed: u64,
}

struct Column {
    name: String,
    right: bool,
    width: usize,
    cut: bool,
}

impl Table {
    pub(crate) fn new(schema: &Schema, terminal_width: Option<u16>) -> Self {
        let column = |(field, right): (&arrow::datatypes::FieldRef, bool)| {
            let name = visible(field.name()).into_owned();
            Column { width: width(&name), name, right, cut: false }
        };
        Self {
            columns: schema.fields().iter().zip(right_aligned(schema)).map(column).collect(),
            terminal_width: terminal_width.map(usize::from),
            sample: Some(Vec::new()),
            records: false,
            printed: 0,
        }
    }

    /// Takes a batch. Returns what can be printed by now.
    pub(crate) fn push(&mut self, batch: &RecordBatch) -> Result<String> {
        let mut text = String::new();
        let mut cells = Cells::new(batch)?;
        for row in 0..batch.num_rows() {
            let row: Vec<String> =
                cells.row(row)?.iter().map(|cell| visible(cell).into_owned()).collect();
            let Some(sample) = &mut self.sample else {
                self.print(&row, &mut text);
                continue;
            };
            sample.push(row);
            if sample.len() == SAMPLE_ROWS {
                self.start(&mut text);
            }
        }
        Ok(text)
    }

    /// Returns the buffered rows.
    pub(crate) fn finish(mut self) -> String {
        let mut text = String::new();
        self.start(&mut text);
        text
    }

    /// Fixes the widths and prints the head and the buffered rows.
    fn start(&mut self, text: &mut String) {
        let Some(sample) = self.sample.take() else { return };
        for row in &sample {
            for (column, cell) in self.columns.iter_mut().zip(row) {
                column.width = column.width.max(width(cell));
            }
        }
        self.records = !self.fit();
        if !self.records {
            let names: Vec<String> = self.columns.iter().map(|c| c.name.clone()).collect();
            let rules: Vec<String> = self.columns.iter().map(|c| "─".repeat(c.width)).collect();
            self.line(&names, text);
            self.line(&rules, text);
        }
        for row in &sample {
            self.print(row, text);
        }
    }

    /// Narrows the widest columns of text until the table fits. Returns whether it does.
    fn fit(&mut self) -> bool {
        let Some(limit) = self.terminal_width else { return true };
        let gaps = GAP.len() * self.columns.len().saturating_sub(1);
        let mut total = gaps + self.columns.iter().map(|column| column.width).sum::<usize>();
        while total > limit {
            let narrowable =
                |c: &&mut Column| !c.right && c.width > CUT_WIDTH_MIN.max(width(&c.name));
            let widest = self.columns.iter_mut().filter(narrowable).max_by_key(|c| c.width);
            let Some(widest) = widest else { return false };
            widest.width -= 1;
            widest.cut = true;
            total -= 1;
        }
        true
    }

    fn print(&mut self, row: &[String], text: &mut String) {
        self.printed += 1;
        if !self.records {
            return self.line(row, text);
        }
        let names = self.columns.iter().map(|column| width(&column.name)).max().unwrap_or(0);
        text.push_str(&format!("── {} ──\n", self.printed));
        for (column, cell) in self.columns.iter().zip(row) {
            pad(text, &column.name, names, false);
            text.push_str(GAP);
            text.push_str(cell);
            end_line(text);
        }
    }

    fn line(&self, row: &[String], text: &mut String) {
        for (i, (column, cell)) in self.columns.iter().zip(row).enumerate() {
            if i > 0 {
                text.push_str(GAP);
            }
            if column.cut && width(cell) > column.width {
                pad(text, &cut(cell, column.width), column.width, column.right);
            } else {
                pad(text, cell, column.width, column.right);
            }
        }
        end_line(text);
    }
}

fn end_line(text: &mut String) {
    text.truncate(text.trim_end_matches(' ').len());
    text.push('\n');
}

fn pad(text: &mut String, cell: &str, to: usize, right: bool) {
    let blanks = to.saturating_sub(width(cell));
    if right {
        text.extend(std::iter::repeat_n(' ', blanks));
    }
    text.push_str(cell);
    if !right {
        text.extend(std::iter::repeat_n(' ', blanks));
    }
}

/// Cuts a text to a width, its last place being an ellipsis.
fn cut(cell: &str, to: usize) -> String {
    let mut used = 0;
    let fits = |c: &char| {
        used += char_width(*c);
        used < to
    };
    let mut text: String = cell.chars().take_while(fits).collect();
    text.push('…');
    text
}

fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().map(char_width).sum() }
}

/// Returns the columns that a terminal gives to a character: East Asian wide forms and emoji take two,
/// combining marks none.
fn char_width(c: char) -> usize {
    match u32::from(c) {
        0x0300..=0x036f | 0x200b..=0x200f | 0x20d0..=0x20ff | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff => 2,
        0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff => 2,
        0x20000..=0x3fffd => 2,
        _ => 1,
    }
}
