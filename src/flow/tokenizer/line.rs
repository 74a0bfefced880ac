//! Lines and their fields. The first sixteen bytes of a field are one number: nearly every field is told, read and
//! copied by that number alone.

/// Lines of a block whose fields are what lies between single blanks, the same number in each.
#[derive(Debug, Clone, Copy)]
pub(in crate::flow) struct LineBlock<'a> {
    block: &'a [u8],
    /// Where fields end in the block; before those of each line, where the byte before the line is.
    ends: &'a [u32],
    fields: usize,
}

impl<'a> LineBlock<'a> {
    /// Takes lines of a block that is text. Blanks follow the fields, or newlines; they are text for this reason.
    pub(super) fn new(block: &'a [u8], ends: &'a [u32], fields: usize) -> Self {
        Self { block, ends, fields }
    }

    /// Returns how many fields a line has.
    pub(in crate::flow) fn fields(&self) -> usize {
        self.fields
    }

    /// Returns how many lines there are.
    pub(in crate::flow) fn len(&self) -> usize {
        self.ends.len() / (self.fields + 1)
    }

    /// Returns one of the lines alone.
    pub(in crate::flow) fn only(&self, line: usize) -> Self {
        let first = line * (self.fields + 1);
        let ends = self.ends.get(first..=first + self.fields).unwrap_or_default();
        Self { ends, ..*self }
    }

    /// Returns the whole of a line.
    pub(in crate::flow) fn bytes(&self, line: usize) -> &'a [u8] {
        let ends = self.only(line).ends;
        let (Some(before), Some(end)) = (ends.first(), ends.last()) else { return &[] };
        self.block.get(before.wrapping_add(1) as usize..*end as usize).unwrap_or_default()
    }

    /// Returns a field of a line. What is not there is NULL.
    #[inline]
    pub(in crate::flow) fn word(&self, line: usize, field: usize) -> FieldBytes<'a> {
        if field >= self.fields {
            return FieldBytes::NULL;
        }
        let first = line * (self.fields + 1) + field;
        let ends = self.ends.get(first..).and_then(|ends| ends.first_chunk::<2>());
        ends.map_or(FieldBytes::NULL, |ends| self.between(*ends))
    }

    /// Returns a field of every line.
    #[inline]
    pub(in crate::flow) fn column(self, field: usize) -> impl Iterator<Item = FieldBytes<'a>> {
        let lines = self.ends.chunks_exact(self.fields + 1);
        lines.map(move |ends| {
            let ends = ends.get(field..).and_then(|ends| ends.first_chunk::<2>());
            ends.map_or(FieldBytes::NULL, |ends| self.between(*ends))
        })
    }

    /// Returns what lies between two separators.
    #[inline]
    fn between(&self, [before, end]: [u32; 2]) -> FieldBytes<'a> {
        let start = before.wrapping_add(1);
        let room = self.block.get(start as usize..).unwrap_or_default();
        let bytes = room.get(..end.wrapping_sub(start) as usize).unwrap_or_default();
        let head = match room.first_chunk::<16>() {
            Some(head) => {
                u128::from_le_bytes(*head) & MASKS.get(bytes.len()).copied().unwrap_or(u128::MAX)
            }
            None => head_of(bytes),
        };
        FieldBytes { bytes, head }
    }
}

/// The lowest bytes of a number, by how many.
static MASKS: [u128; 16] = {
    let mut masks = [0; 16];
    let mut bytes = 1;
    while bytes < 16 {
        masks[bytes] = masks[bytes - 1] << 8 | 0xff;
        bytes += 1;
    }
    masks
};

/// The head of a text that is short, or at the end of a block.
fn head_of(bytes: &[u8]) -> u128 {
    let mut head = [0; 16];
    for (to, from) in head.iter_mut().zip(bytes) {
        *to = *from;
    }
    u128::from_le_bytes(head)
}

/// A field, which is text.
#[derive(Debug, Clone, Copy)]
pub(in crate::flow) struct FieldBytes<'a> {
    bytes: &'a [u8],
    head: u128,
}

impl<'a> From<&'a str> for FieldBytes<'a> {
    fn from(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let head = match bytes.first_chunk::<16>() {
            Some(head) => u128::from_le_bytes(*head),
            None => head_of(bytes),
        };
        Self { bytes, head }
    }
}

impl<'a> FieldBytes<'a> {
    /// AWS's sign for no value.
    pub(in crate::flow) const NULL: Self = Self { bytes: b"-", head: b'-' as u128 };

    /// Returns its bytes, which are UTF-8.
    #[inline]
    pub(in crate::flow) fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Returns it as text, with a check for what is known.
    pub(in crate::flow) fn text(self) -> &'a str {
        std::str::from_utf8(self.bytes).unwrap_or_default()
    }

    /// Returns the first sixteen bytes, the first one lowest, and zeros after a shorter text.
    #[inline]
    pub(in crate::flow) fn prefix16(self) -> u128 {
        self.head
    }

    /// Tells whether there is no value, whatever the field.
    #[inline]
    pub(in crate::flow) fn is_null(self) -> bool {
        self.bytes.len() == 1 && self.head == Self::NULL.head
    }

    /// Tells whether it is Python's `None`, which some exports have where nothing is known. Only a number or
    /// an address is NULL then: a text may really be `None`.
    #[inline]
    pub(in crate::flow) fn is_none(self) -> bool {
        self.bytes == b"None"
    }

    /// Reads a decimal number of up to sixteen digits and nothing else, eight digits at a time. `None` for all
    /// that has to be read with more care.
    #[inline]
    pub(in crate::flow) fn digits(self) -> Option<i64> {
        let length = self.bytes.len() as u32;
        let number = match length {
            1..=8 => eight_digits(self.head as u64, length)?,
            9..=16 => {
                let more = length - 8;
                let low = eight_digits((self.head >> (more * 8)) as u64, 8)?;
                eight_digits(self.head as u64, more)? * 100_000_000 + low
            }
            _ => return None,
        };
        Some(number as i64)
    }
}

/// Reads the `count` lowest bytes as digits, the first one lowest; there are 1 to 8 of them.
#[inline]
fn eight_digits(bytes: u64, count: u32) -> Option<u64> {
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    const HIGH: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    // A digit is 0x30 and what stays below ten, so that adding six does not carry. Zeros come in front.
    let bytes = (bytes ^ ZEROS).unbounded_shl(64 - count * 8);
    let is_digits = (bytes | bytes.wrapping_add(0x0606_0606_0606_0606)) & HIGH == 0;
    // Pairs of digits, then of pairs, then of fours.
    let pairs = bytes.wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_ffff_0000_ffff;
    is_digits.then_some(fours.wrapping_mul(10_000 << 32 | 1) >> 32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #[test]
        fn a_word_is_the_same_wherever_it_lies(text in "[!-~é]{0,20}", before in "[a-z]{0,3}", after in "[ -~]{0,30}") {
            let block = format!("{before} {text}{after}");
            let ends = [before.len() as u32, (before.len() + 1 + text.len()) as u32];
            let word = LineBlock::new(block.as_bytes(), &ends, 1).word(0, 0);
            let alone = FieldBytes::from(text.as_str());
            prop_assert_eq!((word.text(), word.prefix16()), (text.as_str(), alone.prefix16()));
        }

        #[test]
        fn digits_are_read_as_the_library_reads_them(text in "[0-9]{1,18}|[0-9/:-]{0,9}|[ -~]{0,4}[0-9]{0,12}") {
            let plain = text.len() <= 16 && !text.starts_with(['-', '+']);
            let want = text.parse::<i64>().ok().filter(|_| plain);
            prop_assert_eq!(FieldBytes::from(text.as_str()).digits(), want, "{}", text);
        }
    }

    #[test]
    fn what_is_not_there_is_null() {
        let ends = [u32::MAX, 1, 3, 3, 5, 7];
        let lines = LineBlock::new(b"a -\nb c", &ends, 2);
        assert!(lines.word(0, 2).is_null() && lines.word(9, 0).is_null());
        assert!(lines.word(0, 1).is_null() && !lines.word(0, 0).is_null());
        assert_eq!((lines.len(), lines.fields()), (2, 2));
        assert_eq!((lines.bytes(0), lines.bytes(1)), (b"a -".as_slice(), b"b c".as_slice()));
        assert_eq!((lines.word(1, 1).text(), lines.only(1).word(0, 0).text()), ("c", "b"));
    }
}
