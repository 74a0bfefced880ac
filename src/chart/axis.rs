//! The axes: round amounts, and times.

use chrono::DateTime;

use crate::chart::svg::Drawing;

/// A span of time on a width.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimeScale {
    /// Where it begins, in Unix seconds, UTC.
    pub from: i64,
    /// Where it ends.
    pub to: i64,
}

/// Distances between two labels of time, in seconds.
const STEPS: &[i64] = &[
    60,
    300,
    600,
    900,
    1800,
    3600,
    2 * 3600,
    3 * 3600,
    6 * 3600,
    12 * 3600,
    86_400,
    2 * 86_400,
    7 * 86_400,
    14 * 86_400,
    28 * 86_400,
    91 * 86_400,
    365 * 86_400,
];

impl TimeScale {
    /// Returns where a time is between two places.
    pub(super) fn place(&self, at: i64, (left, right): (f64, f64)) -> f64 {
        let span = (self.to - self.from).max(1) as f64;
        let share = (at.saturating_sub(self.from)) as f64 / span;
        left + share.clamp(0.0, 1.0) * (right - left)
    }

    /// Returns what the root of the SVG says of the scale, so that a script can turn places back into times.
    pub(super) fn attributes(&self, (left, right): (f64, f64)) -> String {
        format!(
            " data-from=\"{}\" data-to=\"{}\" data-left=\"{left}\" data-right=\"{right}\"",
            self.from, self.to
        )
    }

    /// Draws labels of time below a place, and lines above each.
    pub(super) fn draw(&self, drawing: &mut Drawing, ends: (f64, f64), (top, bottom): (f64, f64)) {
        let most = ((ends.1 - ends.0) / 90.0).max(1.0) as i64;
        let span = self.to - self.from;
        let step =
            STEPS.iter().find(|step| span / **step <= most).or(STEPS.last()).copied().unwrap_or(1);
        let mut at = self.from.div_euclid(step) * step;
        let mut day = String::new();
        let mut free = f64::NEG_INFINITY;
        while at <= self.to {
            if at >= self.from {
                let x = self.place(at, ends);
                drawing.line((x, top), (x, bottom));
                let (date, time) = label(at);
                let words = match (step >= 86_400, date == day) {
                    (true, _) => date.clone(),
                    (false, true) => time,
                    (false, false) => format!("{date} {time}"),
                };
                let wide = words.chars().count() as f64 * 6.6;
                let (class, left) = if x > ends.1 - wide / 2.0 {
                    ("end", x - wide)
                } else if x < ends.0 + wide / 2.0 {
                    ("", x)
                } else {
                    ("middle", x - wide / 2.0)
                };
                // A label that would cover the last one is left out.
                if left >= free {
                    drawing.text((x, bottom + 14.0), class, &words);
                    (day, free) = (date, left + wide + 8.0);
                }
            }
            at += step;
        }
    }
}

/// Day and time of day.
fn label(at: i64) -> (String, String) {
    let time = DateTime::from_timestamp(at, 0);
    time.map_or_else(
        || (at.to_string(), String::new()),
        |time| (time.format("%Y-%m-%d").to_string(), time.format("%H:%M").to_string()),
    )
}

/// Returns round amounts from 0 to at least `most`, three to six of them.
pub(super) fn amounts(most: f64, is_whole: bool) -> Vec<f64> {
    if most <= 0.0 || !most.is_finite() {
        return vec![0.0, 1.0];
    }
    let size = 10f64.powf((most / 4.0).log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * size);
    let fits = |step: &&f64| most / **step <= 5.0 && (!is_whole || **step == step.trunc());
    let step = steps.iter().find(fits).copied().unwrap_or_else(|| (most / 4.0).ceil().max(1.0));
    let count = (most / step).ceil() as usize;
    (0..=count.min(20)).map(|at| at as f64 * step).collect()
}
