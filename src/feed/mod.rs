//! The feed: after every pass, what its records may have changed is looked at again.
//!
//! The findings of the feed are at any time those that one batch over the same lake would give.

mod evaluate;
mod findings;
mod scope;

#[cfg(test)]
mod tests;

pub use evaluate::{Evaluator, Judgement};
pub use findings::Findings;
pub use scope::{Range, Scope, differences};
