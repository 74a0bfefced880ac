//! Runs the checks over an inventory.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::audit::check::Check;
use crate::audit::checks::CHECKS;
use crate::audit::finding;
use crate::audit::observed_traffic::ObservedTraffic;
use crate::audit::outcome::{CheckOutcome, CheckVerdict, NotApplicable, Outcome};
use crate::audit::subject::{AuditContext, AuditScope, Scope, Subject};
use crate::inventory::Inventory;
use crate::vpc::VpcNetwork;

/// The outcomes of an audit.
#[derive(Debug, Clone, Default)]
pub struct AuditReport {
    /// Failed first, then not known, then passed; the worst first, then by check and subject.
    pub outcomes: Vec<Outcome>,
    /// Jobs that were audited.
    pub jobs: usize,
}

/// Runs the checks. `traffic`: what the logs show; `None` if none were read, which is not the same as none.
pub fn run(
    inventory: &Arc<Inventory>,
    traffic: Option<&[ObservedTraffic]>,
    audit_scope: &AuditScope,
) -> AuditReport {
    let network = VpcNetwork::new(Arc::clone(inventory));
    let world = AuditContext::new(&network, traffic, audit_scope);
    let mut outcomes = Vec::new();
    for check in CHECKS {
        if !audit_scope.only.is_empty() && !audit_scope.only.iter().any(|id| id == check.id) {
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
