//! All jobs, with what each did.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::detection::Severity;
use crate::serve::filter::path_segment;
use crate::serve::{
    DataCell, DataTable, PageContent, PageFilter, PageSection, QueryArgs, Snapshot, TrafficSums,
    text,
};

/// Rows, at most.
const ROWS_MAX: usize = 2000;

/// What is summed up for a job.
#[derive(Default)]
struct JobSums {
    traffic: TrafficSums,
    findings: usize,
    worst: Option<Severity>,
    interfaces: std::collections::BTreeSet<String>,
    gap_secs: i64,
}

pub(super) fn content(snapshot: &Snapshot, args: &QueryArgs, filter: &PageFilter) -> PageContent {
    let sums = sums(snapshot, filter);
    let known: BTreeMap<&str, &crate::inventory::model::Job> =
        snapshot.inventory.jobs.iter().map(|job| (job.job_name.as_str(), job)).collect();
    let mut names: Vec<&str> = snapshot.jobs(filter).map(|job| job.job_name.as_str()).collect();
    names.extend(sums.keys().map(String::as_str));
    names.sort_unstable();
    names.dedup();
    let none = JobSums::default();
    let mut rows: Vec<(&str, &JobSums)> =
        names.iter().map(|name| (*name, sums.get(*name).unwrap_or(&none))).collect();
    rows.sort_by_key(|(name, sums)| (Reverse(sums.worst), Reverse(sums.traffic.bytes()), *name));
    let row = |(name, sums): &(&str, &JobSums)| {
        let job = known.get(name);
        let begun = job.and_then(|job| job.started_at.or(job.created_at));
        let ended = job.and_then(|job| job.ended_at);
        let link = args.shared().with("job", None).link(&format!("/jobs/{}", path_segment(name)));
        vec![
            match name.contains(',') {
                true => DataCell::Text(format!("one of {}", name.replace(',', ", "))),
                false => DataCell::Link { text: (*name).to_owned(), href: link },
            },
            sums.worst.map_or(DataCell::Empty, |worst| DataCell::State(worst.to_string())),
            DataCell::Count(sums.findings as i64),
            DataCell::text(job.and_then(|job| job.status.as_deref())),
            DataCell::time(begun),
            begun
                .zip(ended)
                .map_or(DataCell::Empty, |(begun, ended)| DataCell::Duration(ended - begun)),
            DataCell::count(job.and_then(|job| job.instance_count).map(i64::from)),
            DataCell::Count(sums.interfaces.len() as i64),
            DataCell::Bytes(sums.traffic.bytes_out),
            DataCell::Bytes(sums.traffic.bytes_in),
            DataCell::Count(sums.traffic.rejected_records),
            DataCell::Duration(sums.gap_secs),
        ]
    };
    let columns = [
        "job",
        "worst",
        "findings",
        "status",
        "started",
        "took",
        "instances",
        "interfaces",
        "bytes_out",
        "bytes_in",
        "rejected_records",
        "without_records",
    ];
    let table = DataTable::new(&columns, rows.iter().take(ROWS_MAX).map(row));
    let mut section = PageSection::new("jobs", "", table);
    if rows.len() > ROWS_MAX {
        section.notes.push(format!(
            "only the first {ROWS_MAX} of {}; a time range or a pattern leaves fewer",
            rows.len()
        ));
    }
    let notes = vec![format!(
        "{}. Without records: time of the job's interfaces in which a record was due, or AWS lost records.",
        text::plural(rows.len(), "job")
    )];
    PageContent {
        title: "Jobs".to_owned(),
        entry: "/jobs",
        path: "/jobs".to_owned(),
        notes,
        sections: vec![section],
    }
}

fn sums(snapshot: &Snapshot, filter: &PageFilter) -> BTreeMap<String, JobSums> {
    let mut sums: BTreeMap<String, JobSums> = BTreeMap::new();
    for bucket in snapshot.traffic.buckets(filter) {
        sums.entry(bucket.job.clone()).or_default().traffic.add(&bucket.sums);
    }
    for finding in snapshot.findings(filter) {
        let names = match &finding.job_name {
            Some(name) => std::slice::from_ref(name),
            None => finding.job_candidates.as_slice(),
        };
        for name in names {
            let entry = sums.entry(name.clone()).or_default();
            entry.findings += 1;
            entry.worst = entry.worst.max(Some(finding.severity));
        }
    }
    for span in snapshot.interfaces(filter) {
        let entry = sums.entry(span.job.clone()).or_default();
        entry.interfaces.insert(span.interface_id.clone());
        if !span.is_covered() {
            entry.gap_secs += span.to - span.from;
        }
    }
    sums
}
