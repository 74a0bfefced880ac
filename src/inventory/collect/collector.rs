//! Collects from one region of an account, in passes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::aws;
use crate::aws::client::ServiceClient;
use crate::aws::s3::{Location, S3Client};
use crate::aws::{Account, operations};
use crate::inventory::collect::pass::{CollectionPass, OVERLAP_SECS};
use crate::inventory::collect::{history, jobs, network, trail};
use crate::inventory::fact::{Fact, Facts};
use crate::inventory::merge;
use crate::inventory::model::Job;

/// How far back the first pass looks without a configured time.
pub const SINCE_DEFAULT_SECS: i64 = 24 * 60 * 60;

/// Until when each source is complete, in Unix seconds. `None`: it never did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::inventory) struct CollectedUntil {
    /// From when on it was requested.
    pub(in crate::inventory) since: i64,
    jobs: Option<i64>,
    events: Option<i64>,
    trail: Option<i64>,
    config: Option<i64>,
}

impl CollectedUntil {
    /// Returns from when on to query a source, given until when it is complete.
    fn from(&self, last: Option<i64>) -> i64 {
        last.map_or(self.since, |last| (last - OVERLAP_SECS).max(self.since))
    }
}

/// What a pass found, in numbers and words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CollectionReport {
    /// How many calls were made, tries included.
    pub calls: u64,
    /// Jobs of the time of the pass.
    pub jobs: usize,
    /// Interfaces that are there now.
    pub interfaces: usize,
    /// Facts that were not known before.
    pub new_facts: usize,
    /// What is missing, by which call, and the effect.
    pub warnings: Vec<String>,
    /// What is worth knowing but costs nothing: no AWS Config recorder.
    pub notes: Vec<String>,
}

/// Collects from one region of an account.
#[derive(Debug)]
pub struct Collector<'a> {
    api: ServiceClient<&'a Account>,
    account_id: String,
    trail: Option<(S3Client, Location)>,
    /// Everything that was found and matters.
    pub(in crate::inventory) facts: Facts,
    pub(in crate::inventory) collected_until: CollectedUntil,
    /// Interfaces that matter, also of days before.
    interfaces: BTreeSet<String>,
}

impl<'a> Collector<'a> {
    /// Creates a collector. `trail`: where CloudTrail delivers to, from its trail.
    pub async fn new(
        account: &'a Account,
        region: Option<&str>,
        trail: Option<(S3Client, Location)>,
    ) -> Result<Self, aws::Error> {
        let api = ServiceClient::new(account, region).await?;
        let answer = api.call(&operations::GET_CALLER_IDENTITY, &json!({})).await?;
        let identity = answer.document.get("GetCallerIdentityResult");
        let account_id = identity.and_then(|result| result.get("Account")?.as_str());
        let account_id = account_id.ok_or_else(|| {
            aws::Error::new(aws::Kind::Other, "GetCallerIdentity does not name the account")
        })?;
        Ok(Self {
            account_id: account_id.to_owned(),
            api,
            trail,
            facts: Facts::new(),
            collected_until: CollectedUntil::default(),
            interfaces: BTreeSet::new(),
        })
    }

    /// Returns the account that is called.
    pub fn account_id(&self) -> &str {
        &self.account_id
    }

    /// Returns the region that is called.
    pub fn region(&self) -> &str {
        self.api.region()
    }

    /// Takes up the facts of an earlier run and until when it queried.
    pub(in crate::inventory) fn resume(&mut self, facts: Facts, collected_until: CollectedUntil) {
        self.facts = facts;
        self.collected_until = collected_until;
        self.interfaces = relevant(&self.facts, &self.interfaces, &self.jobs(i64::MIN));
    }

    /// Begins anew at a time, as if nothing had been queried before. Known facts stay.
    pub fn begin(&mut self, since: i64) {
        self.collected_until = CollectedUntil { since, ..CollectedUntil::default() };
    }

    /// Begins another day: what is known was written, and only what is found from now on is retained.
    pub(in crate::inventory) fn begin_day(&mut self) {
        let open = self.jobs(self.collected_until.from(self.collected_until.jobs));
        let names: BTreeSet<&str> = open.iter().map(|job| job.job_name.as_str()).collect();
        self.facts.retain(
            |fact| matches!(fact, Fact::Job { job, .. } if names.contains(job.job_name.as_str())),
        );
    }

    /// Makes one pass, up to `until`. `now` is in Unix seconds.
    pub async fn pass(&mut self, until: i64, now: i64) -> Result<CollectionReport, aws::Error> {
        let until = until.min(now);
        let calls_before: u64 = self.api.tally().values().sum();
        let mut pass = CollectionPass { api: &self.api, now, ..CollectionPass::new(&self.api) };
        let mut collected_until = self.collected_until.clone();
        let jobs_since = collected_until.from(collected_until.jobs);
        let known = self.jobs(i64::MIN);
        if jobs::collect(&mut pass, jobs_since, collected_until.jobs.is_none(), until, &known)
            .await?
        {
            collected_until.jobs = collected_until.jobs.max(Some(until));
        }
        if history::events(&mut pass, collected_until.from(collected_until.events), until).await? {
            collected_until.events = collected_until.events.max(Some(until));
        }
        if let Some((store, location)) = &self.trail {
            let place = trail::TrailLocation { store, location, account_id: &self.account_id };
            if trail::collect(&mut pass, &place, collected_until.from(collected_until.trail), until)
                .await?
            {
                collected_until.trail = collected_until.trail.max(Some(until));
            }
        }
        let found = std::mem::take(&mut pass.reader.facts);
        let all: Facts = self.facts.iter().chain(&found).cloned().collect();
        let matter = in_time(merge::jobs(&all), jobs_since);
        let subnets = matter.iter().flat_map(|job| job.subnet_ids.iter().cloned()).collect();
        pass.reader.facts = found;
        let interfaces = network::collect(&mut pass, subnets, &all).await?;
        let known = self.facts.iter().chain(&pass.reader.facts).cloned().collect();
        let ids = relevant(&known, &self.interfaces, &merge::jobs(&known));
        if history::config(
            &mut pass,
            collected_until.from(collected_until.config),
            collected_until.config,
            &ids,
        )
        .await?
        {
            collected_until.config = Some(now);
        }
        if pass.complete_sources == 0
            && let Some(error) = pass.first.take()
        {
            return Err(error);
        }
        self.collected_until = collected_until;
        let mut report =
            CollectionReport { jobs: matter.len(), interfaces, ..CollectionReport::default() };
        report.warnings = pass.warnings;
        report.warnings.extend(pass.reader.complaints);
        report.notes = pass.notes;
        let found = pass.reader.facts;
        report.calls = self.api.tally().values().sum::<u64>() - calls_before;
        report.new_facts = self.add(found);
        Ok(report)
    }

    /// Stores the facts that matter, and counts the new ones.
    fn add(&mut self, found: Facts) -> usize {
        let all: Facts = self.facts.iter().cloned().chain(found.iter().cloned()).collect();
        self.interfaces = relevant(&all, &self.interfaces, &merge::jobs(&all));
        let before = self.facts.len();
        let matters = |fact: &Fact| match fact {
            Fact::Eni(sighting) => self.interfaces.contains(&sighting.interface_id),
            _ => true,
        };
        self.facts.extend(found.into_iter().filter(matters));
        self.facts.len() - before
    }

    /// Returns the known jobs that were not over before a time.
    fn jobs(&self, since: i64) -> Vec<Job> {
        in_time(merge::jobs(&self.facts), since)
    }
}

fn in_time(mut jobs: Vec<Job>, since: i64) -> Vec<Job> {
    jobs.retain(|job| job.ended_at.is_none_or(|ended| ended >= since));
    jobs
}

/// Returns the interfaces that are in a VPC which was listed or in a subnet of a job, and `known` ones.
fn relevant(facts: &Facts, known: &BTreeSet<String>, jobs: &[Job]) -> BTreeSet<String> {
    let subnets: BTreeSet<&str> =
        jobs.iter().flat_map(|job| job.subnet_ids.iter().map(String::as_str)).collect();
    let mut vpcs: BTreeSet<&str> = BTreeSet::new();
    for fact in facts {
        if let Fact::Page { vpc_ids, .. } = fact {
            vpcs.extend(vpc_ids.iter().map(String::as_str));
        }
    }
    let mut ids = known.clone();
    for fact in facts {
        if let Fact::Eni(sighting) = fact {
            let (vpc, subnet) = (&sighting.details.vpc_id, &sighting.details.subnet_id);
            let inside = |id: &Option<String>, ids: &BTreeSet<&str>| {
                id.as_deref().is_some_and(|id| ids.contains(id))
            };
            if inside(vpc, &vpcs) || inside(subnet, &subnets) {
                ids.insert(sighting.interface_id.clone());
            }
        }
    }
    ids
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::inventory::documents::Reader;

    fn facts(documents: &[Value]) -> Facts {
        let mut reader = Reader::default();
        documents.iter().for_each(|document| reader.read_document(document.clone()));
        assert_eq!(reader.complaints, Vec::<String>::new());
        reader.facts
    }

    #[tokio::test]
    async fn another_day_begins_with_the_jobs_that_run_and_knows_what_matters() {
        let options =
            aws::Options { region: Some("eu-west-1".to_owned()), ..aws::Options::default() };
        let account = Account::new(options);
        let mut collector = Collector {
            api: ServiceClient::new(&account, None).await.unwrap(),
            account_id: String::new(),
            trail: None,
            facts: Facts::new(),
            collected_until: CollectedUntil::default(),
            interfaces: BTreeSet::new(),
        };
        let job = |name, ended: Value| json!({ "ProcessingJobName": name, "CreationTime": 1_000_000, "ProcessingEndTime": ended });
        let runs = job("runs", Value::Null);
        let known = facts(&[
            runs.clone(),
            job("over", 1_000_600.into()),
            json!({ "CollectedAt": 1_000_100, "NetworkInterfaces": [
                { "NetworkInterfaceId": "eni-1", "VpcId": "vpc-1" },
            ] }),
        ]);
        collector
            .resume(known, CollectedUntil { jobs: Some(1_086_400), ..CollectedUntil::default() });
        collector.begin_day();
        assert_eq!(collector.facts, facts(&[runs]));
        // The end of an interface of the day before is retained, that of another one is not.
        let gone = |id| {
            json!({
                "eventSource": "ec2.amazonaws.com", "eventName": "DeleteNetworkInterface",
                "eventTime": 1_086_500, "requestParameters": { "networkInterfaceId": id },
            })
        };
        assert_eq!(collector.add(facts(&[gone("eni-1"), gone("eni-2")])), 1);
    }

    #[test]
    fn a_source_is_asked_again_from_shortly_before_it_told_all() {
        let collected_until = CollectedUntil { since: 1_000_000, ..CollectedUntil::default() };
        assert_eq!(collected_until.from(None), 1_000_000);
        assert_eq!(collected_until.from(Some(1_000_060)), 1_000_000);
        assert_eq!(collected_until.from(Some(1_100_000)), 1_100_000 - 1200);
    }
}
