//! `flowq baseline`: the usual destinations of a job family as rules, and new ones.

mod destinations;
pub(crate) mod diff;
pub(crate) mod learn;
