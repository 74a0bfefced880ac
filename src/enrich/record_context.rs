//! Reads one record: its interface, its job, its two sides, and where the other side is.

use std::net::IpAddr;
use std::sync::Arc;

use foldhash::HashMap;

use crate::enrich::columns::Column;
use crate::enrich::input_columns::Input;
use crate::enrich::interface_index::InterfaceInterval;
use crate::enrich::job_attribution::{AttributionRef, JobAttribution};
use crate::enrich::s3_path::Verdict;
use crate::enrich::{Enricher, interface_index, s3_path};
use crate::flow::address;
use crate::inventory::model::Attribution;
use crate::vpc::ip_ranges::AwsRange;
use crate::vpc::{NextHop, S3Region};

/// Which way a record went, as the interface sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Ingress,
    Egress,
}

/// The enrichment of one record. A field that no requested column needs is left empty.
#[derive(Debug, Default)]
pub(super) struct RecordContext<'a> {
    pub(super) row: Option<&'a InterfaceInterval>,
    pub(super) who: Option<AttributionRef<'a>>,
    pub(super) belongs_to: Option<&'a str>,
    pub(super) account: Option<&'a str>,
    pub(super) region: Option<&'a str>,
    pub(super) vpc: Option<&'a str>,
    pub(super) subnet: Option<&'a str>,
    pub(super) direction: Option<Direction>,
    pub(super) local_addr: Option<&'a str>,
    pub(super) remote_addr: Option<&'a str>,
    pub(super) local_port: Option<i32>,
    pub(super) remote_port: Option<i32>,
    pub(super) syn_by: Option<&'static str>,
    pub(super) remote_row: Option<&'a InterfaceInterval>,
    pub(super) remote_who: Option<AttributionRef<'a>>,
    pub(super) scope: Option<&'static str>,
    pub(super) s3: Option<Verdict>,
}

impl RecordContext<'_> {
    pub(super) fn region(&self) -> Option<&str> {
        self.region.or_else(|| self.who.as_ref().and_then(|who| who.region.as_deref()))
    }
}

/// What is known of a remote address, whatever the record.
#[derive(Debug, Clone, Copy, Default)]
struct RemoteAddressInfo<'a> {
    in_vpc: bool,
    in_s3_list: bool,
    in_aws_list: bool,
    range: Option<AwsRange<'a>>,
}

/// Which steps the requested columns need.
#[derive(Debug, Clone, Copy)]
struct RequiredSteps {
    job: bool,
    sides: bool,
    remote: bool,
    scope: bool,
    s3: bool,
}

/// Reads the records of one batch, with what it learned from those before.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    context: &'a Enricher,
    input: &'a Input,
    steps: RequiredSteps,
    last_interface: Option<(&'a str, &'a [InterfaceInterval])>,
    last_vpc: Option<(&'a str, Option<u32>)>,
    inferred: HashMap<Vec<usize>, Option<Arc<JobAttribution>>>,
    places: HashMap<(Option<u32>, IpAddr, usize), RemoteAddressInfo<'a>>,
}

/// The times of a record.
#[derive(Debug, Clone, Copy)]
struct Times {
    /// `start`, else `end`.
    at: Option<i64>,
    /// Both, each standing for the other where one is missing.
    span: Option<(i64, i64)>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(context: &'a Enricher, input: &'a Input, columns_to_add: &[Column]) -> Self {
        let any = |columns: &[Column]| columns_to_add.iter().any(|column| columns.contains(column));
        let s3 = any(&[Column::S3Path, Column::S3Evidence]);
        let scope = s3 || any(&[Column::RemoteScope]);
        let remote = scope || any(&[Column::RemoteInterfaceId, Column::RemoteJobName]);
        let sides = columns_to_add.iter().any(|c| (Column::Direction..=Column::SynBy).contains(c));
        let job = columns_to_add.iter().any(|c| *c <= Column::NetworkIsolation);
        let job = scope || job || any(&[Column::LocalRegion]);
        Self {
            context,
            input,
            steps: RequiredSteps { job, sides: remote || sides, remote, scope, s3 },
            last_interface: None,
            last_vpc: None,
            inferred: HashMap::default(),
            places: HashMap::default(),
        }
    }

    /// Reads the record in this row of the batch.
    pub(super) fn read(&mut self, at: usize) -> RecordContext<'a> {
        let input = self.input;
        let (start, end) = (input.start.get(at), input.end.get(at));
        let times = Times { at: start.or(end), span: start.or(end).zip(end.or(start)) };
        let interface = input.interface_id.get(at);
        let row = interface_index::row_at(self.rows(interface), times.at);
        let eni = row.map(|row| &row.eni);
        let account = input.account_id.get(at);
        let subnet = input.subnet_id.get(at).or_else(|| eni?.subnet_id.as_deref());
        let vpc = input.vpc_id.get(at).or_else(|| eni?.vpc_id.as_deref());
        let mut facts = RecordContext {
            row,
            belongs_to: self.belongs_to(at, row),
            // AWS writes `unknown` for interfaces of some services.
            account: account
                .filter(|id| *id != "unknown")
                .or_else(|| eni?.account_id.as_deref())
                .or(account),
            region: input.region.get(at).or_else(|| eni?.region.as_deref()),
            vpc: vpc.or_else(|| self.context.index.vpc_of_subnet(subnet?)),
            subnet,
            ..RecordContext::default()
        };
        if self.steps.job && interface.is_some() {
            facts.who = self.who(at, row, times);
        }
        let silent = matches!(input.log_status.get(at), Some("NODATA" | "SKIPDATA"));
        if self.steps.sides && !silent {
            self.read_sides(at, &mut facts);
        }
        if self.steps.remote
            && let Some(remote) = facts.remote_addr.and_then(address::parse)
        {
            self.read_remote(at, remote, times, &mut facts);
        }
        facts
    }

    fn rows(&mut self, interface: Option<&'a str>) -> &'a [InterfaceInterval] {
        let Some(id) = interface else { return &[] };
        if let Some((_, rows)) = self.last_interface.filter(|(last, _)| *last == id) {
            return rows;
        }
        let rows = self.context.index.interface(id);
        self.last_interface = Some((id, rows));
        rows
    }

    fn belongs_to(&self, at: usize, row: Option<&'a InterfaceInterval>) -> Option<&'a str> {
        let known = row.and_then(|row| row.belongs_to.as_deref());
        if row.is_some_and(|row| row.who.is_some()) {
            return known;
        }
        // The inventory knows best; then the record itself. A regional NAT gateway has no interface.
        let nat = || self.input.resource_id.get(at).filter(|id| id.starts_with("nat-"));
        known
            .or_else(|| self.input.interface_type.get(at))
            .or_else(|| nat().map(|_| "nat_gateway"))
            .or_else(|| self.input.instance_id.get(at).map(|_| "instance"))
    }

    /// Returns the job of a record's interface: as the inventory says, else by the rule for interfaces
    /// without history.
    fn who(
        &mut self,
        at: usize,
        row: Option<&'a InterfaceInterval>,
        times: Times,
    ) -> Option<AttributionRef<'a>> {
        if let Some(row) = row.filter(|row| !row.may_infer) {
            return self.known(row, times);
        }
        if self.input.instance_id.get(at).is_some() || self.input.interface_type.get(at).is_some() {
            return None;
        }
        let subnet = row.and_then(|row| row.eni.subnet_id.as_deref());
        self.infer(row, subnet.or_else(|| self.input.subnet_id.get(at)), times)
    }

    fn known(&self, row: &'a InterfaceInterval, times: Times) -> Option<AttributionRef<'a>> {
        let who = row.who.as_ref()?;
        let holds = times
            .at
            .is_none_or(|at| interface_index::holds(who.attribution, row.distance_secs(at)));
        let runs = who.attribution != Attribution::Inferred
            || times.span.is_none_or(|(start, end)| self.context.may_run(who, start, end));
        (holds && runs).then_some(AttributionRef::Known(who))
    }

    fn infer(
        &mut self,
        row: Option<&'a InterfaceInterval>,
        subnet: Option<&str>,
        times: Times,
    ) -> Option<AttributionRef<'a>> {
        let ((start, end), subnet) = times.span.zip(subnet)?;
        let jobs = &self.context.jobs;
        let groups = row.map_or(&[][..], |row| &row.eni.security_group_ids);
        let found = jobs.infer(subnet, groups, start, end);
        if found.is_empty() {
            return None;
        }
        if let Some(who) = self.inferred.get(&found) {
            return who.clone().map(AttributionRef::Inferred);
        }
        let who = jobs.inferred(&found).map(Arc::new);
        self.inferred.insert(found, who.clone());
        who.map(AttributionRef::Inferred)
    }

    fn read_sides(&self, at: usize, facts: &mut RecordContext<'a>) {
        let input = self.input;
        let (src, dst) = (input.srcaddr.get(at), input.dstaddr.get(at));
        let Some(direction) = self.direction(at, facts.row) else { return };
        facts.direction = Some(direction);
        let src = (input.pkt_srcaddr.get(at).or(src), input.srcport.get(at));
        let dst = (input.pkt_dstaddr.get(at).or(dst), input.dstport.get(at));
        let (local, remote, sender, receiver) = match direction {
            Direction::Egress => (src, dst, "local", "remote"),
            Direction::Ingress => (dst, src, "remote", "local"),
        };
        (facts.local_addr, facts.local_port) = local;
        (facts.remote_addr, facts.remote_port) = remote;
        if input.protocol.get(at) == Some(6) {
            // SYN 2 and ACK 16; AWS records ACK only beside SYN.
            facts.syn_by = match input.tcp_flags.get(at).map(|flags| flags & 18) {
                Some(2) => Some(sender),
                Some(18) => Some(receiver),
                _ => None,
            };
        }
    }

    fn direction(&self, at: usize, row: Option<&InterfaceInterval>) -> Option<Direction> {
        match self.input.flow_direction.get(at) {
            Some("egress") => return Some(Direction::Egress),
            Some("ingress") => return Some(Direction::Ingress),
            _ => {}
        }
        let row = row?;
        let owns =
            |text: Option<&str>| text.and_then(address::parse).is_some_and(|ip| row.owns(ip));
        match (owns(self.input.srcaddr.get(at)), owns(self.input.dstaddr.get(at))) {
            (true, false) => Some(Direction::Egress),
            (false, true) => Some(Direction::Ingress),
            _ => None,
        }
    }

    fn read_remote(
        &mut self,
        at: usize,
        remote: IpAddr,
        times: Times,
        facts: &mut RecordContext<'a>,
    ) {
        let context = self.context;
        let vpc = self.vpc(facts);
        facts.remote_row = vpc.and_then(|vpc| context.index.owner_at(vpc, remote, times.at));
        if let Some(row) = facts.remote_row {
            facts.remote_who = match row.may_infer {
                true => self.infer(Some(row), row.eni.subnet_id.as_deref(), times),
                false => self.known(row, times),
            };
        }
        if !self.steps.scope {
            return;
        }
        // The owner of the interface is more specific than any range.
        let place = match facts.remote_row {
            Some(_) => RemoteAddressInfo::default(),
            None => self.place(vpc, remote, times.at),
        };
        let service = match facts.direction {
            Some(Direction::Egress) => self.input.pkt_dst_aws_service.get(at),
            _ => self.input.pkt_src_aws_service.get(at),
        };
        let scope = scope(facts, remote, place, service);
        facts.scope = Some(scope);
        let to_endpoint = facts.remote_row.is_some_and(|row| row.is_s3_endpoint);
        if self.steps.s3 && (scope == "s3" || (scope == "endpoint" && to_endpoint)) {
            facts.s3 = Some(self.judge_s3(at, remote, place, facts));
        }
    }

    fn vpc(&mut self, facts: &RecordContext<'a>) -> Option<u32> {
        let id = facts.vpc?;
        if let Some((_, number)) = self.last_vpc.filter(|(last, _)| *last == id) {
            return number;
        }
        let number = self.context.index.vpc(id);
        self.last_vpc = Some((id, number));
        number
    }

    fn place(
        &mut self,
        vpc: Option<u32>,
        remote: IpAddr,
        at: Option<i64>,
    ) -> RemoteAddressInfo<'a> {
        let context = self.context;
        let key = (vpc, remote, context.places.version_at(at));
        *self.places.entry(key).or_insert_with(|| RemoteAddressInfo {
            in_vpc: vpc.is_some_and(|vpc| context.index.vpc_contains(vpc, remote)),
            in_s3_list: context.places.in_s3_list(remote),
            in_aws_list: context.places.in_aws_list(remote),
            range: context.places.aws_range(remote, at),
        })
    }

    fn judge_s3(
        &self,
        at: usize,
        remote: IpAddr,
        place: RemoteAddressInfo<'a>,
        facts: &RecordContext<'a>,
    ) -> Verdict {
        let (input, context) = (self.input, self.context);
        let foreign = |region| context.places.is_s3_of_other_region(remote, place.range, region);
        let is_foreign = facts.region().and_then(foreign);
        let egress = facts.direction == Some(Direction::Egress);
        let next_hop = input.next_hop_interface_id.get(at);
        let flow = s3_path::S3Observation {
            remote,
            to_endpoint: facts.scope == Some("endpoint"),
            traffic_path: input.traffic_path.get(at).filter(|_| egress),
            next_hop_type: input.next_hop_interface_type.get(at),
            next_hop_is_s3_endpoint: next_hop
                .is_some_and(|id| context.endpoints.is_s3_interface(id)),
            is_foreign,
            gateway_is_ipv4_only: facts
                .vpc
                .is_some_and(|vpc| context.endpoints.s3_gateway_is_ipv4_only(vpc)),
        };
        s3_path::classify_s3_path(&flow, || {
            let region = || match (is_foreign, facts.region()) {
                (Some(false), Some(own)) => S3Region::Of(own),
                (Some(true), Some(own)) => S3Region::NotOf(own),
                _ => S3Region::SomeRegion,
            };
            // Without its subnet the table of an interface is not known: it may have one of its own.
            facts.subnet.map_or(NextHop::Unknown, |subnet| {
                context.routes.from_subnet(subnet, facts.vpc, remote, &region).hop
            })
        })
    }
}

/// Returns where the remote side is: the first that fits.
///
/// Two interfaces of one inferred job whose addresses no interface of the inventory holds are `vpc`: one
/// record alone does not tell what the other is.
fn scope(
    facts: &RecordContext<'_>,
    remote: IpAddr,
    place: RemoteAddressInfo<'_>,
    service: Option<&str>,
) -> &'static str {
    if let Some(other) = &facts.remote_who {
        let same = facts.who.as_ref().is_some_and(|who| who.is_same(other));
        return if same { "same-job" } else { "other-job" };
    }
    match facts.remote_row {
        Some(row) if row.is_endpoint => return "endpoint",
        Some(_) => return "vpc",
        None if place.in_vpc => return "vpc",
        None => {}
    }
    let range = place.range.map(|range| range.service);
    if place.in_s3_list || range == Some("S3") || service == Some("S3") {
        "s3"
    } else if place.in_aws_list || range.is_some() || service.is_some() {
        "aws"
    } else if address::is_local(remote) {
        "local"
    } else if address::is_private(remote) {
        "private"
    } else {
        "internet"
    }
}
