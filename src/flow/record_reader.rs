//! One log format, made ready to read records of it under one plan.

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::flow::decode_options::{Plan, Wanted};
use crate::flow::decode_stats::Reason;
use crate::flow::field::{Kind, LINE, Layout, OBJECT};
use crate::flow::interface_filter::Interfaces;
use crate::flow::log_format::LogFormat;
use crate::flow::record_block::{Check, Numbers, Origin, Place, Records};
use crate::flow::tokenizer::{Lines, Word};
use crate::flow::value::{Checker, integer, is_tag, percent_decoded, range};

/// What records of transit gateways have after their version, where those of a VPC have the account.
const TRANSIT_GATEWAY: &[u8] = b"TransitGateway";

/// A condition of the plan's filter.
enum Test {
    Never,
    Object(HashSet<String>),
    Text(Origin, HashSet<String>),
    Number(Origin, HashSet<i64>),
    Range(Origin, Option<i64>, Option<i64>),
    /// As `Range`, but NULL passes.
    Window(Origin, Option<i64>, Option<i64>),
    Interface(Origin, Interfaces),
}

/// How many records have which status.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Statuses {
    pub(super) ok: u64,
    pub(super) nodata: u64,
    pub(super) skipdata: u64,
    pub(super) other: u64,
}

/// What the statuses of records say; or why one of them does not fit, and the field where that shows, if it is
/// one.
pub(super) type Fit = Result<Statuses, (Reason, Option<usize>)>;

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
    /// The interfaces that are wanted, where nothing else of a record of another one is looked at.
    interfaces: Option<(Origin, Interfaces)>,
    /// The fields that hold addresses.
    addresses: Vec<usize>,
    status: Option<usize>,
    action: Option<usize>,
    account: Option<usize>,
    checker: Checker,
    /// The numbers of the lines at hand, for each check.
    numbers: Vec<Numbers>,
    /// Which of the lines at hand are wanted.
    kept: Vec<u32>,
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
            account: find("account-id"),
            origins: Vec::new(),
            checks: Vec::new(),
            tests: Vec::new(),
            interfaces: None,
            addresses: Vec::new(),
            checker: Checker::default(),
            numbers: Vec::new(),
            kept: Vec::new(),
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
        reader.numbers.resize_with(reader.checks.len(), Numbers::default);
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
            self.checks.push(Check { field, kind, range });
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
        let Some(field) = self.format.columns().iter().position(|own| own == column) else {
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
                origin @ (Origin::Number(_) | Origin::Line) => Test::Number(
                    origin,
                    values.iter().filter_map(|v| integer(v.as_str().into()).ok()).collect(),
                ),
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
            let (origin, interfaces) =
                (self.origin("interface_id"), Interfaces::new(wanted, &filter.addresses));
            match self.assumed || plan.validate_all {
                true => tests.push(Test::Interface(origin, interfaces)),
                false => self.interfaces = Some((origin, interfaces)),
            }
        }
        tests
    }

    /// Checks the fields of lines.
    ///
    /// # Errors
    ///
    /// Why a line does not fit, and the field where that shows, if it is one field.
    pub(super) fn read(&mut self, lines: Lines<'_>) -> Fit {
        match lines.fields().cmp(&self.format.names().len()) {
            Ordering::Less => return Err((Reason::TooFewFields, None)),
            Ordering::Greater => return Err((Reason::TooManyFields, None)),
            Ordering::Equal => {}
        }
        // Whatever the header says, such a record is none of a VPC.
        if self.format.layout() == Layout::Vpc
            && let Some(field) = self.account
            && lines.column(field).any(|word| word.bytes() == TRANSIT_GATEWAY)
        {
            return Err((Reason::TransitGateway, Some(field)));
        }
        if !self.wanted {
            return Ok(Statuses::default());
        }
        self.kept.clear();
        self.kept.extend(0..lines.len() as u32);
        if let Some((origin, interfaces)) = &mut self.interfaces
            && let Origin::Text(field) = *origin
        {
            self.kept.retain(|line| {
                let word = |field| lines.word(*line as usize, field);
                let id = word(field);
                id.is_null()
                    || match interfaces.wanted(id) {
                        Wanted::None => false,
                        Wanted::OfAddresses => {
                            self.addresses.iter().any(|field| interfaces.may_ask_for(word(*field)))
                        }
                        Wanted::All => true,
                    }
            });
        }
        for (check, numbers) in self.checks.iter().zip(&mut self.numbers) {
            let checked = numbers.read(lines, &self.kept, check, &mut self.checker);
            checked.map_err(|reason| (reason, Some(check.field)))?;
        }
        let statuses = self.statuses(lines)?;
        if let Some(field) = self.action.filter(|_| self.assumed) {
            let is_action = |word: Word<'_>| matches!(word.bytes(), b"ACCEPT" | b"REJECT" | b"-");
            if !lines.column(field).all(is_action) {
                return Err((Reason::NotAWord, Some(field)));
            }
        }
        Ok(statuses)
    }

    fn statuses(&self, lines: Lines<'_>) -> Fit {
        let mut statuses = Statuses::default();
        let Some(field) = self.status else {
            return Ok(Statuses { ok: lines.len() as u64, ..statuses });
        };
        for word in lines.column(field) {
            match word.bytes() {
                b"OK" | b"-" => statuses.ok += 1,
                b"NODATA" => statuses.nodata += 1,
                b"SKIPDATA" => statuses.skipdata += 1,
                _ if self.assumed => return Err((Reason::NotAWord, self.status)),
                _ => statuses.other += 1,
            }
        }
        Ok(statuses)
    }

    /// Returns the records that [`Self::read`] just read, with those that the filter wants.
    pub(super) fn records<'a>(&'a mut self, lines: Lines<'a>, place: Place<'a>) -> Records<'a> {
        let mut kept = std::mem::take(&mut self.kept);
        let records = Records { lines, place, kept: &[], numbers: &self.numbers };
        for test in &mut self.tests {
            kept.retain(|line| test.holds(&records, *line));
        }
        self.kept = kept;
        Records { lines, place, kept: &self.kept, numbers: &self.numbers }
    }
}

impl Test {
    fn holds(&mut self, records: &Records<'_>, line: u32) -> bool {
        let text = |origin| records.word(line, origin).map(|word| word.text());
        match self {
            Self::Never => false,
            Self::Object(values) => values.contains(records.place.object),
            Self::Text(origin @ Origin::Encoded(_), values) => {
                text(*origin).is_some_and(|text| values.contains(percent_decoded(text).as_ref()))
            }
            Self::Text(origin, values) => text(*origin).is_some_and(|text| values.contains(text)),
            Self::Number(origin, values) => {
                records.number(line, *origin).is_some_and(|number| values.contains(&number))
            }
            Self::Range(origin, low, high) => {
                records.number(line, *origin).is_some_and(|number| within(number, *low, *high))
            }
            Self::Window(origin, low, high) => {
                records.number(line, *origin).is_none_or(|number| within(number, *low, *high))
            }
            Self::Interface(origin, wanted) => {
                records.word(line, *origin).is_none_or(|id| wanted.wanted(id) != Wanted::None)
            }
        }
    }
}

fn within(number: i64, low: Option<i64>, high: Option<i64>) -> bool {
    low.is_none_or(|low| number >= low) && high.is_none_or(|high| number <= high)
}
