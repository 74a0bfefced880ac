//! Suppressions: findings that the user has looked at and does not want to see again.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::detection::finding::FIELDS;
use crate::detection::{Error, Finding, unknown};

/// Hides findings whose fields all fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Suppression {
    /// Why it is hidden.
    pub reason: Option<String>,
    /// Until when it holds, exclusive, Unix seconds, UTC. `None`: for good.
    pub until: Option<i64>,
    /// Field of a finding and the value that it must have; `*`, `?` and `[a-z]` as in file names.
    fields: BTreeMap<String, glob::Pattern>,
}

impl Suppression {
    /// Makes a suppression of finding fields and their values or globs.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`] for a name that is no finding field; [`Error::Value`] for a bad glob, a field that
    /// has no single value, or no field at all, since that would hide everything.
    pub fn new(
        fields: BTreeMap<String, String>,
        reason: Option<String>,
        until: Option<i64>,
    ) -> Result<Self, Error> {
        if fields.is_empty() {
            return Err(Error::Value("a suppression needs at least one finding field".to_owned()));
        }
        let mut patterns = BTreeMap::new();
        for (name, value) in fields {
            if !FIELDS.contains(&name.as_str()) {
                return Err(unknown("finding field", &name, FIELDS.iter().copied()));
            }
            if name == "evidence" {
                return Err(Error::Value("evidence cannot be suppressed by".to_owned()));
            }
            let pattern = glob::Pattern::new(&value)
                .map_err(|err| Error::Value(format!("{name} = {value:?}: {err}")))?;
            patterns.insert(name, pattern);
        }
        Ok(Self { reason, until, fields: patterns })
    }

    /// Returns the glob that a field must fit; `None` if any value does.
    pub fn pattern(&self, field: &str) -> Option<&glob::Pattern> {
        self.fields.get(field)
    }

    /// Returns whether it has run out at `now` (Unix seconds, UTC). An expired one hides nothing.
    pub fn expired(&self, now: i64) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// Returns whether every field fits. A list fits when one of its items does; NULL never fits.
    pub fn fits(&self, finding: &Finding) -> bool {
        let Ok(Value::Object(values)) = serde_json::to_value(finding) else { return false };
        self.fields.iter().all(|(name, pattern)| match values.get(name) {
            Some(Value::String(text)) => pattern.matches(text),
            Some(Value::Number(number)) => pattern.matches(&number.to_string()),
            Some(Value::Array(items)) => {
                items.iter().filter_map(Value::as_str).any(|item| pattern.matches(item))
            }
            _ => false,
        })
    }
}

/// Takes suppressed findings away. Returns how many each rule took; the first rule that fits counts.
pub(crate) fn suppress(findings: &mut Vec<Finding>, rules: &[Suppression], now: i64) -> Vec<usize> {
    let mut taken = vec![0; rules.len()];
    findings.retain(|finding| {
        let fits = |rule: &Suppression| !rule.expired(now) && rule.fits(finding);
        match rules.iter().position(fits) {
            Some(at) => {
                taken[at] += 1;
                false
            }
            None => true,
        }
    });
    taken
}
