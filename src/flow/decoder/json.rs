//! Objects of JSON documents: each is opened, and its messages are lines.

use arrow::array::RecordBatch;

use crate::flow::container::Container;
use crate::flow::decode_stats::Reason;
use crate::flow::decoder::Decoder;
use crate::flow::envelope::{Event, Opened, open};
use crate::flow::error::DecodeFailure;

impl Decoder {
    pub(super) fn json(
        &mut self,
        mut bytes: &[u8],
        out: &mut Vec<RecordBatch>,
    ) -> Result<(), DecodeFailure> {
        let bytes_max = self.plan.limits.json_bytes_max;
        while let Container::Json { scanner, .. } = &mut self.shape {
            let piece = scanner.next(&mut bytes, bytes_max);
            match piece.map_err(|_| DecodeFailure::JsonTooLarge { bytes_max })? {
                Some(piece) => self.document(&piece, out)?,
                None => break,
            }
        }
        Ok(())
    }

    pub(super) fn document(
        &mut self,
        json: &[u8],
        out: &mut Vec<RecordBatch>,
    ) -> Result<(), DecodeFailure> {
        let found = open(json);
        let Container::Json { opened, .. } = &mut self.shape else { return Ok(()) };
        match found {
            Opened::Unknown(what) if !*opened => return Err(DecodeFailure::Json { what }),
            Opened::Unknown(_) => {
                self.tally.lines += 1;
                self.malformed(Reason::NotARecord, json);
            }
            Opened::Control(events) => {
                *opened = true;
                let events = u64::try_from(events).unwrap_or(u64::MAX);
                self.tally.lines += events;
                self.tally.blank += events;
            }
            Opened::Messages(messages) => {
                *opened = true;
                for event in messages {
                    self.event(&event, out)?;
                }
            }
        }
        Ok(())
    }

    fn event(&mut self, event: &Event, out: &mut Vec<RecordBatch>) -> Result<(), DecodeFailure> {
        if let Some(group) = &self.object.log_group {
            let name = event.log_stream_name.as_ref().zip(event.event_id.as_ref());
            self.event = name.map(|(stream, id)| (format!("{group}/{stream}#{id}"), 0));
        }
        for line in event.message.trim_end().split('\n') {
            self.line(line.as_bytes(), out)?;
        }
        self.event = None;
        Ok(())
    }
}
