//! Finds lines and their fields in one pass, eight bytes at a time.
//!
//! Every record is looked at here, so this is where the time goes. Blanks, tabs and line ends are all at most
//! 0x20: one comparison finds any of them in eight bytes at once.

/// The low seven bits of each of eight bytes.
const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;

/// The high bit of each of eight bytes.
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Added to seven bits, it carries into the high bit exactly when they are more than 0x20.
const ABOVE_BLANK: u64 = 0x5f5f_5f5f_5f5f_5f5f;

/// Returns a word with the high bit set of each byte that is at most 0x20.
fn separators(word: [u8; 8]) -> u64 {
    let word = u64::from_le_bytes(word);
    !(((word & LOW) + ABOVE_BLANK) | word) & HIGH
}

/// Where a field is: from its first byte to the one after its last.
pub(super) type Span = (u32, u32);

/// One line of a block, without its newline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    /// Where it starts in the block.
    pub(super) start: usize,
    /// Where its newline is.
    pub(super) end: usize,
    /// Whether its fields are what lies between single blanks. If not, it has to be looked at again with
    /// more care: blanks at its ends or in runs, tabs, other control characters.
    pub(super) is_plain: bool,
}

/// Walks over a block.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    words: &'a [[u8; 8]],
    /// The last bytes, and enough others after them to be eight.
    tail: [u8; 8],
    block: &'a [u8],
    /// How many words were looked at, the tail included.
    looked: usize,
    /// Separators of the word at hand that were not taken yet.
    mask: u64,
    /// Where the next line starts.
    start: usize,
}

impl<'a> Scanner<'a> {
    /// Starts at the beginning of a block, which is no longer than a `u32` counts.
    pub(super) fn new(block: &'a [u8]) -> Self {
        let (words, rest) = block.as_chunks::<8>();
        let mut tail = [b'x'; 8];
        for (to, from) in tail.iter_mut().zip(rest) {
            *to = *from;
        }
        Self { words, tail, block, looked: 0, mask: 0, start: 0 }
    }

    /// Returns the next line that ends in the block, and its fields in `spans`, counted from its start. Spans
    /// of a line that is not plain are of no use.
    pub(super) fn next(&mut self, spans: &mut Vec<Span>) -> Option<Line> {
        spans.clear();
        let (base, mut field, mut is_plain) = (self.start, self.start, true);
        loop {
            while self.mask == 0 {
                self.mask = match self.words.get(self.looked) {
                    Some(word) => separators(*word),
                    None if self.looked == self.words.len() => separators(self.tail),
                    None => return None,
                };
                self.looked += 1;
            }
            let at = (self.looked - 1) * 8 + (self.mask.trailing_zeros() >> 3) as usize;
            self.mask &= self.mask - 1;
            is_plain &= at > field;
            spans.push(((field - base) as u32, (at - base) as u32));
            field = at + 1;
            match self.block.get(at) {
                Some(b' ') => {}
                Some(b'\n') => {
                    self.start = field;
                    return Some(Line { start: base, end: at, is_plain });
                }
                _ => is_plain = false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{prop_assert_eq, prop_oneof, proptest};

    use super::*;

    /// The same, byte by byte.
    fn slowly(block: &[u8]) -> Vec<(Line, Vec<Span>)> {
        let (mut lines, mut start) = (Vec::new(), 0);
        while let Some(length) = block[start..].iter().position(|byte| *byte == b'\n') {
            let line = &block[start..start + length];
            let is_plain = !line.is_empty()
                && line.split(|byte| *byte == b' ').all(|field| !field.is_empty())
                && line.iter().all(|byte| *byte >= b' ');
            let (mut spans, mut field) = (Vec::new(), 0);
            for at in (0..=line.len()).filter(|at| line.get(*at).is_none_or(|b| *b == b' ')) {
                spans.push((field, at as u32));
                field = at as u32 + 1;
            }
            lines.push((Line { start, end: start + length, is_plain }, spans));
            start += length + 1;
        }
        lines
    }

    fn quickly(block: &[u8]) -> Vec<(Line, Vec<Span>)> {
        let (mut lines, mut spans, mut scanner) = (Vec::new(), Vec::new(), Scanner::new(block));
        while let Some(line) = scanner.next(&mut spans) {
            lines.push((line, spans.clone()));
        }
        lines
    }

    proptest! {
        #[test]
        fn it_finds_what_a_slow_look_finds(
            block in vec(prop_oneof![3 => b'0'..=b'z', 2 => proptest::strategy::Just(b' '),
                1 => proptest::strategy::Just(b'\n'), 1 => 0u8..=255], 0..100),
        ) {
            let (quick, slow) = (quickly(&block), slowly(&block));
            prop_assert_eq!(quick.len(), slow.len());
            for ((line, spans), (want, want_spans)) in quick.into_iter().zip(slow) {
                prop_assert_eq!(line, want);
                if line.is_plain {
                    prop_assert_eq!(spans, want_spans);
                }
            }
        }
    }
}
