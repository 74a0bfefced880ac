//! WHETHER THE VPC IS AS AWS'S GUIDE WANTS IT: every recommendation of "Give SageMaker Processing jobs access to
//! resources in your Amazon VPC" as a check over the inventory, and over the logs where they prove or refute it.
//!
//! A check judges a [`Scope`] at a time: jobs that share what it looks at are one result. It passes, fails, or
//! says that it does not know, and why. What fails is a finding as well. Nothing here reads a record or runs SQL.

mod checks;
mod finding;
mod guide;
mod observed_traffic;
mod outcome_batch;
pub mod policy;
mod rules;
pub mod sarif;
mod subject;

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;

pub use checks::CHECKS;
pub use guide::Section;
pub use observed_traffic::{ObservedTraffic, SQL};
pub use outcome_batch::to_batch;
use serde::{Serialize, Serializer};
pub use subject::Scope;

use crate::audit::subject::{AuditContext, Subject};
use crate::detection::{Confidence, Finding, Severity};
use crate::inventory::Inventory;
use crate::inventory::model::Job;
use crate::reachability::command::Command;
use crate::vpc::VpcNetwork;

/// Why an audit could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The rows of [`SQL`] are not what they should be.
    #[error("the traffic of the jobs could not be read")]
    Rows(#[source] Box<dyn std::error::Error + Send + Sync>),
}

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
    ask: fn(&AuditContext<'_>, &Subject<'_>) -> Result<CheckOutcome, NotApplicable>,
}

impl Check {
    /// Returns the id of its findings' detection.
    pub fn detection(&self) -> String {
        format!("audit-{}", self.id)
    }

    /// Returns the check with this id, or with this detection's id.
    pub fn by_id(id: &str) -> Option<&'static Self> {
        let id = id.strip_prefix("audit-").unwrap_or(id);
        CHECKS.iter().find(|check| check.id == id)
    }
}

/// What came out of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CheckVerdict {
    /// It is as recommended.
    Pass,
    /// The inventory, or the logs, do not tell.
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
struct Fix {
    what: String,
    /// A command of the AWS CLI; words in capitals are to be filled in.
    cli: Option<String>,
    /// The same in Terraform.
    terraform: Option<String>,
}

impl Fix {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), ..Self::default() }
    }

    /// Adds the command. What makes one quotes every value: `reach::command`, `reach::paste`.
    fn cli(self, command: Command) -> Self {
        self.commands(&[command])
    }

    fn commands(mut self, commands: &[Command]) -> Self {
        let lines: Vec<String> = commands.iter().map(ToString::to_string).collect();
        self.cli = Some(lines.join("\n")).filter(|text| !text.is_empty());
        self
    }

    /// Adds the blocks. Every value in them comes from `reach::quote`.
    fn terraform(mut self, blocks: &[String]) -> Self {
        self.terraform = Some(blocks.join("\n\n")).filter(|text| !text.is_empty());
        self
    }
}

/// What a check says of a subject when it can tell.
#[derive(Debug, Clone)]
struct CheckOutcome {
    verdict: CheckVerdict,
    confidence: Confidence,
    severity: Option<Severity>,
    why: String,
    evidence: Vec<String>,
    fix: Option<Fix>,
    /// Those of the subject's jobs that it is about. NULL: all.
    jobs: Option<Vec<String>>,
}

impl CheckOutcome {
    fn new(verdict: CheckVerdict, why: impl Into<String>) -> Self {
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
    fn pass(why: impl Into<String>) -> Self {
        Self::new(CheckVerdict::Pass, why)
    }

    /// The configuration says that it is not.
    fn fail(why: impl Into<String>) -> Self {
        Self::new(CheckVerdict::Fail, why)
    }

    /// It follows from the configuration only with what is usual.
    fn inferred(mut self) -> Self {
        self.confidence = Confidence::Inferred;
        self
    }

    fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    fn evidence(mut self, evidence: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(evidence);
        self
    }

    fn fix(mut self, fix: Fix) -> Self {
        self.fix = Some(fix);
        self
    }

    /// It is about these jobs only, not about all that share the subject.
    fn about(mut self, jobs: &[&Job]) -> Self {
        self.jobs = Some(jobs.iter().map(|job| job.job_name.clone()).collect());
        self
    }
}

/// Why a check says nothing of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
enum NotApplicable {
    /// It is not about such jobs.
    DoesNotApply,
    /// What it would need is not known: what, and what would tell.
    NotKnown(String),
}

impl NotApplicable {
    /// The inventory has no row of something, which a call of the AWS CLI would give.
    fn missing_from_inventory(what: &str, call: &str) -> Self {
        Self::NotKnown(format!("the inventory lacks {what}; hint: aws ec2 {call}"))
    }

    /// Another account shares the VPC, and tells of these things only to itself.
    fn of_owner(vpc: &str, owner: &str, what: &str) -> Self {
        Self::NotKnown(format!(
            "account {owner} owns {vpc}, and its {what} are told to that account only; hint: collect its \
             inventory too"
        ))
    }
}

/// What is to be audited. The times are Unix seconds, UTC.
#[derive(Debug, Clone, Default)]
pub struct AuditScope {
    /// Jobs whose names fit. NULL: all.
    pub job: Option<glob::Pattern>,
    /// Jobs of this VPC, or the VPC alone when it has none.
    pub vpc: Option<String>,
    /// Checks by id. Empty: all.
    pub only: Vec<String>,
    /// Jobs that ended before are left out.
    pub since: Option<i64>,
    /// Jobs that were created at this time or later are left out.
    pub until: Option<i64>,
}

/// What a check says of one subject. Lists are sorted; NULL and empty: it does not apply.
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

impl Outcome {
    /// Returns it as a finding; `None` when it is none. The jobs are its candidates: each of them has it.
    pub fn finding(&self) -> Option<Finding> {
        finding::of(self)
    }
}

/// What came out of an audit.
#[derive(Debug, Clone, Default)]
pub struct AuditReport {
    /// Failed first, then not known, then passed; the worst first, then by check and subject.
    pub outcomes: Vec<Outcome>,
    /// Jobs that were audited.
    pub jobs: usize,
}

/// Runs the checks. `traffic`: what the logs show; NULL when none were read, which is not the same as none.
pub fn run(
    inventory: &Arc<Inventory>,
    traffic: Option<&[ObservedTraffic]>,
    asked: &AuditScope,
) -> AuditReport {
    let network = VpcNetwork::new(Arc::clone(inventory));
    let world = AuditContext::new(&network, traffic, asked);
    let mut outcomes = Vec::new();
    for check in CHECKS {
        if !asked.only.is_empty() && !asked.only.iter().any(|id| id == check.id) {
            continue;
        }
        for subject in world.subjects(check.scope) {
            let answer = match (check.ask)(&world, &subject) {
                Ok(answer) => answer,
                Err(NotApplicable::DoesNotApply) => continue,
                Err(NotApplicable::NotKnown(why)) => CheckOutcome::new(CheckVerdict::NotKnown, why),
            };
            outcomes.push(outcome(check, &world, &subject, answer));
        }
    }
    outcomes.sort_by(|a, b| {
        let order = |one: &Outcome| (Reverse(one.verdict), Reverse(one.severity));
        order(a).cmp(&order(b)).then_with(|| a.check.cmp(b.check)).then_with(|| {
            let place = |one: &Outcome| (one.vpc_id.clone(), one.subnet_ids.clone());
            place(a).cmp(&place(b)).then_with(|| a.security_group_ids.cmp(&b.security_group_ids))
        })
    });
    AuditReport { outcomes, jobs: world.job_count() }
}

fn outcome(
    check: &Check,
    world: &AuditContext<'_>,
    subject: &Subject<'_>,
    answer: CheckOutcome,
) -> Outcome {
    let all = || subject.jobs.iter().map(|job| job.job_name.clone()).collect();
    let mut jobs: Vec<String> = answer.jobs.unwrap_or_else(all);
    jobs.sort();
    jobs.dedup();
    let in_scope = |scopes: &[Scope], ids: &[String]| match scopes.contains(&check.scope) {
        true => ids.to_vec(),
        false => Vec::new(),
    };
    let mut subnet_ids =
        in_scope(&[Scope::Subnet, Scope::Subnets, Scope::Config], &subject.subnets);
    if subject.vpc_id.is_none() && check.scope == Scope::Vpc {
        subnet_ids.clone_from(&subject.subnets);
    }
    let security_group_ids = in_scope(&[Scope::Groups, Scope::Config], &subject.groups);
    let account = subject.jobs.iter().find_map(|job| job.account_id.clone());
    let vpc = || world.vpc(subject).ok()?.account_id.clone();
    let vpc_id = subject.vpc_id.clone();
    let key = [
        check.detection(),
        vpc_id.clone().or_else(|| account.clone()).unwrap_or_default(),
        subnet_ids.join(","),
        security_group_ids.join(","),
    ];
    let fix = answer.fix.filter(|_| answer.verdict == CheckVerdict::Fail).unwrap_or_default();
    Outcome {
        check: check.id,
        title: check.title,
        verdict: answer.verdict,
        severity: answer.severity.unwrap_or(check.severity),
        confidence: answer.confidence,
        why: answer.why,
        evidence: answer.evidence,
        guide: check.section.title,
        guide_url: check.section.url,
        account_id: account.or_else(vpc),
        region: subject.known_region(),
        vpc_id,
        subnet_ids,
        security_group_ids,
        jobs,
        fix: Some(fix.what).filter(|what| !what.is_empty()),
        cli: fix.cli,
        terraform: fix.terraform,
        finding_id: finding::id(&key),
    }
}
