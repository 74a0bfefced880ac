//! Explanation of a flow: the verdict of each hop, whether the logs agree, and fixes.

use serde::Serialize;

use crate::detection::finding::time_text;
use crate::explain::logged_flow::{inconsistency, with_client};
use crate::explain::{Error, LoggedFlow};
use crate::inventory::Inventory;
use crate::reachability::{Analyzer, Fix, FlowEnd, Step, Verdict};
use crate::vpc::FiveTuple;

/// A flow as somebody asks about it.
#[derive(Debug, Clone, Copy)]
pub struct FlowQuery<'a> {
    /// Whoever opens it: an address, or an interface's id.
    pub from: &'a str,
    /// To whom: an address, or an interface's id.
    pub to: &'a str,
    /// Port, or ICMP type or type/code; `None`: any.
    pub port: Option<&'a str>,
    /// Name or number of the protocol.
    pub protocol: &'a str,
    /// Source port; `None`: any that a client may pick.
    pub from_port: Option<u16>,
    /// The VPC that the addresses are of, where they are not unique.
    pub vpc: Option<&'a str>,
    /// When, Unix seconds.
    pub at: Option<i64>,
}

/// One end of a flow. `None`: the inventory does not have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct End {
    /// Its address.
    pub address: String,
    /// The interface that had it then.
    pub interface_id: Option<String>,
    /// The job that this interface served.
    pub job_name: Option<String>,
    /// Its security groups.
    pub security_group_ids: Vec<String>,
    /// Its subnet.
    pub subnet_id: Option<String>,
    /// Its VPC.
    pub vpc_id: Option<String>,
}

impl End {
    fn new(side: &FlowEnd<'_>) -> Self {
        let eni = side.eni;
        Self {
            address: side.addr.to_string(),
            interface_id: eni.map(|eni| eni.interface_id.clone()),
            job_name: eni.and_then(|eni| eni.job_name.clone()),
            security_group_ids: eni.map(|eni| eni.security_group_ids.clone()).unwrap_or_default(),
            subnet_id: side.subnet.map(str::to_owned),
            vpc_id: side.vpc.map(str::to_owned),
        }
    }
}

/// What there is to say of a flow.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// Whoever opens it.
    pub source: End,
    /// To whom.
    pub destination: End,
    /// What it asks for: `tcp/7077`.
    pub service: String,
    /// When, RFC 3339.
    pub at: Option<String>,
    /// The inventory that it was evaluated against, by the time of its API responses.
    pub inventory: String,
    /// What all places say together.
    pub verdict: Verdict,
    /// The verdict in one sentence.
    pub summary: String,
    /// Why the logs contradict it. `None`: they do not, or show nothing of it.
    pub inconsistent: Option<String>,
    /// What each place says, in AWS's order.
    pub steps: Vec<Step>,
    /// What the logs show of it; empty when none were read, or they show nothing.
    pub logged: Vec<LoggedFlow>,
    /// What would let it through.
    pub fixes: Vec<Fix>,
}

/// Explains a flow. `logged` gives what the logs show of it.
pub fn explain(
    reach: &Analyzer,
    query: &FlowQuery<'_>,
    logged: Vec<LoggedFlow>,
) -> Result<Explanation, Error> {
    let (tuple, from, to) = query.ends(reach)?;
    Ok(of(reach, &tuple, (&from, &to), query.at, logged))
}

impl FlowQuery<'_> {
    /// Returns the flow and its ends.
    pub fn ends<'r>(
        &self,
        reach: &'r Analyzer,
    ) -> Result<(FiveTuple, FlowEnd<'r>, FlowEnd<'r>), Error> {
        let to_ip = crate::flow::address::parse(self.to);
        let from = reach.side(self.from, self.vpc, to_ip, self.at)?;
        // An address is looked up in the sender's own VPC first.
        let inside = from.vpc.filter(|_| self.vpc.is_none());
        let to = match reach.side(self.to, self.vpc, Some(from.addr), self.at) {
            Ok(side) if side.eni.is_some() || inside.is_none() => side,
            _ => reach.side(self.to, self.vpc.or(inside), Some(from.addr), self.at)?,
        };
        let tuple =
            FiveTuple::parse((from.addr, to.addr), self.port, self.protocol, self.from_port)?;
        Ok((tuple, from, to))
    }
}

/// Explains a flow whose ends are known.
pub(super) fn of(
    reach: &Analyzer,
    tuple: &FiveTuple,
    (from, to): (&FlowEnd<'_>, &FlowEnd<'_>),
    at: Option<i64>,
    logged: Vec<LoggedFlow>,
) -> Explanation {
    let tuple = &with_client(tuple, &logged);
    let judged = reach.analyze(tuple, from, to);
    let inventory = inventory_label(reach.network().inventory());
    let inconsistent = inconsistency(&judged, &logged, to)
        .map(|why| format!("inconsistent with the {inventory}: {why}"));
    let words = judged.verdict.label();
    let summary = match judged.decider() {
        Some(step) => format!("{words}: {}: {}", step.place.label(), step.text),
        None => words.to_owned(),
    };
    Explanation {
        source: End::new(from),
        destination: End::new(to),
        service: tuple.service(),
        at: at.and_then(time_text),
        inventory,
        verdict: judged.verdict,
        summary,
        inconsistent,
        fixes: reach.fixes(tuple, (from, to), &judged),
        steps: judged.steps,
        logged,
    }
}

/// Names an inventory by the time of its answers.
pub fn inventory_label(inventory: &Inventory) -> String {
    let times = inventory.observed.map(|(first, last)| (time_text(first), time_text(last)));
    match times {
        Some((Some(first), Some(last))) if first == last => format!("inventory of {first}"),
        Some((Some(first), Some(last))) => format!("inventory of {first} to {last}"),
        _ => "inventory, whose documents have no time".to_owned(),
    }
}
