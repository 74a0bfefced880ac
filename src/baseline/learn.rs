//! Learns allow rules from the destinations that jobs opened.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use glob::Pattern;
use ipnet::IpNet;

use crate::baseline::observed::ObservedDestination;
use crate::detection::Severity;
use crate::vpc::ports::FIRST_EPHEMERAL;

/// The least band: below it a family's own ups and downs would be reported as changes.
pub(super) const BAND_MIN: i64 = 1 << 20;

/// How rules are made.
#[derive(Debug, Clone)]
pub struct Options {
    /// The family: a glob of job names.
    pub job: Pattern,
    /// Ranges that the inventory knows, of subnets and of VPCs: addresses seen in one become that range.
    pub ranges: Vec<IpNet>,
    /// Prefix lengths to which single addresses are widened: up to 32 of IPv4, above of IPv6.
    pub widen: Vec<u8>,
    /// Factor between the most that one run sent and the band.
    pub headroom: f64,
}

/// What a detection flagged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flagged {
    /// The detection.
    pub detection: String,
    /// Its severity.
    pub severity: Severity,
    /// Name of the job. `None` if it may be one of several.
    pub job_name: Option<String>,
    /// Where it went, as in [`Seen`].
    pub destination: String,
    /// The port.
    pub port: Option<i32>,
    /// Number of the protocol.
    pub protocol: Option<i32>,
    /// Whether a rule may allow it all the same.
    pub included: bool,
}

/// The runs that rules were learned from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Runs {
    /// Names of the jobs, sorted.
    pub names: BTreeSet<String>,
    /// When the first connection was seen, Unix seconds, UTC.
    pub first_seen: Option<i64>,
    /// When the last one was.
    pub last_seen: Option<i64>,
}

/// One rule. Times are Unix seconds, UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearnedRule {
    /// Where to, in the words of an allow rule.
    pub to: String,
    /// Ports and ranges of ports, sorted. None: any.
    pub ports: Vec<String>,
    /// Whether it has none because the log does not tell them.
    pub ports_unknown: bool,
    /// Number of the protocol. `None`: any.
    pub protocol: Option<i32>,
    /// The band.
    pub bytes_out_max: i64,
    /// Bytes of the run that sent least, and of the one that sent most.
    pub bytes_out: (i64, i64),
    /// How many runs went there.
    pub runs: usize,
    /// When it was first seen.
    pub first_seen: Option<i64>,
    /// When it was last seen.
    pub last_seen: Option<i64>,
    /// Detections that flagged it, and that the options exclude here.
    pub flagged_by: BTreeSet<String>,
}

/// What became no rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Excluded {
    /// Where it went.
    pub destination: String,
    /// The port.
    pub port: Option<i32>,
    /// Number of the protocol.
    pub protocol: Option<i32>,
    /// Why: what flagged it.
    pub why: String,
    /// The jobs that went there, sorted.
    pub jobs: BTreeSet<String>,
}

/// What was learned of a family.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Learned {
    /// The rules: services, prefix lists, the job itself, the VPC, then ranges, longest first.
    pub rules: Vec<LearnedRule>,
    /// What was flagged, sorted.
    pub left_out: Vec<Excluded>,
    /// What it was learned from.
    pub runs: Runs,
    /// How many destinations were allowed already, by a rule for just them.
    pub known: usize,
    /// How many destinations were of interfaces that may serve another job.
    pub shared: usize,
}

/// Where rules lead, in their order.
type RuleOrder = (u8, Reverse<u8>, String);

#[derive(Default)]
struct Group {
    ports: BTreeSet<Option<i32>>,
    bytes: BTreeMap<String, i64>,
    first_seen: Option<i64>,
    last_seen: Option<i64>,
    flagged_by: BTreeSet<String>,
}

/// Learns the rules of a family from what jobs opened.
///
/// What a detection flagged, and is not `included`, becomes no rule for the whole family, and no rule is made
/// so wide that it allows it. Other jobs are never a destination: that is a matter between two families.
pub fn learn(rows: &[ObservedDestination], flagged: &[Flagged], options: &Options) -> Learned {
    let flagged: Vec<&Flagged> = flagged.iter().filter(|one| one.is_of(&options.job)).collect();
    let (included, refused): (Vec<&Flagged>, Vec<&Flagged>) =
        flagged.into_iter().partition(|one| one.included);
    let mut learned = Learned {
        shared: rows.iter().filter(|row| row.may_be_of(&options.job)).count(),
        ..Learned::default()
    };
    let mut left_out: BTreeMap<(String, Option<i32>, Option<i32>), Excluded> = BTreeMap::new();
    let mut rows_used = Vec::new();
    for row in rows.iter().filter(|row| row.is_of(&options.job)) {
        let job = row.job_name.clone().unwrap_or_default();
        learned.runs.add(&job, row);
        if row.scope == "other-job" {
        } else if row.rule.is_some_and(|rule| rule > 0) {
            learned.known += 1;
        } else if let Some(by) = refused.iter().find(|one| one.is(row)) {
            let key = (row.destination.clone(), row.port, row.protocol);
            left_out.entry(key).or_insert_with(|| by.left_out()).jobs.insert(job);
        } else {
            rows_used.push(row);
        }
    }
    let mut groups: BTreeMap<(RuleOrder, Option<i32>), Group> = BTreeMap::new();
    let seen: BTreeSet<IpAddr> =
        rows_used.iter().filter_map(|row| row.destination.parse().ok()).collect();
    for row in rows_used {
        let place = place(&row.destination, &seen, &refused, options);
        let group = groups.entry((place, row.protocol)).or_default();
        let by = included.iter().filter(|one| one.is(row)).map(|one| one.detection.clone());
        group.flagged_by.extend(by);
        group.add(row);
    }
    for (((_, _, to), protocol), group) in groups {
        let refused: Vec<&Flagged> =
            refused.iter().filter(|one| one.is_in(&to, protocol)).copied().collect();
        let (ports, ports_unknown) = group.ports(&to, protocol, &refused);
        // Without ports it would allow what was flagged as well.
        if let Some(by) = refused.first().filter(|_| ports.is_empty()) {
            let jobs = group.bytes.into_keys().collect();
            let key = (to.clone(), None, protocol);
            let why = format!("cannot be learned from {}", by.why());
            let out = Excluded { destination: to, port: None, protocol, why, jobs };
            left_out.entry(key).or_insert(out);
            continue;
        }
        learned.rules.push(group.rule(to, ports, ports_unknown, protocol, options.headroom));
    }
    learned.left_out = left_out.into_values().collect();
    learned
}

impl Flagged {
    fn is_of(&self, family: &Pattern) -> bool {
        // One of several jobs may be of the family: that is enough to be careful.
        self.job_name.as_deref().is_none_or(|name| family.matches(name))
    }

    fn is(&self, row: &ObservedDestination) -> bool {
        self.destination == row.destination
            && self.port == row.port
            && self.protocol == row.protocol
    }

    /// Returns whether a rule with this `to` and protocol, whatever its ports, leads there.
    fn is_in(&self, to: &str, protocol: Option<i32>) -> bool {
        let net = to.parse::<IpNet>().ok().zip(self.destination.parse::<IpAddr>().ok());
        (protocol.is_none() || self.protocol == protocol)
            && (self.destination == to || net.is_some_and(|(net, ip)| net.contains(&ip)))
    }

    fn why(&self) -> String {
        format!("what {} flagged as {}", self.detection, self.severity)
    }

    fn left_out(&self) -> Excluded {
        Excluded {
            destination: self.destination.clone(),
            port: self.port,
            protocol: self.protocol,
            why: format!("{} flagged it as {}", self.detection, self.severity),
            jobs: BTreeSet::new(),
        }
    }
}

impl Runs {
    fn add(&mut self, job: &str, row: &ObservedDestination) {
        if !self.names.contains(job) {
            self.names.insert(job.to_owned());
        }
        self.first_seen = earliest(self.first_seen, row.first_seen);
        self.last_seen = self.last_seen.max(row.last_seen);
    }
}

/// The earlier of two times, of which either may not be known.
pub(super) fn earliest(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    a.into_iter().chain(b).min()
}

/// Returns where a rule for a destination leads. Addresses become a range that the inventory knows when several
/// were seen in it, else one of the given width; never one that contains a flagged destination.
fn place(
    destination: &str,
    seen: &BTreeSet<IpAddr>,
    refused: &[&Flagged],
    options: &Options,
) -> RuleOrder {
    let Ok(ip) = destination.parse::<IpAddr>() else {
        let rank = match destination {
            "same-job" => 2,
            "vpc" => 3,
            text if text.starts_with("service:") => 0,
            _ => 1,
        };
        return (rank, Reverse(0), destination.to_owned());
    };
    let is_clean = |net: &IpNet| {
        let bad = refused.iter().filter_map(|one| one.destination.parse::<IpAddr>().ok());
        net.contains(&ip) && !bad.into_iter().any(|bad| net.contains(&bad))
    };
    let known = options.ranges.iter().filter(|net| is_clean(net));
    let known = known.filter(|net| seen.iter().filter(|other| net.contains(*other)).count() > 1);
    let known = known.max_by_key(|net| net.prefix_len()).copied();
    let widened = || {
        let len = options.widen.iter().find(|len| ip.is_ipv4() == (**len <= 32))?;
        IpNet::new(ip, *len).ok().map(|net| net.trunc()).filter(is_clean)
    };
    let net = known.or_else(widened).unwrap_or_else(|| IpNet::from(ip));
    (4, Reverse(net.prefix_len()), net.to_string())
}

impl Group {
    fn add(&mut self, row: &ObservedDestination) {
        self.ports.insert(row.port);
        *self.bytes.entry(row.job_name.clone().unwrap_or_default()).or_default() += row.bytes_out;
        self.first_seen = earliest(self.first_seen, row.first_seen);
        self.last_seen = self.last_seen.max(row.last_seen);
    }

    /// Returns the ports of the rule, none for any, and whether there are none for want of knowledge.
    fn ports(&self, to: &str, protocol: Option<i32>, refused: &[&Flagged]) -> (Vec<String>, bool) {
        if !protocol.is_none_or(has_ports) {
            return (Vec::new(), false);
        }
        if self.ports.contains(&None) {
            return (Vec::new(), true);
        }
        let is_high = |port: &i32| is_ephemeral(to, *port);
        let (high, low): (Vec<i32>, Vec<i32>) =
            self.ports.iter().flatten().partition(|p| is_high(p));
        let is_clean = !refused.iter().any(|one| one.port.is_some_and(|port| is_high(&port)));
        let mut ports: Vec<String> = low.iter().map(i32::to_string).collect();
        if high.len() > 1 && is_clean {
            ports.push(picked_ports());
        } else {
            ports.extend(high.iter().map(i32::to_string));
        }
        (ports, false)
    }

    fn rule(
        self,
        to: String,
        ports: Vec<String>,
        ports_unknown: bool,
        protocol: Option<i32>,
        headroom: f64,
    ) -> LearnedRule {
        let least = self.bytes.values().min().copied().unwrap_or(0);
        let most = self.bytes.values().max().copied().unwrap_or(0);
        LearnedRule {
            to,
            ports,
            ports_unknown,
            protocol,
            bytes_out_max: byte_limit(most, headroom),
            bytes_out: (least, most),
            runs: self.bytes.len(),
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            flagged_by: self.flagged_by,
        }
    }
}

/// The band of a destination that was sent at most these bytes.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a band is round")]
fn byte_limit(most: i64, headroom: f64) -> i64 {
    ((most as f64 * headroom).ceil() as i64).max(most).max(BAND_MIN)
}

/// Returns whether a protocol has ports: TCP, UDP, DCCP, SCTP, UDP-Lite.
fn has_ports(protocol: i32) -> bool {
    matches!(protocol, 6 | 17 | 33 | 132 | 136)
}

/// Returns whether a port may be one that was picked anew: between instances of a job and in the VPC, where each run
/// has other hosts. Elsewhere a high port is as good as any.
pub(super) fn is_ephemeral(destination: &str, port: i32) -> bool {
    port >= i32::from(FIRST_EPHEMERAL) && matches!(destination, "same-job" | "vpc")
}

/// All ports that are picked anew, as a rule writes them.
pub(super) fn picked_ports() -> String {
    format!("{FIRST_EPHEMERAL}-65535")
}
