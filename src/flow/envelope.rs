//! What records are wrapped in: JSON of CloudWatch Logs, or a timestamp before each line.

use std::collections::BTreeMap;

use memchr::memchr2;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::flow::decode_stats::TEXT_BYTES_MAX;
use crate::flow::log_format::looks_like_header;

/// How many unknown keys an error message names.
const KEYS_SHOWN: usize = 6;

/// Digits of a time in milliseconds, from 2001 to 2286.
const MILLISECOND_DIGITS: usize = 13;

/// Cuts a stream into its top-level JSON documents, however they are put together.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    piece: Vec<u8>,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

/// A JSON document is larger than the limit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

impl Scanner {
    /// Takes bytes from the front of `input` and returns the next document, or a line of what is between
    /// documents and does not belong there. `None` when `input` is used up.
    pub(super) fn next(
        &mut self,
        input: &mut &[u8],
        bytes_max: usize,
    ) -> Result<Option<Vec<u8>>, TooLarge> {
        if self.piece.is_empty() {
            *input = input.trim_ascii_start();
        }
        let is_document = self.piece.first().or(input.first()) == Some(&b'{');
        if !is_document {
            return Ok(self.stray(input));
        }
        let end = self.document_end(input);
        let (head, tail) = input.split_at(end.unwrap_or(input.len()));
        if self.piece.len() + head.len() > bytes_max {
            return Err(TooLarge);
        }
        self.piece.extend_from_slice(head);
        *input = tail;
        Ok(end.map(|_| std::mem::take(&mut self.piece)))
    }

    /// Returns what is left at the end of the stream: a document that was cut.
    pub(super) fn rest(&mut self) -> Option<Vec<u8>> {
        let piece = std::mem::take(&mut self.piece);
        (!piece.is_empty()).then_some(piece)
    }

    /// Returns the current line. Only its beginning is retained.
    fn stray(&mut self, input: &mut &[u8]) -> Option<Vec<u8>> {
        let end = memchr::memchr(b'\n', input);
        let (head, tail) = input.split_at(end.unwrap_or(input.len()));
        let room = TEXT_BYTES_MAX.saturating_sub(self.piece.len());
        self.piece.extend_from_slice(head.get(..room).unwrap_or(head));
        *input = tail;
        end.map(|_| std::mem::take(&mut self.piece))
    }

    fn document_end(&mut self, input: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            if self.escaped {
                self.escaped = false;
            } else if self.in_string {
                at += memchr2(b'"', b'\\', input.get(at..)?)?;
                match input.get(at) {
                    Some(b'"') => self.in_string = false,
                    _ => self.escaped = true,
                }
            } else {
                match byte {
                    b'"' => self.in_string = true,
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                    _ => {}
                }
                if self.depth == 0 {
                    return Some(at + 1);
                }
            }
            at += 1;
        }
        None
    }
}

/// What a JSON document turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Opened {
    /// Log events, in order.
    Messages(Vec<Event>),
    /// Number of test events of CloudWatch Logs.
    Control(usize),
    /// Something else: what it looks like.
    Unknown(String),
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "messageType")]
    message_type: Option<String>,
    #[serde(rename = "logEvents")]
    log_events: Option<Vec<Event>>,
    events: Option<Vec<Event>>,
    message: Option<String>,
}

/// A log event. Of subscriptions, the stream and the id have other names, and stay unread.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    pub(super) message: String,
    pub(super) log_stream_name: Option<String>,
    pub(super) event_id: Option<String>,
}

/// Takes the log events out of a JSON document.
pub(super) fn open(json: &[u8]) -> Opened {
    let Ok(document) = serde_json::from_slice::<Document>(json) else {
        return Opened::Unknown(describe(json));
    };
    let events = document.log_events.or(document.events);
    match (events, document.message) {
        (Some(events), _) if document.message_type.as_deref() == Some("CONTROL_MESSAGE") => {
            Opened::Control(events.len())
        }
        (Some(events), _) => Opened::Messages(events),
        (None, Some(message)) => Opened::Messages(vec![Event { message, ..Event::default() }]),
        (None, None) => Opened::Unknown(describe(json)),
    }
}

/// Describes what a JSON document that contains no log events looks like.
fn describe(json: &[u8]) -> String {
    let Ok(keys) = serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(json) else {
        return "broken JSON".to_owned();
    };
    let has = |key: &str| keys.contains_key(key);
    if has("class_uid") {
        "an OCSF event".to_owned()
    } else if has("awslogs") {
        "a Lambda event whose `awslogs.data` is still encoded".to_owned()
    } else if has("Records") {
        "CloudTrail records or an event notification".to_owned()
    } else if has("prefixes") && has("syncToken") {
        "the address ranges of AWS".to_owned()
    } else if let Some(key) = keys.keys().find(|key| is_api_key(key)) {
        format!("an answer of an AWS API (`{key}`)")
    } else {
        let shown: Vec<&str> = keys.keys().take(KEYS_SHOWN).map(String::as_str).collect();
        format!("JSON with the keys `{}`", shown.join("`, `"))
    }
}

/// AWS APIs name things `LikeThis`.
fn is_api_key(key: &str) -> bool {
    key.starts_with(|c: char| c.is_ascii_uppercase())
        && key.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Returns whether the first line of an object starts with the timestamp that a CloudWatch Logs export puts
/// before each record. `fields`: how many fields a record has if there is no header.
pub(super) fn is_stamped(line: &str, fields: usize) -> bool {
    if is_csv_header(line) {
        return true;
    }
    let (first, rest) = split_word(line);
    // A record may itself begin with a long number, so that alone decides nothing.
    is_date_time(first)
        || (is_milliseconds(first)
            && (looks_like_header(rest) || rest.split_ascii_whitespace().count() == fields))
}

/// Returns the record in a line of an export, of `aws logs tail`, which names the log stream after the time, or of the
/// console's CSV, whose header has none.
pub(super) fn unstamped(line: &str) -> &str {
    if is_csv_header(line) {
        return "";
    }
    if let Some((time, message)) = line.split_once(',') {
        let time = time.trim_matches('"');
        if is_milliseconds(time) || is_date_time(time) {
            return message.trim_matches('"').trim();
        }
    }
    let (first, rest) = split_word(line);
    if !is_date_time(first) && !is_milliseconds(first) {
        return line;
    }
    let (stream, record) = split_word(rest);
    if is_stream(stream) { record } else { rest }
}

/// Returns whether a word is the name that flow logs give to a log stream, which no field of a record looks like.
fn is_stream(word: &str) -> bool {
    word.starts_with("eni-")
        && ["-all", "-accept", "-reject"].iter().any(|ending| word.ends_with(ending))
}

/// Returns whether a line is the header of log events that the console wrote as CSV.
fn is_csv_header(line: &str) -> bool {
    let mut names = line.split(',').map(|name| name.trim_matches('"').trim_start_matches('@'));
    (names.next(), names.next(), names.next()) == (Some("timestamp"), Some("message"), None)
}

fn split_word(line: &str) -> (&str, &str) {
    let (first, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    (first, rest.trim_start_matches([' ', '\t']))
}

fn is_milliseconds(word: &str) -> bool {
    word.len() == MILLISECOND_DIGITS && word.bytes().all(|b| b.is_ascii_digit())
}

/// `2024-01-18T10:00:00`, and then fractions and a zone; the console's CSV has a blank for the `T`.
fn is_date_time(word: &str) -> bool {
    const PATTERN: &[u8] = b"0000-00-00T00:00:00";
    word.len() >= PATTERN.len()
        && PATTERN.iter().zip(word.bytes()).all(|(&pattern, byte)| match pattern {
            b'0' => byte.is_ascii_digit(),
            b'T' => matches!(byte, b'T' | b' '),
            other => byte == other,
        })
}
