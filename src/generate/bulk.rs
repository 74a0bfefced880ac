//! Traffic in bulk: many jobs over many interfaces, most of it by the book, in front of busy instances.
//!
//! Each object is made from a seed of its own and from nothing but the world, so objects can be made in
//! any order and on any thread, and memory does not grow with their number.

use std::net::{IpAddr, Ipv4Addr};

use fastrand::Rng;

use crate::generate::conversation::{Conversation, INTERVAL_SECS, UDP, emit};
use crate::generate::network::{
    Group, INSTANCES, JOBS, Kind, PRIVATE_A, PRIVATE_B, PUBLIC, RESEARCH, SPARK, mix,
};
use crate::generate::object_writer::SLOT_SECS;
use crate::generate::record_encoder::Record;
use crate::generate::world::{LOGS_ENI, World};

/// Records for which there is one job interface more.
const RECORDS_PER_JOB_ENI: u64 = 20_000;
/// Job interfaces for each slot at least, so that jobs run all the time.
const JOB_ENIS_PER_SLOT: u64 = 2;
/// Conversations out of 100 that are of jobs: 15 % of the records or so.
const JOB_TALKS_PERCENT: u8 = 34;
/// Job interfaces at most.
const JOB_ENIS_MAX: u64 = 5_000;
/// Instances of the background.
const INSTANCES_COUNT: u16 = 200;
/// First host number of bulk interfaces: below are those of the stories.
const FIRST_HOST: u16 = 512;
/// How long an address rests before it is given out again, in seconds.
const ADDRESS_REST_SECS: i64 = 60;
/// One job in this many does something on the internet.
const CURIOUS: usize = 20;
/// One job in this many runs in the subnet without the gateway endpoint.
const BYPASSING: usize = 25;

/// Jobs and instances of the bulk, added to a world.
pub(super) struct Bulk {
    seed: u64,
    first_slot: i64,
    instances: Vec<usize>,
    /// Interfaces of each job, in the order of creation.
    jobs: Vec<Vec<usize>>,
}

impl Bulk {
    /// Adds instances and jobs over `slots` slots from `first_slot`, to carry about `records` records.
    pub(super) fn new(
        world: &mut World,
        seed: u64,
        records: u64,
        first_slot: i64,
        slots: i64,
    ) -> Self {
        let mut rng = Rng::with_seed(seed);
        let before = first_slot - 86400;
        let instance = |i: u16| {
            let subnet = if i.is_multiple_of(2) { PUBLIC } else { PRIVATE_B };
            world.add(Kind::Instance, subnet, FIRST_HOST + i, &[INSTANCES.id], before)
        };
        let instances = (0..INSTANCES_COUNT).map(instance).collect();
        let at_least = slots.unsigned_abs() * JOB_ENIS_PER_SLOT;
        let interface_count =
            (records / RECORDS_PER_JOB_ENI).max(at_least).min(JOB_ENIS_MAX) as usize;
        let span = slots * SLOT_SECS;
        let mut times: Vec<i64> =
            (0..interface_count).map(|_| first_slot + rng.i64(0..span)).collect();
        times.sort_unstable();
        let mut addresses = Addresses::default();
        let mut jobs = Vec::new();
        let mut left = interface_count;
        for (number, created) in times.into_iter().enumerate() {
            let count = rng.usize(1..=4).min(left);
            if count == 0 {
                break;
            }
            left -= count;
            let ended = created + rng.i64(420..2400);
            let subnet = if number % BYPASSING == 7 { PRIVATE_B } else { PRIVATE_A };
            let groups: [&Group; 3] = [&JOBS, &RESEARCH, &SPARK];
            let name = format!("nightly-{number:05}");
            let job = world.job(name, created, Some(ended), subnet, groups[number % 3]);
            world.jobs[job].instances = count;
            world.jobs[job].role = format!("nightly-{}-role", number % 97);
            let enis = (0..count).map(|_| {
                let host = addresses.take(created, ended + ADDRESS_REST_SECS);
                world.job_eni(job, subnet, host)
            });
            jobs.push(enis.collect());
        }
        Self { seed, first_slot, instances, jobs }
    }

    /// Passes about `records` records that end in the slot at `slot` to `sink`, the same ones for the same number.
    pub(super) fn records(
        &self,
        world: &World,
        slot: i64,
        number: u64,
        records: u64,
        sink: &mut impl FnMut(Record),
    ) {
        let mut rng = Rng::with_seed(mix(self.seed ^ mix(number)));
        let alive: Vec<(usize, &[usize])> = self
            .jobs
            .iter()
            .enumerate()
            .filter(|(_, enis)| overlaps(world, enis[0], slot))
            .map(|(job, enis)| (job, enis.as_slice()))
            .collect();
        let mut given = 0;
        while given < records {
            let talk = if !alive.is_empty() && rng.u8(..100) < JOB_TALKS_PERCENT {
                let (job, enis) = alive[rng.usize(..alive.len())];
                job_talk(world, &mut rng, slot, job, enis)
            } else {
                self.instance_talk(world, &mut rng, slot)
            };
            if let Some(talk) = talk {
                emit(&world.enis, &talk, &mut |record| {
                    given += 1;
                    sink(record);
                });
            } else {
                // No record fits in the rest of this slot: count it, so that the loop ends.
                given += 1;
            }
        }
    }

    /// Returns the first slot.
    pub(super) fn first_slot(&self) -> i64 {
        self.first_slot
    }

    fn instance_talk(&self, world: &World, rng: &mut Rng, slot: i64) -> Option<Conversation> {
        let i = rng.usize(..self.instances.len());
        let eni = self.instances[i];
        let (start, secs) = moment(rng, slot, slot + SLOT_SECS)?;
        let port = rng.u16(32768..60999);
        let talk = match rng.u8(..10) {
            0..4 => Conversation::tcp(eni, port, v4([203, 0, 113, rng.u8(30..)]), 443),
            4 => Conversation::tcp(eni, port, v4([192, 0, 2, rng.u8(..)]), 443),
            5 => Conversation::tcp(eni, port, v4([198, 51, 100, rng.u8(..128)]), 443),
            6 => Conversation {
                protocol: UDP,
                ..Conversation::tcp(eni, port, v4([203, 0, 113, 53]), 53)
            },
            _ => {
                let next = i + rng.usize(1..self.instances.len());
                let peer = self.instances[next % self.instances.len()];
                let remote = IpAddr::V4(world.enis[peer].addr);
                let to = [443, 5432, 6379, 9092][rng.usize(..4)];
                Conversation { peer: Some(peer), ..Conversation::tcp(eni, port, remote, to) }
            }
        };
        Some(sized(talk.at(start, secs), rng))
    }
}

fn job_talk(
    world: &World,
    rng: &mut Rng,
    slot: i64,
    job: usize,
    enis: &[usize],
) -> Option<Conversation> {
    let i = rng.usize(..enis.len());
    let eni = enis[i];
    let (from, to) = (world.enis[eni].created + 30, world.enis[eni].deleted.unwrap_or(i64::MAX));
    let (start, secs) = moment(rng, slot.max(from), (slot + SLOT_SECS).min(to))?;
    let port = rng.u16(32768..60999);
    let talk = match rng.u8(..10) {
        0 if job % CURIOUS == 3 => Conversation::tcp(eni, port, v4([203, 0, 113, 70]), 443),
        0..3 if enis.len() > 1 => {
            let peer = enis[(i + rng.usize(1..enis.len())) % enis.len()];
            let remote = IpAddr::V4(world.enis[peer].addr);
            Conversation { peer: Some(peer), ..Conversation::tcp(eni, port, remote, 7077) }
        }
        3 => {
            let remote = IpAddr::V4(world.enis[LOGS_ENI].addr);
            Conversation { peer: Some(LOGS_ENI), ..Conversation::tcp(eni, port, remote, 443) }
        }
        _ => Conversation::tcp(eni, port, v4([198, 51, 100, rng.u8(..128)]), 443),
    };
    Some(sized(talk.at(start, secs), rng))
}

/// Returns a start and a length in [`from`, `to`), within one aggregation interval; none when it is too short.
fn moment(rng: &mut Rng, from: i64, to: i64) -> Option<(i64, i64)> {
    let room = to - from;
    (room > 2).then(|| {
        let secs = rng.i64(1..room.min(INTERVAL_SECS));
        (from + rng.i64(0..room - secs), secs)
    })
}

fn sized(talk: Conversation, rng: &mut Rng) -> Conversation {
    let (sent, received) = (rng.u64(2..400), rng.u64(2..900));
    talk.volume((sent, sent * rng.u64(52..900)), (received, received * rng.u64(52..1400)))
}

fn overlaps(world: &World, eni: usize, slot: i64) -> bool {
    let eni = &world.enis[eni];
    eni.created < slot + SLOT_SECS && eni.deleted.is_none_or(|deleted| deleted > slot)
}

fn v4(octets: [u8; 4]) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(octets))
}

/// Assigns host numbers, those released longest ago first, as a subnet does.
#[derive(Default)]
struct Addresses {
    free_at: Vec<i64>,
    next: usize,
}

impl Addresses {
    /// Takes a host number from `from` until `until`.
    fn take(&mut self, from: i64, until: i64) -> u16 {
        let (before, after) = self.free_at.split_at(self.next.min(self.free_at.len()));
        let rested = after.iter().chain(before).position(|&free_at| free_at < from);
        let host = match rested {
            Some(steps) => (self.next + steps) % self.free_at.len(),
            None => {
                self.free_at.push(0);
                self.free_at.len() - 1
            }
        };
        self.free_at[host] = until;
        self.next = host + 1;
        // A /20 has room for 3,500 at a time; a bulk has some hundreds.
        FIRST_HOST + INSTANCES_COUNT + (host % 3_300) as u16
    }
}
