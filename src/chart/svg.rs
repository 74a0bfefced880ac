//! Pieces of SVG that all charts are made of.

use std::fmt::Write as _;

/// The classes of all charts, for a page that has no style sheet of its own for them.
pub const STYLE: &str = include_str!("chart.css");

/// Width of the charts that take the whole width of a page.
pub(super) const WIDTH: f64 = 1200.0;

/// Height of a line of a legend.
const LEGEND_LINE: f64 = 18.0;

/// Letters of a name of a legend.
const LEGEND_LETTERS: usize = 40;

/// What a mark stands for, and so its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tone {
    /// One of several series, by its number.
    Series(usize),
    /// Critical.
    Critical,
    /// High, refused, missing.
    High,
    /// Medium, partly.
    Medium,
    /// Low.
    Low,
    /// As it should be.
    Good,
    /// Nothing happened, and nothing is missing.
    Quiet,
    /// Nothing is known, or there is nothing.
    None,
}

impl Tone {
    /// Returns its class.
    pub(super) fn class(self) -> String {
        match self {
            Self::Series(number) => format!("tone-{}", number % 10),
            Self::Critical => "tone-critical".to_owned(),
            Self::High => "tone-high".to_owned(),
            Self::Medium => "tone-medium".to_owned(),
            Self::Low => "tone-low".to_owned(),
            Self::Good => "tone-good".to_owned(),
            Self::Quiet => "tone-quiet".to_owned(),
            Self::None => "tone-none".to_owned(),
        }
    }
}

/// Takes from a text what SVG and HTML would read as more than letters.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() => safe.push(' '),
            // These reorder what is shown.
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                safe.push('\u{fffd}');
            }
            c => safe.push(c),
        }
    }
    safe
}

/// Returns the beginning of a text, with `…` where it is longer.
pub(super) fn short(text: &str, letters: usize) -> String {
    match text.char_indices().nth(letters) {
        None => text.to_owned(),
        Some(_) => text.chars().take(letters.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// A coordinate with one decimal at most.
pub(super) fn round(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    if rounded == rounded.trunc() { format!("{rounded:.0}") } else { format!("{rounded:.1}") }
}

/// An SVG document on its way.
pub(super) struct Drawing {
    text: String,
}

impl Drawing {
    /// Begins a drawing. `attributes`: more of the root, with a blank before each.
    pub(super) fn new((width, height): (f64, f64), title: &str, attributes: &str) -> Self {
        // The others are as wide as what they show: they do not grow with the page.
        let class = if width == WIDTH { "chart wide" } else { "chart" };
        let (width, height, title) = (round(width), round(height), escaped(title));
        let text = format!(
            "<svg class=\"{class}\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" role=\"img\" aria-label=\"{title}\"{attributes}><title>{title}</title>"
        );
        Self { text }
    }

    /// Adds a rectangle with a tooltip.
    pub(super) fn rect(
        &mut self,
        (x, y): (f64, f64),
        (width, height): (f64, f64),
        class: &str,
        says: &str,
    ) {
        let [x, y, width, height] = [x, y, width.max(0.0), height.max(0.0)].map(round);
        // Writing to a String cannot fail.
        let _ = write!(
            self.text,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" class=\"{class}\""
        );
        self.end(says, "rect");
    }

    /// Adds a path.
    pub(super) fn path(&mut self, shape: &str, class: &str, says: &str) {
        let _ = write!(self.text, "<path d=\"{shape}\" class=\"{class}\"");
        self.end(says, "path");
    }

    fn end(&mut self, says: &str, tag: &str) {
        match says {
            "" => self.text.push_str("/>"),
            says => {
                let _ = write!(self.text, "><title>{}</title></{tag}>", escaped(says));
            }
        }
    }

    /// Adds a text.
    pub(super) fn text(&mut self, (x, y): (f64, f64), class: &str, text: &str) {
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        let _ = write!(
            self.text,
            "<text x=\"{}\" y=\"{}\"{class}>{}</text>",
            round(x),
            round(y),
            escaped(text)
        );
    }

    /// Adds a line of the grid.
    pub(super) fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        let [x1, y1, x2, y2] = [x1, y1, x2, y2].map(round);
        let _ = write!(
            self.text,
            "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" class=\"grid\"/>"
        );
    }

    /// Draws something that leads somewhere, if `href` says so.
    pub(super) fn linked(&mut self, href: Option<&str>, draw: impl FnOnce(&mut Self)) {
        match href {
            None => draw(self),
            Some(href) => {
                let _ = write!(self.text, "<a href=\"{}\">", escaped(href));
                draw(self);
                self.text.push_str("</a>");
            }
        }
    }

    /// Adds names of tones in lines of text, from a place on.
    pub(super) fn legend(&mut self, (x, y): (f64, f64), width: f64, entries: &[(Tone, &str)]) {
        for ((tone, name), (at, line)) in entries.iter().zip(legend_places(width, entries)) {
            let (x, y) = (x + at, y + line * LEGEND_LINE);
            self.rect((x, y + 3.0), (10.0, 10.0), &tone.class(), "");
            self.text((x + 15.0, y + 12.0), "name", &short(name, LEGEND_LETTERS));
        }
    }

    /// Ends the drawing.
    pub(super) fn finish(mut self) -> String {
        self.text.push_str("</svg>");
        self.text
    }
}

/// Returns how high a legend is.
pub(super) fn legend_height(width: f64, entries: &[(Tone, &str)]) -> f64 {
    legend_places(width, entries).last().map_or(0.0, |(_, line)| (line + 1.0) * LEGEND_LINE)
}

/// Where the entries of a legend are: the distance from the left, and the line.
fn legend_places(width: f64, entries: &[(Tone, &str)]) -> Vec<(f64, f64)> {
    let (mut at, mut line) = (0.0, 0.0);
    let place = |(_, name): &(Tone, &str)| {
        let takes = 30.0 + name.chars().count().min(LEGEND_LETTERS) as f64 * 6.3;
        if at > 0.0 && at + takes > width {
            (at, line) = (0.0, line + 1.0);
        }
        let place = (at, line);
        at += takes;
        place
    };
    entries.iter().map(place).collect()
}
