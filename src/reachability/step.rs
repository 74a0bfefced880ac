//! The result of one stage for a packet, and the verdict of all stages.

use serde::Serialize;

use crate::inventory::model::Route;

/// The result of one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageVerdict {
    /// It allows the packet.
    Allowed,
    /// It denies the packet.
    Denied,
    /// The inventory lacks the data, or the result depends on what is not known of the packet.
    Unknown,
}

/// A stage of the path, in AWS's order of evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Security groups of the sender's interface, egress.
    SenderGroups,
    /// Network ACL of the sender's subnet, outbound.
    SenderAcl,
    /// Route table of the sender's subnet; for a sender outside, the way in.
    Route,
    /// Subnet of the NAT gateway on the way: its network ACL and its route table.
    Nat,
    /// Network ACL of the receiver's subnet, inbound.
    ReceiverAcl,
    /// Security groups of the receiver's interface, ingress.
    ReceiverGroups,
    /// Network ACL of the receiver's subnet, outbound, for the reply.
    ReplyReceiverAcl,
    /// Route table of the receiver's subnet, for the reply.
    ReplyRoute,
    /// Network ACL of the NAT gateway's subnet, for the reply.
    ReplyNat,
    /// Network ACL of the sender's subnet, inbound, for the reply.
    ReplySenderAcl,
}

impl Stage {
    /// Returns the name of the stage.
    pub fn label(self) -> &'static str {
        match self {
            Self::SenderGroups => "sender's security group egress",
            Self::SenderAcl => "sender's outbound network ACL",
            Self::Route => "route",
            Self::Nat => "NAT gateway's subnet",
            Self::ReceiverAcl => "receiver's inbound network ACL",
            Self::ReceiverGroups => "receiver's security group",
            Self::ReplyReceiverAcl => "reply: receiver's outbound network ACL",
            Self::ReplyRoute => "reply: route back",
            Self::ReplyNat => "reply: NAT gateway's subnet",
            Self::ReplySenderAcl => "reply: sender's inbound network ACL",
        }
    }
}

/// The result of one stage for the packet, and the rule that decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The stage.
    pub place: Stage,
    /// Its result.
    pub answer: StageVerdict,
    /// Id of what decides: a security group (and its rule, where that has an id), an ACL and its entry, a
    /// route table and its route. `None` if nothing does.
    pub by: Option<String>,
    /// The rule that decides, or the one that is missing, or what is not known, in one sentence.
    pub text: String,
    /// What would allow the packet.
    #[serde(skip)]
    pub(super) lack: Option<MissingRule>,
}

impl Step {
    pub(super) fn new(place: Stage, answer: StageVerdict, text: impl Into<String>) -> Self {
        Self { place, answer, by: None, text: text.into(), lack: None }
    }

    pub(super) fn by(mut self, by: impl Into<String>) -> Self {
        self.by = Some(by.into());
        self
    }

    pub(super) fn with_missing_rule(mut self, lack: MissingRule) -> Self {
        self.lack = Some(lack);
        self
    }
}

/// The missing rule, entry or route of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MissingRule {
    /// A rule of a security group.
    Group {
        /// The group that would have to allow it.
        group: String,
        /// `egress` or `ingress`.
        direction: &'static str,
        /// Group or CIDR to open to.
        peer: String,
    },
    /// An entry of a network ACL.
    Acl {
        /// The ACL.
        acl: String,
        /// `egress` or `ingress`.
        direction: &'static str,
        /// Number of the entry that denies.
        before: i32,
        /// CIDRs to open to, one entry each.
        cidrs: Vec<String>,
        /// Whether it is for replies, whose port the client picks.
        is_reply: bool,
    },
    /// A route to the destination.
    Way {
        /// VPC of the route table.
        vpc: Option<String>,
        /// The route table.
        table: String,
        /// The route that leads nowhere. `None`: there is none.
        route: Option<Route>,
    },
}

/// The verdict of all stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every stage allows it, the reply too.
    Passes,
    /// A stage denies it.
    Refused,
    /// No stage denies it, and at least one is unknown.
    NotKnown,
}

impl Verdict {
    /// Combines the results of the stages.
    pub(super) fn of(steps: &[Step]) -> Self {
        let says = |answer| steps.iter().any(|step| step.answer == answer);
        if says(StageVerdict::Denied) {
            Self::Refused
        } else if says(StageVerdict::Unknown) || steps.is_empty() {
            Self::NotKnown
        } else {
            Self::Passes
        }
    }

    /// Returns the verdict in words.
    pub fn label(self) -> &'static str {
        match self {
            Self::Passes => "passes",
            Self::Refused => "refused",
            Self::NotKnown => "not known",
        }
    }
}

/// Combines the results for all ports that a packet may go to: the common result, else unknown.
pub(super) fn combine<T>(answers: Vec<(StageVerdict, T)>) -> Option<(StageVerdict, T, bool)> {
    let one = answers.iter().all(|(answer, _)| Some(answer) == answers.first().map(|(a, _)| a));
    let mut answers = answers.into_iter();
    if one {
        return answers.next().map(|(answer, why)| (answer, why, true));
    }
    // The text is that of a range that is not allowed.
    answers
        .find(|(answer, _)| *answer != StageVerdict::Allowed)
        .map(|(_, why)| (StageVerdict::Unknown, why, false))
}
