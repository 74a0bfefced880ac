//! Records that have one of several formats, without anything that states which: each is detected by its fields.

use crate::flow::decode_options::DecodeOptions;
use crate::flow::decode_stats::Reason;
use crate::flow::field::Kind;
use crate::flow::log_format::LogFormat;
use crate::flow::record_reader::{RecordCounts, RecordOutcome, RecordReader, RecordResult};
use crate::flow::tokenizer::{FieldBytes, LineBlock};
use crate::flow::value::{Checker, FIRST_SECOND, integer};

/// Longest time from a record's start to its end, in seconds: an aggregation interval, and room.
const LASTS_MAX: i64 = 3600;

/// Reads records that have one of several formats.
pub(super) struct FormatCandidates {
    first: Candidate,
    others: Vec<Candidate>,
}

struct Candidate {
    reader: RecordReader,
    /// Whether it read a record before.
    used: bool,
    fit: RecordResult,
    checker: Checker,
}

impl FormatCandidates {
    /// Prepares the formats. `None` unless there are at least two.
    pub(super) fn new(formats: &[LogFormat], plan: &DecodeOptions) -> Option<Self> {
        let candidate = |format: &LogFormat| Candidate {
            reader: RecordReader::new(format.clone(), plan, false),
            used: false,
            fit: Ok(RecordCounts::default()),
            checker: Checker::default(),
        };
        let (first, rest) = formats.split_first()?;
        let mut others: Vec<&LogFormat> = Vec::new();
        for format in rest {
            if format != first && !others.contains(&format) {
                others.push(format);
            }
        }
        let several = !others.is_empty();
        several.then(|| Self {
            first: candidate(first),
            others: others.into_iter().map(candidate).collect(),
        })
    }

    /// Returns the formats, each once.
    pub(super) fn formats(&self) -> impl Iterator<Item = &LogFormat> {
        [&self.first].into_iter().chain(&self.others).map(|candidate| &candidate.reader.format)
    }

    /// Reads a record with the one format that it fits, or with any of those that state the same of it. A
    /// record that fits none gets the reason of the format that it comes closest to.
    pub(super) fn read(&mut self, line: LineBlock<'_>) -> RecordOutcome<'_> {
        let mut best = &mut self.first;
        best.evaluate(line);
        for candidate in &mut self.others {
            candidate.evaluate(line);
            if candidate.rank() > best.rank() {
                best = candidate;
            } else if candidate.fit.is_ok() && !agree(&best.reader, &candidate.reader, line) {
                let fit = Err((Reason::AmbiguousFormat, None));
                return RecordOutcome { reader: &mut best.reader, fit, is_new: false };
            }
        }
        let fit = match best.fit {
            // A line of the other layout is for the reading of that layout to judge.
            Err((_, Some(_))) if !best.reader.is_selected => Ok(RecordCounts::default()),
            fit => fit,
        };
        let is_new = best.fit.is_ok() && !best.used;
        best.used |= best.fit.is_ok();
        RecordOutcome { reader: &mut best.reader, fit, is_new }
    }
}

impl Candidate {
    fn evaluate(&mut self, line: LineBlock<'_>) {
        let read = self.reader.read(line);
        let fits = |statuses| fits(&self.reader, &mut self.checker, line).map(|()| statuses);
        self.fit = read.and_then(fits);
    }

    /// How well the current line fits: in all, in its number of fields and its layout, or not even so.
    fn rank(&self) -> (bool, bool, bool) {
        match self.fit {
            Ok(_) => (true, true, true),
            Err((_, field)) => (false, field.is_some(), self.reader.is_selected),
        }
    }
}

/// Checks every field of a record by all that AWS states of its values: the number of fields proves nothing.
fn fits(
    reader: &RecordReader,
    checker: &mut Checker,
    line: LineBlock<'_>,
) -> Result<(), (Reason, Option<usize>)> {
    let layout = reader.format.layout();
    let mut seen = NumericFields::default();
    for (at, name) in reader.format.names().iter().enumerate() {
        let word = line.word(0, at);
        let kind = layout.field(name).map_or(Kind::Name, |field| field.kind);
        let number = checker.check(word, kind).map_err(|reason| (reason, Some(at)))?;
        if !word.is_null() && !is_valid_value(name, word, number) {
            return Err((Reason::UnknownValue, Some(at)));
        }
        seen.add(name, number);
    }
    seen.agree()
}

/// The numbers of a record that bound each other.
#[derive(Default)]
struct NumericFields {
    packets: Option<i64>,
    bytes: Option<i64>,
    start: Option<i64>,
    end: Option<i64>,
}

impl NumericFields {
    fn add(&mut self, name: &str, number: Option<i64>) {
        match name {
            "packets" => self.packets = number,
            "bytes" => self.bytes = number,
            "start" => self.start = number,
            "end" => self.end = number,
            _ => {}
        }
    }

    fn agree(&self) -> Result<(), (Reason, Option<usize>)> {
        let fewer = self.bytes.zip(self.packets).is_some_and(|(bytes, packets)| bytes < packets);
        let lasts = self.start.zip(self.end).map(|(start, end)| end - start);
        let agree = !fewer && lasts.is_none_or(|lasts| (0..=LASTS_MAX).contains(&lasts));
        if agree { Ok(()) } else { Err((Reason::OutOfRange, Some(0))) }
    }
}

/// Returns whether AWS would write this value into this field.
fn is_valid_value(name: &str, word: FieldBytes<'_>, number: Option<i64>) -> bool {
    let text = word.text();
    let within = |low, high| number.is_none_or(|number| (low..=high).contains(&number));
    match name {
        "version" => within(2, 99),
        "account-id" | "tgw-account-id" => {
            text == "unknown" || (text.len() == 12 && integer(word).is_ok())
        }
        "interface-id" => text.starts_with("eni-"),
        "vpc-id" => text.starts_with("vpc-"),
        "subnet-id" => text.starts_with("subnet-"),
        "instance-id" => text.starts_with("i-"),
        "tgw-id" => text.starts_with("tgw-"),
        "srcport" | "dstport" => within(0, 65_535),
        "protocol" | "tcp-flags" => within(0, 255),
        "traffic-path" => within(0, 99),
        "packets" | "bytes" => within(0, i64::MAX),
        "start" | "end" => within(FIRST_SECOND, i64::MAX),
        "action" => matches!(text, "ACCEPT" | "REJECT"),
        "log-status" => matches!(text, "OK" | "NODATA" | "SKIPDATA"),
        "flow-direction" => matches!(text, "ingress" | "egress"),
        "type" => matches!(text, "IPv4" | "IPv6" | "EFA"),
        _ => true,
    }
}

/// Returns whether two formats state the same of a record: every field that has a value in one has it in the
/// other.
fn agree(a: &RecordReader, b: &RecordReader, line: LineBlock<'_>) -> bool {
    has_fields_of(a, b, line) && has_fields_of(b, a, line)
}

fn has_fields_of(a: &RecordReader, b: &RecordReader, line: LineBlock<'_>) -> bool {
    a.format.names().iter().enumerate().all(|(at, name)| {
        let word = line.word(0, at);
        let other = b.format.names().iter().position(|other| other == name);
        word.is_null() || other.is_some_and(|other| line.word(0, other).bytes() == word.bytes())
    })
}
