//! Turns the bytes of an object into batches, however the bytes are cut.

mod json;

use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;

use crate::flow::current::{Current, Told};
use crate::flow::envelope::{after_stamp, is_stamped};
use crate::flow::format::LogFormat;
use crate::flow::plan::{Object, Plan};
use crate::flow::reader::{Place, Status};
use crate::flow::refusal::{DecodeError, Refusal};
use crate::flow::rows::Rows;
use crate::flow::scan::{Scanner, Span};
use crate::flow::shape::{BOM, Shape, shape_of};
use crate::flow::tally::{MalformedLine, Reason, TEXT_BYTES_MAX, Tally};
use crate::flow::value::trimmed;

/// Most bytes that are one block, which is what a batch may hold on to.
const BLOCK_MAX: usize = 4 << 20;

/// Turns the lines of one object into batches of `batch_rows` rows.
///
/// A line that does not fit the format is set aside in [`Tally::malformed`]; it never spoils its
/// neighbours. Rows keep the order of their lines.
pub struct Decoder {
    plan: Arc<Plan>,
    object: Object,
    shape: Shape,
    /// The format, or formats, that hold now.
    current: Current,
    /// The log event at hand, where it has a name, and how many of its lines were read.
    event: Option<(String, u64)>,
    rows: Rows,
    /// The beginning of a line whose end has not come yet.
    carry: Vec<u8>,
    /// Room for the fields of a line.
    spans: Vec<Span>,
    tally: Tally,
    malformed: Vec<MalformedLine>,
}

impl Decoder {
    /// Makes a decoder for one object.
    pub fn new(plan: Arc<Plan>, object: impl Into<Object>) -> Self {
        let object = object.into();
        let current = Current::new(&plan, &object);
        Self {
            rows: Rows::new(&plan, &object, current.is_mixed()),
            current,
            plan,
            object,
            shape: Shape::Unknown(Vec::new()),
            event: None,
            carry: Vec::new(),
            spans: Vec::new(),
            tally: Tally::default(),
            malformed: Vec::new(),
        }
    }

    /// Takes the next decompressed bytes, cut anywhere, and appends the batches that are full to `out`.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when the object cannot be read on. The rows before that are in `out`.
    pub fn push(&mut self, bytes: Bytes, out: &mut Vec<RecordBatch>) -> Result<(), DecodeError> {
        self.take(bytes, out).map_err(|refusal| self.refused(refusal, out))
    }

    /// Ends the object: appends the last rows to `out` and returns the count of everything in it.
    ///
    /// # Errors
    ///
    /// As [`Self::push`].
    pub fn finish(mut self, out: &mut Vec<RecordBatch>) -> Result<Tally, DecodeError> {
        let ended = self.end(out);
        ended.map_err(|refusal| self.refused(refusal, out))?;
        Ok(self.tally)
    }

    /// Returns the count so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Returns the malformed lines since the last call, in order, if the plan keeps them all.
    pub fn take_malformed(&mut self) -> Vec<MalformedLine> {
        std::mem::take(&mut self.malformed)
    }

    fn refused(&mut self, refusal: Refusal, out: &mut Vec<RecordBatch>) -> DecodeError {
        // What cannot be built now could not be built before either: the refusal says so already.
        out.extend(self.rows.flush().ok().flatten());
        let tally = Box::new(std::mem::take(&mut self.tally));
        DecodeError { object: self.object.name.clone(), refusal, tally }
    }

    fn take(&mut self, mut bytes: Bytes, out: &mut Vec<RecordBatch>) -> Result<(), Refusal> {
        self.tally.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let bytes_max = self.plan.limits.object_bytes_max;
        if self.tally.bytes > bytes_max {
            return Err(Refusal::TooLarge { bytes_max });
        }
        while bytes.len() > BLOCK_MAX {
            let block = bytes.split_to(BLOCK_MAX);
            self.block(block, out)?;
        }
        self.block(bytes, out)
    }

    fn block(&mut self, mut bytes: Bytes, out: &mut Vec<RecordBatch>) -> Result<(), Refusal> {
        if let Shape::Unknown(head) = &mut self.shape {
            if !head.is_empty() {
                head.extend_from_slice(&bytes);
                bytes = Bytes::from(std::mem::take(head));
            }
            let Some(shape) = shape_of(&bytes)? else {
                self.shape = Shape::Unknown(bytes.into());
                return Ok(());
            };
            self.shape = shape;
            if bytes.starts_with(BOM) {
                bytes = bytes.slice(BOM.len()..);
            }
        }
        match self.shape {
            Shape::Json { .. } => self.json(&bytes, out),
            _ => self.lines(&bytes, out),
        }
    }

    fn end(&mut self, out: &mut Vec<RecordBatch>) -> Result<(), Refusal> {
        if let Shape::Unknown(head) = &mut self.shape {
            let mut bytes = Bytes::from(std::mem::take(head));
            if bytes.starts_with(BOM) {
                bytes = bytes.slice(BOM.len()..);
            }
            self.shape = Shape::Lines { stamped: None };
            self.lines(&bytes, out)?;
        }
        self.rows.set_block(None);
        if !self.carry.is_empty() {
            self.carried(out)?;
        }
        if let Shape::Json { scanner, .. } = &mut self.shape
            && let Some(piece) = scanner.rest()
        {
            self.document(&piece, out)?;
        }
        out.extend(self.rows.flush()?);
        Ok(())
    }

    fn lines(&mut self, bytes: &Bytes, out: &mut Vec<RecordBatch>) -> Result<(), Refusal> {
        let mut start = 0;
        if !self.carry.is_empty() {
            let end = memchr::memchr(b'\n', bytes);
            self.carry(bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default());
            let Some(end) = end else { return self.endless(out) };
            self.rows.set_block(None);
            self.carried(out)?;
            start = end + 1;
        }
        self.rows.set_block(Some(bytes));
        let rest = bytes.get(start..).unwrap_or_default();
        let ended = memchr::memrchr(b'\n', rest).map_or(0, |last| last + 1);
        let rest = rest.get(..ended).unwrap_or_default();
        // One check of all is cheaper than one of each line, and hardly ever fails.
        let text = std::str::from_utf8(rest).ok();
        let mut spans = std::mem::take(&mut self.spans);
        let mut scanner = Scanner::new(rest);
        while let Some(found) = scanner.next(&mut spans) {
            let base = start + found.start;
            let line = text.and_then(|text| text.get(found.start..found.end));
            match line.filter(|line| found.is_plain && self.is_plain_record(line)) {
                Some(line) => {
                    self.tally.lines += 1;
                    self.record(line, line.as_bytes(), Some(base), Some(&mut spans), out)?;
                }
                None => {
                    self.line(
                        rest.get(found.start..found.end).unwrap_or_default(),
                        Some(base),
                        out,
                    )?;
                }
            }
        }
        self.spans = spans;
        self.carry(bytes.get(start + ended..).unwrap_or_default());
        self.endless(out)
    }

    /// Tells whether a line can be nothing but a record of the one format that holds, without a timestamp
    /// before it.
    fn is_plain_record(&self, line: &str) -> bool {
        let stamped = matches!(self.shape, Shape::Lines { stamped: Some(false) });
        let first = line.as_bytes().first();
        let is_record = first.is_some_and(|first| *first != b'#' && !first.is_ascii_lowercase());
        stamped && is_record && line.len() <= self.plan.limits.line_bytes_max
    }

    /// Gives up on a first line without end: a bomb of zeros need not be read to its own.
    fn endless(&mut self, out: &mut Vec<RecordBatch>) -> Result<(), Refusal> {
        let is_first = self.current.assumes();
        let is_long = self.carry.len() > self.plan.limits.line_bytes_max;
        if is_first && is_long { self.carried(out) } else { Ok(()) }
    }

    /// Keeps the beginning of a line, and no more of it than tells that it is too long.
    fn carry(&mut self, bytes: &[u8]) {
        let kept = self.plan.limits.line_bytes_max.max(TEXT_BYTES_MAX) + 1;
        let room = kept.saturating_sub(self.carry.len());
        self.carry.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    fn carried(&mut self, out: &mut Vec<RecordBatch>) -> Result<(), Refusal> {
        let line = std::mem::take(&mut self.carry);
        let done = self.line(&line, None, out);
        self.carry = line;
        self.carry.clear();
        done
    }

    /// Reads one line. `base` is where it starts in the block at hand.
    fn line(
        &mut self,
        raw: &[u8],
        base: Option<usize>,
        out: &mut Vec<RecordBatch>,
    ) -> Result<(), Refusal> {
        self.tally.lines += 1;
        if let Some((_, lines)) = &mut self.event {
            *lines += 1;
        }
        if raw.len() > self.plan.limits.line_bytes_max {
            return self.misfit(Reason::LineTooLong, None, raw);
        }
        let (start, end) = trimmed(raw);
        let Ok(mut line) = std::str::from_utf8(raw.get(start..end).unwrap_or_default()) else {
            return self.misfit(Reason::NotUtf8, None, raw);
        };
        let mut base = base.map(|base| base + start);
        if self.is_stamped(line) {
            let skip = after_stamp(line);
            line = line.get(skip..).unwrap_or_default();
            base = base.map(|base| base + skip);
        }
        match line.as_bytes().first() {
            None | Some(b'#') => {
                self.tally.blank += 1;
                return Ok(());
            }
            Some(first) if first.is_ascii_lowercase() && self.header(line, out)? => return Ok(()),
            _ => {}
        }
        self.record(line, raw, base, None, out)
    }

    /// Tells whether records have a timestamp before them; the first line with something in it decides.
    fn is_stamped(&mut self, line: &str) -> bool {
        let Shape::Lines { stamped } = &mut self.shape else { return false };
        if stamped.is_none() && !line.is_empty() && !line.starts_with('#') {
            *stamped = Some(self.current.field_counts().any(|fields| is_stamped(line, fields)));
        }
        *stamped == Some(true)
    }

    /// Reads a header, if the line is one: it holds from here on.
    fn header(&mut self, line: &str, out: &mut Vec<RecordBatch>) -> Result<bool, Refusal> {
        let found = LogFormat::from_header(line);
        if !matches!(found, Ok(None)) {
            self.tally.blank += 1;
        }
        let line = self.tally.lines;
        let format = found.map_err(|source| Refusal::Header { line, source })?;
        let Some(format) = format else { return Ok(false) };
        if let Some(reader) = self.current.set(&format, &self.plan) {
            self.tally.add_format(format);
            if reader.wanted {
                out.extend(self.rows.set_origins(&reader.origins)?);
            }
        }
        Ok(true)
    }

    /// Reads a record. `spans`: its fields, where they were found already.
    fn record(
        &mut self,
        line: &str,
        raw: &[u8],
        base: Option<usize>,
        spans: Option<&mut Vec<Span>>,
        out: &mut Vec<RecordBatch>,
    ) -> Result<(), Refusal> {
        let mixed = self.current.is_mixed();
        let Told { reader, fit, is_new } = self.current.read(line, spans, &self.plan);
        if is_new {
            self.tally.add_format(reader.format.clone());
        }
        if is_new || (mixed && fit.is_ok()) {
            out.extend(self.rows.set_origins(&reader.origins)?);
        }
        let status = match fit {
            Ok(status) => status,
            Err((reason, field)) => {
                let field = field.and_then(|field| reader.format.names().get(field)).cloned();
                return self.misfit(reason, field, raw);
            }
        };
        if !reader.wanted {
            self.tally.other_layout += 1;
            return Ok(());
        }
        match status {
            Status::Ok => self.tally.ok += 1,
            Status::NoData => self.tally.nodata += 1,
            Status::SkipData => self.tally.skipdata += 1,
            Status::Other => self.tally.other += 1,
        }
        let place = place(self.event.as_ref(), &self.object, self.tally.lines);
        if let Some(record) = reader.record(line, place) {
            self.rows.push(&record, base)?;
        }
        if self.rows.is_full() {
            out.extend(self.rows.flush()?);
        }
        Ok(())
    }

    /// Sets a line aside; refuses the object if it is the first one and nothing states the format.
    fn misfit(&mut self, reason: Reason, field: Option<String>, raw: &[u8]) -> Result<(), Refusal> {
        if self.current.assumes() {
            let line = self.tally.lines;
            self.malformed(reason, raw);
            return Err(Refusal::NoFormat { line, reason, field });
        }
        self.malformed(reason, raw);
        Ok(())
    }

    fn malformed(&mut self, reason: Reason, raw: &[u8]) {
        let text = String::from_utf8_lossy(raw.get(..TEXT_BYTES_MAX).unwrap_or(raw));
        let text = text.trim_end_matches(['\r', '\n']).to_owned();
        let place = place(self.event.as_ref(), &self.object, self.tally.lines);
        let (object, line) = (place.object.to_owned(), place.line);
        let line = MalformedLine { object, line, reason, text };
        self.tally.malformed.add(&line);
        if self.plan.keep_all_malformed {
            self.malformed.push(line);
        }
    }
}

/// Returns where the line at hand stands: in its event, where that has a name.
fn place<'a>(event: Option<&'a (String, u64)>, object: &'a Object, line: u64) -> Place<'a> {
    match event {
        Some((name, line)) => Place { object: name, line: *line },
        None => Place { object: &object.name, line },
    }
}
