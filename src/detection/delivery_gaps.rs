//! Gaps in the delivery of flow logs, from the times in the names of their objects.

use std::collections::{BTreeMap, BTreeSet};

/// How late an object may be beside the aggregation interval: AWS delivers every five minutes, and may take
/// five more.
const LATE_SECS: i64 = 600;

/// How long records are gathered for one object.
const OBJECT_SECS: i64 = 300;

/// The objects of flow logs.
#[derive(Debug, Clone, Default)]
pub struct FlowLogDeliveries {
    /// Objects and records of each flow log by the time in the name, Unix seconds.
    logs: BTreeMap<String, BTreeMap<i64, (u64, u64)>>,
    /// Objects whose names tell no flow log.
    nameless: u64,
}

/// A span in which a flow log delivered, or did not. Times are Unix seconds, UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// `FlowLogId`.
    pub flow_log_id: String,
    /// `delivered`; `missing`: nothing for longer than an aggregation interval and ten minutes; `late`: nothing at
    /// the end of what was read, which may still come.
    pub state: &'static str,
    /// From when on the records of its objects end.
    pub from: i64,
    /// Until when, exclusive.
    pub to: i64,
    /// Objects in it.
    pub objects: u64,
    /// Records in them.
    pub records: u64,
    /// How many other flow logs delivered in it: with none, there may have been nothing to deliver.
    pub others: usize,
}

impl FlowLogDeliveries {
    /// Adds an object. `flow_log` is its flow log and when its records end, as the name tells.
    pub fn add(&mut self, flow_log: Option<(&str, i64)>, records: u64) {
        let Some((id, at)) = flow_log else {
            self.nameless += 1;
            return;
        };
        let (objects, sum) = self.logs.entry(id.to_owned()).or_default().entry(at).or_default();
        *objects += 1;
        *sum += records;
    }

    /// How many objects have no name that tells their flow log.
    pub fn nameless(&self) -> u64 {
        self.nameless
    }

    /// Returns the spans of every flow log, by its id, then by time. `aggregation_secs` gives the aggregation
    /// interval of a flow log; where it is not known, it is taken to be 600 s, the longest.
    pub fn spans(&self, aggregation_secs: impl Fn(&str) -> Option<i64>) -> Vec<Span> {
        let all: BTreeSet<i64> = self.logs.values().flat_map(|log| log.keys().copied()).collect();
        let (Some(first), Some(last)) = (all.first(), all.last()) else { return Vec::new() };
        let mut spans = Vec::new();
        for (id, log) in &self.logs {
            let most = aggregation_secs(id).unwrap_or(600) + LATE_SECS;
            let silent = |state, from: i64, to: i64| Span {
                flow_log_id: id.clone(),
                state,
                from,
                to,
                objects: 0,
                records: 0,
                others: 0,
            };
            let mut end = *first;
            let mut run: Option<Span> = None;
            for (at, (objects, records)) in log {
                if at - end > most {
                    spans.extend(run.take());
                    spans.push(silent("missing", end, *at));
                }
                let span = run.get_or_insert_with(|| silent("delivered", *at, *at));
                end = at + OBJECT_SECS;
                (span.to, span.objects) = (end, span.objects + objects);
                span.records += records;
            }
            spans.extend(run);
            if last + OBJECT_SECS - end > most {
                spans.push(silent("late", end, last + OBJECT_SECS));
            }
        }
        for span in &mut spans {
            span.others = self.others(&span.flow_log_id, span.from, span.to);
        }
        spans
    }

    fn others(&self, id: &str, from: i64, to: i64) -> usize {
        let delivered = |log: &BTreeMap<i64, _>| from < to && log.range(from..to).next().is_some();
        self.logs.iter().filter(|(other, log)| *other != id && delivered(log)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(deliveries: &FlowLogDeliveries, secs: i64) -> Vec<String> {
        let spans = deliveries.spans(|id| (id != "fl-unknown").then_some(secs));
        let line = |span: Span| {
            let Span { flow_log_id, state, from, to, objects, others, .. } = span;
            format!("{flow_log_id} {state} {}-{} {objects} {others}", from / 60, to / 60)
        };
        spans.into_iter().map(line).collect()
    }

    #[test]
    fn a_flow_log_that_stays_silent_while_another_delivers() {
        let mut deliveries = FlowLogDeliveries::default();
        for minute in (0..120).step_by(5) {
            deliveries.add(Some(("fl-a", minute * 60)), 10);
        }
        for minute in [20, 25, 60, 65] {
            deliveries.add(Some(("fl-b", minute * 60)), 1);
        }
        deliveries.add(None, 5);
        assert_eq!(deliveries.nameless(), 1);
        let expected = [
            "fl-a delivered 0-120 24 1",
            "fl-b missing 0-20 0 1",
            "fl-b delivered 20-30 2 1",
            "fl-b missing 30-60 0 1",
            "fl-b delivered 60-70 2 1",
            "fl-b late 70-120 0 1",
        ];
        assert_eq!(shown(&deliveries, 60), expected);
        // A log of ten minutes may be silent for twenty.
        let spans = shown(&deliveries, 600);
        assert_eq!(spans[1], "fl-b delivered 20-30 2 1");
    }

    #[test]
    fn alone_it_may_have_had_nothing_to_deliver() {
        let mut deliveries = FlowLogDeliveries::default();
        deliveries.add(Some(("fl-unknown", 0)), 1);
        deliveries.add(Some(("fl-unknown", 7200)), 1);
        let expected = [
            "fl-unknown delivered 0-5 1 0",
            "fl-unknown missing 5-120 0 0",
            "fl-unknown delivered 120-125 1 0",
        ];
        assert_eq!(shown(&deliveries, 60), expected);
        assert!(FlowLogDeliveries::default().spans(|_| None).is_empty());
    }
}
