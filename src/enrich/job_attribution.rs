//! Which jobs an interface serves: from the inventory, and by the rule for interfaces without history.

use std::ops::Deref;
use std::sync::Arc;

use foldhash::HashMap;

use crate::inventory::model::{Attribution, Eni, Inventory, Job};

/// How long before its `CreationTime` a job may have traffic: clocks differ, and a record's times are up
/// to 60 s off.
const BEFORE_SECS: i64 = 60;

/// How long after its end a job's interface may still have traffic.
const AFTER_SECS: i64 = 15 * 60;

/// The job, or the jobs, that an interface serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JobAttribution {
    pub(super) attribution: Attribution,
    /// `None` if several jobs fit.
    pub(super) job_name: Option<String>,
    pub(super) job_arn: Option<String>,
    /// Names joined by a comma, sorted. `None` if one job fits.
    pub(super) candidates: Option<String>,
    /// `None` if unknown, or if the candidates differ in it.
    pub(super) network_isolation: Option<bool>,
    /// Region from the ARN.
    pub(super) region: Option<String>,
}

/// The job, or jobs, of an interface: from the inventory, or inferred by a rule.
#[derive(Debug, Clone)]
pub(super) enum AttributionRef<'a> {
    Known(&'a JobAttribution),
    Inferred(Arc<JobAttribution>),
}

impl Deref for AttributionRef<'_> {
    type Target = JobAttribution;

    fn deref(&self) -> &JobAttribution {
        match self {
            Self::Known(who) => who,
            Self::Inferred(who) => who,
        }
    }
}

impl JobAttribution {
    /// Returns whether two interfaces serve the same job, or are shared by the same candidates.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (&self.job_name, &other.job_name) {
            (Some(name), Some(other_name)) => match (&self.job_arn, &other.job_arn) {
                (Some(arn), Some(other_arn)) => arn == other_arn,
                _ => name == other_name,
            },
            (None, None) => self.candidates.is_some() && self.candidates == other.candidates,
            _ => false,
        }
    }
}

/// The processing jobs, by name and by subnet.
#[derive(Debug)]
pub(super) struct Jobs {
    jobs: Vec<Job>,
    by_name: HashMap<String, Vec<usize>>,
    by_subnet: HashMap<String, Vec<Window>>,
}

/// The time in which a job may have traffic in one subnet, both ends inclusive.
#[derive(Debug, Clone, Copy)]
struct Window {
    from: i64,
    to: i64,
    /// Latest `to` of this window and all before it in the list.
    latest_to: i64,
    job: usize,
}

impl Jobs {
    pub(super) fn new(inventory: &Inventory, now: i64) -> Self {
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::default();
        let mut by_subnet: HashMap<String, Vec<Window>> = HashMap::default();
        for (index, job) in inventory.jobs.iter().enumerate() {
            by_name.entry(job.job_name.clone()).or_default().push(index);
            let Some((from, to)) = window(job, now) else { continue };
            for subnet in &job.subnet_ids {
                let window = Window { from, to, latest_to: to, job: index };
                by_subnet.entry(subnet.clone()).or_default().push(window);
            }
        }
        for windows in by_subnet.values_mut() {
            windows.sort_by_key(|w| (w.from, w.job));
            windows.dedup_by_key(|w| w.job);
            let mut latest = i64::MIN;
            for window in windows {
                latest = latest.max(window.to);
                window.latest_to = latest;
            }
        }
        Self { jobs: inventory.jobs.clone(), by_name, by_subnet }
    }

    /// Returns the jobs of an interface in the inventory.
    pub(super) fn of_eni(&self, eni: &Eni) -> Option<Arc<JobAttribution>> {
        let attribution = eni.attribution?;
        let Some(name) = &eni.job_name else {
            let jobs: Vec<_> =
                eni.job_candidates.iter().flat_map(|name| self.named(name)).collect();
            let names = eni.job_candidates.clone();
            return Some(Arc::new(shared(attribution, names, &jobs)));
        };
        let job = self.job_of(name, eni.job_arn.as_deref());
        Some(Arc::new(JobAttribution {
            attribution,
            job_name: Some(name.clone()),
            job_arn: eni.job_arn.clone().or_else(|| job?.job_arn.clone()),
            candidates: None,
            network_isolation: job.and_then(|job| job.network_isolation),
            region: job.and_then(|job| job.region.clone()),
        }))
    }

    /// Returns whether a job of this name may have had traffic in [start, end]. True when the job, or when
    /// it ran, is not known.
    pub(super) fn may_run(&self, who: &JobAttribution, start: i64, end: i64, now: i64) -> bool {
        let job = who.job_name.as_deref().and_then(|n| self.job_of(n, who.job_arn.as_deref()));
        let window = job.and_then(|job| window(job, now));
        window.is_none_or(|(from, to)| from <= end && start <= to)
    }

    /// Returns the jobs, by number, that the rule for interfaces without history finds: the subnet is one
    /// of the job's, the times overlap, and no security groups are known to differ.
    pub(super) fn infer(
        &self,
        subnet: &str,
        groups: &[String],
        start: i64,
        end: i64,
    ) -> Vec<usize> {
        let Some(windows) = self.by_subnet.get(subnet) else { return Vec::new() };
        let begun = windows.partition_point(|window| window.from <= end);
        let mut found: Vec<usize> = windows[..begun]
            .iter()
            .rev()
            .take_while(|window| window.latest_to >= start)
            .filter(|window| window.to >= start)
            .map(|window| window.job)
            .filter(|job| fits_groups(&self.jobs[*job].security_group_ids, groups))
            .collect();
        found.sort_unstable();
        found
    }

    /// Returns the attribution that follows from the jobs that [`Self::infer`] found.
    pub(super) fn inferred(&self, found: &[usize]) -> Option<JobAttribution> {
        let jobs: Vec<&Job> = found.iter().map(|job| &self.jobs[*job]).collect();
        match jobs.as_slice() {
            [] => None,
            [job] => Some(JobAttribution {
                attribution: Attribution::Inferred,
                job_name: Some(job.job_name.clone()),
                job_arn: job.job_arn.clone(),
                candidates: None,
                network_isolation: job.network_isolation,
                region: job.region.clone(),
            }),
            jobs => {
                let names = jobs.iter().map(|job| job.job_name.clone()).collect();
                Some(shared(Attribution::Shared, names, jobs))
            }
        }
    }

    /// Returns whether the rule for interfaces without history can find anything, in this subnet if one is
    /// known.
    pub(super) fn can_infer(&self, subnet: Option<&str>) -> bool {
        subnet.map_or(!self.by_subnet.is_empty(), |subnet| self.by_subnet.contains_key(subnet))
    }

    fn named(&self, name: &str) -> impl Iterator<Item = &Job> {
        self.by_name.get(name).into_iter().flatten().map(|job| &self.jobs[*job])
    }

    fn job_of(&self, name: &str, arn: Option<&str>) -> Option<&Job> {
        let by_arn =
            arn.and_then(|arn| self.named(name).find(|j| j.job_arn.as_deref() == Some(arn)));
        by_arn.or_else(|| self.named(name).next())
    }
}

fn shared(attribution: Attribution, mut names: Vec<String>, jobs: &[&Job]) -> JobAttribution {
    names.sort_unstable();
    names.dedup();
    let isolation = jobs.first().and_then(|job| job.network_isolation);
    let region = jobs.first().and_then(|job| job.region.clone());
    JobAttribution {
        attribution,
        job_name: None,
        job_arn: None,
        candidates: (!names.is_empty()).then(|| names.join(",")),
        network_isolation: isolation
            .filter(|_| jobs.iter().all(|job| job.network_isolation == isolation)),
        region: region.filter(|region| jobs.iter().all(|j| j.region.as_ref() == Some(region))),
    }
}

fn window(job: &Job, now: i64) -> Option<(i64, i64)> {
    let created = job.created_at?;
    let ended = job.ended_at.unwrap_or(now).max(created);
    Some((created.saturating_sub(BEFORE_SECS), ended.saturating_add(AFTER_SECS)))
}

fn fits_groups(of_job: &[String], of_eni: &[String]) -> bool {
    if of_job.is_empty() || of_eni.is_empty() {
        return true;
    }
    of_job.len() == of_eni.len() && of_job.iter().all(|group| of_eni.contains(group))
}
