//! The case table: every row gets its verdict, at its place, by its rule.

use serde_json::to_value;

use crate::detection::text_table::Table;
use crate::reachability::tests::{Question, configuration, judge, table};

/// The columns of a row.
const COLUMNS: &str = "config from to port protocol client verdict place by why";

fn rows() -> Vec<Vec<Option<String>>> {
    let root = table();
    let mut rows = Vec::new();
    for topic in root["topic"].as_array().unwrap() {
        let parsed = Table::parse(topic["cases"].as_str().unwrap()).unwrap();
        assert_eq!(parsed.columns.join(" "), COLUMNS);
        rows.extend(parsed.rows);
    }
    rows
}

#[test]
fn every_case_gets_its_verdict() {
    let mut wrong = Vec::new();
    for row in rows() {
        let cell = |at: usize| row[at].as_deref();
        let question = Question {
            from: cell(1).unwrap(),
            to: cell(2).unwrap(),
            port: cell(3),
            protocol: cell(4).unwrap(),
            client: cell(5).map(|port| port.parse().unwrap()),
        };
        let judged = judge(configuration(cell(0).unwrap()), &question);
        let decider = judged.decider();
        let place = decider.map(|step| to_value(step.place).unwrap());
        let place = place.as_ref().and_then(|place| place.as_str());
        let by = decider.and_then(|step| step.by.as_deref());
        let verdict = to_value(judged.verdict).unwrap();
        let by_fits = cell(8).is_none() || by == cell(8);
        if (verdict.as_str(), place) != (cell(6), cell(7)) || !by_fits {
            let row: Vec<&str> = row.iter().map(|cell| cell.as_deref().unwrap_or("-")).collect();
            let step_text = decider.map(|step| step.text.as_str()).unwrap_or_default();
            wrong.push(format!("{}\n    {verdict} {place:?} {by:?} {step_text}", row.join(" ")));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn there_are_many_cases_and_each_says_why() {
    let rows = rows();
    assert!(rows.len() >= 100, "{}", rows.len());
    for row in &rows {
        let why = row[9].as_deref().unwrap_or_default();
        assert!(why.starts_with('[') && why.len() > 20, "{row:?}");
    }
    let with = |text: &str| {
        let has = |row: &&Vec<Option<String>>| {
            row.iter().flatten().any(|cell| cell.split(' ').any(|word| word.contains(text)))
        };
        rows.iter().filter(has).count()
    };
    for text in ["2001:db8", "icmp", "50", "not-known", "refused", "passes"] {
        assert!(with(text) >= 3, "too few cases with {text}");
    }
}
