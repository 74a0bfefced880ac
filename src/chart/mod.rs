//! Charts as SVG: data to text, without script and without inline style.
//!
//! [`StackedBars`] shows amounts over time with the band of what could be seen, [`Sankey`] flows through layers,
//! [`Matrix`] pairs, [`Timeline`] spans of time, and [`HeatMap`] shares over time. Each draws with the classes of
//! [`STYLE`], has a name for those who do not see it, and a `<title>` on each mark. A page shows the same as a table
//! beside it: no meaning is in a colour alone.

mod axis;
mod bars;
mod heat_map;
mod matrix;
mod sankey;
mod svg;
#[cfg(test)]
mod tests;
mod timeline;

pub use axis::TimeScale;
pub use bars::{BarSeries, StackedBars};
pub use heat_map::{HeatMap, HeatRow};
pub use matrix::{Matrix, MatrixCell};
pub use sankey::{Sankey, SankeyPath};
pub use svg::{STYLE, Tone, escaped};
pub use timeline::{Timeline, TimelineLane, TimelineSpan};
