//! Scenarios of jobs whose containers talk to each other, or try to.

use std::net::IpAddr;

use crate::generate::conversation::{Conversation, ESP, ICMP, TCP, UDP, leg_record};
use crate::generate::network::{ENCRYPTED, Group, JOBS, PRIVATE_A, PRIVATE_C, SPARK, SPARK_CLOSED};
use crate::generate::record_encoder::Record;
use crate::generate::scenarios::Scenario;

const SYN: u8 = 2;
const SYN_ACK: u8 = 18;

/// Adds all of them.
pub(super) fn add(scenario: &mut Scenario) {
    no_self_rule(scenario);
    closed_ephemeral_ports(scenario);
    late_packets(scenario);
    encrypted(scenario);
}

/// Three containers whose security group lacks the rule to itself: the sender's side lets the SYN out, the
/// receiver's refuses it. Blocked, cause: the receiver's security group.
fn no_self_rule(scenario: &mut Scenario) {
    let enis = cluster(scenario, "spark-no-self-rule", (20, 32), &SPARK_CLOSED, [160, 161, 162]);
    let (start, _) = scenario.lifetime(enis[0]);
    for (i, &worker) in enis[1..].iter().enumerate() {
        for attempt in 0..4 {
            let port = scenario.port();
            let start = start + 30 + attempt * 61 + i as i64;
            knock(scenario, (worker, enis[0]), TCP, (port, 7077), SYN, start);
        }
    }
}

/// Two containers in two subnets; the network ACL of one lets the request in and not the reply out. Blocked, cause:
/// network ACL.
fn closed_ephemeral_ports(scenario: &mut Scenario) {
    let (job, driver) = scenario.job("spark-closed-acl", (25, 36), PRIVATE_A, &JOBS, 165);
    scenario.world.jobs[job].subnets.push(PRIVATE_C);
    scenario.world.jobs[job].instances = 2;
    let worker = scenario.world.job_eni(job, PRIVATE_C, 101);
    scenario.ordinary(driver, 31);
    let (start, _) = scenario.lifetime(driver);
    let [client, server] = addresses(scenario, [driver, worker]);
    for attempt in 0..3 {
        let port = scenario.port();
        let start = start + 40 + attempt * 60;
        let (from, to) = ((client, port), (server, 7337));
        let seen = |record: Record, next_hop| {
            let (packets, bytes, end) = (3, 180, start + 20);
            let path = record.egress.then_some(1);
            let next_hop = Some(next_hop);
            Record { packets, bytes, start, end, path, next_hop, tcp_flags: SYN, ..record }
        };
        scenario.records.push(seen(leg_record(driver, true, TCP, from, to), worker));
        scenario.records.push(seen(leg_record(worker, false, TCP, from, to), driver));
        scenario.refuse(leg_record(worker, true, TCP, to, from), SYN_ACK, start + 1, 19);
    }
}

/// Two containers that talk and ping; after the connection is closed some packets still come, and are refused
/// without being a blocked connection. Quiet.
fn late_packets(scenario: &mut Scenario) {
    let enis = cluster(scenario, "late-packets", (30, 40), &SPARK, [170, 171, 172]);
    let (start, _) = scenario.lifetime(enis[0]);
    let [client, server] = addresses(scenario, [enis[1], enis[0]]);
    let port = scenario.port();
    let talk = Conversation::tcp(enis[1], port, server, 7077).at(start + 30, 100);
    scenario.talk(Conversation { peer: Some(enis[0]), ..talk });
    let late = leg_record(enis[0], false, TCP, (client, port), (server, 7077));
    scenario.refuse(late, 0, start + 140, 10);
    let ping = Conversation::tcp(enis[2], 0, server, 0).at(start + 20, 30);
    scenario.talk(Conversation { peer: Some(enis[0]), protocol: ICMP, ..ping });
}

/// Encryption between containers needs UDP 500 and ESP, which the security group does not let in.
fn encrypted(scenario: &mut Scenario) {
    let enis = cluster(scenario, "encrypted-cluster", (64, 74), &ENCRYPTED, [175, 176, 177]);
    if let Some(job) = scenario.world.jobs.last_mut() {
        job.encrypted = true;
    }
    let (start, _) = scenario.lifetime(enis[0]);
    for attempt in 0..2 {
        let start = start + 20 + attempt * 70;
        knock(scenario, (enis[1], enis[0]), UDP, (500, 500), 0, start);
        knock(scenario, (enis[2], enis[0]), ESP, (0, 0), 0, start + 5);
    }
}

/// Adds a job of three containers in one subnet, each doing what an ordinary one does.
fn cluster(
    scenario: &mut Scenario,
    name: &str,
    minutes: (i64, i64),
    group: &Group,
    hosts: [u16; 3],
) -> [usize; 3] {
    let (job, first) = scenario.job(name, minutes, PRIVATE_A, group, hosts[0]);
    scenario.world.jobs[job].instances = 3;
    let second = scenario.world.job_eni(job, PRIVATE_A, hosts[1]);
    let third = scenario.world.job_eni(job, PRIVATE_A, hosts[2]);
    for eni in [first, second, third] {
        scenario.ordinary(eni, 30);
    }
    [first, second, third]
}

/// Adds an attempt: accepted where it leaves, refused where it arrives.
fn knock(
    scenario: &mut Scenario,
    (from, to): (usize, usize),
    protocol: u8,
    (port, to_port): (u16, u16),
    tcp_flags: u8,
    start: i64,
) {
    let [src, dst] = addresses(scenario, [from, to]);
    let (src, dst) = ((src, port), (dst, to_port));
    let sent =
        Record { next_hop: Some(to), path: Some(1), ..leg_record(from, true, protocol, src, dst) };
    let end = start + 30;
    scenario.records.push(Record { packets: 3, bytes: 180, start, end, tcp_flags, ..sent });
    scenario.refuse(leg_record(to, false, protocol, src, dst), tcp_flags, start, 30);
}

fn addresses<const N: usize>(scenario: &Scenario, enis: [usize; N]) -> [IpAddr; N] {
    enis.map(|eni| IpAddr::V4(scenario.world.enis[eni].addr))
}
