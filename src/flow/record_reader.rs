//! One log format, made ready to read records of it under one plan.

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::flow::decode_options::{DecodeOptions, RecordSelection};
use crate::flow::decode_stats::{DecodeStats, Reason};
use crate::flow::field::{Kind, LINE, Layout, OBJECT};
use crate::flow::interface_filter::InterfaceFilter;
use crate::flow::log_format::LogFormat;
use crate::flow::record_block::{
    ColumnSource, FieldCheck, NumberColumn, RecordBlock, RecordPosition,
};
use crate::flow::tokenizer::{FieldBytes, LineBlock};
use crate::flow::value::{Checker, integer, is_tag, percent_decoded, range};

/// What records of transit gateways have after their version, where those of a VPC have the account.
const TRANSIT_GATEWAY: &[u8] = b"TransitGateway";

/// A condition of the plan's filter.
enum RowPredicate {
    Never,
    Object(HashSet<String>),
    Text(ColumnSource, HashSet<String>),
    Number(ColumnSource, HashSet<i64>),
    Range(ColumnSource, Option<i64>, Option<i64>),
    /// As `Range`, but NULL passes.
    Window(ColumnSource, Option<i64>, Option<i64>),
    Interface(ColumnSource, InterfaceFilter),
}

/// How many records have which status.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RecordCounts {
    pub(super) ok: u64,
    pub(super) nodata: u64,
    pub(super) skipdata: u64,
    pub(super) other: u64,
}

impl RecordCounts {
    /// Adds the counts to those of an object.
    pub(super) fn add_to(self, stats: &mut DecodeStats) {
        stats.ok += self.ok;
        stats.nodata += self.nodata;
        stats.skipdata += self.skipdata;
        stats.other += self.other;
    }
}

/// Counts of records by status; or why one of them does not fit, and the field where that shows, if it is
/// one.
pub(super) type RecordResult = Result<RecordCounts, (Reason, Option<usize>)>;

/// The result of one record, and the reader of its format.
pub(super) struct RecordOutcome<'a> {
    pub(super) reader: &'a mut RecordReader,
    pub(super) fit: RecordResult,
    /// Whether it is the first record of its format.
    pub(super) is_new: bool,
}

/// Reads records of one format.
pub(super) struct RecordReader {
    pub(super) format: LogFormat,
    /// Whether its records are of the layout that was requested.
    pub(super) is_selected: bool,
    /// Whether nothing states the format: then every field must fit it.
    pub(super) assumed: bool,
    pub(super) origins: Vec<ColumnSource>,
    checks: Vec<FieldCheck>,
    tests: Vec<RowPredicate>,
    /// The interfaces that are selected, where records of other interfaces are not checked further.
    interfaces: Option<(ColumnSource, InterfaceFilter)>,
    /// The fields that contain addresses.
    addresses: Vec<usize>,
    status: Option<usize>,
    action: Option<usize>,
    account: Option<usize>,
    checker: Checker,
    /// The numbers of the current lines, for each check.
    numbers: Vec<NumberColumn>,
    /// Which of the current lines are selected.
    selected_lines: Vec<u32>,
}

impl RecordReader {
    /// Prepares a format for a plan. `assumed`: nothing states the format.
    pub(super) fn new(format: LogFormat, plan: &DecodeOptions, assumed: bool) -> Self {
        let find = |name: &str| format.names().iter().position(|other| other == name);
        let mut reader = Self {
            is_selected: format.layout() == plan.layout,
            assumed,
            status: find("log-status"),
            action: find("action"),
            account: find("account-id"),
            origins: Vec::new(),
            checks: Vec::new(),
            tests: Vec::new(),
            interfaces: None,
            addresses: Vec::new(),
            checker: Checker::default(),
            numbers: Vec::new(),
            selected_lines: Vec::new(),
            format,
        };
        if assumed || plan.validate_all {
            for field in 0..reader.format.names().len() {
                let kind = reader.kind(field);
                reader.slot(field, kind);
            }
        }
        let fields = 0..reader.format.names().len();
        reader.addresses = fields.filter(|field| reader.kind(*field) == Kind::Addr).collect();
        let columns = plan.schema.fields().iter();
        reader.origins = columns.map(|column| reader.origin(column.name())).collect();
        reader.tests = reader.tests(plan);
        reader.numbers.resize_with(reader.checks.len(), NumberColumn::default);
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
            let range = range(self.format.names().get(field).map_or("", String::as_str));
            self.checks.push(FieldCheck { field, kind, range });
            self.checks.len() - 1
        })
    }

    fn origin(&mut self, column: &str) -> ColumnSource {
        match column {
            OBJECT => return ColumnSource::Object,
            LINE => return ColumnSource::Line,
            _ => {}
        }
        let names = self.format.names();
        let Some(field) = self.format.columns().iter().position(|own| own == column) else {
            return ColumnSource::Absent;
        };
        let encoded = names.get(field).is_some_and(|name| is_tag(name));
        match self.kind(field) {
            Kind::Name if encoded => ColumnSource::Encoded(field),
            Kind::Name => ColumnSource::Text(field),
            Kind::Addr => {
                self.slot(field, Kind::Addr);
                ColumnSource::Addr(field)
            }
            kind => ColumnSource::Number(self.slot(field, kind)),
        }
    }

    fn tests(&mut self, plan: &DecodeOptions) -> Vec<RowPredicate> {
        let filter = &plan.filter;
        let mut tests = Vec::new();
        for (column, values) in &filter.equals {
            tests.push(match self.origin(column) {
                ColumnSource::Absent => RowPredicate::Never,
                ColumnSource::Object => RowPredicate::Object(values.clone()),
                origin @ (ColumnSource::Number(_) | ColumnSource::Line) => RowPredicate::Number(
                    origin,
                    values.iter().filter_map(|v| integer(v.as_str().into()).ok()).collect(),
                ),
                origin => RowPredicate::Text(origin, values.clone()),
            });
        }
        for &(ref column, low, high) in &filter.ranges {
            tests.push(match self.origin(column) {
                origin @ (ColumnSource::Number(_) | ColumnSource::Line) => {
                    RowPredicate::Range(origin, low, high)
                }
                _ => RowPredicate::Never,
            });
        }
        for (column, low, high) in filter.window() {
            if let origin @ ColumnSource::Number(_) = self.origin(column) {
                tests.push(RowPredicate::Window(origin, low, high));
            }
        }
        if let Some(is_selected) = &filter.interface {
            let (origin, interfaces) =
                (self.origin("interface_id"), InterfaceFilter::new(is_selected, &filter.addresses));
            match self.assumed || plan.validate_all {
                true => tests.push(RowPredicate::Interface(origin, interfaces)),
                false => self.interfaces = Some((origin, interfaces)),
            }
        }
        tests
    }

    /// Checks the fields of lines.
    pub(super) fn read(&mut self, lines: LineBlock<'_>) -> RecordResult {
        match lines.fields().cmp(&self.format.names().len()) {
            Ordering::Less => return Err((Reason::TooFewFields, None)),
            Ordering::Greater => return Err((Reason::TooManyFields, None)),
            Ordering::Equal => {}
        }
        // Such a record is none of a VPC, whatever the header.
        if self.format.layout() == Layout::Vpc
            && let Some(field) = self.account
            && lines.column(field).any(|word| word.bytes() == TRANSIT_GATEWAY)
        {
            return Err((Reason::TransitGateway, Some(field)));
        }
        if !self.is_selected {
            return Ok(RecordCounts::default());
        }
        self.selected_lines.clear();
        self.selected_lines.extend(0..lines.len() as u32);
        if let Some((origin, interfaces)) = &mut self.interfaces
            && let ColumnSource::Text(field) = *origin
        {
            self.selected_lines.retain(|line| {
                let word = |field| lines.word(*line as usize, field);
                let id = word(field);
                id.is_null()
                    || match interfaces.selection(id) {
                        RecordSelection::None => false,
                        RecordSelection::ByAddress => self
                            .addresses
                            .iter()
                            .any(|field| interfaces.may_match_address(word(*field))),
                        RecordSelection::All => true,
                    }
            });
        }
        for (check, numbers) in self.checks.iter().zip(&mut self.numbers) {
            let checked = numbers.read(lines, &self.selected_lines, check, &mut self.checker);
            checked.map_err(|reason| (reason, Some(check.field)))?;
        }
        let statuses = self.statuses(lines)?;
        if let Some(field) = self.action.filter(|_| self.assumed) {
            let is_action =
                |word: FieldBytes<'_>| matches!(word.bytes(), b"ACCEPT" | b"REJECT" | b"-");
            if !lines.column(field).all(is_action) {
                return Err((Reason::UnknownValue, Some(field)));
            }
        }
        Ok(statuses)
    }

    fn statuses(&self, lines: LineBlock<'_>) -> RecordResult {
        let mut statuses = RecordCounts::default();
        let Some(field) = self.status else {
            return Ok(RecordCounts { ok: lines.len() as u64, ..statuses });
        };
        for word in lines.column(field) {
            match word.bytes() {
                b"OK" | b"-" => statuses.ok += 1,
                b"NODATA" => statuses.nodata += 1,
                b"SKIPDATA" => statuses.skipdata += 1,
                _ if self.assumed => return Err((Reason::UnknownValue, self.status)),
                _ => statuses.other += 1,
            }
        }
        Ok(statuses)
    }

    /// Returns the records of the last [`Self::read`], and which of them pass the filter.
    pub(super) fn records<'a>(
        &'a mut self,
        lines: LineBlock<'a>,
        place: RecordPosition<'a>,
    ) -> RecordBlock<'a> {
        let mut selected_lines = std::mem::take(&mut self.selected_lines);
        let records = RecordBlock { lines, place, selected: &[], numbers: &self.numbers };
        for test in &mut self.tests {
            selected_lines.retain(|line| test.holds(&records, *line));
        }
        self.selected_lines = selected_lines;
        RecordBlock { lines, place, selected: &self.selected_lines, numbers: &self.numbers }
    }
}

impl RowPredicate {
    fn holds(&mut self, records: &RecordBlock<'_>, line: u32) -> bool {
        let text = |origin| records.word(line, origin).map(|word| word.text());
        match self {
            Self::Never => false,
            Self::Object(values) => values.contains(records.place.object),
            Self::Text(origin @ ColumnSource::Encoded(_), values) => {
                text(*origin).is_some_and(|text| values.contains(percent_decoded(text).as_ref()))
            }
            Self::Text(origin, values) => text(*origin).is_some_and(|text| values.contains(text)),
            Self::Number(origin, values) => {
                records.number(line, *origin).is_some_and(|number| values.contains(&number))
            }
            Self::Range(origin, low, high) => {
                records.number(line, *origin).is_some_and(|number| in_bounds(number, *low, *high))
            }
            Self::Window(origin, low, high) => {
                records.number(line, *origin).is_none_or(|number| in_bounds(number, *low, *high))
            }
            Self::Interface(origin, filter) => records
                .word(line, *origin)
                .is_none_or(|id| filter.selection(id) != RecordSelection::None),
        }
    }
}

fn in_bounds(number: i64, low: Option<i64>, high: Option<i64>) -> bool {
    low.is_none_or(|low| number >= low) && high.is_none_or(|high| number <= high)
}
