//! Control characters and invisible characters, escaped for terminals.
//!
//! Names and lines come from logs, objects and answers that anybody may have written: none of them may move the
//! cursor, change a title, or turn the order of what is read around.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Returns whether a character is obeyed instead of shown: controls, marks of direction, blanks without a width,
/// line separators, and tags.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(
            u32::from(c),
            0x061c | 0x180e | 0x200b | 0x200e | 0x200f | 0x2028..=0x202e | 0x2060..=0x2069 | 0xfeff
                | 0xfff9..=0xfffb | 0xe0000..=0xe007f
        )
}

/// Spells out what is obeyed instead of shown, the end of a line too.
pub fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// As [`visible`], for a text of several lines.
pub fn visible_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c == '\n')
}

fn escaped(text: &str, is_kept: impl Fn(char) -> bool) -> Cow<'_, str> {
    let is_escaped = |c: char| is_obeyed(c) && !is_kept(c);
    if !text.contains(is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match is_escaped(c) {
            // Writing to a String cannot fail.
            true => write!(shown, "{}", c.escape_default()).unwrap_or_default(),
            false => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// A terminal that text is written to. Ends of lines and tabs stay; what else is obeyed is spelled out as JSON
/// does, so that JSON stays what it is.
pub struct Terminal<W> {
    out: W,
    /// The bytes of a character whose rest has not come yet.
    cut: Vec<u8>,
}

impl<W: Write> Terminal<W> {
    /// Wraps a terminal.
    pub fn new(out: W) -> Self {
        Self { out, cut: Vec::new() }
    }
}

impl<W: Write> Write for Terminal<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut all = std::mem::take(&mut self.cut);
        all.extend_from_slice(bytes);
        let mut shown = String::with_capacity(all.len());
        let mut rest = all.as_slice();
        loop {
            let (text, invalid) = match std::str::from_utf8(rest) {
                Ok(text) => (text, None),
                Err(error) => {
                    let (text, after) = rest.split_at(error.valid_up_to());
                    let text = std::str::from_utf8(text).unwrap_or_default();
                    (text, Some((after, error.error_len())))
                }
            };
            for c in text.chars() {
                match is_obeyed(c) && !matches!(c, '\n' | '\t') {
                    true => {
                        for unit in c.encode_utf16(&mut [0; 2]) {
                            write!(shown, "\\u{unit:04x}").unwrap_or_default();
                        }
                    }
                    false => shown.push(c),
                }
            }
            match invalid {
                None => break,
                Some((after, None)) => {
                    self.cut = after.to_vec();
                    break;
                }
                Some((after, Some(length))) => {
                    shown.push(char::REPLACEMENT_CHARACTER);
                    rest = after.get(length..).unwrap_or_default();
                }
            }
        }
        self.out.write_all(shown.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Escapes a text for Markdown, where it also may not be HTML: in a cell of a table, or in a line.
pub fn markdown(text: &str) -> String {
    let text = text.replace("\r\n", " ").replace(['\n', '\r', '\t'], " ");
    let mut escaped = String::with_capacity(text.len());
    for c in visible(&text).chars() {
        match c {
            '\\' | '`' | '|' | '[' | ']' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Puts text between the fences of a Markdown block, longer ones than any that stands in it.
pub fn markdown_block(language: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}", visible_lines(text))
}

/// What a spreadsheet takes for a formula begins with `'`, by which it becomes text.
pub(crate) fn no_formula(cell: &str) -> Cow<'_, str> {
    match cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
        true => Cow::Owned(format!("'{cell}")),
        false => Cow::Borrowed(cell),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\u{1b}]0;x\u{7}\r\u{9b}2J\u{202e}b\u{2028}\tc\n";

    #[test]
    fn what_a_terminal_obeys_is_spelled_out() {
        let shown = "a\\u{1b}]0;x\\u{7}\\r\\u{9b}2J\\u{202e}b\\u{2028}\\tc";
        assert_eq!(visible(HOSTILE), format!("{shown}\\n"));
        assert_eq!(visible_lines(HOSTILE), format!("{shown}\n"));
        assert_eq!(visible("größe 👩‍💻"), "größe 👩‍💻");
    }

    #[test]
    fn a_terminal_gets_json_that_is_still_json_however_it_is_cut() {
        let json = serde_json::to_string(&HOSTILE).unwrap() + "\n";
        for at in 0..json.len() {
            let mut out = Vec::new();
            let mut terminal = Terminal::new(&mut out);
            terminal.write_all(&json.as_bytes()[..at]).unwrap();
            terminal.write_all(&json.as_bytes()[at..]).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert!(!text.trim_end().contains(is_obeyed), "{text:?}");
            assert_eq!(serde_json::from_str::<String>(&text).unwrap(), HOSTILE);
        }
        let mut out = Vec::new();
        Terminal::new(&mut out).write_all(b"a\xffb\tc\n").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a\u{fffd}b\tc\n");
    }

    #[test]
    fn markdown_holds_no_html_no_link_and_no_end_of_its_block() {
        assert_eq!(
            markdown("a|b\n<img src=x> ![](http://x) `c` \u{1b}"),
            "a\\|b &lt;img src=x&gt; !\\[\\](http://x) \\`c\\` \\\\u{1b}"
        );
        assert_eq!(markdown_block("sh", "a\n```\nb"), "````sh\na\n```\nb\n````");
        assert_eq!(markdown_block("sh", "a"), "```sh\na\n```");
    }
}
