//! Splits text into SQL statements.

/// Cuts a text at the `;` that stand outside of quotes and comments. Returns the statements that are
/// complete, without their `;`, and what comes after the last one. Empty statements are left out.
pub(crate) fn split(text: &str) -> (Vec<&str>, &str) {
    let mut statements = Vec::new();
    let mut rest = text;
    while let Some(end) = end_of_statement(rest) {
        let statement = rest[..end].trim();
        if !is_blank(statement) {
            statements.push(statement);
        }
        rest = &rest[end + 1..];
    }
    (statements, rest)
}

/// Returns whether a text holds nothing but blanks and comments.
pub(crate) fn is_blank(text: &str) -> bool {
    let mut rest = text.trim_start();
    while let Some(len) = comment_len(rest) {
        rest = rest[len..].trim_start();
    }
    rest.is_empty()
}

fn end_of_statement(text: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        at += match c {
            ';' => return Some(at),
            // A doubled quote within a text ends one and starts the next, which comes to the same.
            '\'' | '"' | '`' => rest[1..].find(c)? + 2,
            _ => comment_len(rest).unwrap_or(c.len_utf8()),
        };
    }
    None
}

/// Returns the length of the comment that a text begins with. An open one takes all that is left.
fn comment_len(text: &str) -> Option<usize> {
    if text.starts_with("--") {
        return Some(text.find('\n').map_or(text.len(), |end| end + 1));
    }
    if !text.starts_with("/*") {
        return None;
    }
    // Comments nest in SQL.
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += 1;
        }
    }
    Some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_outside_of_quotes_and_comments() {
        let (statements, rest) = split(
            "SELECT ';', \"a;b\", 'it''s;' -- one; two\n, é /* ; /* ; */ ; */ FROM t ;; -- end;\nSELECT 2;SELECT",
        );
        assert_eq!(statements.len(), 2, "{statements:?}");
        assert!(statements[0].ends_with("FROM t"));
        assert_eq!(statements[1], "-- end;\nSELECT 2");
        assert_eq!(rest, "SELECT");
    }

    #[test]
    fn open_quotes_and_comments_wait_for_more() {
        for text in ["SELECT 'a;", "SELECT /* ;", "SELECT \"a;", "SELECT 1 -- ;", ""] {
            assert_eq!(split(text), (vec![], text));
        }
    }

    #[test]
    fn blank_is_what_holds_no_statement() {
        assert!(is_blank(" \n-- x\n /* y */ "));
        assert!(!is_blank("-- x\nSELECT"));
        assert_eq!(split("; ;-- x\n;").0, Vec::<&str>::new());
    }
}
