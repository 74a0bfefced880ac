//! What an object contains, detected from its first bytes.

use crate::flow::envelope::Scanner;
use crate::flow::error::DecodeFailure;

/// The bytes before a text that mark it as Unicode.
pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";

/// White space after which an object is taken for text, whatever comes.
const LEADING_MAX: usize = 64 << 10;

/// What the object contains, detected from its first bytes.
pub(super) enum Container {
    /// Not known yet: nothing but white space so far.
    Unknown(Vec<u8>),
    /// Lines. `stamped`: whether a timestamp is before each record, known from the first one on.
    Lines { stamped: Option<bool> },
    /// JSON documents. `opened`: whether one of them had log events.
    Json { scanner: Scanner, opened: bool },
}

/// Returns what an object contains by its first bytes; `None` while that is open.
pub(super) fn detect_container(bytes: &[u8]) -> Result<Option<Container>, DecodeFailure> {
    let (text, undecided) = match bytes.strip_prefix(BOM) {
        Some(text) => (text, false),
        None => (bytes, BOM.starts_with(bytes)),
    };
    let blank = text.iter().take_while(|b| b.is_ascii_whitespace()).count();
    Ok(match text.get(blank) {
        _ if blank > LEADING_MAX => Some(Container::Lines { stamped: None }),
        _ if undecided => None,
        None => None,
        Some(b'{') => Some(Container::Json { scanner: Scanner::default(), opened: false }),
        Some(b'[') => return Err(DecodeFailure::Json { what: "a JSON array".to_owned() }),
        _ => Some(Container::Lines { stamped: None }),
    })
}
