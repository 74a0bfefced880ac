//! The charts of a page: interfaces over time, and who of the instances talked to whom.

use std::collections::BTreeMap;

use chrono::DateTime;

use crate::chart::{Matrix, MatrixCell, TimeScale, Timeline, TimelineLane, TimelineSpan, Tone};
use crate::explain::job::{ReportSection, cells};

/// What the colours of the states of interfaces mean.
pub const STATES: &[(Tone, &str)] = &[
    (Tone::Good, "records"),
    (Tone::Quiet, "NODATA, or quiet"),
    (Tone::Medium, "SKIPDATA: AWS lost records"),
    (Tone::High, "gap: a record was due"),
    (Tone::None, "not known"),
];

/// What the colours of pairs mean.
const PAIRS: &[(Tone, &str)] = &[
    (Tone::Good, "accepted"),
    (Tone::Medium, "partly rejected"),
    (Tone::High, "rejected"),
    (Tone::Quiet, "silent: no record between the two"),
];

/// Returns the colour of a state of an interface.
pub fn state_tone(state: &str) -> Tone {
    match state {
        "records" => Tone::Good,
        "nodata" | "quiet" => Tone::Quiet,
        "skipdata" => Tone::Medium,
        "gap" => Tone::High,
        _ => Tone::None,
    }
}

impl ReportSection {
    /// Returns its rows as SVG. `None`: it has no rows, or only a table shows them.
    pub fn chart(&self) -> Option<String> {
        match self.id {
            "between_instances" => matrix(self),
            "coverage" => timeline(self),
            _ => None,
        }
    }

    /// The values of some columns, as text. `None`: one is missing, or there are no rows.
    fn columns<const N: usize>(&self, names: [&str; N]) -> Option<Vec<[String; N]>> {
        let schema = self.rows.schema();
        let places = names.map(|name| schema.index_of(name).ok());
        let rows = cells(&self.rows).ok().filter(|rows| !rows.is_empty())?;
        let row = |row: &Vec<String>| {
            let mut values = names.map(str::to_owned);
            for (value, place) in values.iter_mut().zip(places) {
                value.clone_from(row.get(place?)?);
            }
            Some(values)
        };
        rows.iter().map(row).collect()
    }
}

/// The states of each interface over time.
fn timeline(part: &ReportSection) -> Option<String> {
    let rows = part.columns(["interface", "state", "from", "to", "records"])?;
    let mut lanes: BTreeMap<String, Vec<TimelineSpan>> = BTreeMap::new();
    let mut time = TimeScale { from: i64::MAX, to: i64::MIN };
    for [interface, state, from, to, records] in rows {
        let says = format!("{interface}: {state} from {from} to {to}, {records} records");
        let secs = |text: &str| Some(DateTime::parse_from_rfc3339(text).ok()?.timestamp());
        let (Some(from), Some(to)) = (secs(&from), secs(&to)) else { continue };
        time = TimeScale { from: time.from.min(from), to: time.to.max(to) };
        let span = TimelineSpan { from, to, tone: state_tone(&state), says };
        lanes.entry(interface).or_default().push(span);
    }
    let lane = |(name, spans)| TimelineLane { name, href: None, spans };
    let lanes: Vec<TimelineLane> = lanes.into_iter().map(lane).collect();
    let title = "Interfaces over time, and what the logs have of each";
    (!lanes.is_empty()).then(|| Timeline { title, time, lanes: &lanes, legend: STATES }.svg())
}

/// Who talked to whom.
fn matrix(part: &ReportSection) -> Option<String> {
    let rows = part.columns(["from", "to", "port", "protocol", "state"])?;
    let mut pairs: BTreeMap<(String, String), Vec<(String, String)>> = BTreeMap::new();
    for [from, to, port, protocol, state] in rows {
        let port = if port.is_empty() { protocol } else { port };
        if state == "silent" {
            // Neither direction has a record.
            let back = pairs.entry((to.clone(), from.clone())).or_default();
            back.push((String::new(), state.clone()));
        }
        pairs.entry((from, to)).or_default().push((port, state));
    }
    let names = pairs.keys().flat_map(|(from, to)| [from.clone(), to.clone()]);
    let mut names: Vec<String> = names.collect();
    names.sort();
    names.dedup();
    let cells: Vec<MatrixCell> = pairs.into_iter().map(cell).collect();
    let title = "Traffic between the instances of the job";
    Some(Matrix { title, names: &names, cells: &cells, legend: PAIRS }.svg())
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
        "rejected" => format!("{port} ✕ rejected"),
        _ => format!("{port} ◐ partly"),
    };
    let lines: Vec<String> = ports.iter().map(mark).collect();
    let says = format!("{from} to {to}: {}", lines.join(", "));
    MatrixCell { from, to, tone, lines, says }
}
