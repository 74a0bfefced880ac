//! Finds lines and their fields in one pass, 64 bytes at a time.
//!
//! Every record passes here: the hottest code of the program. Blanks, tabs and line ends are all at most
//! 0x20, so that one comparison finds any of them; sixteen bytes are compared at once.

mod line;

pub(super) use line::{FieldBytes, LineBlock};
use wide::u8x16;

/// Where the fields of lines end in their block. Before the fields of each line is where the byte before the line
/// is: -1 before the first one of a block.
#[derive(Debug, Default)]
pub(super) struct Delimiters {
    room: Vec<u32>,
    /// How many of them are of lines that are selected.
    consumed: usize,
    /// How many of them are of the current line.
    last: usize,
}

impl Delimiters {
    /// Forgets all lines.
    pub(super) fn clear(&mut self) {
        (self.consumed, self.last) = (0, 0);
    }

    /// Selects the line that was found last.
    pub(super) fn keep(&mut self) {
        self.consumed += self.last;
        self.last = 0;
    }

    /// Returns the selected lines, which are plain and have the same number of fields each. `block` is the one that
    /// they were found in.
    pub(super) fn lines<'s>(&'s self, block: &'s [u8], fields: usize) -> LineBlock<'s> {
        LineBlock::new(block, self.room.get(..self.consumed).unwrap_or_default(), fields)
    }

    /// Returns the line that has the same fields with a single blank between them, where runs of blanks and tabs
    /// may be; the line is made in `plain`.
    pub(super) fn next_simple<'s>(
        &'s mut self,
        line: &str,
        plain: &'s mut String,
    ) -> LineBlock<'s> {
        plain.clear();
        self.room.clear();
        self.room.push(u32::MAX);
        for field in line.split([' ', '\t']).filter(|field| !field.is_empty()) {
            plain.push_str(field);
            // No line is as long as a `u32` counts.
            self.room.push(plain.len() as u32);
            plain.push(' ');
        }
        self.consumed = self.room.len();
        self.lines(plain.as_bytes(), self.consumed - 1)
    }
}

/// One line of a block, without its newline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// Where it starts in the block.
    pub(super) start: usize,
    /// Where its newline is.
    pub(super) end: usize,
    /// How many fields it has, if they are the text between single blanks. If not, it has to be parsed with
    /// more care: blanks at its ends or in runs, tabs, other control characters.
    pub(super) fields: Option<usize>,
}

/// Which of 64 bytes are what, one bit each.
#[derive(Debug, Clone, Copy, Default)]
struct DelimiterMask {
    /// At most 0x20: what ends a field.
    separators: u64,
    /// Below 0x20: newlines, and what makes a line not plain.
    controls: u64,
}

impl DelimiterMask {
    #[inline]
    fn of(bytes: &[u8; 64]) -> Self {
        let (blank, control) = (u8x16::splat(0x20), u8x16::splat(0x1f));
        let mut marks = Self::default();
        for (at, part) in bytes.as_chunks::<16>().0.iter().enumerate() {
            let part = u8x16::new(*part);
            let among = |greatest: u8x16| u64::from(part.min(greatest).simd_eq(part).to_bitmask());
            marks.separators |= among(blank) << (at * 16);
            marks.controls |= among(control) << (at * 16);
        }
        marks
    }
}

#[cfg(target_arch = "x86_64")]
impl DelimiterMask {
    /// The same, 32 bytes at once.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn of_avx2(bytes: &[u8; 64]) -> Self {
        use std::arch::x86_64::{
            _mm256_cmpeq_epi8, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_set_epi64x,
            _mm256_set1_epi8,
        };
        let (blank, control) = (_mm256_set1_epi8(0x20), _mm256_set1_epi8(0x1f));
        let mut marks = Self::default();
        for (at, part) in bytes.as_chunks::<32>().0.iter().enumerate() {
            let [a, b, c, d] = [0, 1, 2, 3].map(|at| {
                part.as_chunks::<8>().0.get(at).map_or(0, |word| i64::from_le_bytes(*word))
            });
            let part = _mm256_set_epi64x(d, c, b, a);
            let among = |greatest| {
                let least = _mm256_min_epu8(part, greatest);
                u64::from(_mm256_movemask_epi8(_mm256_cmpeq_epi8(least, part)) as u32)
            };
            marks.separators |= among(blank) << (at * 32);
            marks.controls |= among(control) << (at * 32);
        }
        marks
    }
}

/// Which lines are taken together.
#[derive(Debug, Clone, Copy)]
pub(super) struct LineLimits {
    /// How many fields they have.
    pub(super) fields: usize,
    /// How long they may be.
    pub(super) bytes_max: usize,
    /// How many they may be.
    pub(super) lines_max: usize,
}

/// What was found: lines that are selected, and what ended them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenizedLines {
    /// The requested number of lines was found.
    Enough,
    /// The line after them is another one.
    Before(Found),
    /// No line follows in the block.
    All,
}

/// Walks over a block.
#[derive(Debug)]
pub(super) struct Tokenizer<'a> {
    block: &'a [u8],
    /// Input that was not examined yet.
    rest: &'a [u8],
    /// Where the current 64 bytes start.
    base: usize,
    /// Bits of the current bytes that were not taken yet.
    marks: DelimiterMask,
    /// Separators that follow another one, or begin a line.
    odd: u64,
    /// Whether the last of the current bytes is a separator.
    after_separator: bool,
    /// Where the next line starts.
    start: usize,
    /// Whether the block is text.
    is_text: bool,
}

impl<'a> Tokenizer<'a> {
    /// Starts at the beginning of a block, which is no longer than a `u32` counts.
    pub(super) fn new(block: &'a [u8]) -> Self {
        let mut scanner = Self {
            block,
            rest: block,
            base: 0,
            marks: DelimiterMask::default(),
            odd: 0,
            after_separator: true,
            start: 0,
            // One check of all is cheaper than one of each line, and hardly ever fails.
            is_text: block.is_ascii() || std::str::from_utf8(block).is_ok(),
        };
        scanner.peek(DelimiterMask::of);
        scanner
    }

    /// Looks at the next 64 bytes.
    #[inline(always)]
    fn peek(&mut self, marks: impl Fn(&[u8; 64]) -> DelimiterMask) {
        let marks = match self.rest.split_first_chunk::<64>() {
            Some((bytes, rest)) => {
                self.rest = rest;
                marks(bytes)
            }
            None => {
                let mut bytes = [b'x'; 64];
                for (to, from) in bytes.iter_mut().zip(self.rest) {
                    *to = *from;
                }
                self.rest = &[];
                marks(&bytes)
            }
        };
        self.odd = marks.separators & (marks.separators << 1 | u64::from(self.after_separator));
        self.after_separator = marks.separators >> 63 == 1;
        self.marks = marks;
    }

    /// Takes lines of records up to the requested number; where their fields end is appended to `ends`.
    pub(super) fn tokenize(&mut self, ends: &mut Delimiters, limits: LineLimits) -> TokenizedLines {
        #[cfg(target_arch = "x86_64")]
        if has_avx2() {
            // SAFETY: the processor has what the function needs.
            #[expect(
                unsafe_code,
                reason = "a tenth of the time of a whole query, see benches/README.md"
            )]
            return unsafe { self.take_avx2(ends, limits) };
        }
        self.take_with(ends, limits, DelimiterMask::of)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn take_avx2(&mut self, ends: &mut Delimiters, limits: LineLimits) -> TokenizedLines {
        self.take_with(ends, limits, |bytes| DelimiterMask::of_avx2(bytes))
    }

    #[inline(always)]
    fn take_with(
        &mut self,
        ends: &mut Delimiters,
        limits: LineLimits,
        marks: impl Fn(&[u8; 64]) -> DelimiterMask,
    ) -> TokenizedLines {
        for _ in 0..limits.lines_max {
            let Some(found) = self.next_with(ends, &marks) else { return TokenizedLines::All };
            let first = self.block.get(found.start);
            // A comment, or perhaps a header.
            let is_record = first.is_some_and(|byte| *byte != b'#' && !byte.is_ascii_lowercase());
            let is_short = found.end - found.start <= limits.bytes_max;
            if !is_record || !is_short || found.fields != Some(limits.fields) {
                return TokenizedLines::Before(found);
            }
            ends.keep();
        }
        TokenizedLines::Enough
    }

    /// Returns the next line that ends in the block; where its fields end is appended to `ends`.
    pub(super) fn next(&mut self, ends: &mut Delimiters) -> Option<Found> {
        self.next_with(ends, DelimiterMask::of)
    }

    #[inline(always)]
    fn next_with(
        &mut self,
        ends: &mut Delimiters,
        marks: impl Fn(&[u8; 64]) -> DelimiterMask,
    ) -> Option<Found> {
        let Delimiters { room, consumed, last } = ends;
        let (base, mut is_plain, mut count) = (self.start, self.is_text, *consumed);
        if room.len() <= count {
            room.resize(count + 128, 0);
        }
        if let Some(before) = room.get_mut(count) {
            *before = (base as u32).wrapping_sub(1);
        }
        count += 1;
        loop {
            // No more fields than bytes end in 64 bytes.
            if room.len() < count + 65 {
                room.resize(count + 4096, 0);
            }
            // Up to the next control character, all separators are blanks.
            let control = self.marks.controls.trailing_zeros();
            let before = 1u64.checked_shl(control).map_or(u64::MAX, |bit| bit - 1);
            let mut blanks = self.marks.separators & before;
            let (offset, blank_count) = (self.base as u32, blanks.count_ones() as usize);
            // Eight at a time, whether there are as many or not: that costs less than to check each.
            if let Some(free) = room.get_mut(count..).and_then(|room| room.first_chunk_mut::<64>())
            {
                for eight in free.as_chunks_mut::<8>().0 {
                    for end in eight {
                        *end = offset + blanks.trailing_zeros();
                        blanks &= blanks.wrapping_sub(1);
                    }
                    if blanks == 0 {
                        break;
                    }
                }
            }
            count += blank_count;
            if control == u64::BITS {
                is_plain &= self.odd == 0;
                if self.rest.is_empty() {
                    return None;
                }
                self.base += 64;
                self.peek(&marks);
                continue;
            }
            if let Some(end) = room.get_mut(count) {
                *end = offset + control;
            }
            count += 1;
            let at = self.base + control as usize;
            let through = before << 1 | 1;
            is_plain &= self.odd & through == 0;
            self.odd &= !through;
            self.marks.separators &= !through;
            self.marks.controls &= !through;
            if self.block.get(at) != Some(&b'\n') {
                is_plain = false;
                continue;
            }
            self.start = at + 1;
            *last = count - *consumed;
            return Some(Found { start: base, end: at, fields: is_plain.then_some(*last - 1) });
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt")
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{Just, prop_assert, prop_assert_eq, prop_oneof, proptest};

    use super::*;

    /// A line: where it starts and ends, and its fields if it is plain.
    type Seen<'a> = (usize, usize, Option<Vec<&'a [u8]>>);

    /// The same, byte by byte.
    fn slowly(block: &[u8]) -> Vec<Seen<'_>> {
        let (mut lines, mut start) = (Vec::new(), 0);
        let is_text = std::str::from_utf8(block).is_ok();
        while let Some(length) = block[start..].iter().position(|byte| *byte == b'\n') {
            let line = &block[start..start + length];
            let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
            let is_plain = is_text
                && fields.iter().all(|field| !field.is_empty())
                && line.iter().all(|byte| *byte >= b' ');
            lines.push((start, start + length, is_plain.then_some(fields)));
            start += length + 1;
        }
        lines
    }

    fn quickly(block: &[u8]) -> Vec<Seen<'_>> {
        let (mut found, mut ends, mut scanner) =
            (Vec::new(), Delimiters::default(), Tokenizer::new(block));
        while let Some(line) = scanner.next(&mut ends) {
            let fields = line.fields.map(|fields| {
                ends.keep();
                let lines = ends.lines(block, fields);
                let words: Vec<usize> =
                    (0..fields).map(|field| lines.word(0, field).bytes().len()).collect();
                let mut rest = lines.bytes(0);
                assert_eq!(rest.len(), line.end - line.start);
                let field = |length: usize| {
                    let field = &rest[..length];
                    rest = rest.get(length + 1..).unwrap_or_default();
                    block.get(line.start..).map(|_| field.len())
                };
                let lengths: Vec<usize> = words.into_iter().filter_map(field).collect();
                let mut at = line.start;
                let field = |length: usize| {
                    at += length + 1;
                    &block[at - length - 1..at - 1]
                };
                lengths.into_iter().map(field).collect()
            });
            ends.clear();
            found.push((line.start, line.end, fields));
        }
        found
    }

    proptest! {
        #[test]
        fn it_finds_what_a_slow_look_finds(
            block in vec(prop_oneof![6 => b'0'..=b'z', 2 => Just(b' '), 1 => Just(b'\n')], 0..300),
            other in vec(prop_oneof![3 => b'0'..=b'z', 2 => Just(b' '), 1 => Just(b'\n'), 1 => 0u8..=255], 0..200),
        ) {
            prop_assert_eq!(quickly(&block), slowly(&block));
            prop_assert_eq!(quickly(&other), slowly(&other));
        }

        /// Whatever the processor, the same lines are taken.
        #[test]
        fn lines_that_are_wanted_are_taken_together(
            block in vec(prop_oneof![6 => b'0'..=b'z', 2 => Just(b' '), 1 => Just(b'\n')], 0..900),
            fields in 1usize..4, lines_max in 1usize..9,
        ) {
            let limits = LineLimits { fields, bytes_max: 40, lines_max };
            let (mut one, mut other) = (Tokenizer::new(&block), Tokenizer::new(&block));
            let (mut ends, mut portable) = (Delimiters::default(), Delimiters::default());
            loop {
                ends.clear();
                portable.clear();
                let taken = one.tokenize(&mut ends, limits);
                prop_assert_eq!(taken, other.take_with(&mut portable, limits, DelimiterMask::of));
                let (lines, same) = (ends.lines(&block, fields), portable.lines(&block, fields));
                prop_assert_eq!(lines.len(), same.len());
                for line in 0..lines.len() {
                    prop_assert_eq!(lines.bytes(line), same.bytes(line));
                    prop_assert_eq!(lines.bytes(line).split(|b| *b == b' ').count(), fields);
                    prop_assert!((0..fields).all(|at| lines.word(line, at).bytes() == same.word(line, at).bytes()));
                }
                if taken == TokenizedLines::All {
                    break;
                }
            }
        }
    }
}
