//! Simulation of a fix: which rejected flows it allows, and what else it opens.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use serde::{Deserialize, Serialize};

use crate::explain::Error;
use crate::explain::logged_flow::rows;
use crate::flow::address;
use crate::inventory::model::Eni;
use crate::reachability::{Analyzer, ConfigChange, Fix, PathAnalysis, Verdict};
use crate::vpc::FiveTuple;

/// SQL that gives the rows of [`RejectedFlow`].
pub const REJECTED: &str = include_str!("../../queries/explain/rejected.sql");

/// The most pairs of interfaces that are tried out.
const PAIRS_MAX: usize = 20_000;

/// What of one interface's traffic was refused. Times are Unix seconds, UTC.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the columns of the view `peers`")]
pub struct RejectedFlow {
    pub interface_id: Option<String>,
    pub remote_interface_id: Option<String>,
    pub vpc_id: Option<String>,
    pub job_name: Option<String>,
    pub local_addr: String,
    pub remote_addr: String,
    pub local_port: Option<i32>,
    pub remote_port: Option<i32>,
    pub protocol: i32,
    pub opened_by: Option<String>,
    pub rejected_out: i64,
    pub rejected_in: i64,
    pub rejected_first: Option<i64>,
}

impl RejectedFlow {
    /// Reads the rows of [`REJECTED`].
    pub fn read(batches: &[RecordBatch]) -> Result<Vec<Self>, Error> {
        rows(batches)
    }

    /// Whether the local side opened it; where nothing tells, it is the sender of what was refused.
    fn is_local_first(&self) -> bool {
        match self.opened_by.as_deref() {
            Some("local") => true,
            Some("remote") => false,
            _ => self.rejected_out > 0,
        }
    }

    /// The flow, from the side that opened it, with the interfaces of both ends.
    fn flow(&self) -> Option<(FiveTuple, Option<&str>, Option<&str>)> {
        let port = |port: Option<i32>| port.and_then(|port| u16::try_from(port).ok());
        let (local, remote) =
            (address::parse(&self.local_addr)?, address::parse(&self.remote_addr)?);
        let ids = (self.interface_id.as_deref(), self.remote_interface_id.as_deref());
        let (source, destination, ports, ids) = match self.is_local_first() {
            true => (local, remote, (self.local_port, self.remote_port), ids),
            false => (remote, local, (self.remote_port, self.local_port), (ids.1, ids.0)),
        };
        let tuple = FiveTuple {
            source,
            destination,
            source_port: port(ports.0),
            destination_port: port(ports.1),
            protocol: u8::try_from(self.protocol).ok()?,
            icmp: None,
        };
        Some((tuple, ids.0, ids.1))
    }
}

/// One refused flow and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FlowLine {
    /// Job of the interface that logged it, where known.
    pub job_name: Option<String>,
    /// Whoever opened it.
    pub source: String,
    /// To whom.
    pub destination: String,
    /// The requested change.
    pub service: String,
    /// What decides it now, where anything still does.
    pub text: Option<String>,
}

/// What fixes do to what was refused.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SimulationResult {
    /// The fixes that were tried out.
    pub applied: Vec<String>,
    /// Refused before, and let through now.
    pub let_through: Vec<FlowLine>,
    /// Still refused.
    pub still_refused: Vec<FlowLine>,
    /// Of which it is not known, before or now.
    pub not_known: Vec<FlowLine>,
    /// Let through by the inventory as it was already: what refused them it does not show.
    pub open_before: Vec<FlowLine>,
    /// Pairs of known interfaces that could not talk on the service before and now can, beyond those that were
    /// seen refused.
    pub newly_open: Vec<FlowLine>,
    /// Whether there were more pairs than were tried.
    pub is_cut: bool,
    /// What each fix opens, in words.
    pub opens: Vec<String>,
}

/// Tries fixes out on a copy of the configuration: on all that was refused, and on every pair of interfaces
/// that they touch, for the service of `tuple`, at a time.
pub fn replay(
    reach: &Analyzer,
    fixes: &[Fix],
    tuple: &FiveTuple,
    at: Option<i64>,
    rejected: &[RejectedFlow],
) -> SimulationResult {
    let changed = Analyzer::new(Arc::new(Fix::apply(fixes, reach.network().inventory())));
    let mut result = SimulationResult::default();
    result.applied.extend(fixes.iter().map(|fix| fix.id.clone()));
    result.opens.extend(fixes.iter().map(|fix| opens(&changed, fix, at)));
    let mut seen = BTreeSet::new();
    for row in rejected {
        let Some((flow, from, to)) = row.flow() else { continue };
        let key = (flow.source, flow.destination, flow.destination_port, flow.protocol);
        if !seen.insert(key) {
            continue;
        }
        let judge = |reach: &Analyzer| {
            let (from, to) = (
                reach.end(from, flow.source, row.rejected_first),
                reach.end(to, flow.destination, row.rejected_first),
            );
            reach.analyze(&flow, &from, &to)
        };
        let (before, now) = (judge(reach), judge(&changed));
        let mut line = FlowLine {
            job_name: row.job_name.clone(),
            source: flow.source.to_string(),
            destination: flow.destination.to_string(),
            service: flow.service(),
            text: now.decider().map(|step| format!("{}: {}", step.place.label(), step.text)),
        };
        match (before.verdict, now.verdict) {
            // The log shows it refused, so that it was is known.
            (Verdict::Refused | Verdict::NotKnown, Verdict::Passes) => {
                result.let_through.push(line);
            }
            (Verdict::Passes, _) => {
                line.text = None;
                result.open_before.push(line);
            }
            (_, Verdict::Refused) => result.still_refused.push(line),
            _ => result.not_known.push(line),
        }
    }
    pairs(reach, &changed, fixes, tuple, at, &seen, &mut result);
    result
}

type FlowKeys = BTreeSet<(std::net::IpAddr, std::net::IpAddr, Option<u16>, u8)>;

/// Tries every pair of interfaces that the fixes touch.
fn pairs(
    reach: &Analyzer,
    changed: &Analyzer,
    fixes: &[Fix],
    tuple: &FiveTuple,
    at: Option<i64>,
    seen: &FlowKeys,
    result: &mut SimulationResult,
) {
    let living: Vec<&Eni> = reach.interfaces_at(at).collect();
    let touched: Vec<&Eni> = living
        .iter()
        .copied()
        .filter(|eni| fixes.iter().any(|fix| touches(reach, fix, eni)))
        .collect();
    let is_v4 = tuple.source.is_ipv4();
    let addr_of = |eni: &Eni| {
        let mut own = eni.addresses.iter().filter_map(|text| address::parse(text));
        own.find(|ip| ip.is_ipv4() == is_v4)
    };
    let both = touched
        .iter()
        .flat_map(|one| living.iter().flat_map(move |other| [(*one, *other), (*other, *one)]));
    let mut done = BTreeSet::new();
    for (from, to) in both {
        if from.interface_id == to.interface_id
            || !done.insert((from.interface_id.as_str(), to.interface_id.as_str()))
        {
            continue;
        }
        if done.len() > PAIRS_MAX {
            result.is_cut = true;
            return;
        }
        let (Some(source), Some(destination)) = (addr_of(from), addr_of(to)) else { continue };
        let flow = FiveTuple { source, destination, source_port: None, ..tuple.clone() };
        if seen.contains(&(source, destination, flow.destination_port, flow.protocol)) {
            continue;
        }
        let judge = |reach: &Analyzer| -> PathAnalysis {
            reach.analyze(&flow, &reach.side_of(from, source), &reach.side_of(to, destination))
        };
        if judge(changed).verdict == Verdict::Passes && judge(reach).verdict == Verdict::Refused {
            result.newly_open.push(FlowLine {
                job_name: from.job_name.clone(),
                source: format!("{source} ({})", from.interface_id),
                destination: format!("{destination} ({})", to.interface_id),
                service: flow.service(),
                text: None,
            });
        }
    }
}

/// Returns whether a fix changes anything for an interface itself.
fn touches(reach: &Analyzer, fix: &Fix, eni: &Eni) -> bool {
    let subnet = eni.subnet_id.as_deref();
    match &fix.change {
        ConfigChange::GroupRule(rule) => eni.security_group_ids.contains(&rule.security_group_id),
        ConfigChange::AclEntry(entry) => {
            let mut acl =
                subnet.and_then(|subnet| reach.network().acl_of(subnet)).into_iter().flatten();
            acl.any(|row| row.network_acl_id == entry.network_acl_id)
        }
        ConfigChange::EndpointTable { table, .. } => uses(reach, subnet, table),
        ConfigChange::Endpoint(endpoint) => {
            endpoint.route_table_ids.iter().any(|table| uses(reach, subnet, table))
        }
        ConfigChange::Dualstack { .. } => false,
        ConfigChange::SetRoute(route) | ConfigChange::DropRoute(route) => {
            uses(reach, subnet, &route.route_table_id)
        }
    }
}

fn uses(reach: &Analyzer, subnet: Option<&str>, table: &str) -> bool {
    subnet.and_then(|subnet| reach.network().table_of(subnet)).is_some_and(|used| used.id == table)
}

/// Says in words what a fix opens.
fn opens(reach: &Analyzer, fix: &Fix, at: Option<i64>) -> String {
    let count =
        |fits: &dyn Fn(&Eni) -> bool| reach.interfaces_at(at).filter(|eni| fits(eni)).count();
    let touched = count(&|eni| touches(reach, fix, eni));
    let interfaces = |count: usize| match count {
        1 => "1 interface".to_owned(),
        count => format!("{count} interfaces"),
    };
    let whom = |place: &str| match address::parse_net(place) {
        Some(net) => {
            let bits = net.max_prefix_len() - net.prefix_len();
            let size = match bits {
                0 => "1 address".to_owned(),
                1..=32 => format!("{} addresses", 1u64 << bits),
                _ => format!("2^{bits} addresses"),
            };
            let known = count(&|eni: &Eni| {
                let own = eni.addresses.iter().filter_map(|text| address::parse(text));
                own.into_iter().any(|ip| net.contains(&ip))
            });
            format!("{place} ({size}, {} known then)", interfaces(known))
        }
        None => {
            let known =
                count(&|eni: &Eni| eni.security_group_ids.iter().any(|group| group == place));
            format!("{place} ({} then)", interfaces(known))
        }
    };
    let touched = interfaces(touched);
    match &fix.change {
        ConfigChange::GroupRule(rule) => {
            let word = if rule.direction == "egress" { "to" } else { "from" };
            format!("{}: for {touched}, {} {word} {}", fix.title, rule.direction, whom(&rule.peer))
        }
        ConfigChange::AclEntry(entry) => {
            let word = if entry.direction == "egress" { "to" } else { "from" };
            format!(
                "{}: for {touched}, {} {word} {}",
                fix.title,
                entry.direction,
                whom(&entry.cidr)
            )
        }
        ConfigChange::Dualstack { .. } => {
            format!("{}: no rule opens, IPv6 to S3 takes another way", fix.title)
        }
        _ => format!("{}: no rule opens, traffic of {touched} takes another way", fix.title),
    }
}
