//! One value of a record: checked and read without allocating.

use std::borrow::Cow;

use crate::flow::address;
use crate::flow::decode_stats::Reason;
use crate::flow::field::Kind;
use crate::flow::tokenizer::FieldBytes;

/// Records before 2010 or after 2099 are malformed: flow logs are younger, and a time that far ahead is damage.
pub(super) const FIRST_SECOND: i64 = 1_262_304_000;
const LAST_SECOND: i64 = 4_102_444_799;

/// The last second of the year 9999: what is later is no time that a log can contain.
const TIME_MAX: i64 = 253_402_300_799;

/// Above this a time is in milliseconds: AWS once wrote a few such records, and no record is from the
/// year 5138.
const SECONDS_MAX: i64 = 99_999_999_999;

/// Checks values against their kinds. It remembers addresses: few are on most records.
#[derive(Debug)]
pub(super) struct Checker {
    /// Addresses that were checked lately, each where its bytes hash to.
    addresses: Box<[u128; ADDRESSES]>,
}

/// How many addresses are remembered: 8 KiB of them.
const ADDRESSES: usize = 512;

impl Default for Checker {
    fn default() -> Self {
        Self { addresses: Box::new([0; ADDRESSES]) }
    }
}

impl Checker {
    /// Checks a value against its kind and returns it, if it is a number. `None` is NULL, or text.
    pub(super) fn check(
        &mut self,
        word: FieldBytes<'_>,
        kind: Kind,
    ) -> Result<Option<i64>, Reason> {
        match kind {
            Kind::Name => Ok(None),
            Kind::Addr if self.is_addr_or_null(word) => Ok(None),
            Kind::Addr => Err(Reason::NotAnAddress),
            kind => number(word, kind),
        }
    }

    /// Returns whether a value is an address, or represents none.
    #[inline]
    pub(super) fn is_addr_or_null(&mut self, word: FieldBytes<'_>) -> bool {
        word.is_null() || self.is_addr(word) || word.is_none()
    }

    #[inline]
    fn is_addr(&mut self, word: FieldBytes<'_>) -> bool {
        let length = word.bytes().len();
        if length > 15 {
            return address::is_addr(word.text());
        }
        // The head of so short a text is the whole text; its length distinguishes it from one with zeros at its end.
        let key = word.prefix16() | (length as u128) << 120;
        let hash = (key as u64 ^ (key >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let slot = self.addresses.get_mut((hash >> 32) as usize % ADDRESSES);
        match slot {
            Some(known) if *known == key => true,
            slot => {
                let is_addr = address::is_addr(word.text());
                if let Some(known) = slot.filter(|_| is_addr) {
                    *known = key;
                }
                is_addr
            }
        }
    }
}

/// Checks a value that is a number of some kind, and returns it. `None` is NULL.
#[inline]
pub(super) fn number(word: FieldBytes<'_>, kind: Kind) -> Result<Option<i64>, Reason> {
    let most = match kind {
        Kind::Code => i64::from(i32::MAX),
        Kind::Time => SECONDS_MAX,
        _ => i64::MAX,
    };
    match word.digits() {
        Some(number) if number <= most => Ok(Some(number)),
        _ if word.is_null() => Ok(None),
        _ => careful(word, kind),
    }
}

/// Returns the least and the greatest number that a field may contain, beyond its kind.
pub(super) fn range(name: &str) -> (i64, i64) {
    match name {
        "srcport" | "dstport" => (0, 65_535),
        "protocol" => (0, 255),
        "start" | "end" => (FIRST_SECOND, LAST_SECOND),
        _ => (i64::MIN, i64::MAX),
    }
}

/// Reads what is not just a few digits.
#[cold]
fn careful(word: FieldBytes<'_>, kind: Kind) -> Result<Option<i64>, Reason> {
    if word.is_none() {
        return Ok(None);
    }
    let number = integer(word)?;
    let (least, most, number) = match kind {
        Kind::Code => (i64::from(i32::MIN), i64::from(i32::MAX), number),
        Kind::Time if number > SECONDS_MAX => (0, TIME_MAX, number / 1000),
        Kind::Time => (0, TIME_MAX, number),
        _ => (i64::MIN, i64::MAX, number),
    };
    let fits = (least..=most).contains(&number);
    if fits { Ok(Some(number)) } else { Err(Reason::OutOfRange) }
}

/// Reads a decimal number.
pub(super) fn integer(word: FieldBytes<'_>) -> Result<i64, Reason> {
    match word.digits() {
        Some(number) => Ok(number),
        None => parsed(word.text()),
    }
}

#[cold]
fn parsed(text: &str) -> Result<i64, Reason> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Reason::NotANumber);
    }
    text.parse().map_err(|_| Reason::OutOfRange)
}

/// Returns whether a field, or its column, contains the value of a tag, which AWS percent-encodes.
pub(super) fn is_tag(name: &str) -> bool {
    ["instance", "interface", "asg"].iter().any(|of| {
        let rest = name
            .strip_prefix(of)
            .and_then(|rest| rest.strip_prefix(['-', '_'])?.strip_prefix("tag"));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
    })
}

/// Decodes `%20` and the like. A text that is not percent-encoded UTF-8 stays as it is.
pub(super) fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escape = if *first == b'%' { tail.split_at_checked(2) } else { None };
        let byte = escape.and_then(|(hex, after)| Some((hex_byte(hex)?, after)));
        let (byte, after) = byte.unwrap_or((*first, tail));
        decoded.push(byte);
        rest = after;
    }
    String::from_utf8(decoded).map_or(Cow::Borrowed(text), Cow::Owned)
}

fn hex_byte(hex: &[u8]) -> Option<u8> {
    let digit = |b: &u8| char::from(*b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    match hex {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    }
}

/// Returns a record without the comment at its end, as rows of AWS's own documentation have one: what begins with `#`
/// after a blank, where the record has more fields than its format, or nothing states its format.
pub(super) fn without_comment(line: &str, fields: Option<usize>) -> &str {
    let Some(at) = line.find(" #").or_else(|| line.find("\t#")) else { return line };
    match fields {
        Some(fields) if line.split_ascii_whitespace().count() <= fields => line,
        _ => line.get(..at).unwrap_or(line).trim_end(),
    }
}

/// Returns the bounds of a line without the blanks around it.
pub(super) fn trimmed(raw: &[u8]) -> (usize, usize) {
    let is_blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\r');
    let start = raw.iter().position(|b| !is_blank(b)).unwrap_or(raw.len());
    let end = raw.iter().rposition(|b| !is_blank(b)).map_or(start, |last| last + 1);
    (start, end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    fn check(text: &str, kind: Kind) -> Result<Option<i64>, Reason> {
        Checker::default().check(text.into(), kind)
    }

    #[test]
    fn numbers_keep_to_their_range() {
        assert_eq!(check("2147483647", Kind::Code), Ok(Some(2_147_483_647)));
        assert_eq!(check("2147483648", Kind::Code), Err(Reason::OutOfRange));
        assert_eq!(check("9223372036854775807", Kind::Count), Ok(Some(i64::MAX)));
        assert_eq!(check("9223372036854775808", Kind::Count), Err(Reason::OutOfRange));
        for text in ["", "+1", "1.5", "0x10", "1e3", "--1", "١"] {
            assert_eq!(check(text, Kind::Count), Err(Reason::NotANumber), "{text}");
        }
    }

    #[test]
    fn times_in_milliseconds_are_read_as_seconds() {
        assert_eq!(check("1700000000", Kind::Time), Ok(Some(1_700_000_000)));
        assert_eq!(check("1700000000123", Kind::Time), Ok(Some(1_700_000_000)));
        assert_eq!(check("99999999999", Kind::Time), Ok(Some(99_999_999_999)));
        assert_eq!(check("-1", Kind::Time), Err(Reason::OutOfRange));
        assert_eq!(check("9223372036854775807", Kind::Time), Err(Reason::OutOfRange));
    }

    #[test]
    fn a_dash_is_null_everywhere_and_none_only_outside_text() {
        for kind in [Kind::Addr, Kind::Code, Kind::Count, Kind::Time] {
            assert_eq!((check("-", kind), check("None", kind)), (Ok(None), Ok(None)));
        }
        assert_eq!(check("None", Kind::Name), Ok(None));
    }

    #[test]
    fn tags_are_told_by_their_names() {
        assert!(["instance-tag", "asg_tag_2", "interface-tag-name"].into_iter().all(is_tag));
        assert!(!["instance-id", "instance-tags", "tag", "interface_type"].into_iter().any(is_tag));
    }

    #[test]
    fn percent_decoding_leaves_what_it_cannot_read() {
        for (text, want) in [
            ("a%20b", "a b"),
            ("%C3%A9", "é"),
            ("100%", "100%"),
            ("%zz", "%zz"),
            ("%ff", "%ff"),
            ("%2", "%2"),
        ] {
            assert_eq!(percent_decoded(text), want);
        }
    }

    proptest! {
        #[test]
        fn every_number_is_read_back(number in any::<i64>()) {
            prop_assert_eq!(integer(number.to_string().as_str().into()), Ok(number));
        }

        #[test]
        fn an_address_is_one_also_when_it_comes_again(texts in proptest::collection::vec("[0-9]{1,3}(\\.[0-9]{1,3}){3}|[0-9a-f:.\0]{1,17}", 1..20)) {
            let mut checker = Checker::default();
            for text in texts.iter().chain(&texts) {
                let known = checker.check(text.as_str().into(), Kind::Addr).is_ok();
                prop_assert_eq!(known, address::is_addr(text), "{}", text);
            }
        }
    }
}
