//! Traffic that the owner expects.

pub(crate) mod matcher;
pub(crate) mod rule;
pub use matcher::{AllowRules, Known};
pub use rule::{AllowRule, RuleError};
