//! Allow rules: traffic that the owner of the jobs expects.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use glob::Pattern;

use crate::allow::rule::{AllowRule, AllowedDestination};
use crate::flow::address;
use crate::inventory::model::Inventory;
use crate::vpc::ip_ranges::IpRanges;
use crate::vpc::{CidrMap, service_name};

/// Allow rules, indexed.
#[derive(Debug)]
pub struct AllowMatcher {
    rules: Vec<Rule>,
    expired: Vec<String>,
    places: Arc<IpRanges>,
    endpoint_services: HashMap<IpAddr, Vec<String>>,
}

/// A rule of the baseline of jobs, as the table `baseline` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaselineRule {
    /// Its number, from 1, in the order of the configuration.
    pub number: i32,
    /// `to`, as a rule writes it.
    pub to: String,
    /// The glob of the jobs. `None`: all.
    pub job: Option<String>,
    /// Ports and ranges of ports, joined by commas. `None`: any.
    pub ports: Option<String>,
    /// Number of the protocol. `None`: any.
    pub protocol: Option<i32>,
    /// Most bytes that one job may send there. `None`: any number.
    pub bytes_out_max: Option<i64>,
    /// Whether it was learned.
    pub learned: bool,
    /// Its reason, or `rule N`.
    pub reason: String,
}

#[derive(Debug)]
struct Rule {
    number: i32,
    rule: AllowRule,
    reason: String,
    list: CidrMap<()>,
}

impl AllowMatcher {
    /// Prepares rules. `now`, in Unix seconds, decides which have expired.
    pub fn new(rules: Vec<AllowRule>, inventory: &Inventory, now: i64) -> Self {
        Self::with_places(rules, inventory, Arc::new(IpRanges::new(inventory)), now)
    }

    pub(crate) fn with_places(
        rules: Vec<AllowRule>,
        inventory: &Inventory,
        places: Arc<IpRanges>,
        now: i64,
    ) -> Self {
        let mut active = Vec::new();
        let mut expired = Vec::new();
        for (number, rule) in (1..).zip(rules) {
            let reason = rule.reason.clone().unwrap_or_else(|| format!("rule {number}"));
            if rule.expired(now) {
                expired.push(reason);
                continue;
            }
            active.push(Rule { number, list: entries(&rule.to, inventory), rule, reason });
        }
        Self { rules: active, expired, places, endpoint_services: endpoint_services(inventory) }
    }

    /// Returns the reason (or `rule N`, counted from 1) of the first rule that fits. `None` if none does.
    ///
    /// `remote_scope` is that of `flow_context`. A rule with `ports` or `protocol` does not fit where the
    /// record has none. `job_name` may be the candidates of a shared interface, joined by commas: a rule with
    /// `job` fits those when it fits each of them.
    pub fn matching_rule(
        &self,
        job_name: Option<&str>,
        remote_addr: IpAddr,
        remote_scope: Option<&str>,
        port: Option<i32>,
        protocol: Option<i32>,
    ) -> Option<&str> {
        let connection = Connection {
            job_name,
            remote_addr: remote_addr.to_canonical(),
            remote_scope,
            port,
            protocol,
        };
        let found = self.rules.iter().find(|rule| self.rule_fits(rule, &connection));
        found.map(|rule| rule.reason.as_str())
    }

    /// Returns the number of the first rule that covers this destination: a learned one, one with a
    /// band, or one for a single address. 0 when none does and something was learned of the job's family;
    /// `None` if nothing was: then nothing can be new.
    pub fn baseline_rule_for(
        &self,
        job_name: Option<&str>,
        remote_addr: IpAddr,
        remote_scope: Option<&str>,
        port: Option<i32>,
        protocol: Option<i32>,
    ) -> Option<i32> {
        let connection = Connection {
            job_name,
            remote_addr: remote_addr.to_canonical(),
            remote_scope,
            port,
            protocol,
        };
        let mut known = self.rules.iter().filter(|rule| rule.rule.is_known());
        let found = known.find(|rule| self.rule_fits(rule, &connection)).map(|rule| rule.number);
        let is_family = |rule: &Rule| rule.rule.learned && is_of(&rule.rule, job_name);
        found.or_else(|| self.rules.iter().any(is_family).then_some(0))
    }

    /// Returns the rules that were learned or have a band, in their order.
    pub fn known(&self) -> Vec<BaselineRule> {
        let is_bounded = |rule: &&Rule| rule.rule.learned || rule.rule.bytes_out_max.is_some();
        let known = |Rule { number, rule, reason, .. }: &Rule| {
            let range = |range: &RangeInclusive<i32>| match (range.start(), range.end()) {
                (first, last) if first == last => first.to_string(),
                (first, last) => format!("{first}-{last}"),
            };
            let ports: Vec<String> = rule.ports.iter().map(range).collect();
            BaselineRule {
                number: *number,
                to: rule.to.to_string(),
                job: rule.job.as_ref().map(|glob| glob.as_str().to_owned()),
                ports: (!ports.is_empty()).then(|| ports.join(",")),
                protocol: rule.protocol,
                bytes_out_max: rule.bytes_out_max,
                learned: rule.learned,
                reason: reason.clone(),
            }
        };
        self.rules.iter().filter(is_bounded).map(known).collect()
    }

    /// Returns the services that endpoints offer at an address, by name. None where it is no endpoint's.
    pub(crate) fn services_at(&self, ip: IpAddr) -> &[String] {
        self.endpoint_services.get(&ip).map_or(&[], Vec::as_slice)
    }

    fn rule_fits(&self, Rule { rule, list, .. }: &Rule, connection: &Connection<'_>) -> bool {
        let Connection { remote_addr, remote_scope, .. } = *connection;
        let in_ports = |port| rule.ports.iter().any(|range| range.contains(&port));
        is_of(rule, connection.job_name)
            && rule.protocol.is_none_or(|required| connection.protocol == Some(required))
            && (rule.ports.is_empty() || connection.port.is_some_and(in_ports))
            && match &rule.to {
                AllowedDestination::Cidr(net) => net.contains(&remote_addr),
                // Endpoints are learned by their service: a new one is new.
                AllowedDestination::Vpc if rule.learned => {
                    matches!(remote_scope, Some("same-job" | "other-job" | "vpc"))
                }
                AllowedDestination::Vpc => {
                    matches!(remote_scope, Some("same-job" | "other-job" | "endpoint" | "vpc"))
                }
                AllowedDestination::SameJob => remote_scope == Some("same-job"),
                AllowedDestination::Service(name) => self.leads_to(remote_addr, remote_scope, name),
                AllowedDestination::PrefixList(_) => list.longest(remote_addr).is_some(),
            }
    }

    /// Returns the reasons (or `rule N`) of the rules that have expired and allow nothing.
    pub fn expired(&self) -> &[String] {
        &self.expired
    }

    /// Returns whether an address is in the public ranges of a service as they are now (S3 by any evidence
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

/// The values of a record that rules match.
struct Connection<'a> {
    job_name: Option<&'a str>,
    remote_addr: IpAddr,
    remote_scope: Option<&'a str>,
    port: Option<i32>,
    protocol: Option<i32>,
}

/// Returns whether a rule is one for this job, or for all of several candidates.
fn is_of(rule: &AllowRule, job_name: Option<&str>) -> bool {
    let fits = |glob: &Pattern| {
        job_name.is_some_and(|names| names.split(',').all(|name| glob.matches(name)))
    };
    rule.job.as_ref().is_none_or(fits)
}

/// Returns the entries of the prefix list that a rule names.
fn entries(to: &AllowedDestination, inventory: &Inventory) -> CidrMap<()> {
    let mut tree = CidrMap::default();
    let AllowedDestination::PrefixList(id) = to else { return tree };
    let rows = inventory.prefix_lists.iter().filter(|row| row.prefix_list_id == *id);
    for net in rows.filter_map(|row| address::parse_net(row.cidr.as_deref()?)) {
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
            by_interface.insert(interface, service_name::short_service(service));
        }
    }
    let mut services: HashMap<IpAddr, Vec<String>> = HashMap::new();
    for eni in &inventory.enis {
        let Some(service) = by_interface.get(eni.interface_id.as_str()) else { continue };
        for address in eni.addresses.iter().filter_map(|text| address::parse(text)) {
            services.entry(address).or_default().push((*service).to_owned());
        }
    }
    for names in services.values_mut() {
        names.sort();
        names.dedup();
    }
    services
}
