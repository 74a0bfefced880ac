//! Text in UTF-16, as `>` of Windows PowerShell writes it, turned into UTF-8 block by block.

use bytes::Bytes;

/// What the bytes of an object are written in.
#[derive(Debug, Default)]
pub(crate) struct Encoding {
    state: State,
}

#[derive(Debug, Default)]
enum State {
    /// Fewer than two bytes so far.
    #[default]
    Start,
    /// The first byte of an object, which alone decides nothing.
    First(u8),
    /// UTF-8, or no text at all: passed on as it is.
    Bytes,
    Utf16(Utf16),
}

/// How far a text in UTF-16 is read.
#[derive(Debug)]
struct Utf16 {
    is_big_endian: bool,
    /// The first byte of a unit that the last block cut.
    byte: Option<u8>,
    /// The first half of a pair that the last block cut.
    high: Option<u16>,
}

/// Detects UTF-16 by its byte order mark, or by the zero that one of the bytes of an ASCII character is, and how many
/// bytes the mark has. `None`: it is something else. A log and JSON begin with ASCII, and UTF-8 has no zeros.
fn byte_order(first: u8, second: u8) -> Option<(bool, usize)> {
    match (first, second) {
        (0xff, 0xfe) => Some((false, 2)),
        (0xfe, 0xff) => Some((true, 2)),
        (b' '..=b'~' | b'\t' | b'\n' | b'\r', 0) => Some((false, 0)),
        (0, b' '..=b'~' | b'\t' | b'\n' | b'\r') => Some((true, 0)),
        _ => None,
    }
}

impl Encoding {
    /// Returns a block of content as UTF-8. What is not UTF-16 is returned as it is, but for a first byte alone,
    /// which is deferred to the next block.
    pub(crate) fn decode(&mut self, block: Bytes) -> Bytes {
        let block = match self.state {
            State::Bytes => return block,
            State::First(first) => Bytes::from([&[first], &block[..]].concat()),
            State::Start | State::Utf16(_) => block,
        };
        if let State::Start | State::First(_) = self.state {
            let &[first, ref rest @ ..] = &block[..] else { return block };
            let Some(second) = rest.first() else {
                self.state = State::First(first);
                return Bytes::new();
            };
            let Some((is_big_endian, mark)) = byte_order(first, *second) else {
                self.state = State::Bytes;
                return block;
            };
            let mut utf16 = Utf16 { is_big_endian, byte: None, high: None };
            let text = utf16.decode(block.get(mark..).unwrap_or_default());
            self.state = State::Utf16(utf16);
            return text.into();
        }
        match &mut self.state {
            State::Utf16(utf16) => utf16.decode(&block).into(),
            _ => block,
        }
    }

    /// Returns what was deferred when the content ends: a single byte, or a replacement character for half a
    /// character, so that the line it is in is not taken for whole.
    pub(crate) fn finish(&mut self) -> Bytes {
        match std::mem::replace(&mut self.state, State::Bytes) {
            State::First(first) => Bytes::copy_from_slice(&[first]),
            State::Utf16(Utf16 { byte, high, .. }) if byte.is_some() || high.is_some() => {
                Bytes::from_static("\u{fffd}".as_bytes())
            }
            _ => Bytes::new(),
        }
    }
}

impl Utf16 {
    fn decode(&mut self, bytes: &[u8]) -> Vec<u8> {
        let joined: Vec<u8>;
        let bytes = match self.byte.take() {
            Some(byte) => {
                joined = [&[byte], bytes].concat();
                &joined[..]
            }
            None => bytes,
        };
        let pairs = bytes.chunks_exact(2);
        self.byte = pairs.remainder().first().copied();
        let unit = |pair: &[u8]| {
            let pair = [pair.first().copied().unwrap_or(0), pair.get(1).copied().unwrap_or(0)];
            if self.is_big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
        };
        let mut units: Vec<u16> = self.high.take().into_iter().chain(pairs.map(unit)).collect();
        // The second half of a pair may be in the next block.
        if units.last().is_some_and(|unit| (0xd800..0xdc00).contains(unit)) {
            self.high = units.pop();
        }
        let chars = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
        chars.collect::<String>().into_bytes()
    }
}

/// Returns a whole text in UTF-16 as UTF-8. `None`: it is not in UTF-16.
pub(crate) fn utf8(text: &[u8]) -> Option<Vec<u8>> {
    let (is_big_endian, mark) = byte_order(*text.first()?, *text.get(1)?)?;
    let mut encoding =
        Encoding { state: State::Utf16(Utf16 { is_big_endian, byte: None, high: None }) };
    let mut decoded = encoding.decode(Bytes::copy_from_slice(text.get(mark..)?)).to_vec();
    decoded.extend_from_slice(&encoding.finish());
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(text: &str, is_big_endian: bool) -> Vec<u8> {
        let bytes = |unit: u16| if is_big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() };
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn both_byte_orders_with_and_without_a_mark_cut_anywhere() {
        let text = "version é 漢 𝄞\r\n2 eni-1\r\n";
        for is_big_endian in [false, true] {
            for mark in ["", "\u{feff}"] {
                let whole = stored(&format!("{mark}{text}"), is_big_endian);
                assert_eq!(utf8(&whole).as_deref(), Some(text.as_bytes()));
                for size in [1, 2, 3, 5, whole.len()] {
                    let mut encoding = Encoding::default();
                    let mut read = Vec::new();
                    for chunk in whole.chunks(size) {
                        read.extend_from_slice(&encoding.decode(Bytes::copy_from_slice(chunk)));
                    }
                    read.extend_from_slice(&encoding.finish());
                    assert_eq!(String::from_utf8(read).unwrap(), text, "{size}");
                }
            }
        }
    }

    #[test]
    fn other_bytes_pass_and_a_cut_character_is_not_whole() {
        for bytes in [&b""[..], b"v", b"version", b"\xef\xbb\xbfversion", b"\0\0", b"\xff"] {
            assert_eq!(utf8(bytes), None);
            let mut encoding = Encoding::default();
            let mut read = encoding.decode(Bytes::copy_from_slice(bytes)).to_vec();
            read.extend_from_slice(&encoding.finish());
            assert_eq!(read, bytes);
        }
        let mut cut = stored("ab𝄞", false);
        cut.pop();
        assert_eq!(utf8(&cut).unwrap(), "ab\u{fffd}".as_bytes());
    }
}
