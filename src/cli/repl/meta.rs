//! The meta commands: `\d`, `\format` and the others.

/// Every meta command with its help.
pub(crate) const META: &[(&str, &str)] = &[
    ("\\d", "list tables and views"),
    ("\\d TABLE", "list the columns of a table"),
    ("\\df", "list flowq's functions"),
    ("\\format NAME", "print results as table, json, ndjson, csv, tsv or markdown"),
    ("\\timing", "switch on or off: rows and time after each statement"),
    ("\\i FILE", "run the statements of a file"),
    ("\\?", "this help"),
    ("\\q", "quit; so does Ctrl-D"),
];
