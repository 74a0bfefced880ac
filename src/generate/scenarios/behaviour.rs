//! Scenarios of jobs that show by the way they talk that something is wrong.

use std::net::{IpAddr, Ipv4Addr};

use crate::generate::conversation::{Conversation, ESP, TCP, UDP, leg_record};
use crate::generate::network::{JOBS, PRIVATE_A, S3_ONLY, SPARK};
use crate::generate::record_encoder::Record;
use crate::generate::scenarios::{Scenario, internet, peered};
use crate::generate::world::{INSTANCE_ENIS, LOGS_ENI};

const SYN: u8 = 2;

/// How often a job calls, in seconds.
const PERIOD_SECS: i64 = 300;

/// The services that a port scan probes.
const SCANNED: [u16; 24] = [
    20, 21, 23, 25, 80, 110, 111, 135, 139, 143, 389, 445, 636, 1433, 1521, 2049, 2375, 3128, 3306,
    5900, 6379, 8080, 9200, 11211,
];

/// Adds all of them.
pub(super) fn add(scenario: &mut Scenario) {
    calls_home(scenario);
    polls_mirror(scenario);
    slow_upload(scenario);
    probes_network(scenario);
    own_resolver(scenario);
    ssh(scenario);
    neighbours(scenario);
    plain_cluster(scenario);
    mpi_cluster(scenario);
    s3_only(scenario);
}

/// Opens a connection to the internet each five minutes, give or take a few seconds: unexpected egress, and beaconing.
fn calls_home(scenario: &mut Scenario) {
    let (_, eni) = scenario.job("calls-home", (4, 84), PRIVATE_A, &JOBS, 180);
    scenario.storage(eni, 40);
    call(scenario, eni, internet(77), &[0, 6, -4, 3]);
}

/// The same rhythm, to the mirror that flowq.toml allows. Quiet.
fn polls_mirror(scenario: &mut Scenario) {
    let (_, eni) = scenario.job("polls-mirror", (6, 84), PRIVATE_A, &JOBS, 190);
    scenario.storage(eni, 41);
    call(scenario, eni, peered(10), &[0]);
}

fn call(scenario: &mut Scenario, eni: usize, remote: IpAddr, late: &[i64]) {
    let (start, end) = scenario.lifetime(eni);
    for (i, late) in (0..).zip(late.iter().cycle()) {
        let at = start + 20 + i * PERIOD_SECS + late;
        if at + 10 > end {
            break;
        }
        let talk = Conversation::tcp(eni, scenario.port(), remote, 443).at(at, 2);
        scenario.talk(talk.volume((6, 900), (5, 700)));
    }
}

/// One connection to the peered VPC for more than an hour, through which nearly as much goes as to S3: unexpected
/// egress, and slow exfiltration. Its records of 60 s are a comb, not a beacon.
fn slow_upload(scenario: &mut Scenario) {
    let (_, eni) = scenario.job("slow-upload", (3, 84), PRIVATE_A, &JOBS, 181);
    scenario.storage(eni, 42);
    let (start, _) = scenario.lifetime(eni);
    let talk = Conversation::tcp(eni, scenario.port(), peered(40), 443).at(start + 30, 66 * 60);
    scenario.talk(talk.volume((26_000, 26_000_000), (13_000, 700_000)));
}

/// Scans many ports of an instance, which rejects, and the port of a database at many unused addresses.
fn probes_network(scenario: &mut Scenario) {
    let (_, eni) = scenario.job("probes-network", (30, 40), PRIVATE_A, &JOBS, 182);
    scenario.storage(eni, 43);
    let (start, _) = scenario.lifetime(eni);
    let instance = INSTANCE_ENIS[1];
    let target = scenario.world.enis[instance].addr;
    for (i, port) in (0..).zip(SCANNED) {
        let from = probe(scenario, eni, target, port, start + 30 + i);
        let refused = leg_record(instance, false, TCP, from, (IpAddr::V4(target), port));
        scenario.refuse(refused, SYN, start + 30 + i, 1);
    }
    for i in 0..22 {
        let target = Ipv4Addr::new(10, 20, 33, 10 + i);
        probe(scenario, eni, target, 5432, start + 90 + i64::from(i));
    }
}

/// Adds a SYN that leaves an interface; returns where from.
fn probe(
    scenario: &mut Scenario,
    eni: usize,
    target: Ipv4Addr,
    port: u16,
    start: i64,
) -> (IpAddr, u16) {
    let from = (IpAddr::V4(scenario.world.enis[eni].addr), scenario.port());
    let sent = leg_record(eni, true, TCP, from, (IpAddr::V4(target), port));
    let end = start + 1;
    scenario.records.push(Record { tcp_flags: SYN, path: Some(1), start, end, ..sent });
    from
}

/// Asks a DNS server on the internet: unexpected egress, and DNS outside.
fn own_resolver(scenario: &mut Scenario) {
    let (_, eni) = scenario.job("own-resolver", (36, 46), PRIVATE_A, &JOBS, 183);
    scenario.storage(eni, 44);
    let (start, _) = scenario.lifetime(eni);
    for i in 0..3 {
        let talk =
            Conversation::tcp(eni, scenario.port(), internet(53), 53).at(start + 40 + i * 17, 1);
        scenario.talk(Conversation { protocol: UDP, ..talk.volume((1, 74), (1, 170)) });
    }
}

/// Logs in to a host of the peered VPC; an instance tries to log in to the job and is refused. Remote administration
/// both ways, and unexpected egress.
fn ssh(scenario: &mut Scenario) {
    let (_, eni) = scenario.job("ssh-tunnel", (44, 54), PRIVATE_A, &JOBS, 184);
    scenario.storage(eni, 45);
    let (start, _) = scenario.lifetime(eni);
    let talk = Conversation::tcp(eni, scenario.port(), peered(22), 22).at(start + 60, 170);
    scenario.talk(talk.volume((400, 60_000), (380, 52_000)));
    let instance = INSTANCE_ENIS[2];
    let from = (IpAddr::V4(scenario.world.enis[instance].addr), scenario.port());
    let to = (IpAddr::V4(scenario.world.enis[eni].addr), 22);
    scenario.refuse(leg_record(eni, false, TCP, from, to), SYN, start + 100, 20);
}

/// Two jobs with one security group: one keeps what the other reads.
fn neighbours(scenario: &mut Scenario) {
    let (_, server) = scenario.job("serves-cache", (50, 60), PRIVATE_A, &SPARK, 185);
    let (_, client) = scenario.job("reads-cache", (50, 60), PRIVATE_A, &SPARK, 186);
    for (eni, bucket_addr) in [(server, 46), (client, 47)] {
        scenario.storage(eni, bucket_addr);
    }
    let (start, _) = scenario.lifetime(client);
    for i in 0..2 {
        scenario.talk_to(client, server, 6379, start + 60 + i * 90, 40);
    }
}

/// Asked for encryption between its three containers: two of them use IPsec, a third talks in the clear.
fn plain_cluster(scenario: &mut Scenario) {
    let (job, first) = scenario.job("plain-cluster", (58, 68), PRIVATE_A, &JOBS, 187);
    scenario.world.jobs[job].instances = 3;
    scenario.world.jobs[job].encrypted = true;
    let second = scenario.world.job_eni(job, PRIVATE_A, 188);
    let third = scenario.world.job_eni(job, PRIVATE_A, 189);
    scenario.storage(first, 48);
    let (start, _) = scenario.lifetime(first);
    let remote = IpAddr::V4(scenario.world.enis[first].addr);
    for (protocol, port, at) in [(UDP, 500, 30), (ESP, 0, 31)] {
        let talk = Conversation::tcp(second, port, remote, port).at(start + at, 100);
        scenario.talk(Conversation { protocol, peer: Some(first), ..talk });
    }
    scenario.talk_to(third, first, 7077, start + 50, 80);
}

/// Two containers that did not ask for encryption start MPI over SSH. Quiet.
fn mpi_cluster(scenario: &mut Scenario) {
    let (job, first) = scenario.job("mpi-cluster", (66, 76), PRIVATE_A, &JOBS, 191);
    scenario.world.jobs[job].instances = 2;
    let second = scenario.world.job_eni(job, PRIVATE_A, 192);
    scenario.storage(first, 49);
    scenario.storage(second, 49);
    let (start, _) = scenario.lifetime(first);
    scenario.talk_to(first, second, 22, start + 30, 100);
}

/// Reaches S3, but its security group does not let it out to the interface endpoint of CloudWatch Logs.
fn s3_only(scenario: &mut Scenario) {
    let (_, eni) = scenario.job("cannot-reach-logs", (72, 82), PRIVATE_A, &S3_ONLY, 193);
    scenario.storage(eni, 50);
    let (start, _) = scenario.lifetime(eni);
    let local = IpAddr::V4(scenario.world.enis[eni].addr);
    let endpoint = IpAddr::V4(scenario.world.enis[LOGS_ENI].addr);
    for i in 0..5 {
        let port = scenario.port();
        let record = leg_record(eni, true, TCP, (local, port), (endpoint, 443));
        scenario.refuse(record, SYN, start + 20 + i * 60, 30);
    }
}
