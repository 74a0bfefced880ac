//! Traffic that the owner expects.

pub(crate) mod matcher;
pub(crate) mod rule;
pub use matcher::AllowRules;
pub use matcher::Known;
pub use rule::AllowRule;
pub use rule::RuleError;
