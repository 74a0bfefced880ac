//! Which job an interface serves, by the rules of the contract. Never picks one of several.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::inventory::fact::MappingRow;
use crate::inventory::model::{Attribution, Eni, Job};

/// An interface may be created this long before the creation time of the job.
const BEFORE_SECS: i64 = 60;

/// Why an interface without history has no job in its row.
const NOT_KNOWN: &str = "creation time not known: attributed per flow by subnet and time";

/// The jobs of one subnet: creation, latest end so far, job; in order of creation.
#[derive(Debug, Default)]
struct OfSubnet<'a>(Vec<(i64, i64, &'a Job)>);

impl<'a> OfSubnet<'a> {
    /// Returns the jobs in whose time an interface was created.
    fn at(&self, created_at: i64) -> impl Iterator<Item = &'a Job> {
        let begun = self.0.partition_point(|(at, ..)| at.saturating_sub(BEFORE_SECS) <= created_at);
        self.0[..begun]
            .iter()
            .rev()
            .take_while(move |(_, latest, _)| created_at <= *latest)
            .map(|(.., job)| *job)
            .filter(move |job| job.ended_at.is_none_or(|ended_at| created_at <= ended_at))
    }
}

fn by_subnet(jobs: &[Job]) -> HashMap<&str, OfSubnet<'_>> {
    let mut sorted: Vec<(i64, &Job)> =
        jobs.iter().filter_map(|job| Some((job.created_at?, job))).collect();
    sorted.sort();
    let mut by_subnet: HashMap<&str, OfSubnet<'_>> = HashMap::new();
    for (created_at, job) in sorted {
        for subnet_id in &job.subnet_ids {
            let OfSubnet(overlapping) = by_subnet.entry(subnet_id).or_default();
            let before = overlapping.last().map_or(i64::MIN, |(_, latest, _)| *latest);
            overlapping.push((created_at, before.max(job.ended_at.unwrap_or(i64::MAX)), job));
        }
    }
    by_subnet
}

/// Fills job, attribution, role and reason of rows by the history of their interface.
pub(super) fn attribute(enis: &mut [Eni], jobs: &[Job]) {
    let by_subnet = by_subnet(jobs);
    // The groups at its creation decide for its whole life: a job's groups do not change.
    for life in enis.chunk_by_mut(|a, b| a.interface_id == b.interface_id) {
        let known = life.iter().find(|row| !row.security_group_ids.is_empty());
        let groups = known.map(|row| row.security_group_ids.clone()).unwrap_or_default();
        for row in life {
            let of_subnet = row.subnet_id.as_deref().and_then(|id| by_subnet.get(id));
            attribute_row(row, &groups, of_subnet);
        }
    }
    lower_surplus(enis, jobs);
}

/// How many interfaces a job has for each of its instances: the container's and the platform's.
const PER_INSTANCE: i32 = 2;

/// Lowers the attribution of all interfaces of a job that has more at one time than it can have: some are of another
/// job or service, and nothing states which. One without an end counts until now.
fn lower_surplus(enis: &mut [Eni], jobs: &[Job]) {
    let mut by_job: HashMap<(&str, Option<&str>), i32> = HashMap::new();
    for job in jobs {
        let Some(instances) = job.instance_count.filter(|count| *count > 0) else { continue };
        let key = (job.job_name.as_str(), job.job_arn.as_deref());
        by_job.insert(key, instances.saturating_mul(PER_INSTANCE));
    }
    let mut overlapping: BTreeMap<(String, Option<String>), Vec<usize>> = BTreeMap::new();
    for (at, row) in enis.iter().enumerate() {
        if let (Some(Attribution::Exact), Some(name)) = (row.attribution, &row.job_name) {
            overlapping.entry((name.clone(), row.job_arn.clone())).or_default().push(at);
        }
    }
    for ((name, arn), rows) in overlapping {
        let Some(most) = by_job.get(&(name.as_str(), arn.as_deref())) else { continue };
        let count = most_at_once(rows.iter().filter_map(|at| enis.get(*at)));
        if count <= usize::try_from(*most).unwrap_or(usize::MAX) {
            continue;
        }
        for at in rows {
            let Some(row) = enis.get_mut(at) else { continue };
            row.attribution = Some(Attribution::Inferred);
            row.reason = format!(
                "{count} interfaces fit {name}, which can have {most} at a time ({PER_INSTANCE} for each instance): \
                 some belong to another job or service, and which ones is not known; {}",
                row.reason
            );
        }
    }
}

/// Returns how many different interfaces there are at the time of the most.
fn most_at_once<'a>(rows: impl Iterator<Item = &'a Eni>) -> usize {
    let mut lives: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for row in rows {
        let (from, to) = (row.valid_from.unwrap_or(i64::MIN), row.valid_to.unwrap_or(i64::MAX));
        let life = lives.entry(&row.interface_id).or_insert((from, to));
        *life = (life.0.min(from), life.1.max(to));
    }
    // At one time an end goes before a beginning.
    let changes = lives.values().flat_map(|(from, to)| [(*from, 1), (*to, -1)]);
    let mut changes: Vec<(i64, i32)> = changes.collect();
    changes.sort_unstable();
    let (mut count, mut most) = (0i32, 0i32);
    for (_, change) in changes {
        count += change;
        most = most.max(count);
    }
    usize::try_from(most).unwrap_or(0)
}

fn attribute_row(row: &mut Eni, groups: &[String], jobs: Option<&OfSubnet<'_>>) {
    let how = std::mem::take(&mut row.reason);
    if let Some(owner) = &row.belongs_to {
        row.reason = format!("belongs to {owner}, no job");
        return;
    }
    let Some(created_at) = row.created_at else {
        row.reason = NOT_KNOWN.to_owned();
        return;
    };
    if row.subnet_id.is_none() || groups.is_empty() {
        row.reason = format!("{how}, but its subnet or security groups are not known");
        return;
    }
    let role = row.creator_role_arn.as_deref();
    let fits =
        |job: &&Job| job.security_group_ids == groups && same_role(role, job.role_arn.as_deref());
    let fitting: Vec<&Job> =
        jobs.into_iter().flat_map(|jobs| jobs.at(created_at)).filter(fits).collect();
    let by = if role.is_some() { ", role" } else { "" };
    match fitting.as_slice() {
        [] if jobs.is_none() => row.reason = format!("{how}; no known job uses its subnet"),
        [] => {
            row.reason =
                format!("{how}; no job has its subnet, security groups{by} and creation time");
        }
        [job] => {
            serve(row, job);
            row.attribution = Some(Attribution::Exact);
            row.reason = format!(
                "only {} has its subnet, security groups{by} and time; {how}",
                job.job_name
            );
        }
        several => {
            row.job_candidates = names(several.iter().map(|job| job.job_name.as_str()));
            row.attribution = Some(Attribution::Shared);
            let number = several.len();
            row.reason =
                format!("{number} jobs have its subnet, security groups{by} and time; {how}");
        }
    }
}

fn serve(row: &mut Eni, job: &Job) {
    row.job_name = Some(job.job_name.clone());
    row.job_arn.clone_from(&job.job_arn);
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    names.collect::<BTreeSet<_>>().into_iter().map(str::to_owned).collect()
}

/// Returns whether a creator may be the execution role. An assumed role and its role are written
/// differently, and only one of them has the path; account and name are the same.
fn same_role(creator: Option<&str>, role: Option<&str>) -> bool {
    let (Some(creator), Some(role)) = (creator, role) else { return true };
    identity(creator) == identity(role)
}

/// Returns account, kind and name of a role or user.
fn identity(arn: &str) -> (Option<&str>, &str, &str) {
    let account = arn.split(':').nth(4);
    let path = arn.rsplit(':').next().unwrap_or(arn);
    match path.split_once('/') {
        Some(("assumed-role", rest)) => (account, "role", rest.split('/').next().unwrap_or(rest)),
        Some((kind, rest)) => (account, kind, rest.rsplit('/').next().unwrap_or(rest)),
        None => (account, "", path),
    }
}

/// Lets the user's mapping decide, splitting rows where it covers only a part of them. An interface
/// that only the mapping knows gets rows for the time that it covers.
pub(super) fn declare(
    enis: Vec<Eni>,
    declared: &BTreeMap<&str, Vec<&MappingRow>>,
    jobs: &[Job],
) -> Vec<Eni> {
    let mut by_name: HashMap<&str, Vec<&Job>> = HashMap::new();
    for job in jobs {
        by_name.entry(&job.job_name).or_default().push(job);
    }
    let known: BTreeSet<String> = enis.iter().map(|row| row.interface_id.clone()).collect();
    let mut rows = Vec::new();
    for row in enis {
        match declared.get(row.interface_id.as_str()) {
            Some(mapping) => rows.extend(split(&row, mapping, &by_name)),
            None => rows.push(row),
        }
    }
    for (id, mapping) in declared.iter().filter(|(id, _)| !known.contains(**id)) {
        let row =
            Eni { interface_id: (*id).to_owned(), source: "mapping".to_owned(), ..Eni::default() };
        let pieces = split(&row, mapping, &by_name);
        rows.extend(pieces.into_iter().filter(|piece| piece.attribution.is_some()));
    }
    rows.sort();
    rows
}

fn split(row: &Eni, mapping: &[&MappingRow], jobs: &HashMap<&str, Vec<&Job>>) -> Vec<Eni> {
    let span =
        |from: Option<i64>, to: Option<i64>| (from.unwrap_or(i64::MIN), to.unwrap_or(i64::MAX));
    let (from, to) = span(row.valid_from, row.valid_to);
    let mut cuts = BTreeSet::from([from, to]);
    for row in mapping {
        let (start, end) = span(row.from, row.to);
        cuts.extend([start, end].into_iter().filter(|cut| from < *cut && *cut < to));
    }
    let cuts: Vec<i64> = cuts.into_iter().collect();
    let pieces = cuts.windows(2).map(|piece| {
        let covers = |declared: &&&MappingRow| {
            let (start, end) = span(declared.from, declared.to);
            start <= piece[0] && piece[1] <= end
        };
        let covering: Vec<&MappingRow> = mapping.iter().filter(covers).copied().collect();
        let valid_from = Some(piece[0]).filter(|at| *at != i64::MIN);
        let valid_to = Some(piece[1]).filter(|at| *at != i64::MAX);
        let piece = Eni { valid_from, valid_to, ..row.clone() };
        if covering.is_empty() { piece } else { declare_row(piece, &covering, jobs) }
    });
    pieces.collect()
}

fn declare_row(mut row: Eni, mapping: &[&MappingRow], jobs: &HashMap<&str, Vec<&Job>>) -> Eni {
    let declared = names(mapping.iter().map(|row| row.job_name.as_str()));
    let roles: BTreeSet<&String> = mapping.iter().filter_map(|row| row.role.as_ref()).collect();
    row.belongs_to = None;
    row.job_arn = None;
    row.eni_role = None;
    match declared.as_slice() {
        [name] => {
            let named = jobs.get(name.as_str()).map_or(&[][..], Vec::as_slice);
            match named {
                [job] => serve(&mut row, job),
                _ => row.job_name = Some(name.clone()),
            }
            row.job_candidates = Vec::new();
            row.attribution = Some(Attribution::Declared);
            row.reason = "the mapping names it".to_owned();
            if named.is_empty() {
                row.reason.push_str("; the job itself is not in the inventory");
            }
        }
        several => {
            row.job_name = None;
            row.attribution = Some(Attribution::Shared);
            row.reason = format!("the mapping names {} jobs at this time", several.len());
            row.job_candidates = declared;
        }
    }
    if roles.len() == 1 {
        row.eni_role = roles.first().map(|role| (*role).clone());
    }
    row
}
