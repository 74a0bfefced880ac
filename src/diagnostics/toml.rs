//! Strict TOML: an unknown key with its line and the nearest known key.

use toml::de::DeTable;

use crate::diagnostics::suggest::nearest;

/// Checks that a TOML table has only `known` keys. `path` leads from the root to it, key by key; where it
/// leads to an array of tables, each of them is checked.
///
/// Returns the complaint about the first unknown key, with its line and the nearest known key. A text that
/// is no TOML passes: reading it gives the better message.
pub fn check_keys(text: &str, path: &[&str], known: &[&str]) -> Result<(), String> {
    let Ok(root) = DeTable::parse(text) else { return Ok(()) };
    let mut tables = vec![root.get_ref()];
    for step in path {
        let values: Vec<_> = tables.iter().filter_map(|table| table.get(*step)).collect();
        tables.clear();
        for value in values {
            tables.extend(value.get_ref().as_table());
            let items = value.get_ref().as_array().into_iter().flat_map(|items| items.iter());
            tables.extend(items.filter_map(|item| item.get_ref().as_table()));
        }
    }
    for key in tables.into_iter().flat_map(|table| table.keys()) {
        let name: &str = key.get_ref();
        if !known.contains(&name) {
            let line = line_of(text, key.span().start);
            let hint = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("known are {}", known.join(", ")),
            };
            let place = path.last().map(|place| format!(" in {place}")).unwrap_or_default();
            return Err(format!("line {line}: unknown key {name}{place}; {hint}"));
        }
    }
    Ok(())
}

/// Returns the line, counted from 1, of a byte of `text`.
pub fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// Returns a TOML error as one line: where, then what.
pub fn one_line(text: &str, err: &toml::de::Error) -> String {
    let what = err.message().trim().replace('\n', ", ");
    match err.span() {
        Some(span) => format!("line {}: {what}", line_of(text, span.start)),
        None => what,
    }
}
