//! `flowq functions` and `\df`: the functions that flowq adds to SQL.

use std::io::Write;

use anyhow::Result;

use crate::cli::output::{Format, print_rows};
use crate::engine::functions::{FILE_FUNCTIONS, FUNCTIONS};

/// Prints every function with its type, meaning and an example.
pub(crate) fn print(
    format: Format,
    out: Box<dyn Write + Send>,
    terminal_width: Option<u16>,
) -> Result<()> {
    let rows = FUNCTIONS
        .iter()
        .chain(FILE_FUNCTIONS)
        .map(|f| [f.signature, f.returns, f.meaning, f.example]);
    print_rows(["function", "returns", "meaning", "example"], rows, format, out, terminal_width)
}
