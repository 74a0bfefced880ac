//! Results of checks.
//!
//! A check returns a [`CheckOutcome`] about its subject, or [`NotApplicable`]; an audit returns an [`Outcome`] for each
//! check and subject.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::detection::{Confidence, Severity};
use crate::inventory::model::Job;
use crate::reachability::command::Command;

/// The verdict of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CheckVerdict {
    /// It is as recommended.
    Pass,
    /// The inventory or the logs do not show it.
    NotKnown,
    /// It is not as recommended.
    Fail,
}

impl CheckVerdict {
    /// Returns `pass`, `fail` or `not known`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::NotKnown => "not known",
            Self::Fail => "fail",
        }
    }
}

impl fmt::Display for CheckVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for CheckVerdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What to do about a failed check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fix {
    pub(super) what: String,
    /// A command of the AWS CLI; words in capitals are to be filled in.
    pub(super) cli: Option<String>,
    /// The same in Terraform.
    pub(super) terraform: Option<String>,
}

impl Fix {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), ..Self::default() }
    }

    /// Adds the command. [`Command`] quotes every value.
    pub(super) fn cli(self, command: Command) -> Self {
        self.commands(&[command])
    }

    pub(super) fn commands(mut self, commands: &[Command]) -> Self {
        let lines: Vec<String> = commands.iter().map(ToString::to_string).collect();
        self.cli = Some(lines.join("\n")).filter(|text| !text.is_empty());
        self
    }

    /// Adds the blocks. Every value in them is quoted by `reachability`.
    pub(super) fn terraform(mut self, blocks: &[String]) -> Self {
        self.terraform = Some(blocks.join("\n\n")).filter(|text| !text.is_empty());
        self
    }
}

/// The verdict of a check about a subject, with its reason.
#[derive(Debug, Clone)]
pub(super) struct CheckOutcome {
    pub(super) verdict: CheckVerdict,
    pub(super) confidence: Confidence,
    pub(super) severity: Option<Severity>,
    pub(super) why: String,
    pub(super) evidence: Vec<String>,
    pub(super) fix: Option<Fix>,
    /// Those of the subject's jobs that it is about. `None`: all.
    pub(super) jobs: Option<Vec<String>>,
}

impl CheckOutcome {
    pub(super) fn new(verdict: CheckVerdict, why: impl Into<String>) -> Self {
        Self {
            verdict,
            confidence: Confidence::Proven,
            severity: None,
            why: why.into(),
            evidence: Vec::new(),
            fix: None,
            jobs: None,
        }
    }

    /// The configuration says that it is as recommended.
    pub(super) fn pass(why: impl Into<String>) -> Self {
        Self::new(CheckVerdict::Pass, why)
    }

    /// The configuration says that it is not.
    pub(super) fn fail(why: impl Into<String>) -> Self {
        Self::new(CheckVerdict::Fail, why)
    }

    /// It follows from the configuration only with what is usual.
    pub(super) fn inferred(mut self) -> Self {
        self.confidence = Confidence::Inferred;
        self
    }

    pub(super) fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    pub(super) fn evidence(mut self, evidence: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(evidence);
        self
    }

    pub(super) fn fix(mut self, fix: Fix) -> Self {
        self.fix = Some(fix);
        self
    }

    /// It is about these jobs only, not about all that share the subject.
    pub(super) fn about(mut self, jobs: &[&Job]) -> Self {
        self.jobs = Some(jobs.iter().map(|job| job.job_name.clone()).collect());
        self
    }
}

/// Why a check has no verdict about a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotApplicable {
    /// It is not about such jobs.
    DoesNotApply,
    /// Something that it needs is not known: what, and where it could be read.
    NotKnown(String),
}

impl NotApplicable {
    /// The inventory has no row of something, which a call of the AWS CLI would give.
    pub(super) fn missing_from_inventory(what: &str, call: &str) -> Self {
        Self::NotKnown(format!("the inventory lacks {what}; hint: aws ec2 {call}"))
    }

    /// Security groups are not in the inventory.
    pub(super) fn unknown_groups(groups: &[String]) -> Self {
        Self::missing_from_inventory(&groups.join(", "), "describe-security-groups")
    }

    /// Another account shares the VPC, and only its own API calls list these things.
    pub(super) fn of_owner(vpc: &str, owner: &str, what: &str) -> Self {
        Self::NotKnown(format!(
            "account {owner} owns {vpc}, and its {what} are visible to that account only; hint: collect its \
             inventory too"
        ))
    }
}

/// What a check returns.
pub(super) type CheckResult = Result<CheckOutcome, NotApplicable>;

/// The result of a check for one subject. Lists are sorted; `None` and empty: it does not apply.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are those of `Check`, and of a finding")]
pub struct Outcome {
    pub check: &'static str,
    pub title: &'static str,
    pub verdict: CheckVerdict,
    pub severity: Severity,
    pub confidence: Confidence,
    /// What is wrong, or right; or what would have to be known.
    pub why: String,
    /// Ids and values that it follows from.
    pub evidence: Vec<String>,
    /// Section of the guide that recommends it.
    pub guide: &'static str,
    pub guide_url: &'static str,
    pub account_id: Option<String>,
    pub region: Option<String>,
    pub vpc_id: Option<String>,
    pub subnet_ids: Vec<String>,
    pub security_group_ids: Vec<String>,
    pub jobs: Vec<String>,
    /// What to do, where it fails.
    pub fix: Option<String>,
    /// The same as a command of the AWS CLI, and in Terraform; words in capitals are to be filled in.
    pub cli: Option<String>,
    pub terraform: Option<String>,
    /// The same for the same check and subject, whatever jobs share it.
    pub finding_id: String,
}
