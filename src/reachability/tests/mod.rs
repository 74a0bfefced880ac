mod cases;
mod fixes;
mod sides;

use std::sync::Arc;

use crate::detection::case::inventory_of;
use crate::inventory::model::Inventory;
use crate::reachability::{Analyzer, FlowEnd, PathAnalysis};
use crate::vpc::FiveTuple;

/// The case table. It is read anew in each run, so that a case costs no build.
fn table() -> toml::Table {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/reachability/tests/cases.toml");
    toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Reads the configurations of the case table by their names.
pub(crate) fn configuration(name: &str) -> Inventory {
    let root = table();
    let networks = root["networks"].as_table().unwrap();
    let own = networks[name].as_table().unwrap();
    let base = own.get("base").and_then(toml::Value::as_str).map(|base| &networks[base]);
    let mut texts = base.and_then(toml::Value::as_table).cloned().unwrap_or_default();
    texts.extend(own.clone());
    inventory_of(&texts).unwrap()
}

/// One question: ends by interface or address, port, protocol, the client's port.
struct Question<'a> {
    from: &'a str,
    to: &'a str,
    port: Option<&'a str>,
    protocol: &'a str,
    client: Option<u16>,
}

fn ends<'a>(reach: &'a Analyzer, question: &Question<'_>) -> (FiveTuple, FlowEnd<'a>, FlowEnd<'a>) {
    let to = crate::flow::address::parse(question.to);
    let from = reach.side(question.from, None, to, None).unwrap();
    let to = reach.side(question.to, None, Some(from.addr), None).unwrap();
    let tuple =
        FiveTuple::parse((from.addr, to.addr), question.port, question.protocol, question.client);
    (tuple.unwrap(), from, to)
}

fn judge(inventory: Inventory, question: &Question<'_>) -> PathAnalysis {
    let reach = Analyzer::new(Arc::new(inventory));
    let (tuple, from, to) = ends(&reach, question);
    reach.analyze(&tuple, &from, &to)
}
