//! Pairs: who talked to whom, and on which ports.

use crate::chart::svg::{Drawing, Tone, short};

const LABEL_WIDTH: f64 = 150.0;
const HEAD: f64 = 40.0;
const CELL_HEIGHT: f64 = 46.0;

/// The most rows and columns.
const NAMES_MAX: usize = 24;

/// The most lines of text of a cell.
const LINES_MAX: usize = 3;

/// One cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatrixCell {
    /// The row.
    pub from: String,
    /// The column.
    pub to: String,
    /// Its colour.
    pub tone: Tone,
    /// Lines of text.
    pub lines: Vec<String>,
    /// The text of its tooltip.
    pub says: String,
}

/// Pairs.
#[derive(Debug, Clone)]
pub struct Matrix<'a> {
    /// What it shows.
    pub title: &'a str,
    /// Rows and columns, in this order.
    pub names: &'a [String],
    /// The cells; pairs without one are empty.
    pub cells: &'a [MatrixCell],
    /// Names of the tones.
    pub legend: &'a [(Tone, &'a str)],
}

impl Matrix<'_> {
    /// Returns the chart.
    pub fn svg(&self) -> String {
        let names: Vec<&String> = self.names.iter().take(NAMES_MAX).collect();
        let count = names.len().max(1) as f64;
        let cell_width = (860.0 / count).clamp(34.0, 128.0);
        let width = (LABEL_WIDTH + count * cell_width + 10.0).max(720.0);
        let height = HEAD + count * CELL_HEIGHT + 34.0;
        let mut drawing = Drawing::new((width, height), self.title, "");
        drawing.text((LABEL_WIDTH - 8.0, 14.0), "end", "from ↓   to →");
        let letters = (cell_width / 7.0) as usize;
        for (at, name) in names.iter().enumerate() {
            let at = at as f64;
            let x = LABEL_WIDTH + at * cell_width + cell_width / 2.0;
            // Of an address the end tells more than the beginning.
            drawing.text((x, HEAD - 8.0), "name middle", &tail(name, letters));
            let y = HEAD + at * CELL_HEIGHT + CELL_HEIGHT / 2.0 + 4.0;
            drawing.text((LABEL_WIDTH - 8.0, y), "name end", &short(name, 22));
        }
        let place = |name: &String| names.iter().position(|known| *known == name);
        for row in 0..names.len() {
            for column in 0..names.len() {
                let (x, y) =
                    (LABEL_WIDTH + column as f64 * cell_width, HEAD + row as f64 * CELL_HEIGHT);
                let class = if row == column { "cell tone-none" } else { "cell tone-none soft" };
                drawing.rect((x, y), (cell_width, CELL_HEIGHT), class, "");
            }
        }
        for cell in self.cells {
            let (Some(row), Some(column)) = (place(&cell.from), place(&cell.to)) else { continue };
            let (x, y) =
                (LABEL_WIDTH + column as f64 * cell_width, HEAD + row as f64 * CELL_HEIGHT);
            let class = format!("cell soft {}", cell.tone.class());
            drawing.rect((x, y), (cell_width, CELL_HEIGHT), &class, &cell.says);
            drawing.rect((x, y), (4.0, CELL_HEIGHT), &cell.tone.class(), &cell.says);
            let mut lines: Vec<String> =
                cell.lines.iter().take(LINES_MAX).map(|line| short(line, letters)).collect();
            if cell.lines.len() > LINES_MAX {
                lines[LINES_MAX - 1] = format!("+{} more", cell.lines.len() + 1 - LINES_MAX);
            }
            for (at, line) in lines.iter().enumerate() {
                drawing.text((x + 9.0, y + 14.0 + at as f64 * 13.0), "cell-text", line);
            }
        }
        drawing.legend((LABEL_WIDTH, height - 24.0), width - LABEL_WIDTH, self.legend);
        drawing.finish()
    }
}

/// The end of a name.
fn tail(name: &str, letters: usize) -> String {
    let count = name.chars().count();
    if count <= letters {
        return name.to_owned();
    }
    ['…'].into_iter().chain(name.chars().skip(count + 1 - letters.max(2))).collect()
}
