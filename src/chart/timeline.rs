//! Spans of time in lanes.

use crate::chart::axis::TimeScale;
use crate::chart::svg::{Drawing, Tone, WIDTH, short};

const LEFT: f64 = 185.0;
const RIGHT: f64 = WIDTH - 10.0;
const TOP: f64 = 6.0;
const LANE: f64 = 22.0;
const BAR: f64 = 14.0;

/// The most lanes.
const LANES_MAX: usize = 120;

/// A span of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineSpan {
    /// Unix seconds, UTC.
    pub from: i64,
    /// Unix seconds, UTC, exclusive.
    pub to: i64,
    /// Its colour.
    pub tone: Tone,
    /// The text of its tooltip.
    pub says: String,
}

/// A lane with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineLane {
    /// Its name.
    pub name: String,
    /// Where the name leads to.
    pub href: Option<String>,
    /// Its spans.
    pub spans: Vec<TimelineSpan>,
}

/// Lanes of spans.
#[derive(Debug, Clone)]
pub struct Timeline<'a> {
    /// What it shows.
    pub title: &'a str,
    /// The time that it shows.
    pub time: TimeScale,
    /// The lanes.
    pub lanes: &'a [TimelineLane],
    /// Names of the tones.
    pub legend: &'a [(Tone, &'a str)],
}

impl Timeline<'_> {
    /// Returns the chart.
    pub fn svg(&self) -> String {
        let lanes = &self.lanes[..self.lanes.len().min(LANES_MAX)];
        let bottom = TOP + lanes.len() as f64 * LANE;
        let attributes = self.time.attributes((LEFT, RIGHT));
        let mut drawing = Drawing::new((WIDTH, bottom + 50.0), self.title, &attributes);
        self.time.draw(&mut drawing, (LEFT, RIGHT), (TOP, bottom + 4.0));
        for (at, lane) in lanes.iter().enumerate() {
            let y = TOP + at as f64 * LANE;
            drawing.linked(lane.href.as_deref(), |drawing| {
                drawing.text((LEFT - 8.0, y + BAR), "name end", &short(&lane.name, 27));
            });
            for span in lane
                .spans
                .iter()
                .filter(|span| span.to > self.time.from && span.from < self.time.to)
            {
                let (from, to) = (
                    self.time.place(span.from, (LEFT, RIGHT)),
                    self.time.place(span.to, (LEFT, RIGHT)),
                );
                // What is short is seen all the same.
                drawing.rect(
                    (from, y + 3.0),
                    ((to - from).max(1.0), BAR),
                    &span.tone.class(),
                    &span.says,
                );
            }
        }
        drawing.legend((LEFT, bottom + 26.0), RIGHT - LEFT, self.legend);
        drawing.finish()
    }
}
