//! Traffic that the user expects: allow rules of the configuration and rules learned from a baseline.
//!
//! [`AllowRule`] is one rule as written, [`AllowMatcher`] all rules indexed to match a destination of a job. An
//! expired rule matches nothing.

pub(crate) mod matcher;
pub(crate) mod rule;
pub use matcher::{AllowMatcher, BaselineRule};
pub use rule::{AllowRule, RuleError};
