//! Collects the inventory of one region of an account from its APIs, in passes that take up where the last
//! one ended.
//!
//! A pass asks for the jobs of its time, for the VPCs that their subnets lie in, and for the interfaces in
//! those, living and gone. A source that is denied is told and the others go on.

mod history;
mod jobs;
mod network;
mod trail;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws;
use crate::aws::client::{Response, ServiceClient};
use crate::aws::operations::Operation;
use crate::aws::s3::{Location, S3Client};
use crate::aws::{Account, operations};
use crate::inventory::documents::Reader;
use crate::inventory::fact::{Fact, Facts};
use crate::inventory::merge;
use crate::inventory::model::{FlowLog, Job};

/// How far back a source is asked again, since it may tell late: CloudTrail within some 15 minutes.
const OVERLAP_SECS: i64 = 20 * 60;

/// How far back the first pass looks where nobody says.
pub const SINCE_DEFAULT_SECS: i64 = 24 * 60 * 60;

/// How long a job may run: one that was created so long before may still be running.
const JOB_SECS_MAX: i64 = 9 * 24 * 60 * 60;

/// The most values that one filter of EC2 takes.
const FILTER_VALUES_MAX: usize = 200;

/// Until when each source has told all, in Unix seconds. NULL: it never did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct CollectedUntil {
    /// From when on it was meant to tell.
    pub(super) since: i64,
    jobs: Option<i64>,
    events: Option<i64>,
    trail: Option<i64>,
    config: Option<i64>,
}

impl CollectedUntil {
    /// Returns from when on a source is to be asked, given until when it told.
    fn from(&self, told: Option<i64>) -> i64 {
        told.map_or(self.since, |told| (told - OVERLAP_SECS).max(self.since))
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
    /// What was not told, by which call, and what that costs.
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
    pub(super) facts: Facts,
    pub(super) asked: CollectedUntil,
    /// Interfaces that matter, also of days before.
    interfaces: BTreeSet<String>,
}

impl<'a> Collector<'a> {
    /// Makes a collector. `trail`: where CloudTrail delivers to, as its trail says.
    ///
    /// # Errors
    ///
    /// What stands against any call: no region, no credentials or expired ones, no network.
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
            asked: CollectedUntil::default(),
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

    /// Takes up what an earlier run found and until when it asked.
    pub(super) fn resume(&mut self, facts: Facts, asked: CollectedUntil) {
        self.facts = facts;
        self.asked = asked;
        self.interfaces = relevant(&self.facts, &self.interfaces, &self.jobs(i64::MIN));
    }

    /// Begins anew at a time, as if nothing had been asked before. What is known stays known.
    pub fn begin(&mut self, since: i64) {
        self.asked = CollectedUntil { since, ..CollectedUntil::default() };
    }

    /// Begins another day: what is known was written, and only what is found from now on is kept.
    pub(super) fn begin_day(&mut self) {
        let open = self.jobs(self.asked.from(self.asked.jobs));
        let names: BTreeSet<&str> = open.iter().map(|job| job.job_name.as_str()).collect();
        self.facts.retain(
            |fact| matches!(fact, Fact::Job { job, .. } if names.contains(job.job_name.as_str())),
        );
    }

    /// Makes one pass, up to `until`. `now` is in Unix seconds.
    ///
    /// # Errors
    ///
    /// Refused credentials at once, and else the first error where no source told anything. What an
    /// earlier pass found is kept.
    pub async fn pass(&mut self, until: i64, now: i64) -> Result<CollectionReport, aws::Error> {
        let until = until.min(now);
        let calls_before: u64 = self.api.tally().values().sum();
        let mut pass = CollectionPass { api: &self.api, now, ..CollectionPass::new(&self.api) };
        let mut asked = self.asked.clone();
        let jobs_since = asked.from(asked.jobs);
        let known = self.jobs(i64::MIN);
        if jobs::collect(&mut pass, jobs_since, asked.jobs.is_none(), until, &known).await? {
            asked.jobs = asked.jobs.max(Some(until));
        }
        if history::events(&mut pass, asked.from(asked.events), until).await? {
            asked.events = asked.events.max(Some(until));
        }
        if let Some((store, location)) = &self.trail {
            let place = trail::TrailLocation { store, location, account_id: &self.account_id };
            if trail::collect(&mut pass, &place, asked.from(asked.trail), until).await? {
                asked.trail = asked.trail.max(Some(until));
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
        if history::config(&mut pass, asked.from(asked.config), asked.config, &ids).await? {
            asked.config = Some(now);
        }
        if pass.told == 0
            && let Some(error) = pass.first.take()
        {
            return Err(error);
        }
        self.asked = asked;
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

    /// Keeps what matters, and says how much of it is new.
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

/// Returns the interfaces that lie in a VPC which was listed or in a subnet of a job, and `known` ones.
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

/// One pass while it runs.
struct CollectionPass<'a> {
    api: &'a ServiceClient<&'a Account>,
    now: i64,
    reader: Reader,
    warnings: Vec<String>,
    notes: Vec<String>,
    /// How many sources told all that they were asked for.
    told: usize,
    /// Why the first that did not, did not.
    first: Option<aws::Error>,
}

impl<'a> CollectionPass<'a> {
    fn new(api: &'a ServiceClient<&'a Account>) -> Self {
        Self {
            api,
            now: 0,
            reader: Reader::default(),
            warnings: Vec::new(),
            notes: Vec::new(),
            told: 0,
            first: None,
        }
    }

    /// Returns what a source told, or warns of what is lost without it.
    ///
    /// # Errors
    ///
    /// Refused credentials: no other source would tell more.
    fn or_warn<T>(
        &mut self,
        result: Result<T, aws::Error>,
        call: &str,
        lost: &str,
    ) -> Result<Option<T>, aws::Error> {
        match result {
            Ok(told) => {
                self.told += 1;
                Ok(Some(told))
            }
            Err(error) if error.kind == aws::Kind::Credentials => Err(error),
            Err(error) => {
                self.warnings.push(format!("{call}: {error}: {lost}"));
                self.first.get_or_insert(error);
                Ok(None)
            }
        }
    }

    /// Makes a call with all its pages and takes the answer; warns when that fails.
    async fn take(
        &mut self,
        call: &Operation,
        params: Value,
        lost: &str,
    ) -> Result<bool, aws::Error> {
        let result = self.api.all(call, &params).await;
        let Some(answer) = self.or_warn(result, call.action, lost)? else { return Ok(false) };
        self.read(answer);
        Ok(true)
    }

    /// Takes an answer, with the time that it was given.
    fn read(&mut self, answer: Response) {
        read(&mut self.reader, answer, self.now);
    }
}

/// Takes an answer, with the time that it was given: the service's own, or else `now`.
fn read(reader: &mut Reader, answer: Response, now: i64) {
    let mut document = answer.document;
    document.insert("CollectedAt".to_owned(), answer.at.unwrap_or(now).into());
    reader.read_document(Value::Object(document));
}

/// Makes the filter of an EC2 call.
fn filter(name: &str, values: &[String]) -> Value {
    json!({ "Filter": [{ "Name": name, "Value": values }] })
}

/// Returns the flow logs that write to a log group, for the formats of its records.
///
/// # Errors
///
/// What EC2 says.
pub async fn flow_logs(
    account: &Account,
    log_group: &str,
    region: Option<&str>,
) -> Result<Vec<FlowLog>, aws::Error> {
    let api = ServiceClient::new(account, region).await?;
    let params = filter("log-group-name", &[log_group.to_owned()]);
    let answer = api.all(&operations::DESCRIBE_FLOW_LOGS, &params).await?;
    let mut reader = Reader::default();
    reader.read_document(Value::Object(answer.document));
    Ok(merge::inventory(&reader.facts).flow_logs)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            asked: CollectedUntil::default(),
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
        // The end of an interface of the day before is kept, that of another one is not.
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
        let asked = CollectedUntil { since: 1_000_000, ..CollectedUntil::default() };
        assert_eq!(asked.from(None), 1_000_000);
        assert_eq!(asked.from(Some(1_000_060)), 1_000_000);
        assert_eq!(asked.from(Some(1_100_000)), 1_100_000 - 1200);
    }
}
