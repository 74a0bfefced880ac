//! Shares over time, one row each.

use crate::chart::axis::TimeScale;
use crate::chart::svg::{Drawing, Tone, WIDTH, short};

const LEFT: f64 = 185.0;
const RIGHT: f64 = WIDTH - 10.0;
const TOP: f64 = 6.0;

/// The most rows.
const ROWS_MAX: usize = 150;

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatRow {
    /// Its name.
    pub name: String,
    /// Where the name leads to.
    pub href: Option<String>,
    /// For each part of the time its colour, and what it says. `None`: there is nothing.
    pub cells: Vec<Option<(Tone, String)>>,
}

/// Rows of cells over time.
#[derive(Debug, Clone)]
pub struct HeatMap<'a> {
    /// What it shows.
    pub title: &'a str,
    /// The time of all cells of a row together; each has the same part of it.
    pub time: TimeScale,
    /// The rows.
    pub rows: &'a [HeatRow],
    /// Names of the tones.
    pub legend: &'a [(Tone, &'a str)],
}

impl HeatMap<'_> {
    /// Returns the chart. Adjacent cells that are alike are one rectangle.
    pub fn svg(&self) -> String {
        let rows = &self.rows[..self.rows.len().min(ROWS_MAX)];
        let tall = if rows.len() > 40 { 13.0 } else { 17.0 };
        let bottom = TOP + rows.len() as f64 * tall;
        let attributes = self.time.attributes((LEFT, RIGHT));
        let mut drawing = Drawing::new((WIDTH, bottom + 50.0), self.title, &attributes);
        self.time.draw(&mut drawing, (LEFT, RIGHT), (TOP, bottom + 4.0));
        for (at, row) in rows.iter().enumerate() {
            let y = TOP + at as f64 * tall;
            drawing.linked(row.href.as_deref(), |drawing| {
                drawing.text((LEFT - 8.0, y + tall - 4.0), "name end", &short(&row.name, 27));
            });
            let width = (RIGHT - LEFT) / row.cells.len().max(1) as f64;
            let mut from = 0;
            while from < row.cells.len() {
                let same =
                    row.cells[from..].iter().take_while(|cell| **cell == row.cells[from]).count();
                if let Some((tone, says)) = &row.cells[from] {
                    let (x, wide) = (LEFT + from as f64 * width, same as f64 * width);
                    drawing.rect((x, y + 1.0), (wide + 0.2, tall - 2.0), &tone.class(), says);
                }
                from += same;
            }
        }
        drawing.legend((LEFT, bottom + 26.0), RIGHT - LEFT, self.legend);
        drawing.finish()
    }
}
