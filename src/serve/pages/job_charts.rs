//! The charts of a job over time: its interfaces and its traffic, in the time range of the page.

use std::collections::BTreeMap;

use crate::chart::{Timeline, TimelineLane, TimelineSpan};
use crate::explain::job::{STATES, state_tone};
use crate::serve::layout::chart;
use crate::serve::pages::series::{self, TimeAxis};
use crate::serve::{InterfaceSpan, PageFilter, PageSection, Snapshot, text};

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
