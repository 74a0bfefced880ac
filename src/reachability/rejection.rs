//! Why a packet that the log shows as REJECT was denied, at the stage where it was.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::reachability::analyzer::Analyzer;
use crate::reachability::fix::Fix;
use crate::reachability::fixer::Fixer;
use crate::reachability::flow_end::FlowEnd;
use crate::reachability::path::Path;
use crate::reachability::route;
use crate::reachability::step::{Stage, StageVerdict, Step};
use crate::vpc::packet::FiveTuple;

/// Which packet was refused, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacketLeg {
    /// The request, where it left.
    RequestOut,
    /// The request, where it arrived.
    RequestIn,
    /// The reply, where it left.
    ReplyOut,
    /// The reply, where it arrived.
    ReplyIn,
    /// No packet: the request left and nothing answered it.
    Unanswered,
}

impl FromStr for PacketLeg {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "request-out" => Ok(Self::RequestOut),
            "request-in" => Ok(Self::RequestIn),
            "reply-out" => Ok(Self::ReplyOut),
            "reply-in" => Ok(Self::ReplyIn),
            "unanswered" => Ok(Self::Unanswered),
            _ => Err(()),
        }
    }
}

/// A refused packet as the log shows it.
#[derive(Debug, Clone)]
pub struct RejectedPacket<'a> {
    /// Interface of the initiator, where known.
    pub opener: Option<&'a str>,
    /// Interface of the responder, where known.
    pub answerer: Option<&'a str>,
    /// The flow, as it was opened.
    pub tuple: FiveTuple,
    /// Ports that fixes are to open. `None`: the one of the flow.
    pub ports: Option<RangeInclusive<u16>>,
    /// Where it was refused.
    pub leg: PacketLeg,
    /// When, Unix seconds.
    pub at: Option<i64>,
}

/// Why it was refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rejection {
    /// The cause, in one sentence. `None`: the inventory allows the packet.
    pub cause: Option<String>,
    /// What allows it: if the denying stage is not known, one for each possible stage.
    pub fixes: Vec<Fix>,
}

impl Analyzer {
    /// Returns why a packet was denied.
    pub fn refusal(&self, refused: &RejectedPacket<'_>) -> Rejection {
        let tuple = &refused.tuple;
        let from = self.end(refused.opener, tuple.source, refused.at);
        let to = self.end(refused.answerer, tuple.destination, refused.at);
        let way = Path { network: self.network(), tuple, from: &from, to: &to };
        let steps = evaluated(&way, refused.leg);
        let pick = |answer| steps.iter().filter(move |step| step.answer == answer);
        let ports = refused.ports.clone();
        let fixer = Fixer { reach: self, tuple, ports, from: &from, to: &to };
        let denied: Vec<&Step> = pick(StageVerdict::Denied).collect();
        if !denied.is_empty() {
            let texts = denied.iter().map(|step| format!("{}: {}", words(step.place), step.text));
            let cause = texts.collect::<Vec<_>>().join("; and ");
            return Rejection { cause: Some(cause), fixes: fixer.of(denied.into_iter()) };
        }
        let unknown: Vec<&Step> = pick(StageVerdict::Unknown).collect();
        Rejection { cause: may_be(&unknown), fixes: fixer.of(unknown.into_iter()) }
    }

    /// Returns the end of a flow that a log names by its interface, else by its address, at a time (Unix
    /// seconds). Where several interfaces had the address then, none is taken.
    pub fn end(&self, id: Option<&str>, ip: IpAddr, at: Option<i64>) -> FlowEnd<'_> {
        if let Some(eni) = id.and_then(|id| self.interface(id, at)) {
            return self.side_of(eni, ip);
        }
        let side = self.side(&ip.to_string(), None, None, at);
        side.unwrap_or(FlowEnd { addr: ip, eni: None, vpc: None, subnet: None })
    }
}

/// The results of the stages where a leg was denied.
fn evaluated(way: &Path<'_>, leg: PacketLeg) -> Vec<Step> {
    let apart = !way.from.same_subnet(way.to);
    let request = way.tuple.request();
    let via = || route::route(way.network, (way.from.subnet, way.from.vpc), way.to.addr).hop;
    let mut steps = Vec::new();
    match leg {
        // The log shows that it passed the sender's groups and ACL.
        PacketLeg::Unanswered => {
            let left = [Stage::SenderGroups, Stage::SenderAcl];
            steps = way.steps();
            steps.retain(|step| !left.contains(&step.place));
        }
        PacketLeg::RequestOut => {
            steps.push(way.groups(Stage::SenderGroups, via(), &request));
            steps.extend(apart.then(|| way.acl(Stage::SenderAcl, &request)));
        }
        PacketLeg::RequestIn => {
            steps.push(way.groups(Stage::ReceiverGroups, via(), &request));
            steps.extend(apart.then(|| way.acl(Stage::ReceiverAcl, &request)));
        }
        PacketLeg::ReplyOut | PacketLeg::ReplyIn => {
            let place = match leg {
                PacketLeg::ReplyOut => Stage::ReplyReceiverAcl,
                _ => Stage::ReplySenderAcl,
            };
            let reply = way.reply().filter(|_| apart);
            steps.extend(reply.map(|reply| way.acl(place, &reply)));
        }
    }
    steps
}

fn words(place: Stage) -> &'static str {
    match place {
        Stage::ReplyReceiverAcl | Stage::ReplySenderAcl => "network ACL",
        place => place.label(),
    }
}

/// Lists the unknown stages.
fn may_be(steps: &[&Step]) -> Option<String> {
    let (first, others) = steps.split_first()?;
    let or = match others.first().map(|step| step.place) {
        Some(Stage::ReceiverAcl) => " (or inbound network ACL)",
        Some(Stage::SenderAcl) => " (or outbound network ACL)",
        _ => "",
    };
    let texts: Vec<&str> = steps.iter().map(|step| step.text.as_str()).collect();
    Some(format!("{}{or}: {}", words(first.place), texts.join("; ")))
}
