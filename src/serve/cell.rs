//! Rows of a page: one description for HTML, JSON and CSV.

use arrow::array::{Array as _, ArrayRef, RecordBatch};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use crate::batch::decode;
use crate::serve::text;

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum DataCell {
    /// NULL.
    Empty,
    /// Words.
    Text(String),
    /// An id, an address, a command: shown in a fixed width.
    Code(String),
    /// A number of something.
    Count(i64),
    /// Bytes.
    Bytes(i64),
    /// Unix seconds, UTC.
    Time(i64),
    /// Seconds.
    Duration(i64),
    /// A number with a fraction.
    Decimal(f64),
    /// Words that lead somewhere on this server.
    Link {
        /// The words.
        text: String,
        /// Where to: a path.
        href: String,
    },
    /// A state, such as a severity; it also gets the colour of its word.
    State(String),
}

impl DataCell {
    /// Returns a text, or NULL.
    pub fn text(value: Option<&str>) -> Self {
        value.map_or(Self::Empty, |value| Self::Text(value.to_owned()))
    }

    /// Returns a text in a fixed width, or NULL.
    pub fn code(value: Option<&str>) -> Self {
        value.map_or(Self::Empty, |value| Self::Code(value.to_owned()))
    }

    /// Returns a time, or NULL.
    pub fn time(value: Option<i64>) -> Self {
        value.map_or(Self::Empty, Self::Time)
    }

    /// Returns a number, or NULL.
    pub fn count(value: Option<i64>) -> Self {
        value.map_or(Self::Empty, Self::Count)
    }

    /// Returns bytes, or NULL.
    pub fn bytes(value: Option<i64>) -> Self {
        value.map_or(Self::Empty, Self::Bytes)
    }

    fn is_number(&self) -> bool {
        matches!(self, Self::Count(_) | Self::Bytes(_) | Self::Decimal(_) | Self::Duration(_))
    }

    fn json(&self) -> Value {
        match self {
            Self::Empty => Value::Null,
            Self::Text(text) | Self::Code(text) | Self::State(text) | Self::Link { text, .. } => {
                json!(text)
            }
            Self::Count(number) | Self::Bytes(number) | Self::Duration(number) => json!(number),
            Self::Decimal(number) => json!(number),
            Self::Time(secs) => json!(text::rfc3339(*secs)),
        }
    }

    fn csv(&self) -> String {
        match self.json() {
            Value::Null => String::new(),
            Value::String(text) => text,
            other => other.to_string(),
        }
    }

    fn html(&self) -> Markup {
        html! {
            @match self {
                Self::Empty => span.none { "–" },
                Self::Text(words) => (shown(words)),
                Self::Code(words) => code { (shown(words)) },
                Self::Count(number) => (text::count(*number)),
                Self::Bytes(number) => span title=(format!("{} bytes", text::count(*number))) { (text::bytes(*number)) },
                Self::Time(secs) => time datetime=(text::rfc3339(*secs)) { (text::time(*secs)) },
                Self::Duration(secs) => (text::duration(*secs)),
                Self::Decimal(number) => (number.to_string()),
                Self::Link { text: words, href } => a href=(href) { (shown(words)) },
                Self::State(word) => (state(word)),
            }
        }
    }
}

/// Takes control characters out of a text. HTML has no meaning for them, and some reorder what is shown.
pub(super) fn shown(text: &str) -> String {
    let is_hidden = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().map(|c| if is_hidden(c) { '\u{fffd}' } else { c }).collect()
}

/// A state as a word with a mark and a colour; the word alone has the meaning.
pub(super) fn state(word: &str) -> Markup {
    let tone = match word {
        "critical" => "critical",
        "high" | "fail" | "rejected" | "gap" | "denied" | "refused" | "error" => "high",
        "medium" | "skipdata" | "partly rejected" => "medium",
        "low" => "low",
        "pass" | "accepted" | "passes" | "allowed" | "records" | "ok" => "good",
        _ => "plain",
    };
    html! { span class={ "state " (tone) } { (shown(word)) } }
}

/// Columns and rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DataTable {
    /// Names of the columns, as in SQL.
    pub columns: Vec<String>,
    /// Rows, each with a cell for every column.
    pub rows: Vec<Vec<DataCell>>,
    /// Columns that only programs see: people see them on a page of its own, or in a chart.
    pub hidden: Vec<&'static str>,
}

impl DataTable {
    /// Creates a table.
    pub fn new(columns: &[&str], rows: impl IntoIterator<Item = Vec<DataCell>>) -> Self {
        let columns = columns.iter().map(|name| (*name).to_owned()).collect();
        Self { columns, rows: rows.into_iter().collect(), hidden: Vec::new() }
    }

    /// Creates a table of the rows of a query.
    ///
    /// # Errors
    ///
    /// When a value cannot be written as text.
    pub fn from_batches(batches: &[RecordBatch]) -> Result<Self, ArrowError> {
        let Some(first) = batches.first() else { return Ok(Self::default()) };
        let columns = first.schema().fields().iter().map(|field| field.name().clone()).collect();
        let mut table = Self { columns, ..Self::default() };
        for batch in batches {
            let read = |at: usize| cells(&table.columns[at], batch.column(at));
            let by_column: Vec<Vec<DataCell>> =
                (0..batch.num_columns()).map(read).collect::<Result<_, _>>()?;
            let mut by_column: Vec<_> = by_column.into_iter().map(Vec::into_iter).collect();
            for _ in 0..batch.num_rows() {
                table.rows.push(by_column.iter_mut().filter_map(Iterator::next).collect());
            }
        }
        Ok(table)
    }

    /// Returns the rows as JSON objects.
    pub(super) fn json(&self) -> Value {
        let row = |cells: &Vec<DataCell>| {
            let pairs = self.columns.iter().zip(cells);
            Value::Object(
                pairs.map(|(name, cell)| (name.clone(), cell.json())).collect::<Map<_, _>>(),
            )
        };
        Value::Array(self.rows.iter().map(row).collect())
    }

    /// Returns the rows as CSV, with a header.
    pub(super) fn csv(&self) -> String {
        let mut writer =
            csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        // Writing to a Vec cannot fail, and all rows have the same number of cells.
        drop(writer.write_record(&self.columns));
        for row in &self.rows {
            drop(writer.write_record(row.iter().map(DataCell::csv)));
        }
        String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
    }

    /// Returns the table without columns that are NULL in every row.
    #[must_use]
    pub(super) fn without_empty_columns(mut self) -> Self {
        let has_value = |at: usize| {
            self.rows.iter().any(|row| row.get(at).is_some_and(|cell| *cell != DataCell::Empty))
        };
        let filled: Vec<bool> = (0..self.columns.len()).map(has_value).collect();
        let mut at = filled.iter();
        self.columns.retain(|_| at.next().copied().unwrap_or(true));
        for row in &mut self.rows {
            let mut at = filled.iter();
            row.retain(|_| at.next().copied().unwrap_or(true));
        }
        self
    }

    /// Returns the table with only these columns, in this order.
    #[must_use]
    pub(super) fn columns_named(&self, names: &[&str]) -> Self {
        let place = |name: &&str| self.columns.iter().position(|known| known == name);
        let places: Vec<usize> = names.iter().filter_map(place).collect();
        let pick = |row: &Vec<DataCell>| {
            places.iter().filter_map(|at| row.get(*at).cloned()).collect::<Vec<_>>()
        };
        Self {
            columns: places.iter().map(|at| self.columns[*at].clone()).collect(),
            rows: self.rows.iter().map(pick).collect(),
            hidden: self.hidden.clone(),
        }
    }

    /// Returns the numbers of the columns that people see, and of each whether it has numbers.
    fn shown_columns(&self) -> Vec<(usize, bool)> {
        let is_shown = |at: &usize| !self.hidden.contains(&self.columns[*at].as_str());
        let is_number = |at: usize| {
            (at, self.rows.iter().any(|row| row.get(at).is_some_and(DataCell::is_number)))
        };
        (0..self.columns.len()).filter(is_shown).map(is_number).collect()
    }

    /// Returns the rows as an HTML table.
    pub(super) fn html(&self) -> Markup {
        let columns = self.shown_columns();
        html! {
            div.scroll tabindex="0" role="region" aria-label="table" {
                table {
                    thead { tr {
                        @for (at, is_number) in &columns {
                            th scope="col" class=[is_number.then_some("number")] { (head(&self.columns[*at])) }
                        }
                    } }
                    tbody {
                        @for row in &self.rows {
                            tr {
                                @for (at, is_number) in &columns {
                                    @if let Some(cell) = row.get(*at) { td class=[class(cell, *is_number)] { (cell.html()) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Returns the rows as the columns of an HTML table: for few rows of many columns.
    pub(super) fn html_by_field(&self) -> Markup {
        html! {
            div.scroll tabindex="0" role="region" aria-label="table" {
                table.fields {
                    tbody {
                        @for (at, _) in self.shown_columns() {
                            tr {
                                th scope="row" { (head(&self.columns[at])) }
                                @for cell in self.rows.iter().filter_map(|row| row.get(at)) { td { (cell.html()) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The name of a column for people.
fn head(name: &str) -> String {
    name.replace('_', " ")
}

fn class(cell: &DataCell, is_number: bool) -> Option<&'static str> {
    match cell {
        _ if is_number => Some("number"),
        DataCell::Text(words) if words.len() > 60 => Some("long"),
        DataCell::Time(_) => Some("time"),
        _ => None,
    }
}

/// The cells of a column of a query.
fn cells(name: &str, array: &ArrayRef) -> Result<Vec<DataCell>, ArrowError> {
    let is_bytes = name.contains("bytes");
    Ok(match array.data_type() {
        DataType::Timestamp(..) => {
            let times = decode::seconds(array)?;
            times.iter().map(DataCell::time).collect()
        }
        kind if kind.is_integer() && !matches!(kind, DataType::UInt64) => {
            let plain = name.contains("port") || name == "protocol" || name.ends_with("_id");
            let numbers = decode::numbers(array)?;
            let cell = |number: Option<i64>| match number {
                None => DataCell::Empty,
                Some(number) if is_bytes => DataCell::Bytes(number),
                Some(number) if plain => DataCell::Code(number.to_string()),
                Some(number) => DataCell::Count(number),
            };
            numbers.iter().map(cell).collect()
        }
        kind => {
            let (is_float, is_state) = (kind.is_floating(), matches!(name, "state" | "severity"));
            let options = FormatOptions::new();
            let format = ArrayFormatter::try_new(array.as_ref(), &options)?;
            let cell = |row: usize| {
                if array.is_null(row) {
                    return Ok(DataCell::Empty);
                }
                let text = format.value(row).try_to_string()?;
                Ok(match text.parse::<f64>() {
                    Ok(number) if is_float && number.is_finite() => DataCell::Decimal(number),
                    _ if is_state => DataCell::State(text),
                    _ if is_id(name) => DataCell::Code(text),
                    _ => DataCell::Text(text),
                })
            };
            (0..array.len()).map(cell).collect::<Result<_, ArrowError>>()?
        }
    })
}

/// Whether a column has ids or addresses.
fn is_id(name: &str) -> bool {
    name.ends_with("_id")
        || name.ends_with("addr")
        || matches!(name, "interface" | "subnet" | "from" | "to")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray, TimestampSecondArray};

    use super::*;

    const EVIL: &str = "<script>\u{202e}\"'&,\n=1+1";

    #[test]
    fn values_keep_their_kind_in_each_format() {
        let columns: [(&str, ArrayRef); 4] = [
            ("job", Arc::new(StringArray::from(vec![Some(EVIL), None]))),
            ("bytes_out", Arc::new(Int64Array::from(vec![Some(28_240_000), None]))),
            ("port", Arc::new(Int64Array::from(vec![Some(50_010), None]))),
            (
                "start",
                Arc::new(
                    TimestampSecondArray::from(vec![Some(1_773_133_200), None])
                        .with_timezone("UTC"),
                ),
            ),
        ];
        let batch = RecordBatch::try_from_iter_with_nullable(
            columns.map(|(name, array)| (name, array, true)),
        )
        .unwrap();
        let table = DataTable::from_batches(&[batch]).unwrap();
        let json = table.json();
        assert_eq!(json[0]["job"], EVIL);
        assert_eq!(json[0]["bytes_out"], 28_240_000);
        assert_eq!(json[0]["start"], "2026-03-10T09:00:00Z");
        assert_eq!(json[1]["job"], Value::Null);
        let csv = table.csv();
        assert!(csv.starts_with("job,bytes_out,port,start\r\n\"<script>"), "{csv}");
        assert!(csv.ends_with(",28240000,50010,2026-03-10T09:00:00Z\r\n,,,\r\n"), "{csv}");
        let html = table.html().into_string();
        assert!(html.contains("28.2 MB") && html.contains(">50010<"), "{html}");
        assert!(html.contains("2026-03-10 09:00:00"), "{html}");
        assert!(!html.contains("<script") && !html.contains('\u{202e}'), "{html}");
    }
}
