//! The pipeline that writes the lake: passes, lag, sinks.

use maud::html;

use crate::serve::layout::tile;
use crate::serve::snapshot::PipelineState;
use crate::serve::{App, DataCell, DataTable, PageContent, PageSection, Snapshot, text};

pub(super) fn content(app: &App, snapshot: &Snapshot) -> PageContent {
    let mut page = PageContent {
        title: "Pipeline".to_owned(),
        entry: "/pipeline",
        path: "/pipeline".to_owned(),
        ..PageContent::default()
    };
    page.sections.push(reading(snapshot));
    match &snapshot.pipeline {
        None => page.notes.push(
            "None of the sources is a lake with a state, so there are no passes: flowq ingest and flowq feed write one."
                .to_owned(),
        ),
        Some(state) => {
            page.notes.push(format!("The state of {}.", state.lake));
            let now = app.clock.now();
            page.sections.insert(0, tiles(state, now));
            page.sections.push(passes(state));
            page.sections.push(unread(state));
            page.sections.push(alerts(state));
        }
    }
    page
}

/// What this server read.
fn reading(snapshot: &Snapshot) -> PageSection {
    let summary = &snapshot.summary;
    let rows = [
        ("read at", DataCell::Time(snapshot.read_at)),
        (
            "took milliseconds",
            DataCell::Count(i64::try_from(snapshot.took_millis).unwrap_or(i64::MAX)),
        ),
        ("objects listed", DataCell::Count(summary.objects_listed as i64)),
        ("objects read", DataCell::Count(summary.objects_read as i64)),
        ("objects not read to their end", DataCell::Count(summary.problem_objects as i64)),
        ("lines", DataCell::Count(summary.lines as i64)),
        ("records OK", DataCell::Count(summary.ok as i64)),
        ("NODATA", DataCell::Count(summary.nodata as i64)),
        ("SKIPDATA", DataCell::Count(summary.skipdata as i64)),
        ("malformed lines", DataCell::Count(summary.malformed.total() as i64)),
    ];
    let rows = rows.into_iter().map(|(name, value)| vec![DataCell::Text(name.to_owned()), value]);
    let mut section = PageSection::new(
        "reading",
        "What this server read",
        DataTable::new(&["what", "value"], rows),
    );
    section.notes.extend(summary.problems.iter().map(|(object, why)| format!("{object}: {why}")));
    section
}

fn tiles(state: &PipelineState, now: i64) -> PageSection {
    let ago = |at: Option<i64>| {
        at.map_or_else(|| "never".to_owned(), |at| format!("{} ago", text::duration(now - at)))
    };
    let checkpoint = &state.checkpoint;
    let count = |number: u64| text::count(i64::try_from(number).unwrap_or(i64::MAX));
    let figure = html! {
        div.tiles {
            (tile(&count(checkpoint.pass), "passes", None))
            (tile(&ago(checkpoint.ended), "last pass", None))
            (tile(&ago(checkpoint.newest), "newest record", None))
            (tile(&count(checkpoint.totals.rows), "rows in the lake", None))
            (tile(&count(checkpoint.waiting().count() as u64), "objects waiting", None))
            (tile(&count(checkpoint.totals.failed), "objects failed", None))
            (tile(&count(state.alerts.len() as u64), "alerts not delivered", None))
        }
    };
    PageSection::figure("", "", figure)
}

fn passes(state: &PipelineState) -> PageSection {
    let row = |pass: &crate::state::PassRecord| {
        let count = |number: u64| DataCell::Count(i64::try_from(number).unwrap_or(i64::MAX));
        let kind = serde_json::to_value(pass.kind).ok();
        let kind = kind.as_ref().and_then(serde_json::Value::as_str).map(str::to_owned);
        vec![
            count(pass.number),
            DataCell::Time(pass.begun),
            DataCell::Duration(pass.ended - pass.begun),
            DataCell::text(kind.as_deref()),
            DataCell::Text(pass.runner.clone()),
            count(pass.totals.objects),
            count(pass.totals.counts.lines),
            count(pass.totals.rows),
            count(pass.totals.failed),
            pass.findings.map_or(DataCell::Empty, count),
        ]
    };
    let columns = [
        "pass", "begun", "took", "kind", "runner", "objects", "lines", "rows", "failed", "findings",
    ];
    PageSection::new(
        "passes",
        "The last passes",
        DataTable::new(&columns, state.passes.iter().map(row)),
    )
}

/// Objects that were not read to their end.
fn unread(state: &PipelineState) -> PageSection {
    let known = state.checkpoint.known.iter();
    let rows = known.filter_map(|(id, object)| {
        let failure = object.failed.as_ref()?;
        let word = if object.is_waiting() { "waits" } else { "failed" };
        Some(vec![
            DataCell::Code(id.clone()),
            DataCell::State(word.to_owned()),
            DataCell::Time(object.read),
            DataCell::Text(failure.reason.clone()),
        ])
    });
    let table = DataTable::new(&["object", "state", "read", "reason"], rows.take(500));
    PageSection::new("unread", "Objects not read to their end", table)
}

/// Alerts that their sinks do not have.
fn alerts(state: &PipelineState) -> PageSection {
    let row = |pending: &crate::alert::Pending| {
        let finding = &pending.alert.finding;
        vec![
            DataCell::Text(pending.sink.clone()),
            DataCell::State(if pending.refused.is_some() { "refused" } else { "waits" }.to_owned()),
            DataCell::State(finding.severity.to_string()),
            DataCell::Text(finding.detection.clone()),
            DataCell::Code(finding.finding_id.clone()),
            DataCell::text(pending.refused.as_deref()),
        ]
    };
    let columns = ["sink", "state", "severity", "detection", "finding_id", "reason"];
    PageSection::new(
        "alerts",
        "Alerts that their sinks do not have",
        DataTable::new(&columns, state.alerts.iter().take(500).map(row)),
    )
}
