//! Evaluates a flow stage by stage in AWS's order, and its reply.

use serde::Serialize;

use crate::inventory::model::NatGateway;
use crate::reachability::analyzer::Analyzer;
use crate::reachability::flow_end::FlowEnd;
use crate::reachability::route::RouteLookup;
use crate::reachability::step::{MissingRule, Stage, StageVerdict, Step, Verdict};
use crate::reachability::{network_acl, route, security_groups};
use crate::vpc::NextHop;
use crate::vpc::network::VpcNetwork;
use crate::vpc::packet::{FiveTuple, Packet};

/// The results of all stages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PathAnalysis {
    /// The verdict.
    pub verdict: Verdict,
    /// The result of each stage, in AWS's order; the reply after the request.
    pub steps: Vec<Step>,
}

impl PathAnalysis {
    /// Returns the deciding step: the first that denies, else the first unknown one.
    pub fn decider(&self) -> Option<&Step> {
        let first = |answer| self.steps.iter().find(|step| step.answer == answer);
        first(StageVerdict::Denied).or_else(|| first(StageVerdict::Unknown))
    }
}

impl Analyzer {
    /// Evaluates each stage of the path of a flow and of its reply.
    pub fn analyze(&self, tuple: &FiveTuple, from: &FlowEnd<'_>, to: &FlowEnd<'_>) -> PathAnalysis {
        let way = Path { network: &self.network, tuple, from, to };
        let steps = way.steps();
        PathAnalysis { verdict: Verdict::of(&steps), steps }
    }
}

/// The path of one flow.
pub(super) struct Path<'a> {
    pub(super) network: &'a VpcNetwork,
    pub(super) tuple: &'a FiveTuple,
    pub(super) from: &'a FlowEnd<'a>,
    pub(super) to: &'a FlowEnd<'a>,
}

impl Path<'_> {
    /// The result of each stage, in AWS's order; the reply after the request.
    pub(super) fn steps(&self) -> Vec<Step> {
        let (request, reply) = (self.tuple.request(), self.reply());
        let routed = self.routed();
        let mut steps = Vec::new();
        let (from_known, to_known) = (self.from.vpc.is_some(), self.to.vpc.is_some());
        if !from_known && !to_known {
            let text = "neither end lies in a VPC of the inventory";
            return vec![Step::new(Stage::Route, StageVerdict::Unknown, text)];
        }
        let apart = !self.from.same_subnet(self.to);
        if from_known {
            steps.push(self.groups(Stage::SenderGroups, routed.hop, &request));
            if apart {
                steps.push(self.acl(Stage::SenderAcl, &request));
            }
        }
        if apart {
            steps.push(if from_known {
                self.outbound_route(&routed)
            } else {
                self.inbound_route(&routed)
            });
            if let Some(nat) = self.nat(&routed) {
                steps.extend(self.through_nat(nat, &request));
            }
        }
        if to_known {
            if apart {
                steps.push(self.acl(Stage::ReceiverAcl, &request));
            }
            steps.push(self.groups(Stage::ReceiverGroups, routed.hop, &request));
        }
        if let (true, Some(reply)) = (apart, reply) {
            self.back(&routed, &reply, &mut steps);
        }
        steps
    }

    /// Returns the reply packet. Containers of a job choose their ports as Linux does.
    pub(super) fn reply(&self) -> Option<Packet> {
        let reply = self.tuple.reply()?;
        let is_job = self.from.eni.is_some_and(|eni| eni.attribution.is_some());
        let is_container = is_job && self.tuple.source_port.is_none();
        Some(if is_container { reply.to_container() } else { reply })
    }

    /// The stages of the reply: security groups are stateful, network ACLs are not.
    fn back(&self, routed: &RouteLookup, reply: &Packet, steps: &mut Vec<Step>) {
        if self.to.vpc.is_some() {
            steps.push(self.acl(Stage::ReplyReceiverAcl, reply));
            if self.from.vpc.is_some() && self.from.vpc != self.to.vpc {
                steps.push(self.return_route());
            }
        }
        if let Some(nat) = self.nat(routed) {
            let peer = FlowEnd { eni: None, ..*self.to };
            let nat_subnet = nat.subnet_id.as_deref();
            let answer = reply.to_any_client();
            steps.push(self.acl_at(Stage::ReplyNat, nat_subnet, "ingress", &peer, &answer, true));
            steps.push(self.acl_at(Stage::ReplyNat, nat_subnet, "egress", self.from, reply, true));
        }
        if self.from.vpc.is_some() {
            steps.push(self.acl(Stage::ReplySenderAcl, reply));
        }
    }

    fn routed(&self) -> RouteLookup {
        match (self.from.vpc, self.to.vpc) {
            (None, Some(_)) => {
                route::route(self.network, (self.to.subnet, self.to.vpc), self.from.addr)
            }
            _ => route::route(self.network, (self.from.subnet, self.from.vpc), self.to.addr),
        }
    }

    /// The result of the security groups of one end.
    pub(super) fn groups(&self, place: Stage, via: NextHop, packet: &Packet) -> Step {
        let (own, peer) = match place {
            Stage::SenderGroups => (self.from, self.to),
            _ => (self.to, self.from),
        };
        security_groups::judge(
            &security_groups::GroupQuery { network: self.network, own, peer, via, packet },
            place,
        )
    }

    /// The result of the network ACL of one end.
    pub(super) fn acl(&self, place: Stage, packet: &Packet) -> Step {
        let (own, peer, direction, is_reply) = match place {
            Stage::SenderAcl => (self.from, self.to, "egress", false),
            Stage::ReceiverAcl => (self.to, self.from, "ingress", false),
            Stage::ReplyReceiverAcl => (self.to, self.from, "egress", true),
            _ => (self.from, self.to, "ingress", true),
        };
        self.acl_at(place, own.subnet, direction, peer, packet, is_reply)
    }

    fn acl_at(
        &self,
        place: Stage,
        subnet: Option<&str>,
        direction: &'static str,
        peer: &FlowEnd<'_>,
        packet: &Packet,
        is_reply: bool,
    ) -> Step {
        let network = self.network;
        let question = network_acl::AclQuery { network, subnet, direction, peer, packet, is_reply };
        network_acl::judge(&question, place)
    }

    /// Whether the sender's route table leads to the destination.
    fn outbound_route(&self, routed: &RouteLookup) -> Step {
        let to = self.to.addr;
        let words = routed.words(to);
        let (answer, text) = match routed.hop {
            NextHop::Local => self.inside(words),
            NextHop::GatewayEndpoint => self.to_endpoint(routed, words),
            NextHop::NatGateway => self.to_nat(routed, words),
            NextHop::EgressOnlyGateway => (StageVerdict::Allowed, words),
            NextHop::InternetGateway => self.to_internet(words),
            NextHop::Peering if self.to.eni.is_some() && self.to.vpc != self.from.vpc => {
                (StageVerdict::Allowed, words)
            }
            NextHop::Blackhole | NextHop::NoRoute => (StageVerdict::Denied, words),
            NextHop::Unknown => (StageVerdict::Unknown, words),
            _ => (
                StageVerdict::Unknown,
                format!("{words}; what lies behind it is not in the inventory"),
            ),
        };
        self.step(Stage::Route, answer, text, routed, self.from.vpc)
    }

    fn step(
        &self,
        place: Stage,
        answer: StageVerdict,
        text: String,
        routed: &RouteLookup,
        vpc: Option<&str>,
    ) -> Step {
        let mut step = Step::new(place, answer, text);
        step.by = routed.by();
        if answer != StageVerdict::Denied {
            return step;
        }
        let Some(table) = routed.table.clone() else { return step };
        step.with_missing_rule(MissingRule::Way {
            vpc: vpc.map(str::to_owned),
            table,
            route: routed.route.clone(),
        })
    }

    fn inside(&self, words: String) -> (StageVerdict, String) {
        match (self.from.vpc, self.to.vpc) {
            (Some(from), Some(to)) if from != to => {
                let text = format!("{words}, and not to {} in {to}", self.to.name());
                (StageVerdict::Denied, text)
            }
            // Several VPCs of the inventory have that address.
            (_, None) => {
                let text = format!("{words}; who has {} there is not known", self.to.addr);
                (StageVerdict::Unknown, text)
            }
            _ => (StageVerdict::Allowed, words),
        }
    }

    fn to_endpoint(&self, routed: &RouteLookup, words: String) -> (StageVerdict, String) {
        let target = routed.route.as_ref().map(|route| route.target.as_str()).unwrap_or_default();
        let state = self.network.endpoint(target).and_then(|endpoint| endpoint.state.as_deref());
        match state {
            Some(state) if !state.eq_ignore_ascii_case("available") => {
                (StageVerdict::Unknown, format!("{words}, which is {state}"))
            }
            _ => (StageVerdict::Allowed, words),
        }
    }

    fn to_internet(&self, words: String) -> (StageVerdict, String) {
        let name = self.from.name();
        match self.from.eni {
            _ if self.to.addr.is_ipv6() => (StageVerdict::Allowed, words),
            Some(eni) if eni.public_ip.is_some() => (StageVerdict::Allowed, words),
            Some(eni) if eni.attribution.is_some() || eni.source != "cloudtrail" => {
                let text = format!("{words}, and {name} has no public address: nothing comes back");
                (StageVerdict::Denied, text)
            }
            _ => {
                let text = format!("{words}; whether {name} has a public address is not known");
                (StageVerdict::Unknown, text)
            }
        }
    }

    fn to_nat(&self, routed: &RouteLookup, words: String) -> (StageVerdict, String) {
        let target = routed.route.as_ref().map(|route| route.target.as_str()).unwrap_or_default();
        let mut gateways = self.network.inventory().nat_gateways.iter();
        let row = gateways.find(|row| row.nat_gateway_id == target);
        match row.and_then(|row| row.state.as_deref()) {
            _ if row.is_none() => {
                (StageVerdict::Unknown, format!("{words}, which is not in the inventory"))
            }
            Some(state) if !state.eq_ignore_ascii_case("available") => {
                (StageVerdict::Denied, format!("{words}, which is {state}"))
            }
            _ => (StageVerdict::Allowed, words),
        }
    }

    /// The NAT gateway on the path, if its subnet is not the sender's.
    fn nat(&self, routed: &RouteLookup) -> Option<&NatGateway> {
        let target = &routed.route.as_ref().filter(|_| routed.hop == NextHop::NatGateway)?.target;
        let mut gateways = self.network.inventory().nat_gateways.iter();
        let row = gateways.find(|row| row.nat_gateway_id == *target)?;
        let apart = row.subnet_id.is_some() && row.subnet_id.as_deref() != self.from.subnet;
        (apart && self.from.vpc.is_some()).then_some(row)
    }

    /// The results of the NAT gateway's subnet: its network ACL in both directions, its route table.
    fn through_nat(&self, nat: &NatGateway, request: &Packet) -> Vec<Step> {
        let subnet = nat.subnet_id.as_deref();
        let on = route::route(self.network, (subnet, nat.vpc_id.as_deref()), self.to.addr);
        let words = format!("{}: {}", nat.nat_gateway_id, on.words(self.to.addr));
        let private = nat.connectivity_type.as_deref() == Some("private");
        let (answer, text) = match on.hop {
            NextHop::InternetGateway if private => (
                StageVerdict::Denied,
                format!("{words}, and a private NAT gateway has no public address"),
            ),
            NextHop::InternetGateway | NextHop::GatewayEndpoint | NextHop::EgressOnlyGateway => {
                (StageVerdict::Allowed, words)
            }
            NextHop::Blackhole | NextHop::NoRoute => (StageVerdict::Denied, words),
            NextHop::Unknown => (StageVerdict::Unknown, words),
            _ => (
                StageVerdict::Unknown,
                format!("{words}; what lies behind it is not in the inventory"),
            ),
        };
        vec![
            self.acl_at(Stage::Nat, subnet, "ingress", self.from, request, false),
            self.step(Stage::Nat, answer, text, &on, nat.vpc_id.as_deref()),
            self.acl_at(Stage::Nat, subnet, "egress", self.to, request, false),
        ]
    }

    /// Whether an outside sender can enter: the receiver's route to the sender shows by which gateway.
    fn inbound_route(&self, routed: &RouteLookup) -> Step {
        let words = routed.words(self.from.addr);
        let name = self.to.name();
        let public = self.to.eni.is_some_and(|eni| eni.public_ip.is_some());
        let (answer, text) = match routed.hop {
            NextHop::InternetGateway if self.from.addr.is_ipv6() || public => {
                (StageVerdict::Allowed, words)
            }
            NextHop::InternetGateway if self.to.eni.is_some() => {
                (StageVerdict::Denied, format!("{words}, and {name} has no public address"))
            }
            NextHop::NatGateway => (
                StageVerdict::Denied,
                format!("{words}: a NAT gateway accepts no inbound connections"),
            ),
            NextHop::EgressOnlyGateway => (
                StageVerdict::Denied,
                format!("{words}: an egress-only gateway accepts no inbound connections"),
            ),
            NextHop::GatewayEndpoint => {
                (StageVerdict::Denied, format!("{words}: an endpoint opens nothing"))
            }
            NextHop::Blackhole | NextHop::NoRoute => {
                (StageVerdict::Denied, format!("{words}: no way back"))
            }
            NextHop::Unknown => (StageVerdict::Unknown, words),
            _ => (
                StageVerdict::Unknown,
                format!("{words}; what lies behind it is not in the inventory"),
            ),
        };
        let mut step = Step::new(Stage::Route, answer, text);
        step.by = routed.by();
        step
    }

    /// Whether the receiver's route table leads the reply to the sender's VPC.
    fn return_route(&self) -> Step {
        let routed = route::route(self.network, (self.to.subnet, self.to.vpc), self.from.addr);
        let words = routed.words(self.from.addr);
        let (answer, text) = match routed.hop {
            NextHop::Peering => (StageVerdict::Allowed, words),
            NextHop::Blackhole | NextHop::NoRoute | NextHop::Local => (StageVerdict::Denied, words),
            NextHop::Unknown => (StageVerdict::Unknown, words),
            _ => (
                StageVerdict::Unknown,
                format!("{words}; what lies behind it is not in the inventory"),
            ),
        };
        let mut step = Step::new(Stage::ReplyRoute, answer, text);
        step.by = routed.by();
        step
    }
}
