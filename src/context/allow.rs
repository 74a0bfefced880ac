//! Allow rules: traffic that the owner of the jobs expects.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use chrono::DateTime;
use chrono::Days;
use chrono::NaiveDate;
use chrono::NaiveTime;
use glob::Pattern;
use ipnet::IpNet;
use serde::Deserialize;
use toml::value::Datetime;

use crate::context::endpoints;
use crate::context::places::Places;
use crate::context::prefix::PrefixTree;
use crate::flow::addr;
use crate::flow::protocol;
use crate::inventory::model::Inventory;

/// One `[[allow]]` of `flowq.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "RawRule")]
pub struct AllowRule {
    to: To,
    job: Option<Pattern>,
    ports: Vec<RangeInclusive<i32>>,
    protocol: Option<i32>,
    reason: Option<String>,
    until: Option<i64>,
}

/// Where an allow rule lets traffic go.
#[derive(Debug, Clone, PartialEq, Eq)]
enum To {
    Cidr(IpNet),
    /// Anything inside the interface's own VPC.
    Vpc,
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
        "allow rule: to = \"{0}\" is no CIDR, \"vpc\", \"service:NAME\" or \"prefix-list:pl-…\""
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
    /// `until` is no date and no time.
    #[error("allow rule: until = \"{0}\" is no date like 2026-12-31 and no RFC 3339 time")]
    Until(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    to: String,
    job: Option<String>,
    ports: Option<Ports>,
    protocol: Option<Scalar>,
    reason: Option<String>,
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

impl AllowRule {
    /// Tells whether it has run out at `now` (Unix seconds, UTC). An expired one allows nothing.
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
        Ok(Self {
            to: read_to(&raw.to).ok_or(RuleError::To(raw.to))?,
            job: job.transpose()?,
            ports: ports
                .iter()
                .map(|port| read_ports(&port.to_string()))
                .collect::<Result<_, _>>()?,
            protocol: raw.protocol.map(|name| read_protocol(&name.to_string())).transpose()?,
            reason: raw.reason,
            until: until.map(|text| read_until(&text).ok_or(RuleError::Until(text))).transpose()?,
        })
    }
}

fn read_to(text: &str) -> Option<To> {
    if text == "vpc" {
        Some(To::Vpc)
    } else if let Some(name) = text.strip_prefix("service:") {
        (!name.is_empty()).then(|| To::Service(name.to_owned()))
    } else if let Some(id) = text.strip_prefix("prefix-list:") {
        id.starts_with("pl-").then(|| To::PrefixList(id.to_owned()))
    } else {
        addr::parse_net(text).map(To::Cidr)
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

/// Allow rules made ready to be asked.
#[derive(Debug)]
pub struct AllowRules {
    rules: Vec<Rule>,
    expired: Vec<String>,
    places: Arc<Places>,
    endpoint_services: HashMap<IpAddr, Vec<String>>,
}

#[derive(Debug)]
struct Rule {
    rule: AllowRule,
    reason: String,
    list: PrefixTree<()>,
}

impl AllowRules {
    /// Prepares rules. `now`, in Unix seconds, decides which have expired.
    pub fn new(rules: Vec<AllowRule>, inventory: &Inventory, now: i64) -> Self {
        Self::with_places(rules, inventory, Arc::new(Places::new(inventory)), now)
    }

    pub(super) fn with_places(
        rules: Vec<AllowRule>,
        inventory: &Inventory,
        places: Arc<Places>,
        now: i64,
    ) -> Self {
        let mut kept = Vec::new();
        let mut expired = Vec::new();
        for (number, rule) in (1..).zip(rules) {
            let reason = rule.reason.clone().unwrap_or_else(|| format!("rule {number}"));
            if rule.expired(now) {
                expired.push(reason);
                continue;
            }
            kept.push(Rule { list: entries(&rule.to, inventory), rule, reason });
        }
        Self { rules: kept, expired, places, endpoint_services: endpoint_services(inventory) }
    }

    /// Returns the reason (or `rule N`, counted from 1) of the first rule that fits. NULL when none does.
    ///
    /// `remote_scope` is that of `flow_context`. A rule with `ports` or `protocol` does not fit where the
    /// record has none; a rule with `job` does not fit where the job is not known to be one (shared).
    pub fn fits(
        &self,
        job_name: Option<&str>,
        remote_addr: IpAddr,
        remote_scope: Option<&str>,
        port: Option<i32>,
        protocol: Option<i32>,
    ) -> Option<&str> {
        let remote_addr = remote_addr.to_canonical();
        let fits = |Rule { rule, list, .. }: &&Rule| {
            rule.job.as_ref().is_none_or(|glob| job_name.is_some_and(|name| glob.matches(name)))
                && rule.protocol.is_none_or(|wanted| protocol == Some(wanted))
                && (rule.ports.is_empty()
                    || port
                        .is_some_and(|port| rule.ports.iter().any(|range| range.contains(&port))))
                && match &rule.to {
                    To::Cidr(net) => net.contains(&remote_addr),
                    To::Vpc => {
                        matches!(remote_scope, Some("same-job" | "other-job" | "endpoint" | "vpc"))
                    }
                    To::Service(name) => self.leads_to(remote_addr, remote_scope, name),
                    To::PrefixList(_) => list.longest(remote_addr).is_some(),
                }
        };
        self.rules.iter().find(fits).map(|rule| rule.reason.as_str())
    }

    /// Returns the reasons (or `rule N`) of the rules that have expired and allow nothing.
    pub fn expired(&self) -> &[String] {
        &self.expired
    }

    /// Tells whether an address is in the public ranges of a service as they are now (S3 by any evidence
    /// that made it `s3`), or, where the remote is an endpoint, is one of that service's.
    /// Names are compared without case.
    fn leads_to(&self, ip: IpAddr, scope: Option<&str>, service: &str) -> bool {
        if scope == Some("endpoint") {
            let services = self.endpoint_services.get(&ip).into_iter().flatten();
            return services.into_iter().any(|name| name.eq_ignore_ascii_case(service));
        }
        (scope == Some("s3") && service.eq_ignore_ascii_case("S3"))
            || self.places.is_of_service(ip, service, None)
    }
}

/// Returns the entries of the prefix list that a rule names.
fn entries(to: &To, inventory: &Inventory) -> PrefixTree<()> {
    let mut tree = PrefixTree::default();
    let To::PrefixList(id) = to else { return tree };
    let rows = inventory.prefix_lists.iter().filter(|row| row.prefix_list_id == *id);
    for net in rows.filter_map(|row| addr::parse_net(row.cidr.as_deref()?)) {
        *tree.entry(net) = ();
    }
    tree
}

/// Returns the services that endpoints offer at each address.
fn endpoint_services(inventory: &Inventory) -> HashMap<IpAddr, Vec<String>> {
    let mut by_interface: HashMap<&str, &str> = HashMap::new();
    for row in &inventory.vpc_endpoints {
        let Some(service) = row.service_name.as_deref() else { continue };
        for interface in &row.interface_ids {
            by_interface.insert(interface, endpoints::short_service(service));
        }
    }
    let mut services: HashMap<IpAddr, Vec<String>> = HashMap::new();
    for eni in &inventory.enis {
        let Some(service) = by_interface.get(eni.interface_id.as_str()) else { continue };
        for address in eni.addresses.iter().filter_map(|text| addr::parse(text)) {
            services.entry(address).or_default().push((*service).to_owned());
        }
    }
    services
}
