//! One allow rule, as `flowq.toml` writes it.

use std::ops::RangeInclusive;

use chrono::{DateTime, Days, NaiveDate, NaiveTime};
use glob::Pattern;
use ipnet::IpNet;
use serde::Deserialize;
use toml::value::Datetime;

use crate::flow::{address, protocol};

/// One `[[allow]]` of `flowq.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "RawRule")]
pub struct AllowRule {
    pub(crate) to: AllowedDestination,
    pub(crate) job: Option<Pattern>,
    pub(crate) ports: Vec<RangeInclusive<i32>>,
    pub(crate) protocol: Option<i32>,
    pub(crate) reason: Option<String>,
    /// Most bytes that one job may send there, over everything that the rule fits. `None`: any number.
    pub(crate) bytes_out_max: Option<i64>,
    /// Whether it is part of the baseline of a family of jobs: what the family does beyond it is new.
    pub(crate) learned: bool,
    until: Option<i64>,
}

/// Where an allow rule lets traffic go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AllowedDestination {
    Cidr(IpNet),
    /// Anything inside the interface's own VPC.
    Vpc,
    /// The other instances of the same job.
    SameJob,
    /// A service of AWS's ranges (`S3`, `EC2`, …) or of an interface endpoint (`logs`, `sagemaker.api`).
    Service(String),
    /// A prefix list, by id.
    PrefixList(String),
}

/// Why an allow rule cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RuleError {
    /// `to` has none of the known shapes.
    #[error(
        "allow rule: to = \"{0}\" is no CIDR, \"vpc\", \"same-job\", \"service:NAME\" or \"prefix-list:pl-…\""
    )]
    To(String),
    /// `job` is no glob.
    #[error("allow rule: job = \"{0}\" is no glob")]
    Job(String),
    /// A port is no port and no range of ports.
    #[error("allow rule: port {0} is no number from 0 to 65535 and no range like 1000-2000")]
    Port(String),
    /// `protocol` is no known name and no number.
    #[error("allow rule: protocol {0} is no known name and no number from 0 to 255")]
    Protocol(String),
    /// `bytes-out-max` is below zero.
    #[error("allow rule: bytes-out-max = {0} is below zero")]
    Bytes(i64),
    /// `until` is no date and no time.
    #[error("allow rule: until = \"{0}\" is no date like 2026-12-31 and no RFC 3339 time")]
    Until(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawRule {
    to: String,
    job: Option<String>,
    ports: Option<Ports>,
    protocol: Option<Scalar>,
    reason: Option<String>,
    bytes_out_max: Option<i64>,
    #[serde(default)]
    learned: bool,
    until: Option<Until>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Ports {
    One(Scalar),
    Many(Vec<Scalar>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Number(i64),
    Text(String),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Until {
    Text(String),
    Toml(Datetime),
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl std::fmt::Display for AllowedDestination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cidr(net) => net.fmt(f),
            Self::Vpc => f.write_str("vpc"),
            Self::SameJob => f.write_str("same-job"),
            Self::Service(name) => write!(f, "service:{name}"),
            Self::PrefixList(id) => write!(f, "prefix-list:{id}"),
        }
    }
}

impl AllowRule {
    /// The keys of an `[[allow]]`.
    pub const KEYS: &[&str] =
        &["to", "job", "ports", "protocol", "reason", "bytes-out-max", "learned", "until"];

    /// Returns whether it says what is known of its jobs, and not only what they may do: it was learned, has a
    /// band, or names a single address.
    pub(crate) fn is_known(&self) -> bool {
        let single = matches!(&self.to, AllowedDestination::Cidr(net) if net.prefix_len() == net.max_prefix_len());
        self.learned || self.bytes_out_max.is_some() || single
    }

    /// Returns whether it has run out at `now` (Unix seconds, UTC). An expired one allows nothing.
    pub fn expired(&self, now: i64) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

impl TryFrom<RawRule> for AllowRule {
    type Error = RuleError;

    fn try_from(raw: RawRule) -> Result<Self, RuleError> {
        let ports = match raw.ports {
            None => Vec::new(),
            Some(Ports::One(port)) => vec![port],
            Some(Ports::Many(ports)) => ports,
        };
        let until = raw.until.map(|until| match until {
            Until::Text(text) => text,
            Until::Toml(time) => time.to_string(),
        });
        let job = raw.job.map(|job| Pattern::new(&job).map_err(|_| RuleError::Job(job)));
        if let Some(bytes) = raw.bytes_out_max.filter(|bytes| *bytes < 0) {
            return Err(RuleError::Bytes(bytes));
        }
        Ok(Self {
            to: read_to(&raw.to).ok_or(RuleError::To(raw.to))?,
            job: job.transpose()?,
            ports: ports
                .iter()
                .map(|port| read_ports(&port.to_string()))
                .collect::<Result<_, _>>()?,
            protocol: raw.protocol.map(|name| read_protocol(&name.to_string())).transpose()?,
            reason: raw.reason,
            bytes_out_max: raw.bytes_out_max,
            learned: raw.learned,
            until: until.map(|text| read_until(&text).ok_or(RuleError::Until(text))).transpose()?,
        })
    }
}

fn read_to(text: &str) -> Option<AllowedDestination> {
    if text == "vpc" {
        Some(AllowedDestination::Vpc)
    } else if text == "same-job" {
        Some(AllowedDestination::SameJob)
    } else if let Some(name) = text.strip_prefix("service:") {
        (!name.is_empty()).then(|| AllowedDestination::Service(name.to_owned()))
    } else if let Some(id) = text.strip_prefix("prefix-list:") {
        id.starts_with("pl-").then(|| AllowedDestination::PrefixList(id.to_owned()))
    } else {
        address::parse_net(text).map(AllowedDestination::Cidr)
    }
}

fn read_ports(text: &str) -> Result<RangeInclusive<i32>, RuleError> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let port = |text: &str| text.trim().parse::<u16>().ok().map(i32::from);
    let range = port(first).zip(port(last)).map(|(first, last)| first..=last);
    range.filter(|range| !range.is_empty()).ok_or_else(|| RuleError::Port(text.to_owned()))
}

fn read_protocol(text: &str) -> Result<i32, RuleError> {
    let number = text.parse::<u8>().ok().map(i32::from);
    let number = number.or_else(|| protocol::protocol_number(text));
    number.ok_or_else(|| RuleError::Protocol(text.to_owned()))
}

/// Returns the first second at which a rule allows nothing more: for a date, the start of the next day.
fn read_until(text: &str) -> Option<i64> {
    if let Ok(date) = text.parse::<NaiveDate>() {
        let next = date.checked_add_days(Days::new(1))?;
        return Some(next.and_time(NaiveTime::MIN).and_utc().timestamp());
    }
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp())
}
