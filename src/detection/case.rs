//! Cases: flow logs and an inventory written by hand, and the findings that a detection must give.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::allow::AllowRule;
use crate::detection::finding::FIELDS;
use crate::detection::finding_batch::Lists;
use crate::detection::text_table::Table;
use crate::detection::{Detection, Error, Finding};
use crate::diagnostics::{check_keys, nearest, one_line};
use crate::inventory::model;
use crate::inventory::model::Inventory;

/// `now` of a case that gives none: 2026-01-01, UTC.
const NOW: i64 = 1_767_225_600;

/// Keys of a `[[case]]` that are no inventory table.
const KEYS: &[&str] = &["name", "now", "params", "allow", "flows", "findings"];

/// One `[[case]]` of a cases file.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// Parameters of the detection that differ from the header's.
    pub params: toml::Table,
    /// The time it is judged at, Unix seconds, UTC.
    pub now: i64,
    /// A flow log as text: header line, then records.
    pub flows: String,
    /// Who owned what.
    pub inventory: Inventory,
    /// `[[allow]]` rules.
    pub allow: Vec<AllowRule>,
    /// Some columns of all findings.
    expected: Table,
}

impl Case {
    /// Reads a cases file. `file` names it in errors.
    pub fn parse_all(file: &str, text: &str) -> Result<Vec<Self>, Error> {
        let failed = |problem: String| Error::Cases { file: file.to_owned(), problem };
        check_keys(text, &[], &["case"]).map_err(failed)?;
        let tables = row_keys();
        let known: Vec<&str> =
            KEYS.iter().copied().chain(tables.iter().map(|(name, _)| *name)).collect();
        check_keys(text, &["case"], &known).map_err(failed)?;
        let root: toml::Table = toml::from_str(text).map_err(|err| failed(one_line(text, &err)))?;
        let cases = root.get("case").and_then(toml::Value::as_array);
        let cases = cases.into_iter().flatten().filter_map(toml::Value::as_table);
        let read = |case: &toml::Table| {
            let name = case.get("name").and_then(toml::Value::as_str).unwrap_or("without a name");
            Self::parse(name, case, &tables)
                .map_err(|problem| failed(format!("case {name:?}: {problem}")))
        };
        cases.map(read).collect()
    }

    fn parse(
        name: &str,
        case: &toml::Table,
        tables: &[(&'static str, Value)],
    ) -> Result<Self, String> {
        let text = |key: &str| case.get(key).and_then(toml::Value::as_str).unwrap_or_default();
        let expected = Table::parse(text("findings")).map_err(|err| format!("findings: {err}"))?;
        for column in &expected.columns {
            if !FIELDS.contains(&column.as_str()) {
                let near = nearest(column, FIELDS.iter().copied()).unwrap_or("none like it");
                return Err(format!("findings: unknown column {column}; did you mean {near}?"));
            }
        }
        let now = match case.get("now") {
            Some(now) => seconds(now.as_str().unwrap_or_default())
                .ok_or_else(|| "now is no RFC 3339 time".to_owned())?,
            None => NOW,
        };
        let allow = case.get("allow").cloned().unwrap_or_else(|| toml::Value::Array(Vec::new()));
        let params = case.get("params").and_then(toml::Value::as_table);
        Ok(Self {
            name: name.to_owned(),
            params: params.cloned().unwrap_or_default(),
            now,
            flows: text("flows").trim_start().to_owned(),
            inventory: inventory(case, tables)?,
            allow: allow.try_into().map_err(|err| format!("allow: {}", err.message()))?,
            expected,
        })
    }

    /// Returns whether the case expects any finding.
    pub fn fires(&self) -> bool {
        !self.expected.rows.is_empty()
    }

    /// Compares findings with the expected ones, in any order, on the columns that the case names.
    ///
    /// `*` in an expected cell stands for any text; `-` is NULL.
    ///
    /// # Errors
    ///
    /// The rows that differ, as text: `-` expected and absent, `+` found and not expected.
    pub fn check(&self, findings: &[Finding]) -> Result<(), String> {
        let found = shown(findings, &self.expected.columns)?;
        let mut unexpected: Vec<&Row> = found.iter().collect();
        let mut complaints = Vec::new();
        for row in &self.expected.rows {
            let fits = |other: &&Row| row.iter().zip(other.iter()).all(|(a, b)| cell_fits(a, b));
            match unexpected.iter().position(fits) {
                Some(at) => drop(unexpected.remove(at)),
                None => complaints.push(format!("- {}", joined(row))),
            }
        }
        complaints.extend(unexpected.iter().map(|row| format!("+ {}", joined(row))));
        if complaints.is_empty() {
            return Ok(());
        }
        let columns = self.expected.columns.join(" | ");
        Err(format!("  {columns}\n{}", complaints.join("\n")))
    }
}

/// Runs one case: `run` gives the findings of a detection on the case's flow logs and inventory.
///
/// # Errors
///
/// One text that says what differs, or why the case could not run.
pub async fn run_case(
    case: &Case,
    detection: &Detection,
    run: impl AsyncFn(&Case, &Detection) -> Result<Vec<Finding>, String>,
) -> Result<(), String> {
    let mut detection = detection.clone();
    for (name, value) in &case.params {
        detection.set_param(name, value).map_err(|err| err.to_string())?;
    }
    case.check(&run(case, &detection).await?)
}

/// Reads the tables of an inventory that a case has.
pub(crate) fn inventory(
    case: &toml::Table,
    tables: &[(&'static str, Value)],
) -> Result<Inventory, String> {
    let text = |key: &str| case.get(key).and_then(toml::Value::as_str).unwrap_or_default();
    let mut inventory = Map::new();
    for (table, row) in tables {
        let rows = rows(text(table), row).map_err(|problem| format!("{table}: {problem}"))?;
        inventory.insert((*table).to_owned(), Value::Array(rows));
    }
    serde_json::from_value(Value::Object(inventory)).map_err(|err| err.to_string())
}

type Row = Vec<Option<String>>;

fn joined(row: &Row) -> String {
    row.iter().map(|cell| cell.as_deref().unwrap_or("-")).collect::<Vec<_>>().join(" | ")
}

/// Returns the findings' columns as text, NULL as `None`. Without columns, each finding by what it is.
fn shown(findings: &[Finding], columns: &[String]) -> Result<Vec<Row>, String> {
    let batch = Finding::to_batch(findings, Lists::Text).map_err(|err| err.to_string())?;
    let all = ["detection", "remote_addr", "remote_port", "reason"].map(str::to_owned);
    let columns = if columns.is_empty() { &all[..] } else { columns };
    let formats = arrow::util::display::FormatOptions::new()
        .with_timestamp_tz_format(Some("%Y-%m-%dT%H:%M:%SZ"));
    let mut rows = vec![Row::new(); batch.num_rows()];
    for name in columns {
        let array = batch.column_by_name(name).ok_or_else(|| format!("no column {name}"))?;
        let cells = arrow::util::display::ArrayFormatter::try_new(array.as_ref(), &formats)
            .map_err(|err| err.to_string())?;
        for (at, row) in rows.iter_mut().enumerate() {
            row.push(array.is_valid(at).then(|| cells.value(at).to_string()));
        }
    }
    Ok(rows)
}

/// Returns whether a cell is what is expected: `*` stands for any text.
pub(crate) fn cell_fits(expected: &Option<String>, found: &Option<String>) -> bool {
    let (Some(expected), Some(found)) = (expected, found) else { return expected == found };
    let mut parts = expected.split('*');
    let Some(mut rest) = found.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

/// Reads an inventory of text tables, for tests of other rooms.
#[cfg(test)]
pub(crate) fn inventory_of(texts: &toml::Table) -> Result<Inventory, String> {
    inventory(texts, &row_keys())
}

/// Returns the tables of an inventory, each with an empty row as JSON: its keys are the columns.
pub(crate) fn row_keys() -> Vec<(&'static str, Value)> {
    fn empty<T: Default + Serialize>(name: &'static str) -> (&'static str, Value) {
        (name, serde_json::to_value(T::default()).unwrap_or_default())
    }
    vec![
        empty::<model::Job>("jobs"),
        empty::<model::Eni>("enis"),
        empty::<model::Vpc>("vpcs"),
        empty::<model::Subnet>("subnets"),
        empty::<model::Route>("routes"),
        empty::<model::RouteTableAssociation>("route_table_associations"),
        empty::<model::VpcEndpoint>("vpc_endpoints"),
        empty::<model::PrefixListEntry>("prefix_lists"),
        empty::<model::SecurityGroup>("security_groups"),
        empty::<model::SecurityGroupRule>("security_group_rules"),
        empty::<model::NetworkAclEntry>("network_acl_entries"),
        empty::<model::NatGateway>("nat_gateways"),
        empty::<model::IpRange>("ip_ranges"),
        empty::<model::DhcpOptions>("dhcp_options"),
        empty::<model::FlowLog>("flow_logs"),
        empty::<model::BucketPolicy>("bucket_policies"),
    ]
}

/// Reads the rows of a table as JSON objects with the keys of an empty row.
pub(crate) fn rows(text: &str, empty: &Value) -> Result<Vec<Value>, String> {
    let table = Table::parse(text)?;
    let known: BTreeMap<&str, &Value> = empty
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value))
        .collect();
    for column in &table.columns {
        if !known.contains_key(column.as_str()) {
            let near = nearest(column, known.keys().copied()).unwrap_or("none like it");
            return Err(format!("unknown column {column}; did you mean {near}?"));
        }
    }
    let row = |cells: &Row| {
        let named = table.columns.iter().zip(cells);
        let values = named.map(|(name, cell)| match cell {
            Some(cell) => Ok((name.clone(), value(name, cell, known[name.as_str()])?)),
            None => Ok((name.clone(), known[name.as_str()].clone())),
        });
        values.collect::<Result<Map<_, _>, String>>().map(Value::Object)
    };
    table.rows.iter().map(row).collect()
}

/// Returns a cell as JSON. Its type follows from the empty row, and from the name where that is NULL.
fn value(name: &str, cell: &str, empty: &Value) -> Result<Value, String> {
    let is_time = name.ends_with("_at") || matches!(name, "valid_from" | "valid_to");
    let is_number = name.ends_with("_port")
        || matches!(
            name,
            "rule_number" | "instance_count" | "available_addresses" | "max_aggregation_secs"
        );
    Ok(match (empty, cell) {
        (Value::Array(_), _) => cell.split(',').collect(),
        (Value::Number(_), _) => {
            cell.parse::<i64>().map_err(|_| format!("{name} {cell} is no number"))?.into()
        }
        (_, "true") => true.into(),
        (_, "false") => false.into(),
        _ if is_time => seconds(cell).ok_or_else(|| format!("{name} {cell} is no time"))?.into(),
        _ if is_number => {
            cell.parse::<i64>().map_err(|_| format!("{name} {cell} is no number"))?.into()
        }
        _ => cell.into(),
    })
}

/// Returns a time as Unix seconds: a number, or RFC 3339.
fn seconds(text: &str) -> Option<i64> {
    let number = text.parse().ok();
    number.or_else(|| Some(chrono::DateTime::parse_from_rfc3339(text).ok()?.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::{built_in, built_in_cases};

    const CASES: &str = r#"
        [[case]]
        name = "n"
        params = { min_bytes = 2 }
        allow = [{ to = "vpc" }]
        flows = """
        version srcaddr
        2 10.0.0.1
        """
        enis = """
        interface_id valid_from           addresses         attribution
        eni-1        2025-06-15T15:06:40Z 10.0.0.1,10.0.0.2 exact
        """
        security_group_rules = """
        security_group_id from_port peer
        sg-1              443       10.0.0.0/8
        """
        findings = """
        remote_addr reason
        203.0.113.9 "* opened *"
        """
    "#;

    #[test]
    fn a_case_is_read() {
        let case = Case::parse_all("f", CASES).unwrap().remove(0);
        assert_eq!(case.inventory.enis[0].valid_from, Some(1_750_000_000));
        assert_eq!(case.inventory.enis[0].addresses, ["10.0.0.1", "10.0.0.2"]);
        assert_eq!(case.inventory.enis[0].attribution, Some(model::Attribution::Exact));
        assert_eq!(case.inventory.security_group_rules[0].from_port, Some(443));
        assert_eq!((case.now, case.allow.len(), case.fires()), (NOW, 1, true));
        assert!(case.flows.starts_with("version"));
        assert!(case.check(&[]).unwrap_err().contains("- 203.0.113.9 | * opened *"));
    }

    #[test]
    fn mistakes_are_named() {
        let err = |from: &str, to: &str| {
            Case::parse_all("f", &CASES.replace(from, to)).unwrap_err().to_string()
        };
        assert_eq!(
            err("params", "parms"),
            "f: line 4: unknown key parms in case; did you mean params?"
        );
        assert!(err("valid_from ", "valid_form ").contains("did you mean valid_from?"));
        assert!(err("remote_addr", "remote_adr").contains("did you mean remote_addr?"));
        assert!(err("443 ", "https ").contains("from_port https is no number"));
    }

    #[test]
    fn a_star_stands_for_any_text() {
        let fits = |a: &str, b: &str| cell_fits(&Some(a.to_owned()), &Some(b.to_owned()));
        assert!(fits("a*c", "abc") && fits("*b*", "abc") && fits("abc", "abc"));
        assert!(!fits("a*d", "abc") && !fits("ab", "abc") && !fits("", "abc"));
        assert!(cell_fits(&None, &None) && !cell_fits(&None, &Some("a".to_owned())));
    }

    #[test]
    fn every_built_in_detection_has_cases_that_fire_and_that_are_quiet() {
        for mut detection in built_in().unwrap() {
            let text = built_in_cases(&detection.id).unwrap();
            let cases = Case::parse_all(&detection.id, text).unwrap();
            assert!(cases.iter().any(Case::fires), "{} never fires", detection.id);
            assert!(!cases.iter().all(Case::fires), "{} is never quiet", detection.id);
            for (name, value) in cases.iter().flat_map(|case| &case.params) {
                detection.set_param(name, value).unwrap();
            }
            for case in &cases {
                let mut lines = case.flows.lines();
                let columns = lines.next().unwrap_or_default().split_whitespace().count();
                for line in lines.filter(|line| !line.trim().is_empty()) {
                    let fields = line.split_whitespace().count();
                    assert_eq!(fields, columns, "{}, {}: {line}", detection.id, case.name);
                }
            }
        }
    }
}
