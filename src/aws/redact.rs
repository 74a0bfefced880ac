//! Removes secrets from messages of servers before they are printed or stored.
//!
//! A server that answers with an error may repeat what it was sent, headers and all.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// The replacement of a secret.
const HIDDEN: &str = "…";

/// A secret shorter than this is no secret, and would be found in ordinary words.
const SECRET_CHARS_MIN: usize = 4;

/// Names of headers, parameters and keys whose values are secret. Small letters, `-` for `_`.
#[rustfmt::skip]
const NAMES: &[&str] = &[
    "authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "api-key", "apikey",
    "x-amz-security-token", "x-amz-signature", "x-amz-credential", "x-flowq-signature", "x-auth-token",
    "signature", "credential", "aws-secret-access-key", "aws-session-token", "secretaccesskey", "sessiontoken",
    "secret-access-key", "session-token", "access-token", "refresh-token", "id-token", "client-secret",
    "password", "passwd", "secret", "token",
];

/// Words before the secret itself in an `Authorization`.
const SCHEMES: &[&str] =
    &["basic", "bearer", "digest", "negotiate", "token", "apikey", "aws4-hmac-sha256", "splunk"];

/// Takes secrets out of a text: `secrets`, as they are, as in a URL and as in JSON, and whatever follows the name
/// of a header or key that is known to be secret.
pub fn redact(text: &str, secrets: &[String]) -> String {
    let mut text = text.to_owned();
    let long = secrets.iter().filter(|secret| secret.chars().count() >= SECRET_CHARS_MIN);
    let mut forms: Vec<String> = long.flat_map(|secret| forms(secret)).collect();
    // A secret that contains another one is replaced first.
    forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    for form in &forms {
        text = text.replace(form.as_str(), HIDDEN);
    }
    named(&text)
}

/// The ways in which a secret is written.
fn forms(secret: &str) -> [String; 4] {
    let json = serde_json::Value::from(secret).to_string();
    let json = json.get(1..json.len() - 1).unwrap_or_default().to_owned();
    let slashed = json.replace('/', "\\/");
    [secret.to_owned(), utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(), json, slashed]
}

/// Hides the values of secret names.
fn named(text: &str) -> String {
    // Byte by byte the same length.
    let lower = text.to_ascii_lowercase().replace('_', "-");
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    while let Some((start, end)) = next_value(&lower, at) {
        shown.push_str(text.get(at..start).unwrap_or_default());
        shown.push_str(HIDDEN);
        at = end;
    }
    shown.push_str(text.get(at..).unwrap_or_default());
    shown
}

/// Returns where the next secret value begins and ends, at or after a place.
fn next_value(lower: &str, from: usize) -> Option<(usize, usize)> {
    let rest = lower.get(from..)?;
    let of_names = NAMES.iter().flat_map(|name| rest.match_indices(*name));
    let of_names = of_names.filter_map(|(at, name)| {
        let is_word = !rest.get(..at)?.ends_with(|c: char| c.is_ascii_alphanumeric());
        let value = value_after(rest, at + name.len()).filter(|_| is_word)?;
        Some((at, value))
    });
    // Also without a name: `Bearer …`.
    let bare = ["bearer ", "basic "].into_iter().flat_map(|scheme| {
        rest.match_indices(scheme).filter_map(|(at, scheme)| {
            let start = at + scheme.len();
            let end = start + word(rest.get(start..)?);
            let is_word = !rest.get(..at)?.ends_with(|c: char| c.is_ascii_alphanumeric());
            (is_word && end >= start + 8).then_some((at, (start, end)))
        })
    });
    let (_, (start, end)) = of_names.chain(bare).min()?;
    Some((from + start, from + end))
}

/// Returns the value that follows a name, if one does: after `:` or `=`, with or without quotes.
fn value_after(text: &str, name_end: usize) -> Option<(usize, usize)> {
    let skip = |at: usize, what: &[char]| {
        let rest = text.get(at..).unwrap_or_default();
        at + rest.len() - rest.trim_start_matches(what).len()
    };
    let mark = skip(name_end, &['"', '\'', ' ', '\\']);
    let rest = text.get(mark..)?;
    if !rest.starts_with([':', '=']) {
        return None;
    }
    let start = skip(mark + 1, &[' ', '>', '[', '"', '\'', '\\']);
    let mut end = start + word(text.get(start..)?);
    if SCHEMES.contains(&text.get(start..end)?) {
        let next = skip(end, &[' ']);
        end = next + word(text.get(next..)?);
    }
    // A value that is hidden already is none.
    (end > start && text.get(start..end) != Some(HIDDEN)).then_some((start, end))
}

/// How long the word at the beginning of a text is.
fn word(text: &str) -> usize {
    text.find(|c: char| c.is_whitespace() || ",;&\"'<>{}[]\\".contains(c)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configured_secrets_are_hidden_however_they_are_written() {
        let secrets = ["s3cr/et\"x".to_owned(), "abc".to_owned()];
        let input =
            "got s3cr/et\"x, s3cr%2Fet%22x and {\"h\":\"s3cr\\/et\\\"x s3cr/et\\\"x\"}; abc";
        let shown = redact(input, &secrets);
        assert_eq!(shown, "got …, … and {\"h\":\"… …\"}; abc");
    }

    #[test]
    fn values_of_secret_names_are_hidden() {
        for (input, shown) in [
            ("Authorization: Bearer abc.def-1 then", "Authorization: … then"),
            (
                "{\"authorization\":[\"Basic dXNlcjpwYXNz\"],\"a\":1}",
                "{\"authorization\":[\"…\"],\"a\":1}",
            ),
            ("x-api-key=K1&next=2", "x-api-key=…&next=2"),
            ("'X-Amz-Security-Token' => 'IQoJ=='", "'X-Amz-Security-Token' => '…'"),
            (
                "?X-Amz-Credential=AKIA/2026&X-Amz-Signature=ff00",
                "?X-Amz-Credential=…&X-Amz-Signature=…",
            ),
            (
                "AWS4-HMAC-SHA256 Credential=AKIA/x, SignedHeaders=host, Signature=beef",
                "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=host, Signature=…",
            ),
            ("aws_session_token = abc", "aws_session_token = …"),
            ("invalid bearer eyJhbGciOi.xyz", "invalid bearer …"),
            ("the token is wrong: 403", "the token is wrong: 403"),
            ("secrets: 3", "secrets: 3"),
            ("größe token=é1 ", "größe token=… "),
        ] {
            assert_eq!(redact(input, &[]), shown);
        }
    }
}
