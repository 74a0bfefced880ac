//! Turns the bytes of an object into batches, however the bytes are cut.

mod json;

use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;

use crate::flow::active_format::ActiveFormat;
use crate::flow::batch_builder::BatchBuilder;
use crate::flow::container::{BOM, Container, detect_container};
use crate::flow::decode_options::{DecodeOptions, ObjectMeta};
use crate::flow::decode_stats::{DecodeStats, MalformedLine, Reason, TEXT_BYTES_MAX};
use crate::flow::envelope::{is_stamped, unstamped};
use crate::flow::error::{DecodeError, DecodeFailure};
use crate::flow::log_format::LogFormat;
use crate::flow::record_block::RecordPosition;
use crate::flow::record_reader::RecordOutcome;
use crate::flow::tokenizer::{Delimiters, Found, LineBlock, LineLimits, TokenizedLines, Tokenizer};
use crate::flow::value::{trimmed, without_comment};

/// Most bytes that are one block, which is what a batch may retain.
const BLOCK_MAX: usize = 4 << 20;

/// Most lines that are read together: what there is to know of them stays near the processor.
const LINES_MAX: usize = 128;

/// Turns the lines of one object into batches of `batch_rows` rows.
///
/// A line that does not fit the format is set aside in [`DecodeStats::malformed`]; it never spoils its
/// neighbours. Rows keep the order of their lines.
pub struct Decoder {
    plan: Arc<DecodeOptions>,
    object: ObjectMeta,
    shape: Container,
    /// The current format or formats.
    current: ActiveFormat,
    /// The current log event, where it has a name, and how many of its lines were read.
    event: Option<(String, u64)>,
    rows: BatchBuilder,
    /// The beginning of a line whose end has not come yet.
    carry: Vec<u8>,
    /// Room for where the fields of lines end.
    ends: Delimiters,
    /// The same for one line that had to be made plain.
    one: Delimiters,
    /// Room for a line that had to be made plain.
    plain: String,
    tally: DecodeStats,
    malformed: Vec<MalformedLine>,
}

impl Decoder {
    /// Creates a decoder for one object.
    pub fn new(plan: Arc<DecodeOptions>, object: impl Into<ObjectMeta>) -> Self {
        let object = object.into();
        let current = ActiveFormat::new(&plan, &object);
        Self {
            rows: BatchBuilder::new(&plan, &object, current.is_mixed()),
            current,
            plan,
            object,
            shape: Container::Unknown(Vec::new()),
            event: None,
            carry: Vec::new(),
            ends: Delimiters::default(),
            one: Delimiters::default(),
            plain: String::new(),
            tally: DecodeStats::default(),
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
    pub fn finish(mut self, out: &mut Vec<RecordBatch>) -> Result<DecodeStats, DecodeError> {
        let ended = self.end(out);
        ended.map_err(|refusal| self.refused(refusal, out))?;
        Ok(self.tally)
    }

    /// Returns the count so far.
    pub fn tally(&self) -> &DecodeStats {
        &self.tally
    }

    /// Returns the malformed lines since the last call, in order, if the options retain them all.
    pub fn take_malformed(&mut self) -> Vec<MalformedLine> {
        std::mem::take(&mut self.malformed)
    }

    fn refused(&mut self, refusal: DecodeFailure, out: &mut Vec<RecordBatch>) -> DecodeError {
        // What cannot be built now could not be built before either: the refusal reports it already.
        out.extend(self.rows.flush().ok().flatten());
        let tally = Box::new(std::mem::take(&mut self.tally));
        DecodeError { object: self.object.name.clone(), refusal, tally }
    }

    fn take(&mut self, mut bytes: Bytes, out: &mut Vec<RecordBatch>) -> Result<(), DecodeFailure> {
        self.tally.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let bytes_max = self.plan.limits.object_bytes_max;
        if self.tally.bytes > bytes_max {
            return Err(DecodeFailure::TooLarge { bytes_max });
        }
        while bytes.len() > BLOCK_MAX {
            let block = bytes.split_to(BLOCK_MAX);
            self.block(block, out)?;
        }
        self.block(bytes, out)
    }

    fn block(&mut self, mut bytes: Bytes, out: &mut Vec<RecordBatch>) -> Result<(), DecodeFailure> {
        if let Container::Unknown(head) = &mut self.shape {
            if !head.is_empty() {
                head.extend_from_slice(&bytes);
                bytes = Bytes::from(std::mem::take(head));
            }
            let Some(shape) = detect_container(&bytes)? else {
                self.shape = Container::Unknown(bytes.into());
                return Ok(());
            };
            self.shape = shape;
            if bytes.starts_with(BOM) {
                bytes = bytes.slice(BOM.len()..);
            }
        }
        match self.shape {
            Container::Json { .. } => self.json(&bytes, out),
            _ => self.lines(&bytes, out),
        }
    }

    fn end(&mut self, out: &mut Vec<RecordBatch>) -> Result<(), DecodeFailure> {
        if let Container::Unknown(head) = &mut self.shape {
            let mut bytes = Bytes::from(std::mem::take(head));
            if bytes.starts_with(BOM) {
                bytes = bytes.slice(BOM.len()..);
            }
            self.shape = Container::Lines { stamped: None };
            self.lines(&bytes, out)?;
        }
        self.rows.set_block(None);
        if !self.carry.is_empty() {
            self.complete_partial_line(out)?;
        }
        if let Container::Json { scanner, .. } = &mut self.shape
            && let Some(piece) = scanner.rest()
        {
            self.document(&piece, out)?;
        }
        out.extend(self.rows.flush()?);
        Ok(())
    }

    fn lines(&mut self, bytes: &Bytes, out: &mut Vec<RecordBatch>) -> Result<(), DecodeFailure> {
        let mut start = 0;
        if !self.carry.is_empty() {
            let end = memchr::memchr(b'\n', bytes);
            self.partial_line(bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default());
            let Some(end) = end else { return self.line_too_long(out) };
            self.rows.set_block(None);
            self.complete_partial_line(out)?;
            start = end + 1;
        }
        self.rows.set_block(Some(bytes));
        let rest = bytes.get(start..).unwrap_or_default();
        let ended = memchr::memrchr(b'\n', rest).map_or(0, |last| last + 1);
        let rest = rest.get(..ended).unwrap_or_default();
        let mut ends = std::mem::take(&mut self.ends);
        let mut scanner = Tokenizer::new(rest);
        loop {
            ends.clear();
            let fields = self.plain_fields();
            let (bytes_max, lines_max) = (self.plan.limits.line_bytes_max, LINES_MAX);
            let taken = match fields {
                Some(fields) => {
                    let taken =
                        scanner.tokenize(&mut ends, LineLimits { fields, bytes_max, lines_max });
                    self.records(ends.lines(rest, fields), out)?;
                    taken
                }
                None => scanner.next(&mut ends).map_or(TokenizedLines::All, TokenizedLines::Before),
            };
            match taken {
                TokenizedLines::Enough => {}
                TokenizedLines::Before(Found { start, end, .. }) => {
                    self.line(rest.get(start..end).unwrap_or_default(), out)?;
                }
                TokenizedLines::All => break,
            }
        }
        self.ends = ends;
        self.partial_line(bytes.get(start + ended..).unwrap_or_default());
        self.line_too_long(out)
    }

    /// Returns how many fields a record has, if it is of the current format and nothing comes before it.
    fn plain_fields(&mut self) -> Option<usize> {
        let is_plain = matches!(self.shape, Container::Lines { stamped: Some(false) });
        let reader = self.current.confirmed_reader().filter(|_| is_plain)?;
        Some(reader.format.names().len())
    }

    /// Reads lines that are all records of the current format. If one of them does not fit, each is read
    /// alone.
    fn records(
        &mut self,
        lines: LineBlock<'_>,
        out: &mut Vec<RecordBatch>,
    ) -> Result<(), DecodeFailure> {
        let first = self.tally.lines + 1;
        let count = lines.len() as u64;
        let Some(reader) = self.current.confirmed_reader().filter(|_| count > 0) else {
            return Ok(());
        };
        let Ok(statuses) = reader.read(lines) else {
            for line in 0..lines.len() {
                self.tally.lines += 1;
                self.record(lines.only(line), lines.bytes(line), out)?;
            }
            return Ok(());
        };
        self.tally.lines += count;
        if !reader.is_selected {
            self.tally.other_layout += count;
            return Ok(());
        }
        statuses.add_to(&mut self.tally);
        let place = RecordPosition { object: &self.object.name, line: first };
        Ok(self.rows.push(reader.records(lines, place), out)?)
    }

    /// Gives up on a first line without end: a bomb of zeros need not be read to its own.
    fn line_too_long(&mut self, out: &mut Vec<RecordBatch>) -> Result<(), DecodeFailure> {
        let is_first = self.current.is_default_assumed();
        let is_long = self.carry.len() > self.plan.limits.line_bytes_max;
        if is_first && is_long { self.complete_partial_line(out) } else { Ok(()) }
    }

    /// Retains the beginning of a line, and no more of it than shows that it is too long.
    fn partial_line(&mut self, bytes: &[u8]) {
        let carry_max = self.plan.limits.line_bytes_max.max(TEXT_BYTES_MAX) + 1;
        let room = carry_max.saturating_sub(self.carry.len());
        self.carry.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    fn complete_partial_line(&mut self, out: &mut Vec<RecordBatch>) -> Result<(), DecodeFailure> {
        let line = std::mem::take(&mut self.carry);
        let done = self.line(&line, out);
        self.carry = line;
        self.carry.clear();
        done
    }

    /// Reads one line.
    fn line(&mut self, raw: &[u8], out: &mut Vec<RecordBatch>) -> Result<(), DecodeFailure> {
        self.tally.lines += 1;
        if let Some((_, lines)) = &mut self.event {
            *lines += 1;
        }
        if raw.len() > self.plan.limits.line_bytes_max {
            return self.on_invalid_record(Reason::LineTooLong, None, raw);
        }
        let (start, end) = trimmed(raw);
        let Ok(mut line) = std::str::from_utf8(raw.get(start..end).unwrap_or_default()) else {
            return self.on_invalid_record(Reason::NotUtf8, None, raw);
        };
        if self.is_stamped(line) {
            line = unstamped(line);
        }
        match line.as_bytes().first() {
            None | Some(b'#') => {
                self.tally.blank += 1;
                return Ok(());
            }
            Some(first) if first.is_ascii_lowercase() && self.header(line, out)? => return Ok(()),
            _ => {}
        }
        self.decode_line_slowly(without_comment(line, self.current.fields()), raw, out)
    }

    /// Reads a record whose fields may be between runs of blanks and tabs: between single blanks they are the
    /// same.
    fn decode_line_slowly(
        &mut self,
        line: &str,
        raw: &[u8],
        out: &mut Vec<RecordBatch>,
    ) -> Result<(), DecodeFailure> {
        let (mut plain, mut ends) =
            (std::mem::take(&mut self.plain), std::mem::take(&mut self.one));
        let done = self.record(ends.next_simple(line, &mut plain), raw, out);
        (self.plain, self.one) = (plain, ends);
        done
    }

    /// Returns whether records have a timestamp before them; the first line with something in it decides.
    fn is_stamped(&mut self, line: &str) -> bool {
        let Container::Lines { stamped } = &mut self.shape else { return false };
        if stamped.is_none() && !line.is_empty() && !line.starts_with('#') {
            *stamped = Some(self.current.field_counts().any(|fields| is_stamped(line, fields)));
        }
        *stamped == Some(true)
    }

    /// Reads a header, if the line is one: it is current from here on.
    fn header(&mut self, line: &str, out: &mut Vec<RecordBatch>) -> Result<bool, DecodeFailure> {
        let found = LogFormat::from_header(line);
        if !matches!(found, Ok(None)) {
            self.tally.blank += 1;
        }
        let line = self.tally.lines;
        let format = found.map_err(|source| DecodeFailure::Header { line, source })?;
        let Some(format) = format else { return Ok(false) };
        if let Some(reader) = self.current.set(&format, &self.plan) {
            self.tally.add_format(format);
            if reader.is_selected {
                out.extend(self.rows.set_origins(&reader.origins)?);
            }
        }
        Ok(true)
    }

    fn record(
        &mut self,
        line: LineBlock<'_>,
        raw: &[u8],
        out: &mut Vec<RecordBatch>,
    ) -> Result<(), DecodeFailure> {
        let mixed = self.current.is_mixed();
        let RecordOutcome { reader, fit, is_new } = self.current.read(line, &self.plan);
        if is_new {
            self.tally.add_format(reader.format.clone());
        }
        if is_new || (mixed && fit.is_ok()) {
            out.extend(self.rows.set_origins(&reader.origins)?);
        }
        let statuses = match fit {
            Ok(statuses) => statuses,
            Err((reason, field)) => {
                let field = field.and_then(|field| reader.format.names().get(field)).cloned();
                return self.on_invalid_record(reason, field, raw);
            }
        };
        if !reader.is_selected {
            self.tally.other_layout += 1;
            return Ok(());
        }
        statuses.add_to(&mut self.tally);
        let place = RecordPosition::new(self.event.as_ref(), &self.object, self.tally.lines);
        Ok(self.rows.push(reader.records(line, place), out)?)
    }

    /// Sets a line aside; refuses the object if it is the first one and nothing states the format.
    fn on_invalid_record(
        &mut self,
        reason: Reason,
        field: Option<String>,
        raw: &[u8],
    ) -> Result<(), DecodeFailure> {
        if self.current.is_default_assumed() {
            let line = self.tally.lines;
            self.malformed(reason, raw);
            let is_csv = raw.contains(&b',');
            return Err(DecodeFailure::NoFormat { line, reason, field, is_csv });
        }
        self.malformed(reason, raw);
        Ok(())
    }

    fn malformed(&mut self, reason: Reason, raw: &[u8]) {
        let text = String::from_utf8_lossy(raw.get(..TEXT_BYTES_MAX).unwrap_or(raw));
        let text = text.trim_end_matches(['\r', '\n']).to_owned();
        let place = RecordPosition::new(self.event.as_ref(), &self.object, self.tally.lines);
        let (object, line) = (place.object.to_owned(), place.line);
        let line = MalformedLine { object, line, reason, text };
        self.tally.malformed.add(&line);
        if self.plan.keep_all_malformed {
            self.malformed.push(line);
        }
    }
}
