//! What one place on the way says of a packet, and what all of them say together.

use serde::Serialize;

use crate::inventory::model::Route;

/// What one place says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageVerdict {
    /// It lets the packet through.
    Allowed,
    /// It does not.
    Denied,
    /// The inventory does not tell, or it depends on what is not known of the packet.
    Unknown,
}

/// A place on the way, in the order in which AWS asks them.
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
    /// Returns the place in words.
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

/// What one place says of the packet, and by which rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The place.
    pub place: Stage,
    /// What it says.
    pub answer: StageVerdict,
    /// Id of what decides: a security group (and its rule, where that has an id), an ACL and its entry, a
    /// route table and its route. NULL when nothing does.
    pub by: Option<String>,
    /// The rule that decides, or the one that is missing, or what is not known, in one sentence.
    pub text: String,
    /// What would let it through.
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

/// What a step misses.
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
    /// A way to where the packet goes.
    Way {
        /// VPC of the route table.
        vpc: Option<String>,
        /// The route table.
        table: String,
        /// The route that leads nowhere; NULL: there is none.
        route: Option<Route>,
    },
}

/// What all places say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every place lets it through, the reply too.
    Passes,
    /// A place does not.
    Refused,
    /// No place is known to refuse it, and of at least one it is not known.
    NotKnown,
}

impl Verdict {
    /// Joins what the places say.
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

/// What a place says of all ports that a packet may go to: one answer for all of them, else not known.
pub(super) fn combine<T>(answers: Vec<(StageVerdict, T)>) -> Option<(StageVerdict, T, bool)> {
    let one = answers.iter().all(|(answer, _)| Some(answer) == answers.first().map(|(a, _)| a));
    let mut answers = answers.into_iter();
    if one {
        return answers.next().map(|(answer, why)| (answer, why, true));
    }
    // The stretch that is not let through is what there is to say.
    answers
        .find(|(answer, _)| *answer != StageVerdict::Allowed)
        .map(|(_, why)| (StageVerdict::Unknown, why, false))
}
