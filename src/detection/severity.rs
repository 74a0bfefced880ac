//! Severity of a finding, and confidence in it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, de};

use crate::detection::error::{Error, unknown};

/// How bad a finding is, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are all there is to say")]
pub enum Severity {
    Informational,
    Low,
    Medium,
    High,
    Critical,
}

/// How sure a finding is, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// The records allow it, but do not say it.
    Weak,
    /// It follows from configuration or from rules of thumb, not from the records alone.
    Inferred,
    /// The records say it.
    Strong,
    /// The records say it and leave no other reading.
    Proven,
}

/// Gives an enum of this room its text, both ways.
macro_rules! text_enum {
    ($type:ident, $what:literal, $($variant:ident = $text:literal),+) => {
        impl $type {
            /// Every value, least first.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Returns the name, in lower case.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                let known = Self::ALL.iter().copied();
                known
                    .clone()
                    .find(|value| value.as_str() == text)
                    .ok_or_else(|| unknown($what, text, known.map(Self::as_str)))
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

text_enum!(
    Severity,
    "severity",
    Informational = "informational",
    Low = "low",
    Medium = "medium",
    High = "high",
    Critical = "critical"
);
text_enum!(
    Confidence,
    "confidence",
    Weak = "weak",
    Inferred = "inferred",
    Strong = "strong",
    Proven = "proven"
);
