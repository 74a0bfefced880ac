//! [`Enricher`]: an inventory, indexed to enrich flow records.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use crate::allow::{AllowMatcher, AllowRule};
use crate::enrich::endpoints::Endpoints;
use crate::enrich::interface_index::{Index, InterfaceInterval};
use crate::enrich::job_attribution::{JobAttribution, Jobs};
use crate::inventory::model::Inventory;
use crate::vpc::RouteTables;
use crate::vpc::ip_ranges::IpRanges;

/// Owners of interfaces (`eni_belongs_to`) that are services which jobs may call.
pub const SERVICE_OWNERS: &[&str] =
    &["vpc_endpoint", "efs", "load_balancer", "rds", "elasticache", "redshift", "directory"];

/// Why records of an interface may matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum InterfaceRelevance {
    /// It serves a job at some time.
    Job,
    /// Nothing is known of what it serves: its records may be attributed by subnet and time.
    Maybe,
    /// It is a NAT gateway's.
    Nat,
    /// It belongs to a service that jobs may call: one of [`SERVICE_OWNERS`].
    Service,
    /// It serves something else: none of its records is ever attributed to a job.
    Other,
}

/// An inventory, indexed to enrich flow records.
#[derive(Debug)]
pub struct Enricher {
    pub(super) inventory: Arc<Inventory>,
    pub(super) index: Index,
    pub(super) jobs: Jobs,
    pub(super) places: Arc<IpRanges>,
    pub(super) endpoints: Endpoints,
    pub(super) routes: RouteTables,
    pub(super) allow: AllowMatcher,
    pub(super) now: i64,
}

impl Enricher {
    /// Prepares an inventory. `now`, in Unix seconds, is the end of jobs that have none and decides which
    /// allow rules have expired.
    pub fn new(inventory: Arc<Inventory>, rules: Vec<AllowRule>, now: i64) -> Self {
        let endpoints = Endpoints::new(&inventory);
        let jobs = Jobs::new(&inventory, now);
        let index = Index::new(&inventory, &jobs, &endpoints);
        let places = Arc::new(IpRanges::new(&inventory));
        let allow = AllowMatcher::with_places(rules, &inventory, Arc::clone(&places), now);
        let routes = RouteTables::new(&inventory);
        Self { index, jobs, places, routes, endpoints, allow, inventory, now }
    }

    /// Returns the indexed inventory.
    pub fn inventory(&self) -> &Arc<Inventory> {
        &self.inventory
    }

    /// Returns the allow rules.
    pub fn allow(&self) -> &AllowMatcher {
        &self.allow
    }

    /// Returns why records of an interface may matter, so that others can be dropped early.
    ///
    /// No record of an interface that is [`InterfaceRelevance::Other`], [`InterfaceRelevance::Nat`] or [`InterfaceRelevance::Service`] is ever attributed.
    pub fn interest(&self, interface_id: &str) -> InterfaceRelevance {
        let rows = self.index.interface(interface_id);
        if rows.iter().any(|row| row.who.is_some()) {
            return InterfaceRelevance::Job;
        }
        let can_infer = |row: &InterfaceInterval| {
            row.may_infer && self.jobs.can_infer(row.eni.subnet_id.as_deref())
        };
        let belongs_to = |owners: &[&str]| {
            rows.iter().filter_map(|row| row.belongs_to.as_deref()).any(|own| owners.contains(&own))
        };
        if rows.iter().any(can_infer) || (rows.is_empty() && self.jobs.can_infer(None)) {
            InterfaceRelevance::Maybe
        } else if belongs_to(&["nat_gateway"]) {
            InterfaceRelevance::Nat
        } else if belongs_to(SERVICE_OWNERS) {
            InterfaceRelevance::Service
        } else {
            InterfaceRelevance::Other
        }
    }

    /// Returns every address at which a job may be reached: `remote_scope` is `same-job` or `other-job` of
    /// none but these.
    pub fn job_addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.index.job_addresses()
    }

    /// Returns whether a record of an interface may be attributed to one of these jobs, by their names.
    pub fn may_belong_to_job(&self, interface_id: &str, jobs: &HashSet<String>) -> bool {
        let rows = self.index.interface(interface_id);
        let names = rows.iter().filter_map(|row| row.who.as_ref()?.job_name.as_ref());
        self.interest(interface_id) == InterfaceRelevance::Maybe
            || names.into_iter().any(|name| jobs.contains(name))
            || rows.iter().any(|row| row.may_infer)
    }

    /// Returns the AWS service whose public range contains an address at a time (Unix seconds; without one,
    /// by the newest ranges): S3 wherever it is listed as S3, else the most specific, AMAZON last. `None`
    /// for addresses that are not AWS's.
    pub fn aws_service(&self, ip: IpAddr, at: Option<i64>) -> Option<&str> {
        self.places.aws_range(ip.to_canonical(), at).map(|range| range.service)
    }

    pub(super) fn may_run(&self, who: &JobAttribution, start: i64, end: i64) -> bool {
        self.jobs.may_run(who, start, end, self.now)
    }
}
