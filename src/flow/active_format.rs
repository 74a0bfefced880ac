//! Which format the records of an object have: what a header, the user or a flow log states, or the default.

use crate::flow::decode_options::{DecodeOptions, ObjectMeta};
use crate::flow::format_candidates::FormatCandidates;
use crate::flow::log_format::LogFormat;
use crate::flow::record_reader::{RecordOutcome, RecordReader};
use crate::flow::tokenizer::LineBlock;

/// The current format or formats.
pub(super) struct ActiveFormat {
    /// The format of records without a header, if it is one.
    stated: Option<LogFormat>,
    /// The formats that records may have until a header states one, if they are several.
    several: Option<FormatCandidates>,
    /// The current format. `None` until a header or a record was seen, and with several formats.
    reader: Option<RecordReader>,
    /// Whether a record fitted the one format.
    proven: bool,
}

impl ActiveFormat {
    /// Takes the formats that the plan states, or else those that are known of the object.
    pub(super) fn new(plan: &DecodeOptions, object: &ObjectMeta) -> Self {
        let stated = plan.log_format.as_slice();
        let known = if stated.is_empty() { object.formats.as_slice() } else { stated };
        let several = FormatCandidates::new(known, plan);
        let stated = known.first().filter(|_| several.is_none()).cloned();
        Self { stated, several, reader: None, proven: false }
    }

    /// Returns whether each record may have another format than the one before it.
    pub(super) fn is_mixed(&self) -> bool {
        self.several.is_some() && self.reader.is_none()
    }

    /// Returns whether only the next record can show that it has the default format.
    pub(super) fn is_default_assumed(&self) -> bool {
        match &self.reader {
            Some(reader) => reader.assumed && !self.proven,
            None => self.stated.is_none() && self.several.is_none(),
        }
    }

    /// Returns how many fields a record may have without a header.
    pub(super) fn field_counts(&self) -> impl Iterator<Item = usize> {
        let default = self.is_default_assumed().then(LogFormat::default_v2);
        let one = self.stated.iter().map(|format| format.names().len());
        let several = self.several.iter().flat_map(FormatCandidates::formats);
        let several = several.map(|format| format.names().len());
        one.chain(several).chain(default.map(|format| format.names().len()))
    }

    /// Takes the format of a header, which is current from here on. `None` where it is current already.
    pub(super) fn set(
        &mut self,
        format: &LogFormat,
        plan: &DecodeOptions,
    ) -> Option<&RecordReader> {
        let holds = |old: &RecordReader| !old.assumed && old.format == *format;
        if self.reader.as_ref().is_some_and(holds) {
            return None;
        }
        Some(self.reader.insert(RecordReader::new(format.clone(), plan, false)))
    }

    /// Returns how many fields a record has, where one format is current.
    pub(super) fn fields(&self) -> Option<usize> {
        self.reader.as_ref().map(|reader| reader.format.names().len())
    }

    /// Returns the reader of the current format, once a header or a record has shown that it does.
    pub(super) fn confirmed_reader(&mut self) -> Option<&mut RecordReader> {
        let is_settled = |reader: &&mut RecordReader| self.proven || !reader.assumed;
        self.reader.as_mut().filter(is_settled)
    }

    /// Reads a record.
    pub(super) fn read(&mut self, line: LineBlock<'_>, plan: &DecodeOptions) -> RecordOutcome<'_> {
        match (&mut self.reader, &mut self.several) {
            (None, Some(several)) => several.read(line),
            (reader, _) => {
                let is_first = reader.is_none();
                let reader = reader.get_or_insert_with(|| {
                    let assumed = self.stated.is_none();
                    let format = self.stated.clone().unwrap_or_else(LogFormat::default_v2);
                    RecordReader::new(format, plan, assumed)
                });
                let fit = reader.read(line);
                self.proven |= fit.is_ok();
                let is_new = is_first && (fit.is_ok() || !reader.assumed);
                RecordOutcome { reader, fit, is_new }
            }
        }
    }
}
