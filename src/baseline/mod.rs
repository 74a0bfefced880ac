//! The destinations that a family of jobs usually opens: learned as allow rules, and compared with later ones.
//!
//! [`learn`] turns [`ObservedDestination`]s into [`Learned`] rules, [`render`] writes them as TOML, and [`against`] and
//! [`between`] return each [`DestinationChange`].
//!
//! Nothing here runs SQL: the rows of [`DESTINATIONS`] are arguments.

mod diff;
pub(crate) mod learn;
mod observed;
pub(crate) mod render;
#[cfg(test)]
mod tests;

pub use diff::{ChangeKind, DestinationChange, against, between, to_batch};
pub use learn::{Excluded, Flagged, Learned, LearnedRule, Options, Runs, learn};
pub use observed::{DESTINATIONS, Error, ObservedDestination, read};
pub use render::render;
