//! Subjects of checks: jobs, and the part of their VPC's configuration that they share.

use std::collections::{BTreeMap, BTreeSet};

use crate::audit::observed_traffic::ObservedTraffic;
use crate::audit::outcome::NotApplicable;
use crate::inventory::model::{Inventory, Job, Subnet, Vpc, VpcEndpoint};
use crate::inventory::zone::region_of_zone;
use crate::vpc::{EffectiveRouteTable, VpcNetwork};

/// The jobs, VPC and checks to audit. The times are Unix seconds, UTC.
#[derive(Debug, Clone, Default)]
pub struct AuditScope {
    /// Jobs whose names fit. `None`: all.
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

/// What one result of a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All jobs together, those outside of any VPC among them.
    Jobs,
    /// A VPC that jobs run in.
    Vpc,
    /// A subnet that jobs run in.
    Subnet,
    /// Jobs with the same subnets.
    Subnets,
    /// Jobs with the same security groups, in one VPC.
    Groups,
    /// Jobs with the same subnets and security groups.
    Config,
}

/// One thing that a check judges. The lists are sorted; those that its scope does not tell apart hold what any
/// of its jobs has.
#[derive(Debug, Clone, Default)]
pub(super) struct Subject<'a> {
    /// The VPC; `None` if it is not known in which one the subnets lie.
    pub(super) vpc_id: Option<String>,
    pub(super) subnets: Vec<String>,
    pub(super) groups: Vec<String>,
    pub(super) jobs: Vec<&'a Job>,
}

/// The data that the checks read.
#[derive(Debug)]
pub(super) struct AuditContext<'a> {
    pub(super) network: &'a VpcNetwork,
    /// What the logs show; `None` if none were read.
    traffic: Option<&'a [ObservedTraffic]>,
    jobs: Vec<&'a Job>,
    /// The VPC of the scope, which may have no jobs.
    vpc: Option<String>,
}

type Key = (Option<String>, BTreeSet<String>, BTreeSet<String>);

impl<'a> AuditContext<'a> {
    /// Selects the jobs of the scope: those of the glob, in the VPC, that existed in the time.
    pub(super) fn new(
        network: &'a VpcNetwork,
        traffic: Option<&'a [ObservedTraffic]>,
        scope: &AuditScope,
    ) -> Self {
        let mut world = Self { network, traffic, jobs: Vec::new(), vpc: scope.vpc.clone() };
        let is_asked = |job: &Job| {
            scope.job.as_ref().is_none_or(|glob| glob.matches(&job.job_name))
                && scope.until.is_none_or(|until| job.created_at.is_none_or(|at| at < until))
                && scope.since.is_none_or(|since| job.ended_at.is_none_or(|at| at >= since))
                && scope.vpc.as_ref().is_none_or(|vpc| world.vpc_of(job).as_ref() == Some(vpc))
        };
        world.jobs = network.inventory().jobs.iter().filter(|job| is_asked(job)).collect();
        world
    }

    /// The number of jobs in the scope.
    pub(super) fn job_count(&self) -> usize {
        self.jobs.len()
    }

    pub(super) fn inventory(&self) -> &Inventory {
        self.network.inventory()
    }

    /// Returns the VPC of a job, by any of its subnets or groups that is known.
    fn vpc_of(&self, job: &Job) -> Option<String> {
        let subnets = job.subnet_ids.iter().filter_map(|id| self.network.subnet(id));
        let groups = job.security_group_ids.iter().filter_map(|id| self.network.group(id));
        let of_subnets = subnets.filter_map(|subnet| subnet.vpc_id.clone());
        of_subnets.chain(groups.filter_map(|group| group.vpc_id.clone())).next()
    }

    /// Returns what there is of a scope, each once, sorted.
    pub(super) fn subjects(&self, scope: Scope) -> Vec<Subject<'a>> {
        if scope == Scope::Jobs {
            let none = Subject { jobs: self.jobs.clone(), ..Subject::default() };
            return if self.jobs.is_empty() { Vec::new() } else { vec![none] };
        }
        let mut made: BTreeMap<Key, Subject<'a>> = BTreeMap::new();
        for &job in self.jobs.iter().filter(|job| !job.subnet_ids.is_empty()) {
            let vpc = self.vpc_of(job);
            let subnets: BTreeSet<String> = job.subnet_ids.iter().cloned().collect();
            let groups: BTreeSet<String> = job.security_group_ids.iter().cloned().collect();
            let none = BTreeSet::new;
            let keys = match scope {
                // Jobs whose VPC is not known may lie in different ones.
                Scope::Vpc if vpc.is_none() => vec![(None, subnets, none())],
                Scope::Vpc | Scope::Jobs => vec![(vpc, none(), none())],
                Scope::Subnet => {
                    let one = |subnet| (vpc.clone(), BTreeSet::from([subnet]), none());
                    subnets.into_iter().map(one).collect()
                }
                Scope::Subnets => vec![(vpc, subnets, none())],
                Scope::Groups => vec![(vpc, none(), groups)],
                Scope::Config => vec![(vpc, subnets, groups)],
            };
            for key in keys {
                made.entry(key).or_default().jobs.push(job);
            }
        }
        if made.is_empty() && self.vpc.is_some() {
            return self.unused(scope);
        }
        let fill = |((vpc_id, subnets, groups), subject): (Key, Subject<'a>)| {
            let all = |own: BTreeSet<String>, of: fn(&Job) -> &Vec<String>| -> Vec<String> {
                let own = if own.is_empty() {
                    subject.jobs.iter().flat_map(|job| of(job).clone()).collect()
                } else {
                    own
                };
                own.into_iter().collect()
            };
            Subject {
                subnets: all(subnets, |job| &job.subnet_ids),
                groups: all(groups, |job| &job.security_group_ids),
                jobs: subject.jobs.clone(),
                vpc_id,
            }
        };
        made.into_iter().map(fill).collect()
    }

    /// The subjects of a VPC that no job has run in yet.
    fn unused(&self, scope: Scope) -> Vec<Subject<'a>> {
        let subnets = self.inventory().subnets.iter().filter(|row| row.vpc_id == self.vpc);
        let subnets: Vec<String> = subnets.map(|row| row.subnet_id.clone()).collect();
        if subnets.is_empty() {
            return Vec::new();
        }
        let of = |subnets| Subject { vpc_id: self.vpc.clone(), subnets, ..Subject::default() };
        match scope {
            Scope::Vpc => vec![of(subnets)],
            Scope::Subnet => subnets.into_iter().map(|subnet| of(vec![subnet])).collect(),
            Scope::Jobs | Scope::Subnets | Scope::Groups | Scope::Config => Vec::new(),
        }
    }

    /// Returns the row of a subnet.
    pub(super) fn subnet(&self, id: &str) -> Result<&'a Subnet, NotApplicable> {
        self.network
            .subnet(id)
            .ok_or_else(|| NotApplicable::missing_from_inventory(id, "describe-subnets"))
    }

    /// Returns the region of the subject: of its jobs' ARNs, else of its subnets' zones.
    pub(super) fn region(&self, subject: &Subject<'_>) -> Option<String> {
        let subnets = subject.subnets.iter().filter_map(|id| self.network.subnet(id));
        let zones = subnets.filter_map(|row| row.availability_zone.as_deref());
        let mut of_zones = zones.filter_map(region_of_zone);
        subject.known_region().or_else(|| of_zones.next().map(str::to_owned))
    }

    /// Returns the row of the subject's VPC.
    pub(super) fn vpc(&self, subject: &Subject<'_>) -> Result<&'a Vpc, NotApplicable> {
        let id = self.vpc_id(subject)?;
        let vpc = self.network.inventory().vpcs.iter().find(|vpc| vpc.vpc_id == id);
        vpc.ok_or_else(|| NotApplicable::missing_from_inventory(&id, "describe-vpcs"))
    }

    /// Returns the id of the subject's VPC.
    pub(super) fn vpc_id(&self, subject: &Subject<'_>) -> Result<String, NotApplicable> {
        let lacks = || {
            NotApplicable::missing_from_inventory(&subject.subnets.join(", "), "describe-subnets")
        };
        subject.vpc_id.clone().ok_or_else(lacks)
    }

    /// Returns the route table of a subnet.
    pub(super) fn table_of(&self, subnet: &str) -> Result<EffectiveRouteTable<'a>, NotApplicable> {
        let table = self.network.table_of(subnet);
        table.ok_or_else(|| NotApplicable::missing_from_inventory(subnet, "describe-route-tables"))
    }

    /// Returns the endpoints of the subject's VPC.
    pub(super) fn endpoints(
        &self,
        subject: &Subject<'_>,
    ) -> Result<Vec<&'a VpcEndpoint>, NotApplicable> {
        let id = self.vpc_id(subject)?;
        // The API lists a deleted endpoint for a while.
        let is_there = |one: &&VpcEndpoint| {
            let state = one.state.as_deref().unwrap_or_default().to_ascii_lowercase();
            !matches!(state.as_str(), "deleted" | "deleting")
        };
        let endpoints: Vec<&VpcEndpoint> = self.network.endpoints(&id).filter(is_there).collect();
        if endpoints.is_empty() && !self.was_asked("VpcEndpoints") {
            return Err(NotApplicable::missing_from_inventory(
                &format!("the endpoints of {id}"),
                "describe-vpc-endpoints",
            ));
        }
        match self.owner_of_shared(subject) {
            Some(owner) if endpoints.is_empty() => {
                Err(NotApplicable::of_owner(&id, owner, "endpoints"))
            }
            _ => Ok(endpoints),
        }
    }

    /// Returns the account of a VPC that is shared with the account of the jobs.
    pub(super) fn owner_of_shared(&self, subject: &Subject<'_>) -> Option<&'a str> {
        let owner = self.vpc(subject).ok()?.account_id.as_deref()?;
        let mut accounts = subject.jobs.iter().filter_map(|job| job.account_id.as_deref());
        accounts.next().filter(|account| *account != owner).map(|_| owner)
    }

    /// Returns whether any answer gives this list, be it empty.
    pub(super) fn was_asked(&self, list: &str) -> bool {
        self.inventory().listed.iter().any(|listed| listed == list)
    }

    /// Returns what the logs show of the subject's jobs in its subnets; empty when no logs were read.
    pub(super) fn hints(&self, subject: &Subject<'_>) -> Vec<&'a ObservedTraffic> {
        let is_ours = |seen: &&ObservedTraffic| {
            let in_subnet = seen.subnet_id.as_ref().is_none_or(|id| subject.subnets.contains(id));
            in_subnet && subject.jobs.iter().any(|job| seen.is_of(&job.job_name))
        };
        self.traffic.unwrap_or_default().iter().filter(is_ours).collect()
    }

    /// As [`AuditContext::hints`], for what only the logs can tell.
    pub(super) fn seen(
        &self,
        subject: &Subject<'_>,
    ) -> Result<Vec<&'a ObservedTraffic>, NotApplicable> {
        if self.traffic.is_none() {
            let why = "this needs flow logs, and none were given; hint: flowq audit SOURCE… --inventory PATH";
            return Err(NotApplicable::NotKnown(why.to_owned()));
        }
        let seen = self.hints(subject);
        if seen.is_empty() {
            let why = "the logs that were read have no record of these jobs";
            return Err(NotApplicable::NotKnown(why.to_owned()));
        }
        Ok(seen)
    }
}

impl Subject<'_> {
    /// The one subnet of a subject of that scope.
    pub(super) fn subnet(&self) -> &str {
        self.subnets.first().map_or("", String::as_str)
    }

    /// Jobs of more than one instance. A job whose count is not known is none of them.
    pub(super) fn distributed(&self) -> Vec<&Job> {
        let is_distributed = |job: &&&Job| job.instance_count.is_some_and(|count| count > 1);
        self.jobs.iter().filter(is_distributed).copied().collect()
    }

    /// Region, as the jobs' ARNs tell it, else as what is written in a command that a person completes.
    pub(super) fn region(&self) -> String {
        self.known_region().unwrap_or_else(|| "REGION".to_owned())
    }

    /// Region, as the jobs' ARNs tell it.
    pub(super) fn known_region(&self) -> Option<String> {
        self.jobs.iter().find_map(|job| job.region.clone())
    }

    /// Partition of ARNs, as the jobs' own tell it.
    pub(super) fn partition(&self) -> &str {
        let arn = self.jobs.iter().find_map(|job| job.job_arn.as_deref());
        arn.and_then(|arn| arn.split(':').nth(1)).unwrap_or("aws")
    }
}

/// Names a few jobs: `a, b and 3 more`.
pub(super) fn names(jobs: &[&Job]) -> String {
    let all: BTreeSet<&str> = jobs.iter().map(|job| job.job_name.as_str()).collect();
    let shown: Vec<&str> = all.iter().take(3).copied().collect();
    match all.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
