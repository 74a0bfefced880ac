//! The charts of a job: its interfaces and traffic over time, and who of its instances talked to whom.

use std::collections::BTreeMap;

use maud::Markup;

use crate::chart::{Matrix, MatrixCell, Timeline, TimelineLane, TimelineSpan, Tone};
use crate::serve::layout::chart;
use crate::serve::pages::series::{self, STATES, TimeAxis, state_tone};
use crate::serve::{DataCell, InterfaceSpan, PageFilter, PageSection, Snapshot, text};

/// What the colours of pairs mean.
const PAIRS: &[(Tone, &str)] = &[
    (Tone::Good, "accepted"),
    (Tone::Medium, "partly rejected"),
    (Tone::High, "rejected"),
    (Tone::Quiet, "silent: no record between the two"),
];

/// The charts over time.
pub(super) fn sections(snapshot: &Snapshot, job: &str, filter: &PageFilter) -> Vec<PageSection> {
    let filter = filter.of_job(job);
    let spans: Vec<&InterfaceSpan> = snapshot.interfaces(&filter).collect();
    let first = spans.iter().map(|span| span.from).min();
    let last = spans.iter().map(|span| span.to).max();
    let (Some(first), Some(last)) = (first, last) else { return Vec::new() };
    let range = filter.within(first, last);
    let Some(axis) = TimeAxis::new(snapshot, &range) else { return Vec::new() };
    vec![timeline(&spans, &axis), series::traffic(snapshot, &range, &axis)]
}

fn timeline(spans: &[&InterfaceSpan], axis: &TimeAxis) -> PageSection {
    let mut lanes: BTreeMap<&str, Vec<TimelineSpan>> = BTreeMap::new();
    for span in spans {
        let (from, to) = (text::time(span.from), text::time(span.to));
        lanes.entry(&span.interface_id).or_default().push(TimelineSpan {
            from: span.from,
            to: span.to,
            tone: state_tone(&span.state),
            says: format!(
                "{}: {} from {from} to {to}, {} records",
                span.interface_id, span.state, span.records
            ),
        });
    }
    let lane = |(name, spans): (&str, Vec<TimelineSpan>)| TimelineLane {
        name: name.to_owned(),
        href: None,
        spans,
    };
    let lanes: Vec<TimelineLane> = lanes.into_iter().map(lane).collect();
    let title = "Its interfaces over time, and what the logs have of each";
    let svg = Timeline { title, time: axis.scale(), lanes: &lanes, legend: STATES }.svg();
    PageSection::figure("timeline", title, chart(svg))
        .note("The same as a table below, under coverage.")
}

/// Who talked to whom, from the rows of the part `between_instances`.
pub(super) fn matrix(sections: &[PageSection]) -> Option<Markup> {
    let section = sections.iter().find(|section| section.id == "between_instances")?;
    let table = section.table.as_ref().filter(|table| !table.rows.is_empty())?;
    let column = |name: &str| table.columns.iter().position(|known| known == name);
    let (from, to, port) = (column("from")?, column("to")?, column("port")?);
    let (protocol, state) = (column("protocol")?, column("state")?);
    let mut pairs: BTreeMap<(String, String), Vec<(String, String)>> = BTreeMap::new();
    for row in &table.rows {
        let port = match words(row.get(port)?).as_str() {
            "" => words(row.get(protocol)?),
            port => port.to_owned(),
        };
        let state = words(row.get(state)?);
        let (from, to) = (words(row.get(from)?), words(row.get(to)?));
        if state == "silent" {
            // Neither direction has a record.
            pairs
                .entry((to.clone(), from.clone()))
                .or_default()
                .push((String::new(), state.clone()));
        }
        pairs.entry((from, to)).or_default().push((port, state));
    }
    let mut names: Vec<String> =
        pairs.keys().flat_map(|(from, to)| [from.clone(), to.clone()]).collect();
    names.sort();
    names.dedup();
    let cells: Vec<MatrixCell> = pairs.into_iter().map(cell).collect();
    let title = "Traffic between the instances of the job";
    Some(chart(Matrix { title, names: &names, cells: &cells, legend: PAIRS }.svg()))
}

fn cell(((from, to), mut ports): ((String, String), Vec<(String, String)>)) -> MatrixCell {
    let has = |state: &str| ports.iter().any(|(_, known)| known == state);
    let tone = match () {
        () if has("rejected") => Tone::High,
        () if has("partly rejected") => Tone::Medium,
        () if has("accepted") => Tone::Good,
        () => Tone::Quiet,
    };
    // What was rejected is seen first.
    ports.sort_by_key(|(_, state)| state == "accepted");
    let mark = |(port, state): &(String, String)| match state.as_str() {
        "accepted" => format!("{port} ✓"),
        "silent" => "silent".to_owned(),
        "rejected" => format!("{port} ✕ refused"),
        _ => format!("{port} ◐ partly"),
    };
    let lines: Vec<String> = ports.iter().map(mark).collect();
    let says = format!("{from} to {to}: {}", lines.join(", "));
    MatrixCell { from, to, tone, lines, says }
}

/// A cell as words.
fn words(cell: &DataCell) -> String {
    match cell {
        DataCell::Text(text) | DataCell::Code(text) | DataCell::State(text) => text.clone(),
        DataCell::Count(number) => number.to_string(),
        _ => String::new(),
    }
}
