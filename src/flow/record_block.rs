//! The records of a block: lines whose fields were checked, the numbers in them, and which of them are selected.

use crate::flow::decode_options::ObjectMeta;
use crate::flow::decode_stats::Reason;
use crate::flow::field::Kind;
use crate::flow::null_mask::NullMask;
use crate::flow::tokenizer::{FieldBytes, LineBlock};
use crate::flow::value::{Checker, number};

/// Where the value of a column comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnSource {
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
pub(super) struct FieldCheck {
    pub(super) field: usize,
    pub(super) kind: Kind,
    /// The least and the greatest number that it may contain.
    pub(super) range: (i64, i64),
}

/// The numbers in one field of the current lines.
#[derive(Debug, Default)]
pub(super) struct NumberColumn {
    values: Vec<i64>,
    nulls: NullMask,
}

/// The positions of records: in this object, the first one on this line, the others on the next ones.
#[derive(Clone, Copy)]
pub(super) struct RecordPosition<'a> {
    pub(super) object: &'a str,
    pub(super) line: u64,
}

impl<'a> RecordPosition<'a> {
    /// Returns the position of a line of an object: in its log event, where `event` has its name and line.
    pub(super) fn new(event: Option<&'a (String, u64)>, object: &'a ObjectMeta, line: u64) -> Self {
        match event {
            Some((name, line)) => Self { object: name, line: *line },
            None => Self { object: &object.name, line },
        }
    }
}

/// The current records, and which of them are selected.
#[derive(Clone, Copy)]
pub(super) struct RecordBlock<'a> {
    pub(super) lines: LineBlock<'a>,
    pub(super) place: RecordPosition<'a>,
    pub(super) selected: &'a [u32],
    pub(super) numbers: &'a [NumberColumn],
}

impl<'a> RecordBlock<'a> {
    /// Returns whether all lines are selected.
    pub(super) fn is_all(&self) -> bool {
        self.selected.len() == self.lines.len()
    }

    /// Calls `push` with the number in each of the selected lines. Those that are NULL are added to `nulls`, of which
    /// `first` is the first one.
    #[inline]
    pub(super) fn numbers(
        &self,
        origin: ColumnSource,
        nulls: &mut NullMask,
        first: usize,
        mut push: impl FnMut(i64),
    ) {
        let numbers = match origin {
            ColumnSource::Number(slot) => self.numbers.get(slot),
            _ => None,
        };
        match numbers {
            Some(numbers) if numbers.nulls.is_empty() && self.is_all() => {
                numbers.values.iter().for_each(|number| push(*number));
            }
            _ => {
                for (row, line) in (first..).zip(self.selected) {
                    let number = self.number(*line, origin);
                    if number.is_none() {
                        nulls.add(row);
                    }
                    push(number.unwrap_or_default());
                }
            }
        }
    }

    /// Returns a text as it is in a line. `None` is NULL.
    #[inline]
    pub(super) fn word(&self, line: u32, origin: ColumnSource) -> Option<FieldBytes<'a>> {
        let (ColumnSource::Text(field) | ColumnSource::Addr(field) | ColumnSource::Encoded(field)) =
            origin
        else {
            return None;
        };
        let word = self.lines.word(line as usize, field);
        let is_null = word.is_null() || (matches!(origin, ColumnSource::Addr(_)) && word.is_none());
        (!is_null).then_some(word)
    }

    /// Returns a number; the line's own number is one.
    #[inline]
    pub(super) fn number(&self, line: u32, origin: ColumnSource) -> Option<i64> {
        match origin {
            ColumnSource::Number(slot) => self.numbers.get(slot)?.get(line as usize),
            ColumnSource::Line => i64::try_from(self.place.line + u64::from(line)).ok(),
            _ => None,
        }
    }
}

impl NumberColumn {
    /// Checks the values of one field in the selected lines, and reads them if they are numbers.
    pub(super) fn read(
        &mut self,
        lines: LineBlock<'_>,
        selected_lines: &[u32],
        check: &FieldCheck,
        checker: &mut Checker,
    ) -> Result<(), Reason> {
        let kind = check.kind;
        let all = (selected_lines.len() == lines.len()).then(|| lines.column(check.field));
        let some = selected_lines.iter().map(|line| lines.word(*line as usize, check.field));
        match kind {
            Kind::Name => return Ok(()),
            Kind::Addr => {
                let mut is_addr = |word: FieldBytes<'_>| checker.is_addr_or_null(word);
                let all = match all {
                    Some(mut all) => all.all(is_addr),
                    None => some.into_iter().all(&mut is_addr),
                };
                return if all { Ok(()) } else { Err(Reason::NotAnAddress) };
            }
            _ => {}
        }
        let Self { values, nulls } = self;
        values.clear();
        nulls.clear();
        let mut refused = None;
        let (least, greatest) = check.range;
        let mut value = |row: usize, word: FieldBytes<'_>| {
            match number(word, kind) {
                Ok(Some(number)) if least <= number && number <= greatest => return number,
                Ok(Some(_)) => refused = refused.or(Some(Reason::OutOfRange)),
                Ok(None) => nulls.add(row),
                Err(reason) => refused = refused.or(Some(reason)),
            }
            0
        };
        if let Some(all) = all {
            let mut row = 0;
            values.extend(all.map(|word| {
                row += 1;
                value(row - 1, word)
            }));
        } else {
            values.resize(lines.len(), 0);
            for (line, word) in selected_lines.iter().map(|line| *line as usize).zip(some) {
                if let Some(slot) = values.get_mut(line) {
                    *slot = value(line, word);
                }
            }
        }
        refused.map_or(Ok(()), Err)
    }

    /// Returns the number in a line; `None` is NULL.
    fn get(&self, line: usize) -> Option<i64> {
        self.values.get(line).copied().filter(|_| !self.nulls.contain(line))
    }
}
