//! The jobs whose findings new records may change, and the time that has to be read again for them.
//!
//! A finding is made of records of one job's interfaces, and those records lie in the lifetimes of the
//! interfaces and of the job. So when records of a time range come in, late or not, it is enough to look
//! again at the jobs that may have run then, over the whole time of each.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::detection::Finding;
use crate::inventory::model::{Eni, Inventory, Job};
use crate::time::Window;

/// How far outside the lifetime of its job or interface a record may lie: the 15 minutes after a job's end
/// that attribution allows, an aggregation interval, and the minute that AWS's times may be off.
const SLACK_SECS: i64 = 15 * 60 + 600 + 60;

/// A time range in Unix seconds, both ends in it; the smallest and the greatest number are open ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Range {
    /// Its first second.
    pub from: i64,
    /// Its last second.
    pub to: i64,
}

impl Range {
    /// All time.
    pub const ALL: Self = Self { from: i64::MIN, to: i64::MAX };

    fn of_eni(eni: &Eni) -> Self {
        Self { from: eni.valid_from.unwrap_or(i64::MIN), to: eni.valid_to.unwrap_or(i64::MAX) }
    }

    fn of_job(job: &Job) -> Self {
        Self { from: job.created_at.unwrap_or(i64::MIN), to: job.ended_at.unwrap_or(i64::MAX) }
    }

    fn wider(self) -> Self {
        let (from, to) = (self.from.saturating_sub(SLACK_SECS), self.to.saturating_add(SLACK_SECS));
        Self { from, to }
    }

    fn overlaps(self, other: Self) -> bool {
        self.from <= other.to && other.from <= self.to
    }

    fn span(self, other: Self) -> Self {
        Self { from: self.from.min(other.from), to: self.to.max(other.to) }
    }

    /// Merges ranges that meet; the answer is sorted.
    pub fn merge(mut ranges: Vec<Self>) -> Vec<Self> {
        ranges.sort();
        let mut merged: Vec<Self> = Vec::new();
        for range in ranges {
            match merged.last_mut() {
                Some(last) if last.overlaps(range) => *last = last.span(range),
                _ => merged.push(range),
            }
        }
        merged
    }
}

/// Jobs and interfaces whose findings are looked at again, and the time that has to be read for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReevaluationScope {
    range: Range,
    jobs: BTreeSet<String>,
    /// Interfaces that serve one of several jobs, one that has no name, or none that is known.
    interfaces: BTreeSet<String>,
}

impl ReevaluationScope {
    /// Everything.
    pub fn all() -> Self {
        Self { range: Range::ALL, jobs: BTreeSet::new(), interfaces: BTreeSet::new() }
    }

    /// Returns what records of these times may change; no time is read for two of them.
    pub fn of(inventory: &Inventory, touched: &[Range]) -> Vec<Self> {
        let mut scopes: Vec<Self> =
            touched.iter().map(|range| Self::of_range(inventory, *range)).collect();
        scopes.sort_by_key(|scope| scope.range);
        let mut merged: Vec<Self> = Vec::new();
        for scope in scopes {
            match merged.last_mut() {
                Some(last) if last.range.overlaps(scope.range) => {
                    last.range = last.range.span(scope.range);
                    last.jobs.extend(scope.jobs);
                    last.interfaces.extend(scope.interfaces);
                }
                _ => merged.push(scope),
            }
        }
        merged
    }

    fn of_range(inventory: &Inventory, touched: Range) -> Self {
        let near = touched.wider();
        let serving = inventory.enis.iter().filter(|eni| eni.attribution.is_some());
        let jobs = inventory.jobs.iter().filter(|job| Range::of_job(job).wider().overlaps(near));
        let mut scope = Self {
            range: touched,
            jobs: jobs.map(|job| job.job_name.clone()).collect(),
            interfaces: BTreeSet::new(),
        };
        for eni in serving.clone().filter(|eni| Range::of_eni(eni).wider().overlaps(near)) {
            scope.interfaces.insert(eni.interface_id.clone());
            scope.jobs.extend(names(eni).cloned());
        }
        // An interface that SageMaker created for no known owner is a finding by itself: none of its records is read.
        let is_stray = |eni: &&Eni| {
            eni.made_by.is_some() && eni.attribution.is_none() && eni.belongs_to.is_none()
        };
        for eni in inventory.enis.iter().filter(is_stray) {
            if Range::of_eni(eni).wider().overlaps(near) {
                scope.interfaces.insert(eni.interface_id.clone());
            }
        }
        // What these jobs and interfaces did at any time, not only in the range touched.
        for eni in serving {
            let is_in = scope.interfaces.contains(&eni.interface_id);
            if is_in || names(eni).any(|name| scope.jobs.contains(name)) {
                scope.range = scope.range.span(Range::of_eni(eni));
            }
        }
        for job in inventory.jobs.iter().filter(|job| scope.jobs.contains(&job.job_name)) {
            scope.range = scope.range.span(Range::of_job(job));
        }
        scope.range = scope.range.wider();
        scope
    }

    /// Returns whether it is everything.
    pub fn is_all(&self) -> bool {
        self.range == Range::ALL
    }

    /// Returns whether a finding is evaluated again; another one stays as it was.
    pub fn holds(&self, finding: &Finding) -> bool {
        if self.is_all() {
            return true;
        }
        match &finding.job_name {
            Some(job) => self.jobs.contains(job),
            None => {
                let interface = finding.interface_id.as_ref();
                interface.is_some_and(|id| self.interfaces.contains(id))
                    || finding.job_candidates.iter().any(|job| self.jobs.contains(job))
            }
        }
    }

    /// The time that has to be read.
    pub fn window(&self) -> Window {
        let since = Some(self.range.from).filter(|from| *from > i64::MIN);
        let until = Some(self.range.to).filter(|to| *to < i64::MAX).map(|to| to + 1);
        Window { slack_secs: 0, ..Window::new(since, until) }
    }
}

/// The jobs that an interface serves or may serve.
fn names(eni: &Eni) -> impl Iterator<Item = &String> {
    eni.job_name.iter().chain(&eni.job_candidates)
}

/// Returns the times for which two inventories tell something else of jobs and their interfaces; all time when
/// they differ in anything else, since routes, endpoints and address ranges concern every job.
pub fn differences(old: &Inventory, new: &Inventory) -> Vec<Range> {
    let without = |inventory: &Inventory| Inventory {
        jobs: Vec::new(),
        enis: Vec::new(),
        ..inventory.clone()
    };
    if without(old) != without(new) {
        return vec![Range::ALL];
    }
    let jobs = changed(&old.jobs, &new.jobs).map(Range::of_job);
    let enis = changed(&old.enis, &new.enis).map(Range::of_eni);
    Range::merge(jobs.chain(enis).collect())
}

/// The rows that are in only one of two lists.
fn changed<'a, T: Ord>(old: &'a [T], new: &'a [T]) -> impl Iterator<Item = &'a T> {
    let (old, new): (BTreeSet<&T>, BTreeSet<&T>) = (old.iter().collect(), new.iter().collect());
    old.symmetric_difference(&new).copied().collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str, created_at: i64, ended_at: Option<i64>) -> Job {
        Job { job_name: name.into(), created_at: Some(created_at), ended_at, ..Job::default() }
    }

    fn eni(id: &str, job: &str, from: i64, to: Option<i64>) -> Eni {
        Eni {
            interface_id: id.into(),
            job_name: Some(job.into()),
            attribution: Some(crate::inventory::model::Attribution::Exact),
            valid_from: Some(from),
            valid_to: to,
            ..Eni::default()
        }
    }

    const DAY: i64 = 86_400;

    fn inventory() -> Inventory {
        Inventory {
            jobs: vec![job("early", 0, Some(3600)), job("late", 5 * DAY, Some(6 * DAY))],
            enis: vec![
                eni("eni-1", "early", 60, Some(3500)),
                eni("eni-2", "late", 5 * DAY + 100, Some(6 * DAY)),
            ],
            ..Inventory::default()
        }
    }

    fn jobs(scope: &ReevaluationScope) -> Vec<&str> {
        scope.jobs.iter().map(String::as_str).collect()
    }

    #[test]
    fn a_late_record_touches_its_job_for_all_its_time_and_no_other() {
        let scopes = ReevaluationScope::of(&inventory(), &[Range { from: 3000, to: 3000 }]);
        assert_eq!(scopes.len(), 1);
        assert_eq!(jobs(&scopes[0]), ["early"]);
        let window = scopes[0].window();
        assert_eq!(window.since, Some(-SLACK_SECS));
        assert_eq!(window.until, Some(3600 + SLACK_SECS + 1));
    }

    #[test]
    fn ranges_far_apart_are_read_apart_and_near_ones_once() {
        let far = [Range { from: 10, to: 20 }, Range { from: 5 * DAY + 9, to: 5 * DAY + 10 }];
        assert_eq!(ReevaluationScope::of(&inventory(), &far).len(), 2);
        let near = [Range { from: 10, to: 20 }, Range { from: 3000, to: 3010 }];
        assert_eq!(ReevaluationScope::of(&inventory(), &near).len(), 1);
    }

    #[test]
    fn an_interface_without_known_end_is_read_for_good() {
        let mut inventory = inventory();
        inventory.enis[0].valid_to = None;
        let scopes = ReevaluationScope::of(&inventory, &[Range { from: 9 * DAY, to: 9 * DAY }]);
        assert_eq!(jobs(&scopes[0]), ["early"]);
        assert_eq!(scopes[0].window().until, None);
    }

    #[test]
    fn another_job_touches_its_own_time_and_another_route_touches_all() {
        let (old, mut new) = (inventory(), inventory());
        assert_eq!(differences(&old, &new), []);
        new.jobs.push(job("new", 100 * DAY, None));
        assert_eq!(differences(&old, &new), [Range { from: 100 * DAY, to: i64::MAX }]);
        new.vpcs.push(crate::inventory::model::Vpc::default());
        assert_eq!(differences(&old, &new), [Range::ALL]);
    }
}
