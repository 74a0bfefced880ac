//! Traffic that the owner expects.

pub(crate) mod matcher;
pub(crate) mod rule;
pub use matcher::{AllowMatcher, BaselineRule};
pub use rule::{AllowRule, RuleError};
