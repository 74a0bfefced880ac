//! What the logs cover of the interfaces of jobs, and which questions they answer.

use std::collections::BTreeMap;

use crate::chart::{HeatMap, HeatRow};
use crate::explain::job::{STATES, state_tone};
use crate::serve::filter::path_segment;
use crate::serve::layout::chart;
use crate::serve::pages::series::TimeAxis;
use crate::serve::{
    DataCell, DataTable, Error, InterfaceSpan, PageContent, PageFilter, PageSection, QueryArgs,
    Snapshot, text,
};

/// Rows of the chart.
const HEAT_ROWS_MAX: usize = 150;

/// Rows of the table of spans.
const ROWS_MAX: usize = 1000;

pub(super) fn content(
    snapshot: &Snapshot,
    args: &QueryArgs,
    filter: &PageFilter,
) -> Result<PageContent, Error> {
    let mut sections = vec![spans(snapshot, args, filter)];
    for (name, rows) in &snapshot.coverage_parts {
        let (id, title) = match *name {
            "flow_logs" => ("flow_logs", "Deliveries of each flow log"),
            "chosen" => ("chosen", "The flow log chosen for interfaces that several record"),
            "questions" => ("questions", "Questions, and how surely they are answered"),
            _ => continue,
        };
        sections.push(PageSection::new(
            id,
            title,
            DataTable::from_batches(std::slice::from_ref(rows))?,
        ));
    }
    Ok(PageContent {
        title: "Coverage".to_owned(),
        entry: "/coverage",
        path: "/coverage".to_owned(),
        notes: snapshot.coverage.lines(),
        sections,
    })
}

/// The spans of each interface.
fn spans(snapshot: &Snapshot, args: &QueryArgs, filter: &PageFilter) -> PageSection {
    let spans: Vec<_> = snapshot.interfaces(filter).collect();
    let row = |span: &&crate::serve::InterfaceSpan| {
        vec![
            DataCell::Text(span.job.clone()),
            DataCell::Code(span.interface_id.clone()),
            DataCell::State(span.state.clone()),
            DataCell::Time(span.from),
            DataCell::Time(span.to),
            DataCell::Count((span.to - span.from) / 60),
            DataCell::Count(span.records),
        ]
    };
    let columns = ["job", "interface_id", "state", "from", "to", "minutes", "records"];
    let table = DataTable::new(&columns, spans.iter().take(ROWS_MAX).map(row));
    let mut section = PageSection::new("interfaces", "Interfaces of jobs over time", table);
    section.is_folded = true;
    if let Some(axis) = TimeAxis::new(snapshot, filter) {
        let rows = heat_rows(&spans, args, &axis);
        if rows.len() > HEAT_ROWS_MAX {
            let all = text::plural(rows.len(), "interface");
            section.notes.push(format!(
                "the chart has the first {HEAT_ROWS_MAX} of {all}: those with the least coverage"
            ));
        }
        let rows = &rows[..rows.len().min(HEAT_ROWS_MAX)];
        let title = "Coverage of the interfaces of jobs over time";
        let svg = HeatMap { title, time: axis.scale(), rows, legend: STATES }.svg();
        section.figure = Some(chart(svg));
    }
    if spans.len() > ROWS_MAX {
        let all = text::plural(spans.len(), "span");
        section.notes.push(format!("the table has the first {ROWS_MAX} of {all}"));
    }
    section
}

/// One row for each interface, those with the least coverage first. A cell has the worst state of its time: a hole is
/// not hidden by what is around it.
fn heat_rows(spans: &[&InterfaceSpan], args: &QueryArgs, axis: &TimeAxis) -> Vec<HeatRow> {
    let mut interfaces: BTreeMap<(&str, &str), Vec<&InterfaceSpan>> = BTreeMap::new();
    for span in spans {
        interfaces.entry((&span.job, &span.interface_id)).or_default().push(span);
    }
    let worse = ["quiet", "nodata", "records", "unknown", "skipdata", "gap"];
    let rank = |state: &str| worse.iter().position(|known| *known == state).unwrap_or(0);
    let row = |((job, interface), spans): ((&str, &str), Vec<&InterfaceSpan>)| {
        let mut cells: Vec<Option<&InterfaceSpan>> = vec![None; axis.count()];
        for span in &spans {
            for (at, start) in axis.starts().enumerate() {
                let is_in = span.from < start + axis.step && span.to > start;
                if is_in && cells[at].is_none_or(|known| rank(&span.state) > rank(&known.state)) {
                    cells[at] = Some(span);
                }
            }
        }
        let uncovered: i64 =
            spans.iter().filter(|span| !span.is_covered()).map(|span| span.to - span.from).sum();
        let says = |span: &InterfaceSpan| {
            let times = (text::time(span.from), text::time(span.to));
            format!(
                "{interface} of {job}: {} from {} to {}, {} records",
                span.state, times.0, times.1, span.records
            )
        };
        let cell =
            |span: Option<&InterfaceSpan>| span.map(|span| (state_tone(&span.state), says(span)));
        let href = (!job.contains(','))
            .then(|| args.shared().link(&format!("/jobs/{}", path_segment(job))));
        let name = format!(
            "{job} {}",
            interface.trim_start_matches("eni-").chars().take(6).collect::<String>()
        );
        (uncovered, HeatRow { name, href, cells: cells.into_iter().map(cell).collect() })
    };
    let mut rows: Vec<(i64, HeatRow)> = interfaces.into_iter().map(row).collect();
    rows.sort_by_key(|(uncovered, _)| std::cmp::Reverse(*uncovered));
    rows.into_iter().map(|(_, row)| row).collect()
}
