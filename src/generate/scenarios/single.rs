//! Scenarios of jobs with one instance.

use std::net::{IpAddr, Ipv6Addr};

use crate::generate::conversation::{Conversation, TCP, leg_record};
use crate::generate::network::{
    DUALSTACK, INSTANCES, ISOLATED, JOBS, Kind, LOCKED, PRIVATE_A, PRIVATE_B, PRIVATE_C, RESEARCH,
    SERVING, SPARK,
};
use crate::generate::record_encoder::{Record, Status};
use crate::generate::scenarios::{Scenario, internet, peered, s3};
use crate::generate::world::STS_ENI;

const SYN: u8 = 2;

/// Adds all of them.
pub(super) fn add(scenario: &mut Scenario) {
    clean(scenario);
    pip_install(scenario);
    serving(scenario);
    around_endpoint(scenario);
    cross_region(scenario);
    isolated(scenario);
    without_vpc(scenario);
    tuning(scenario);
    refused(scenario);
    holes(scenario);
    allowed(scenario);
    dualstack(scenario);
}

/// All by the book, one interface for the container and one for the platform. Quiet.
fn clean(scenario: &mut Scenario) {
    let (job, container) = scenario.job("clean-features", (0, 12), PRIVATE_A, &JOBS, 100);
    let platform = scenario.world.job_eni(job, PRIVATE_A, 101);
    scenario.ordinary(container, 10);
    scenario.storage(platform, 11);
}

/// Installs packages from the internet through the NAT gateway: unexpected egress. Then its addresses are used
/// again, by a clean job 90 s later and by an instance that talks to the internet: both quiet.
fn pip_install(scenario: &mut Scenario) {
    let (job, first) = scenario.job("pip-install", (2, 12), PRIVATE_A, &RESEARCH, 110);
    scenario.world.jobs[job].instances = 2;
    let second = scenario.world.job_eni(job, PRIVATE_A, 111);
    for eni in [first, second] {
        scenario.ordinary(eni, 12);
        let (start, _) = scenario.lifetime(eni);
        let talk = Conversation::tcp(eni, scenario.port(), internet(80), 443).at(start + 30, 100);
        scenario.talk(talk.volume((900, 61_000), (6_400, 8_900_000)));
    }
    let (_, heir) = scenario.job("after-reuse", (13, 22), PRIVATE_A, &JOBS, 110);
    scenario.ordinary(heir, 13);
    let created = scenario.minute(14);
    let instance = scenario.world.add(Kind::Instance, PRIVATE_A, 111, &[INSTANCES.id], created);
    let talk = Conversation::tcp(instance, scenario.port(), internet(80), 443);
    scenario.talk(talk.at(created + 30, 170).volume((500, 40_000), (2_500, 3_000_000)));
}

/// Answers a client of the peered VPC: it sends to it, but did not open. Quiet.
fn serving(scenario: &mut Scenario) {
    let (_, eni) = scenario.job("answers-inbound", (15, 25), PRIVATE_A, &SERVING, 115);
    scenario.ordinary(eni, 14);
    let (start, _) = scenario.lifetime(eni);
    for i in 0..3 {
        let talk = Conversation::tcp(eni, 8080, peered(20), 50100 + i);
        let talk = talk.at(start + 60 + i64::from(i) * 50, 40);
        scenario.talk(Conversation { inbound: true, ..talk });
    }
}

/// In a subnet whose route table lacks the gateway endpoint: S3 through the NAT gateway.
fn around_endpoint(scenario: &mut Scenario) {
    let (_, eni) = scenario.job("s3-through-nat", (33, 45), PRIVATE_B, &JOBS, 100);
    scenario.ordinary(eni, 20);
}

/// Reads a bucket of another region, which no gateway endpoint takes.
fn cross_region(scenario: &mut Scenario) {
    let (job, eni) = scenario.job("other-region-bucket", (40, 50), PRIVATE_A, &JOBS, 120);
    scenario.world.jobs[job].bucket = "example-eu-archive".to_owned();
    scenario.ordinary(eni, 21);
    let (start, _) = scenario.lifetime(eni);
    let talk = Conversation::tcp(eni, scenario.port(), s3(150), 443).at(start + 40, 110);
    scenario.talk(talk.volume((1_500, 99_000), (12_000, 16_000_000)));
}

/// Network-isolated, still running at the end, yet something of it reaches the internet.
fn isolated(scenario: &mut Scenario) {
    let created = scenario.minute(42);
    let job = scenario.world.job("isolated-scoring", created, None, PRIVATE_A, &ISOLATED);
    scenario.world.jobs[job].isolated = true;
    let eni = scenario.world.job_eni(job, PRIVATE_A, 125);
    scenario.storage(eni, 22);
    let (start, _) = scenario.lifetime(eni);
    let talk = Conversation::tcp(eni, scenario.port(), internet(66), 443).at(start + 60, 50);
    scenario.talk(talk.volume((40, 52_000), (30, 4_000)));
}

/// Has no VpcConfig: the VPC's flow logs cannot show it. Coverage reports it.
fn without_vpc(scenario: &mut Scenario) {
    let (from, to) = (scenario.minute(45), scenario.minute(50));
    let job = scenario.world.job("no-vpc-config", from, Some(to), PRIVATE_A, &JOBS);
    scenario.world.jobs[job].subnets.clear();
}

/// Two jobs that nothing distinguishes: what either does is reported with both as candidates.
fn tuning(scenario: &mut Scenario) {
    let (a, first) = scenario.job("tune-a", (51, 61), PRIVATE_A, &JOBS, 130);
    let (b, second) = scenario.job("tune-b", (51, 61), PRIVATE_A, &JOBS, 131);
    for (job, eni) in [(a, first), (b, second)] {
        scenario.world.jobs[job].role = "tuning-role".to_owned();
        scenario.world.enis[eni].role = Some("tuning-role".to_owned());
        scenario.ordinary(eni, 23);
    }
    let (start, _) = scenario.lifetime(second);
    let talk = Conversation::tcp(second, scenario.port(), internet(90), 443).at(start + 70, 50);
    scenario.talk(talk);
}

/// Tries the internet and is refused by its own security group.
fn refused(scenario: &mut Scenario) {
    let (_, eni) = scenario.job("refused-egress", (55, 65), PRIVATE_A, &LOCKED, 135);
    scenario.ordinary(eni, 24);
    let (start, _) = scenario.lifetime(eni);
    let local = IpAddr::V4(scenario.world.enis[eni].addr);
    for i in 0..4 {
        let port = scenario.port();
        let record = leg_record(eni, true, TCP, (local, port), (internet(99), 443));
        scenario.refuse(record, SYN, start + 20 + i * 60, 30);
    }
}

/// One job whose interface lost records (SKIPDATA) and was silent (NODATA), one whose interface has no record.
fn holes(scenario: &mut Scenario) {
    scenario.job("no-records", (60, 70), PRIVATE_C, &LOCKED, 100);
    let (_, eni) = scenario.job("lost-records", (62, 72), PRIVATE_A, &SPARK, 140);
    scenario.ordinary(eni, 25);
    let (created, (_, end)) = (scenario.world.enis[eni].created, scenario.lifetime(eni));
    let address = IpAddr::V4(scenario.world.enis[eni].addr);
    let record = leg_record(eni, false, TCP, (address, 0), (address, 0));
    for (status, start) in
        [(Status::NoData, created), (Status::SkipData, created + 300), (Status::NoData, end + 5)]
    {
        scenario.records.push(Record { status, start, end: start + 58, ..record });
    }
}

/// Uses a package mirror in the peered VPC, which a rule of flowq.toml allows, and STS by its endpoint. Quiet.
fn allowed(scenario: &mut Scenario) {
    let (_, eni) = scenario.job("uses-mirror", (66, 76), PRIVATE_A, &JOBS, 145);
    scenario.ordinary(eni, 26);
    let (start, _) = scenario.lifetime(eni);
    let talk = Conversation::tcp(eni, scenario.port(), peered(10), 443).at(start + 15, 100);
    scenario.talk(talk.volume((700, 50_000), (5_000, 7_000_000)));
    scenario.talk_to(eni, STS_ENI, 443, start + 25, 20);
}

/// Asks S3 by its dual-stack name: IPv6 goes around the endpoint, which takes IPv4 only.
fn dualstack(scenario: &mut Scenario) {
    let (_, eni) = scenario.job("dualstack-s3", (70, 80), PRIVATE_A, &DUALSTACK, 150);
    scenario.world.enis[eni].addr6 =
        Some(Ipv6Addr::new(0x2001, 0xdb8, 0x1234, 0x1a01, 0, 0, 0, 0x96));
    scenario.ordinary(eni, 27);
    let (start, _) = scenario.lifetime(eni);
    let remote = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x53, 0, 0, 0, 0, 0x10));
    let talk = Conversation::tcp(eni, scenario.port(), remote, 443).at(start + 50, 110);
    scenario.talk(talk.volume((2_000, 150_000), (14_000, 19_000_000)));
}
