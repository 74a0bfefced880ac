//! Every check on cases: the VPC of `base` passes them all, and each case differs from it in a table or two.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::*;
use crate::detection::case;
use crate::diagnostics::check_keys;
use crate::inventory::Inventory;

mod paste;
mod sarif;

/// Keys of a case that are no table.
const KEYS: &[&str] = &["name", "check", "verdict", "why", "count", "asked", "traffic", "change"];

type Tables = Vec<(&'static str, Value)>;

/// The tables that a case may have: those of an inventory.
fn tables() -> Tables {
    case::row_keys()
}

/// The inventory and the traffic of a case over those of the base.
fn world(base: &toml::Table, case: &toml::Table) -> (Inventory, Option<Vec<ObservedTraffic>>) {
    let mut merged = base.clone();
    merged.extend(case.clone());
    for change in case.get("change").and_then(toml::Value::as_array).into_iter().flatten() {
        let [table, from, to] =
            [0, 1, 2].map(|at| change.get(at).and_then(toml::Value::as_str).unwrap());
        let text = merged[table].as_str().unwrap();
        assert!(text.contains(from), "{table} of the base has no {from:?}");
        merged.insert(table.to_owned(), text.replace(from, to).into());
    }
    let mut inventory = case::inventory(&merged, &tables()).unwrap();
    let listed = merged["asked"].as_array().unwrap().iter();
    inventory.listed = listed.map(|list| list.as_str().unwrap().to_owned()).collect();
    let traffic = merged["traffic"].as_str().unwrap();
    if traffic == "none" {
        return (inventory, None);
    }
    let empty = serde_json::to_value(ObservedTraffic::default()).unwrap();
    let rows = case::rows(traffic, &empty).unwrap();
    let seen = rows.into_iter().map(|row| serde_json::from_value(row).unwrap()).collect();
    (inventory, Some(seen))
}

fn root() -> (toml::Table, Vec<toml::Table>) {
    root_with(|text| text)
}

/// Changes every text of a value.
fn change_texts(value: &mut toml::Value, change: &impl Fn(String) -> String) {
    match value {
        toml::Value::String(text) => *text = change(std::mem::take(text)),
        toml::Value::Array(values) => values.iter_mut().for_each(|one| change_texts(one, change)),
        toml::Value::Table(table) => {
            table.iter_mut().for_each(|(_, one)| change_texts(one, change));
        }
        _ => {}
    }
}

/// The base and the cases, whose texts are changed before.
fn root_with(change: impl Fn(String) -> String) -> (toml::Table, Vec<toml::Table>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries/audit/cases.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let known: Vec<&str> =
        KEYS.iter().copied().chain(tables().iter().map(|(name, _)| *name)).collect();
    check_keys(&text, &["case"], &known).unwrap();
    check_keys(&text, &["base"], &known).unwrap();
    let mut root: toml::Table = toml::from_str(&text).unwrap();
    root.iter_mut().for_each(|(_, value)| change_texts(value, &change));
    let cases = root["case"].as_array().unwrap().iter();
    let cases = cases.map(|case| case.as_table().unwrap().clone()).collect();
    let toml::Value::Table(base) = root.remove("base").unwrap() else { panic!("base is a table") };
    (base, cases)
}

fn audit(base: &toml::Table, case: &toml::Table, only: &[&str]) -> AuditReport {
    let (inventory, traffic) = world(base, case);
    let scope = AuditScope {
        only: only.iter().map(|id| (*id).to_owned()).collect(),
        ..AuditScope::default()
    };
    run(&Arc::new(inventory), traffic.as_deref(), &scope)
}

/// The report on the base itself.
pub(super) fn report_of_base() -> AuditReport {
    audit(&root().0, &toml::Table::new(), &[])
}

#[test]
fn the_base_passes_every_check() {
    let report = report_of_base();
    let mut passed = BTreeSet::new();
    for outcome in &report.outcomes {
        assert_eq!(outcome.verdict, CheckVerdict::Pass, "{}: {}", outcome.check, outcome.why);
        assert!(outcome.fix.is_none() && outcome.finding().is_none());
        passed.insert(outcome.check);
    }
    let all: BTreeSet<&str> = CHECKS.iter().map(|check| check.id).collect();
    assert_eq!(passed, all);
}

#[test]
fn cases_come_out_as_they_are_written() {
    let (base, cases) = root();
    let mut verdicts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in &cases {
        let text = |key: &str| case.get(key).and_then(toml::Value::as_str).unwrap_or_default();
        let (name, check, verdict) = (text("name"), text("check"), text("verdict"));
        assert!(Check::by_id(check).is_some(), "{name}: no check {check}");
        let report = audit(&base, case, &[check]);
        let of_verdict: Vec<&Outcome> =
            report.outcomes.iter().filter(|one| one.verdict.as_str() == verdict).collect();
        let fits = |one: &&&Outcome| {
            let whole = format!("{} {}", one.why, one.evidence.join(" "));
            case::cell_fits(&Some(format!("*{}*", text("why"))), &Some(whole))
        };
        let reported: Vec<String> = report
            .outcomes
            .iter()
            .map(|one| format!("{}: {} {:?}", one.verdict, one.why, one.evidence))
            .collect();
        let none = verdict == "does not apply" && report.outcomes.is_empty();
        let count = case.get("count").and_then(toml::Value::as_integer);
        let counts = count.is_none_or(|count| usize::try_from(count) == Ok(of_verdict.len()));
        if !none && (!of_verdict.iter().any(|one| fits(&one)) || !counts) {
            wrong.push(format!("{name}: wanted {verdict} {:?}, got {reported:#?}", text("why")));
        }
        for one in of_verdict.iter().filter(|one| one.verdict == CheckVerdict::Fail) {
            assert!(one.fix.is_some(), "{name}: no fix");
            let finding = one.finding().unwrap();
            assert_eq!(finding.detection, format!("audit-{check}"));
            assert_eq!(finding.finding_id, one.finding_id);
        }
        verdicts.entry(check.to_owned()).or_default().insert(verdict.to_owned());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for check in CHECKS {
        let own = &verdicts[check.id];
        assert!(own.contains("fail") && own.contains("not known"), "{}: {own:?}", check.id);
    }
}

#[test]
fn jobs_of_one_configuration_are_one_result_and_its_id_stays() {
    let (base, _) = root();
    let one = report_of_base();
    let jobs = base["jobs"].as_str().unwrap();
    let more: String = (0..40)
        .map(|at| {
            let line = jobs.trim().lines().nth(1).unwrap();
            format!("{}\n", line.replacen("etl-1", &format!("etl-1{at}"), 1))
        })
        .collect();
    let many = toml::Table::from_iter([("jobs".to_owned(), format!("{jobs}\n{more}").into())]);
    let many = audit(&base, &many, &[]);
    assert_eq!(many.jobs, one.jobs + 40);
    let ids = |report: &AuditReport| -> Vec<(String, &str)> {
        report.outcomes.iter().map(|one| (one.finding_id.clone(), one.check)).collect()
    };
    assert_eq!(ids(&many), ids(&one));
    assert!(many.outcomes.iter().any(|one| one.jobs.len() > 40));
}

#[test]
fn a_vpc_without_jobs_is_audited_when_it_is_asked_for() {
    let (base, _) = root();
    let (inventory, traffic) =
        world(&base, &toml::Table::from_iter([("jobs".to_owned(), "".into())]));
    let inventory = Arc::new(inventory);
    assert!(run(&inventory, traffic.as_deref(), &AuditScope::default()).outcomes.is_empty());
    let scope = AuditScope { vpc: Some("vpc-1".to_owned()), ..AuditScope::default() };
    let report = run(&inventory, None, &scope);
    let checks: BTreeSet<&str> = report.outcomes.iter().map(|one| one.check).collect();
    assert!(checks.contains("s3-endpoint") && checks.contains("dns-support"), "{checks:?}");
    let other = AuditScope { vpc: Some("vpc-2".to_owned()), ..AuditScope::default() };
    assert_eq!(run(&inventory, None, &other).jobs, 0);
}

#[test]
fn ids_are_unique_and_words_are_there() {
    let ids: BTreeSet<&str> = CHECKS.iter().map(|check| check.id).collect();
    assert_eq!(ids.len(), CHECKS.len());
    for check in CHECKS {
        assert!(check.section.url.starts_with("https://docs.aws.amazon.com/"), "{}", check.id);
        assert!(!check.title.ends_with('.') && check.help.ends_with('.'), "{}", check.id);
        assert!(Check::by_id(&check.detection()).is_some());
    }
}
