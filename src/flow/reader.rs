//! One log format, made ready to read records of it under one plan.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use crate::flow::field::{Kind, LINE, OBJECT, column_name};
use crate::flow::format::LogFormat;
use crate::flow::plan::{InterfaceTest, Plan};
use crate::flow::scan::Span;
use crate::flow::tally::Reason;
use crate::flow::value::{check, integer, is_none, is_null, is_tag, percent_decoded};

/// Where the value of a column comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The log does not have it.
    Absent,
    /// The name of the object.
    Object,
    /// The number of the line.
    Line,
    /// The text of this field.
    Text(usize),
    /// The address in this field.
    Addr(usize),
    /// The text of this field, percent-encoded.
    Encoded(usize),
    /// The number in this slot.
    Number(usize),
}

/// A field whose type is checked on every record; a number goes into the slot of the same index.
#[derive(Debug)]
struct Check {
    field: usize,
    kind: Kind,
}

/// A condition of the plan's filter.
enum Test {
    Never,
    Object(HashSet<String>),
    Text(Origin, HashSet<String>),
    Number(Origin, HashSet<i64>),
    Range(Origin, Option<i64>, Option<i64>),
    /// As `Range`, but NULL passes.
    Window(Origin, Option<i64>, Option<i64>),
    Interface(Origin, InterfaceTest),
}

/// What the status of a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    NoData,
    SkipData,
    Other,
}

/// What the status of a record says; or why it does not fit, and the field where that shows, if it is one.
pub(super) type Fit = Result<Status, (Reason, Option<usize>)>;

/// Reads records of one format.
pub(super) struct Reader {
    pub(super) format: LogFormat,
    /// Whether its records are of the layout that was asked for.
    pub(super) wanted: bool,
    /// Whether nothing states the format: then every field must fit it.
    pub(super) assumed: bool,
    pub(super) origins: Vec<Origin>,
    checks: Vec<Check>,
    tests: Vec<Test>,
    status: Option<usize>,
    action: Option<usize>,
    /// Where each field of the record at hand is in its line.
    spans: Vec<Span>,
    /// The numbers of the record at hand, one for each check.
    numbers: Vec<Option<i64>>,
}

/// Where a record stands.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) object: &'a str,
    pub(super) line: u64,
}

/// The record at hand: the values of its fields.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) line: &'a str,
    pub(super) place: Place<'a>,
    spans: &'a [Span],
    numbers: &'a [Option<i64>],
}

impl<'a> Record<'a> {
    /// Returns a text as it stands in the line, and where in the line it starts. `None` is NULL.
    pub(super) fn text(&self, origin: Origin) -> Option<(&'a str, usize)> {
        let (Origin::Text(field) | Origin::Addr(field) | Origin::Encoded(field)) = origin else {
            return None;
        };
        let &(start, end) = self.spans.get(field)?;
        let start = start as usize;
        let text = self.line.get(start..end as usize)?;
        let is_null = is_null(text) || (matches!(origin, Origin::Addr(_)) && is_none(text));
        (!is_null).then_some((text, start))
    }

    /// Returns a number; the line's own number is one.
    pub(super) fn number(&self, origin: Origin) -> Option<i64> {
        match origin {
            Origin::Number(slot) => self.numbers.get(slot).copied().flatten(),
            Origin::Line => i64::try_from(self.place.line).ok(),
            _ => None,
        }
    }
}

impl Reader {
    /// Prepares a format for a plan. `assumed`: nothing states the format.
    pub(super) fn new(format: LogFormat, plan: &Plan, assumed: bool) -> Self {
        let find = |name: &str| format.names().iter().position(|other| other == name);
        let mut reader = Self {
            wanted: format.layout() == plan.layout,
            assumed,
            status: find("log-status"),
            action: find("action"),
            origins: Vec::new(),
            checks: Vec::new(),
            tests: Vec::new(),
            spans: Vec::with_capacity(format.names().len()),
            numbers: Vec::new(),
            format,
        };
        if assumed || plan.validate_all {
            for field in 0..reader.format.names().len() {
                let kind = reader.kind(field);
                reader.slot(field, kind);
            }
        }
        let columns = plan.schema.fields().iter();
        reader.origins = columns.map(|column| reader.origin(column.name())).collect();
        reader.tests = reader.tests(plan);
        reader.numbers = vec![None; reader.checks.len()];
        reader
    }

    fn kind(&self, field: usize) -> Kind {
        let name = self.format.names().get(field).map_or("", String::as_str);
        self.format.layout().field(name).map_or(Kind::Name, |known| known.kind)
    }

    /// Returns the slot of a field, and has the field checked from now on.
    fn slot(&mut self, field: usize, kind: Kind) -> usize {
        let known = self.checks.iter().position(|check| check.field == field);
        known.unwrap_or_else(|| {
            self.checks.push(Check { field, kind });
            self.checks.len() - 1
        })
    }

    fn origin(&mut self, column: &str) -> Origin {
        match column {
            OBJECT => return Origin::Object,
            LINE => return Origin::Line,
            _ => {}
        }
        let names = self.format.names();
        let Some(field) = names.iter().position(|name| column_name(name) == column) else {
            return Origin::Absent;
        };
        let encoded = names.get(field).is_some_and(|name| is_tag(name));
        match self.kind(field) {
            Kind::Name if encoded => Origin::Encoded(field),
            Kind::Name => Origin::Text(field),
            Kind::Addr => {
                self.slot(field, Kind::Addr);
                Origin::Addr(field)
            }
            kind => Origin::Number(self.slot(field, kind)),
        }
    }

    fn tests(&mut self, plan: &Plan) -> Vec<Test> {
        let filter = &plan.filter;
        let mut tests = Vec::new();
        for (column, values) in &filter.equals {
            tests.push(match self.origin(column) {
                Origin::Absent => Test::Never,
                Origin::Object => Test::Object(values.clone()),
                origin @ (Origin::Number(_) | Origin::Line) => {
                    Test::Number(origin, values.iter().filter_map(|v| integer(v).ok()).collect())
                }
                origin => Test::Text(origin, values.clone()),
            });
        }
        for &(ref column, low, high) in &filter.ranges {
            tests.push(match self.origin(column) {
                origin @ (Origin::Number(_) | Origin::Line) => Test::Range(origin, low, high),
                _ => Test::Never,
            });
        }
        for (column, low, high) in filter.window() {
            if let origin @ Origin::Number(_) = self.origin(column) {
                tests.push(Test::Window(origin, low, high));
            }
        }
        if let Some(wanted) = &filter.interface {
            tests.push(Test::Interface(self.origin("interface_id"), Arc::clone(wanted)));
        }
        tests
    }

    /// Splits a line into its fields and checks them.
    ///
    /// # Errors
    ///
    /// Why the line does not fit, and the field where that shows, if it is one field.
    pub(super) fn read(&mut self, line: &str) -> Fit {
        self.split(line);
        self.fit(line)
    }

    /// As [`Self::read`], for a line whose fields were found already; takes `spans` for others of no meaning.
    pub(super) fn read_split(&mut self, line: &str, spans: &mut Vec<Span>) -> Fit {
        std::mem::swap(&mut self.spans, spans);
        self.fit(line)
    }

    fn fit(&mut self, line: &str) -> Fit {
        match self.spans.len().cmp(&self.format.names().len()) {
            Ordering::Less => return Err((Reason::TooFewFields, None)),
            Ordering::Greater => return Err((Reason::TooManyFields, None)),
            Ordering::Equal => {}
        }
        if !self.wanted {
            return Ok(Status::Other);
        }
        for (check_, number) in self.checks.iter().zip(&mut self.numbers) {
            let text = text_of(line, &self.spans, check_.field);
            *number = check(text, check_.kind).map_err(|reason| (reason, Some(check_.field)))?;
        }
        let status = match self.status.map(|field| text_of(line, &self.spans, field)) {
            None | Some("OK" | "-") => Status::Ok,
            Some("NODATA") => Status::NoData,
            Some("SKIPDATA") => Status::SkipData,
            Some(_) if self.assumed => return Err((Reason::NotAWord, self.status)),
            Some(_) => Status::Other,
        };
        if self.assumed {
            let action = self.action.map(|field| text_of(line, &self.spans, field));
            if !matches!(action, Some("ACCEPT" | "REJECT" | "-")) {
                return Err((Reason::NotAWord, self.action));
            }
        }
        Ok(status)
    }

    /// One pass over the line: fields end at a blank, and runs of blanks count as one. A line is far shorter
    /// than a `u32` counts.
    fn split(&mut self, line: &str) {
        self.spans.clear();
        let mut start = 0;
        for blank in memchr::memchr2_iter(b' ', b'\t', line.as_bytes()) {
            if blank > start {
                self.spans.push((start as u32, blank as u32));
            }
            start = blank + 1;
        }
        if line.len() > start {
            self.spans.push((start as u32, line.len() as u32));
        }
    }

    /// Returns a field of the line that [`Self::read`] just read.
    pub(super) fn text<'a>(&self, line: &'a str, field: usize) -> &'a str {
        text_of(line, &self.spans, field)
    }

    /// Returns the record that [`Self::read`] just read, if the filter wants it.
    pub(super) fn record<'a>(&'a self, line: &'a str, place: Place<'a>) -> Option<Record<'a>> {
        let record = Record { line, place, spans: &self.spans, numbers: &self.numbers };
        self.tests.iter().all(|test| test.holds(&record)).then_some(record)
    }
}

impl Test {
    fn holds(&self, record: &Record<'_>) -> bool {
        let text = |origin| record.text(origin).map(|(text, _)| text);
        match self {
            Self::Never => false,
            Self::Object(values) => values.contains(record.place.object),
            Self::Text(origin @ Origin::Encoded(_), values) => {
                text(*origin).is_some_and(|text| values.contains(percent_decoded(text).as_ref()))
            }
            Self::Text(origin, values) => text(*origin).is_some_and(|text| values.contains(text)),
            Self::Number(origin, values) => {
                record.number(*origin).is_some_and(|number| values.contains(&number))
            }
            Self::Range(origin, low, high) => {
                record.number(*origin).is_some_and(|number| within(number, *low, *high))
            }
            Self::Window(origin, low, high) => {
                record.number(*origin).is_none_or(|number| within(number, *low, *high))
            }
            Self::Interface(origin, wanted) => text(*origin).is_none_or(|eni| wanted(eni)),
        }
    }
}

fn within(number: i64, low: Option<i64>, high: Option<i64>) -> bool {
    low.is_none_or(|low| number >= low) && high.is_none_or(|high| number <= high)
}

fn text_of<'a>(line: &'a str, spans: &[Span], field: usize) -> &'a str {
    let span = spans.get(field);
    span.and_then(|&(start, end)| line.get(start as usize..end as usize)).unwrap_or("-")
}
