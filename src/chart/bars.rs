//! Amounts over time as stacked bars, above the band of what could be seen.

use crate::chart::axis::{TimeScale, amounts};
use crate::chart::svg::{Drawing, Tone, WIDTH, legend_height};

const LEFT: f64 = 62.0;
const RIGHT: f64 = WIDTH - 10.0;
const TOP: f64 = 8.0;
const PLOT: f64 = 190.0;
const BAND: f64 = 9.0;

/// One series of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct BarSeries {
    /// Its name.
    pub name: String,
    /// Its colour.
    pub tone: Tone,
    /// Its amounts, one for each bar.
    pub values: Vec<f64>,
}

/// Amounts over time.
#[derive(Debug, Clone)]
pub struct StackedBars<'a> {
    /// What it shows.
    pub title: &'a str,
    /// The time of all bars together; each has the same part of it.
    pub time: TimeScale,
    /// The series, the lowest first.
    pub series: &'a [BarSeries],
    /// For each bar the share of it that the logs cover, from 0 to 1. `None`: there was nothing to cover.
    pub covered: &'a [Option<f64>],
    /// Writes an amount.
    pub amount: fn(f64) -> String,
    /// Whether amounts are whole numbers.
    pub is_whole: bool,
}

impl StackedBars<'_> {
    /// Returns the chart.
    pub fn svg(&self) -> String {
        let bars = self
            .series
            .iter()
            .map(|series| series.values.len())
            .max()
            .unwrap_or(0)
            .max(self.covered.len());
        let sum =
            |at: usize| self.series.iter().filter_map(|series| series.values.get(at)).sum::<f64>();
        let most = (0..bars).map(sum).fold(0.0, f64::max);
        let scale = amounts(most, self.is_whole);
        let top = scale.last().copied().unwrap_or(1.0);
        let bottom = TOP + PLOT;
        let names = |series: &'_ BarSeries| (series.tone, series.name.clone());
        let names: Vec<(Tone, String)> = self.series.iter().map(names).collect();
        let entries: Vec<(Tone, &str)> =
            names.iter().map(|(tone, name)| (*tone, name.as_str())).collect();
        let height = bottom + 48.0 + legend_height(RIGHT - LEFT, &entries);
        let attributes = self.time.attributes((LEFT, RIGHT));
        let mut drawing = Drawing::new((WIDTH, height), self.title, &attributes);
        for amount in &scale {
            let y = bottom - amount / top * PLOT;
            drawing.line((LEFT, y), (RIGHT, y));
            drawing.text((LEFT - 6.0, y + 4.0), "end", &(self.amount)(*amount));
        }
        let width = (RIGHT - LEFT) / bars.max(1) as f64;
        let gap = if width > 5.0 { 1.5 } else { 0.0 };
        for bar in 0..bars {
            let x = LEFT + bar as f64 * width;
            let mut y = bottom;
            for series in self.series {
                let value = series.values.get(bar).copied().unwrap_or(0.0);
                if value <= 0.0 {
                    continue;
                }
                // What is there is seen, however little it is.
                let tall = (value / top * PLOT).max(1.0);
                y -= tall;
                let says =
                    format!("{}: {}, {}", self.name(bar, bars), series.name, (self.amount)(value));
                drawing.rect((x, y), ((width - gap).max(0.6), tall), &series.tone.class(), &says);
            }
        }
        self.band(&mut drawing, (bars, width), bottom + 9.0);
        self.time.draw(&mut drawing, (LEFT, RIGHT), (bottom + BAND + 10.0, bottom + BAND + 13.0));
        drawing.legend((LEFT, bottom + 44.0), RIGHT - LEFT, &entries);
        drawing.finish()
    }

    /// The beginning of a bar.
    fn name(&self, bar: usize, bars: usize) -> String {
        let step = (self.time.to - self.time.from) / i64::try_from(bars.max(1)).unwrap_or(1);
        let at = self.time.from + i64::try_from(bar).unwrap_or(0) * step;
        let time = chrono::DateTime::from_timestamp(at, 0);
        time.map_or_else(String::new, |time| time.format("%Y-%m-%d %H:%M").to_string())
    }

    /// What could be seen: full where all of it, with a hole as high as the share that is missing.
    fn band(&self, drawing: &mut Drawing, (bars, width): (usize, f64), top: f64) {
        drawing.text((LEFT - 6.0, top + BAND), "end", "covered");
        for (bar, share) in self.covered.iter().enumerate() {
            let x = LEFT + bar as f64 * width;
            let Some(share) = share else { continue };
            let missing = BAND * (1.0 - share.clamp(0.0, 1.0));
            // A hole is seen, however small it is.
            let missing = if *share < 1.0 { missing.max(2.0) } else { 0.0 };
            let says = format!(
                "{}: {:.1} % covered",
                self.name(bar, bars),
                (share * 1000.0).floor() / 10.0
            );
            drawing.rect((x, top + missing), (width + 0.2, BAND - missing), "tone-quiet", &says);
            if missing > 0.0 {
                drawing.rect((x, top), (width + 0.2, missing), "tone-high", &says);
            }
        }
    }
}
