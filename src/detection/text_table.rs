//! Text tables: a line of column names, then rows, separated by blanks. `-` is NULL; a cell with blanks
//! stands in double quotes.

/// A table read from text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Column names.
    pub columns: Vec<String>,
    /// Rows, each as long as `columns`. `None` is NULL.
    pub rows: Vec<Vec<Option<String>>>,
}

impl Table {
    /// Reads a table. Blank lines and lines that start with `#` do not count; no line is an empty table.
    ///
    /// # Errors
    ///
    /// One sentence that names the first row whose cells do not fit the columns.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lines = text.lines().map(str::trim);
        let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let Some(header) = lines.next() else { return Ok(Self::default()) };
        let columns: Vec<String> = header.split_whitespace().map(str::to_owned).collect();
        let mut rows = Vec::new();
        for line in lines {
            let row = cells(line)?;
            if row.len() != columns.len() {
                let (has, wants) = (row.len(), columns.len());
                return Err(format!("{has} cells for {wants} columns in row: {line}"));
            }
            rows.push(row);
        }
        Ok(Self { columns, rows })
    }
}

fn cells(line: &str) -> Result<Vec<Option<String>>, String> {
    let mut cells = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let Some((cell, after)) = quoted.split_once('"') else {
                return Err(format!("a quote is not closed in row: {line}"));
            };
            cells.push(Some(cell.to_owned()));
            rest = after.trim_start();
        } else {
            let (cell, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            cells.push((cell != "-").then(|| cell.to_owned()));
            rest = after.trim_start();
        }
    }
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_nulls_and_quotes_are_read() {
        let table = Table::parse("\n a b\n 1 -\n # no row\n \"x y\" 2\n").unwrap();
        assert_eq!(table.columns, ["a", "b"]);
        let text = |cell: &str| Some(cell.to_owned());
        assert_eq!(table.rows, [[text("1"), None], [text("x y"), text("2")]]);
        assert_eq!(Table::parse("").unwrap(), Table::default());
        assert_eq!(Table::parse("a b\n1").unwrap_err(), "1 cells for 2 columns in row: 1");
        assert_eq!(Table::parse("a\n\"1").unwrap_err(), "a quote is not closed in row: \"1");
    }
}
