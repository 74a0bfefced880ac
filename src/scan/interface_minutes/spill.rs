//! Hours of interfaces in temporary files: written sorted, merged when they are read.
//!
//! The files have no name, so that nothing of them is left when the process is killed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use crate::scan::interface_minutes::minute::Minute;

/// Minutes of an hour.
pub(super) type Slots = Box<[Minute; 60]>;

/// The hour that stands for records without a time, in its first slot. No time in seconds lies in it.
pub(super) const UNTIMED: i64 = i64::MIN;

/// Sorted segments of one file; that many are merged into one of the next file.
const STRETCHES_MAX: usize = 32;

/// Bytes read or written at a time.
const BUFFER_BYTES: usize = 16 * 1024;

/// Bytes of an hour on disk, at most.
const HOUR_BYTES_MAX: usize = 4 + 8 + 1 + 60 * (2 + 1 + 2 + 3 * 5);

/// An hour of one interface.
#[derive(Debug, Clone)]
pub(super) struct Hour {
    /// The number of the interface and its job.
    pub(super) number: u32,
    /// Hours since 1970, or [`UNTIMED`].
    pub(super) hour: i64,
    pub(super) slots: Slots,
}

/// The place of each number in the order of names: first its group, an interface and its job.
pub(super) type Order = Arc<[(u32, u32)]>;

/// What hours are sorted by: the group, the time, the number within the group.
type HourPosition = (u32, i64, u32);

impl Hour {
    fn place(&self, order: &Order) -> HourPosition {
        let (group, rank) = order.get(self.number as usize).copied().unwrap_or_default();
        (group, self.hour, rank)
    }
}

/// A sorted part of a file.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    file: Arc<Mutex<File>>,
    from: u64,
    to: u64,
}

/// All files: each contains what was merged from the one before.
#[derive(Debug, Default)]
pub(super) struct Files {
    levels: Vec<Level>,
}

#[derive(Debug)]
struct Level {
    file: Arc<Mutex<File>>,
    segments: Vec<Segment>,
}

impl Files {
    /// Writes hours, which are sorted by `order`.
    pub(super) fn write(
        &mut self,
        hours: impl Iterator<Item = Hour>,
        order: &Order,
    ) -> io::Result<()> {
        self.add(0, hours.map(Ok))?;
        for at in 0.. {
            let Some(level) = self.levels.get_mut(at) else { break };
            if level.segments.len() < STRETCHES_MAX {
                break;
            }
            let merged = Merge::new(std::mem::take(&mut level.segments), Arc::clone(order))?;
            self.add(at + 1, merged)?;
            // Its content is in the next file.
            if let Some(level) = self.levels.get(at) {
                level.file.lock().unwrap_or_else(PoisonError::into_inner).set_len(0)?;
            }
        }
        Ok(())
    }

    /// Merges all that was written into one segment.
    pub(super) fn finish(mut self, order: &Order) -> io::Result<Option<Segment>> {
        let mut segments: Vec<Segment> =
            self.levels.iter_mut().flat_map(|level| level.segments.drain(..)).collect();
        if segments.len() < 2 {
            return Ok(segments.pop());
        }
        let file = Arc::new(Mutex::new(tempfile::tempfile()?));
        write(&file, Merge::new(segments, Arc::clone(order))?).map(Some)
    }

    fn add(&mut self, at: usize, hours: impl Iterator<Item = io::Result<Hour>>) -> io::Result<()> {
        if self.levels.len() <= at {
            let file = Arc::new(Mutex::new(tempfile::tempfile()?));
            self.levels.push(Level { file, segments: Vec::new() });
        }
        let Some(level) = self.levels.get_mut(at) else { return Ok(()) };
        level.segments.push(write(&level.file, hours)?);
        Ok(())
    }
}

/// Appends hours to a file.
fn write(
    file: &Arc<Mutex<File>>,
    hours: impl Iterator<Item = io::Result<Hour>>,
) -> io::Result<Segment> {
    let append = |bytes: &[u8]| {
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        let from = file.seek(SeekFrom::End(0))?;
        file.write_all(bytes)?;
        Ok::<_, io::Error>(from)
    };
    let from = append(&[])?;
    let (mut to, mut buffer) = (from, Vec::with_capacity(BUFFER_BYTES));
    for hour in hours {
        encode(&hour?, &mut buffer);
        if buffer.len() >= BUFFER_BYTES {
            append(&buffer)?;
            to += buffer.len() as u64;
            buffer.clear();
        }
    }
    append(&buffer)?;
    Ok(Segment { file: Arc::clone(file), from, to: to + buffer.len() as u64 })
}

/// Appends an hour: minutes that are alike and follow each other are written once.
fn encode(hour: &Hour, to: &mut Vec<u8>) {
    to.extend(hour.number.to_le_bytes());
    to.extend(hour.hour.to_le_bytes());
    let runs = hour.slots.chunk_by(|a, b| a == b);
    let statuses = |run: &&[Minute]| run.first().is_some_and(|minute| minute.statuses != 0);
    to.push(u8::try_from(runs.clone().filter(statuses).count()).unwrap_or(u8::MAX));
    let mut slot = 0;
    for run in runs {
        let first = slot;
        slot += run.len();
        let Some(minute) = run.first().filter(|minute| minute.statuses != 0) else { continue };
        to.extend([first as u8, run.len() as u8, minute.statuses]);
        to.extend(minute.longest_secs.to_le_bytes());
        for count in [minute.records, minute.nodata, minute.skipdata] {
            let mut rest = count;
            while rest >= 0x80 {
                to.push((rest & 0x7f) as u8 | 0x80);
                rest >>= 7;
            }
            to.push(rest as u8);
        }
    }
}

/// Reads an hour from the front of bytes. `None`: [`encode`] did not write them.
fn decode(from: &mut &[u8]) -> Option<Hour> {
    let number = u32::from_le_bytes(*from.split_off(..4)?.as_array()?);
    let hour = i64::from_le_bytes(*from.split_off(..8)?.as_array()?);
    let mut slots: Slots = Box::new([Minute::default(); 60]);
    for _ in 0..*from.split_off_first()? {
        let [first, count, statuses] = *from.split_off(..3)?.as_array()?;
        let longest_secs = u16::from_le_bytes(*from.split_off(..2)?.as_array()?);
        let mut counts = [0; 3];
        for value in &mut counts {
            for shift in (0..32).step_by(7) {
                let byte = *from.split_off_first()?;
                *value |= u32::from(byte & 0x7f) << shift;
                if byte < 0x80 {
                    break;
                }
            }
        }
        let [records, nodata, skipdata] = counts;
        let minute = Minute { records, nodata, skipdata, longest_secs, statuses };
        let first = usize::from(first);
        slots.get_mut(first..first + usize::from(count))?.fill(minute);
    }
    Some(Hour { number, hour, slots })
}

/// Reads a segment from its begin to its end.
#[derive(Debug)]
pub(super) struct Reader {
    segment: Segment,
    buffer: Vec<u8>,
    at: usize,
}

impl Reader {
    pub(super) fn new(segment: Segment) -> Self {
        Self { segment, buffer: Vec::new(), at: 0 }
    }

    fn next_hour(&mut self) -> io::Result<Option<Hour>> {
        if self.buffer.len() - self.at < HOUR_BYTES_MAX {
            self.fill()?;
        }
        let mut rest = self.buffer.get(self.at..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        let before = rest.len();
        let hour = decode(&mut rest).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "a temporary file of minutes was changed")
        })?;
        self.at += before - rest.len();
        Ok(Some(hour))
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let Segment { file, from, to } = &mut self.segment;
        let more = (*to - *from).min(BUFFER_BYTES as u64) as usize;
        let old = self.buffer.len();
        self.buffer.resize(old + more, 0);
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(*from))?;
        file.read_exact(&mut self.buffer[old..])?;
        *from += more as u64;
        Ok(())
    }
}

impl Iterator for Reader {
    type Item = io::Result<Hour>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_hour().transpose()
    }
}

/// Several segments as one, each hour of each number once.
struct Merge {
    order: Order,
    readers: Vec<Reader>,
    next: Vec<Option<Hour>>,
    heap: BinaryHeap<Reverse<(HourPosition, usize)>>,
}

impl Merge {
    fn new(segments: Vec<Segment>, order: Order) -> io::Result<Self> {
        let readers: Vec<Reader> = segments.into_iter().map(Reader::new).collect();
        let next = readers.iter().map(|_| None).collect();
        let mut merge = Self { order, readers, next, heap: BinaryHeap::new() };
        for at in 0..merge.readers.len() {
            merge.advance(at)?;
        }
        Ok(merge)
    }

    /// Takes the hour that a reader stands at, and reads its next one.
    fn advance(&mut self, at: usize) -> io::Result<Option<Hour>> {
        let next = self.readers.get_mut(at).map(Reader::next_hour).transpose()?.flatten();
        if let Some(hour) = &next {
            self.heap.push(Reverse((hour.place(&self.order), at)));
        }
        Ok(self.next.get_mut(at).and_then(|slot| std::mem::replace(slot, next)))
    }

    fn next_hour(&mut self) -> io::Result<Option<Hour>> {
        let Some(Reverse((place, at))) = self.heap.pop() else { return Ok(None) };
        let Some(mut hour) = self.advance(at)? else { return Ok(None) };
        while let Some(Reverse((same, at))) = self.heap.peek().copied()
            && same == place
        {
            self.heap.pop();
            let other = self.advance(at)?;
            let slots = other.iter().flat_map(|other| other.slots.iter());
            hour.slots.iter_mut().zip(slots).for_each(|(slot, more)| slot.merge(*more));
        }
        Ok(Some(hour))
    }
}

impl Iterator for Merge {
    type Item = io::Result<Hour>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_hour().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(number: u32, hour: i64, slot: usize, records: u32) -> Hour {
        let mut slots: Slots = Box::new([Minute::default(); 60]);
        slots[slot] = Minute { records, statuses: 2, longest_secs: 59, ..Minute::default() };
        Hour { number, hour, slots }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut full = hour(7, -3, 0, u32::MAX);
        for (at, slot) in full.slots.iter_mut().enumerate() {
            let [records, nodata, skipdata] = [u32::MAX - at as u32, u32::MAX, 300];
            *slot = Minute { records, nodata, skipdata, longest_secs: 65_535, statuses: 7 };
        }
        for hour in [full, hour(0, UNTIMED, 0, 1), hour(1, 490_000, 59, 128)] {
            let mut bytes = Vec::new();
            encode(&hour, &mut bytes);
            assert!(bytes.len() <= HOUR_BYTES_MAX, "{}", bytes.len());
            let mut rest = &bytes[..];
            let read = decode(&mut rest).unwrap();
            assert_eq!((read.number, read.hour, rest.len()), (hour.number, hour.hour, 0));
            assert_eq!(read.slots, hour.slots);
            // A part of it is no hour, and no panic.
            for cut in 0..bytes.len() {
                assert!(decode(&mut &bytes[..cut]).is_none(), "{cut}");
            }
        }
    }

    #[test]
    fn many_stretches_become_one_in_which_each_hour_comes_once() {
        // The second number goes before the first, and both before the third.
        let order: Order = Arc::new([(0, 1), (0, 0), (1, 2)]);
        let mut files = Files::default();
        let rounds = STRETCHES_MAX as i64 * STRETCHES_MAX as i64 + 5;
        for round in 0..rounds {
            let hours = [hour(1, round / 2, 3, 1), hour(0, round / 2, 4, 1), hour(2, 9, 5, 1)];
            files.write(hours.into_iter(), &order).unwrap();
        }
        assert_eq!(files.levels.len(), 3);
        let read: Vec<Hour> =
            Reader::new(files.finish(&order).unwrap().unwrap()).map(Result::unwrap).collect();
        assert_eq!(read.len() as i64, (rounds + 1) / 2 * 2 + 1);
        let numbers: Vec<u32> = read.iter().map(|hour| hour.number).take(4).collect();
        assert_eq!(numbers, [1, 0, 1, 0]);
        assert_eq!((read[0].hour, read[0].slots[3].records), (0, 2));
        let last = read.last().unwrap();
        assert_eq!((last.number, i64::from(last.slots[5].records)), (2, rounds));
    }
}
