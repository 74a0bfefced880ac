//! A check: one recommendation of AWS's guide, and the function that judges it.

use crate::audit::guide::Section;
use crate::audit::outcome::CheckResult;
use crate::audit::subject::{AuditContext, Scope, Subject};
use crate::detection::Severity;

/// The function of a check, called once for each subject.
pub(super) type CheckFn = fn(&AuditContext<'_>, &Subject<'_>) -> CheckResult;

/// One recommendation, and how it is checked.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Its name on the command line; its findings are those of detection `audit-…`.
    pub id: &'static str,
    /// What is wrong where it fails, in one line.
    pub title: &'static str,
    /// Severity where it fails and the case is no milder one.
    pub severity: Severity,
    /// Where AWS recommends it.
    pub section: Section,
    /// What one result is about.
    pub scope: Scope,
    /// What it looks at, and why that matters.
    pub help: &'static str,
    pub(super) ask: CheckFn,
}

impl Check {
    /// Returns the id of its findings' detection.
    pub fn detection(&self) -> String {
        format!("audit-{}", self.id)
    }
}
