//! Decompresses an object as its bytes come, detected by content and never by name. Text in UTF-16 becomes UTF-8.

use std::collections::VecDeque;

use bytes::Bytes;
use flate2::{Decompress, FlushDecompress, Status};

use crate::flow::Limits;
use crate::flow::utf16::Encoding;

/// Bytes of an output block.
const BLOCK_BYTES: usize = 512 << 10;

/// Bytes of the first block: a small object does not request a whole one.
const FIRST_BLOCK_BYTES: usize = 64 << 10;

/// Window of gzip: 32 KiB.
const WINDOW_BITS: u8 = 15;

const GZIP: &[u8] = b"\x1f\x8b";

/// How often an object may be compressed: a tool compresses again what AWS delivers compressed.
const LAYERS_MAX: u8 = 2;

/// Compressions and containers that are distinguished from text, but not read.
const UNSUPPORTED: &[(&[u8], &str)] = &[
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PK\x03\x04", "zip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"\x04\x22\x4d\x18", "lz4"),
];

/// Turns the bytes of an object, as stored, into its content.
///
/// Feed a chunk, take blocks until there is none, feed the next. Memory contains one chunk and one block,
/// however far the content expands.
#[derive(Debug)]
pub struct Decompressor {
    state: State,
    /// Input that was not examined yet.
    input: VecDeque<Bytes>,
    ended: bool,
    /// The current output block.
    block: Vec<u8>,
    /// Whether the last block was filled, so that more output may come without more input.
    waiting: bool,
    /// What went wrong after the content of `block`.
    failed: Option<Error>,
    bytes_out: u64,
    bytes_max: u64,
    /// How many layers of gzip are around it.
    layers: u8,
    /// What becomes of the content of gzip, which may be gzip again.
    inner: Option<Box<Self>>,
    /// What went wrong here, after the content that `inner` still has.
    broken: Option<Error>,
    encoding: Encoding,
}

#[derive(Debug)]
enum State {
    /// Too few bytes so far to decide.
    Start,
    Plain,
    /// Within a gzip member.
    Member(Box<Decompress>),
    /// After a gzip member.
    Between,
    /// Zeros after the last member.
    Padding,
    Failed,
}

/// Why an object could not be decompressed to its end. What came before was given out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The stream ends within a gzip member.
    #[error("the gzip stream is cut after {bytes} decompressed bytes")]
    Cut {
        /// Decompressed bytes before the cut.
        bytes: u64,
    },
    /// The stream is damaged, or something that is not gzip follows.
    #[error("the gzip stream is corrupt after {bytes} decompressed bytes: {reason}")]
    Corrupt {
        /// Decompressed bytes before the damage.
        bytes: u64,
        /// What is wrong.
        reason: String,
    },
    /// The content is larger than the limit.
    #[error("more than {bytes_max} bytes when decompressed")]
    TooLarge {
        /// The limit.
        bytes_max: u64,
    },
    /// Gzip within gzip within gzip.
    #[error("compressed by gzip more than {LAYERS_MAX} times, one around the other")]
    TooManyLayers,
    /// A compression that is not read.
    #[error("{0} compression is not supported")]
    Unsupported(&'static str),
}

impl Decompressor {
    /// Creates a decompressor for one object.
    pub fn new(limits: &Limits) -> Self {
        Self::within(0, limits.object_bytes_max)
    }

    /// Creates one for what is in that many layers of gzip.
    fn within(layers: u8, bytes_max: u64) -> Self {
        Self {
            state: State::Start,
            input: VecDeque::new(),
            ended: false,
            block: Vec::new(),
            waiting: false,
            failed: None,
            bytes_out: 0,
            bytes_max,
            layers,
            inner: None,
            broken: None,
            encoding: Encoding::default(),
        }
    }

    /// Takes the next bytes of the object, cut anywhere.
    pub fn feed(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.input.push_back(bytes);
        }
    }

    /// Ends the input. Take the last blocks after it.
    pub fn finish(&mut self) {
        self.ended = true;
    }

    /// Returns the next block of content; `None` when more bytes are needed, or at the end.
    ///
    /// # Errors
    ///
    /// [`Error`] after the last block that could be decompressed. Nothing follows it.
    pub fn next_block(&mut self) -> Result<Option<Bytes>, Error> {
        if matches!(self.state, State::Start) {
            self.start().inspect_err(|_| self.stop())?;
        }
        let Some(mut inner) = self.inner.take() else { return self.own_block() };
        let block = self.pass_on(&mut inner);
        self.inner = Some(inner);
        block
    }

    /// Returns the next block of what the content of gzip contains: itself, or what is compressed in it.
    fn pass_on(&mut self, inner: &mut Self) -> Result<Option<Bytes>, Error> {
        loop {
            if let Some(block) = inner.next_block().inspect_err(|_| self.stop())? {
                return Ok(Some(block));
            }
            if let Some(error) = self.broken.take() {
                return Err(error);
            }
            match self.own_block() {
                Ok(Some(block)) => inner.feed(block),
                Ok(None) if self.ended && !inner.ended => inner.finish(),
                Ok(None) => return Ok(None),
                Err(error) => {
                    inner.finish();
                    self.broken = Some(error);
                }
            }
        }
    }

    fn stop(&mut self) {
        self.state = State::Failed;
        self.input.clear();
        (self.failed, self.broken) = (None, None);
    }

    /// Returns the next block of content, whatever is in it.
    fn own_block(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let content = self.next_content();
            let is_end = match &content {
                Ok(content) => content.is_none() && self.ended,
                Err(_) => true,
            };
            // A byte that may begin a character of UTF-16 is content as well, also before an error.
            let rest = if is_end { self.encoding.finish() } else { Bytes::new() };
            if !rest.is_empty() {
                self.failed = content.err();
                return Ok(Some(rest));
            }
            let Some(block) = content? else { return Ok(None) };
            let text = self.encoding.decode(block);
            if !text.is_empty() {
                return Ok(Some(text));
            }
        }
    }

    /// Returns the next block as it is written in the object.
    fn next_content(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            if let Some(error) = self.failed.take() {
                self.stop();
                return Err(error);
            }
            let step = self.step();
            match step {
                Ok(Some(block)) => return Ok(Some(block)),
                Ok(None) if self.input.is_empty() || matches!(self.state, State::Start) => {
                    return Ok(self.take_block());
                }
                Ok(None) => {}
                Err(error) => {
                    self.failed = Some(error);
                    if let Some(block) = self.take_block() {
                        return Ok(Some(block));
                    }
                }
            }
        }
    }

    /// Does the next piece of work. `None` when it gave no full block.
    fn step(&mut self) -> Result<Option<Bytes>, Error> {
        match &mut self.state {
            State::Failed => {
                self.input.clear();
                Ok(None)
            }
            State::Start => self.start().map(|()| None),
            State::Plain => match self.input.pop_front() {
                Some(bytes) => self.count(bytes.len()).map(|()| Some(bytes)),
                None => Ok(None),
            },
            State::Member(_) => self.member(),
            State::Between => {
                self.state = match self.input.front().and_then(|bytes| bytes.first()) {
                    None => return Ok(None),
                    Some(0) => State::Padding,
                    Some(_) => State::Member(Box::new(Decompress::new_gzip(WINDOW_BITS))),
                };
                Ok(None)
            }
            State::Padding => match self.input.pop_front() {
                Some(bytes) if bytes.iter().any(|&b| b != 0) => {
                    Err(self.corrupt("bytes that are not zero follow the padding"))
                }
                _ => Ok(None),
            },
        }
    }

    /// Decides what the object is, as soon as its first bytes allow no other meaning.
    fn start(&mut self) -> Result<(), Error> {
        // The magic numbers may be cut: then the first chunks are made one.
        if self.input.len() > 1 {
            let head: Vec<u8> = self.input.drain(..).flatten().collect();
            self.input.push_back(Bytes::from(head));
        }
        let Some(head) = self.input.front() else { return Ok(()) };
        if let Some((_, name)) = UNSUPPORTED.iter().find(|(magic, _)| head.starts_with(magic)) {
            return Err(Error::Unsupported(name));
        }
        let is_open = |magic: &[u8]| head.len() < magic.len() && magic.starts_with(head);
        if head.starts_with(GZIP) {
            if self.layers == LAYERS_MAX {
                return Err(Error::TooManyLayers);
            }
            self.state = State::Between;
            self.inner = Some(Box::new(Self::within(self.layers + 1, self.bytes_max)));
        } else if self.ended && head.as_ref() == &GZIP[..1] {
            return Err(Error::Cut { bytes: 0 });
        } else if self.ended
            || !(is_open(GZIP) || UNSUPPORTED.iter().any(|(magic, _)| is_open(magic)))
        {
            self.state = State::Plain;
        }
        Ok(())
    }

    fn member(&mut self) -> Result<Option<Bytes>, Error> {
        let State::Member(gzip) = &mut self.state else { return Ok(None) };
        // All input may be taken while output still waits for room.
        let mut none = Bytes::new();
        let drains = self.input.is_empty();
        if drains && !self.waiting {
            let cut = Error::Cut { bytes: self.bytes_out };
            return if self.ended { Err(cut) } else { Ok(None) };
        }
        let input = self.input.front_mut().unwrap_or(&mut none);
        if self.block.capacity() == 0 {
            let is_first = self.bytes_out == 0;
            self.block.reserve_exact(if is_first { FIRST_BLOCK_BYTES } else { BLOCK_BYTES });
        }
        let (taken, given) = (gzip.total_in(), self.block.len());
        let status = gzip.decompress_vec(input, &mut self.block, FlushDecompress::None);
        let taken = usize::try_from(gzip.total_in() - taken).unwrap_or(usize::MAX);
        let given = self.block.len() - given;
        drop(input.split_to(taken.min(input.len())));
        if input.is_empty() && !drains {
            self.input.pop_front();
        }
        match status {
            Ok(Status::StreamEnd) => self.state = State::Between,
            Ok(Status::Ok) => {}
            // No progress, though there is input and room: the stream cannot be read on.
            Ok(Status::BufError) if taken == 0 && given == 0 && !drains => {
                return Err(self.corrupt("it makes no progress"));
            }
            Ok(Status::BufError) => {}
            Err(err) => {
                self.count(given)?;
                return Err(self.corrupt(&err.to_string()));
            }
        }
        self.count(given)?;
        self.waiting = self.block.len() == self.block.capacity();
        Ok(if self.waiting { self.take_block() } else { None })
    }

    /// Returns the content of the current block. A block that is mostly empty is copied and used again.
    fn take_block(&mut self) -> Option<Bytes> {
        if self.block.is_empty() {
            return None;
        }
        if self.block.len() < self.block.capacity() / 2 {
            let block = Bytes::copy_from_slice(&self.block);
            self.block.clear();
            return Some(block);
        }
        Some(Bytes::from(std::mem::take(&mut self.block)))
    }

    fn count(&mut self, bytes: usize) -> Result<(), Error> {
        self.bytes_out += u64::try_from(bytes).unwrap_or(u64::MAX);
        if self.bytes_out > self.bytes_max {
            return Err(Error::TooLarge { bytes_max: self.bytes_max });
        }
        Ok(())
    }

    fn corrupt(&self, reason: &str) -> Error {
        Error::Corrupt { bytes: self.bytes_out, reason: reason.to_owned() }
    }
}

#[cfg(test)]
mod tests;
