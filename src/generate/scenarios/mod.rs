//! The scenarios: jobs that show a detection firing, and traps that must stay quiet.
//!
//! One function a scenario; `sample-logs/README.md` describes each, with the expected verdict.

mod behaviour;
mod distributed;
mod single;

use std::net::{IpAddr, Ipv4Addr};

use crate::generate::conversation::{Conversation, emit};
use crate::generate::network::{Hop, route};
use crate::generate::record_encoder::Record;
use crate::generate::world::{INSTANCE_ENIS, LOGS_ENI, NOTEBOOK_ENI, STS_ENI, World};

/// How long all scenarios together take, in seconds.
pub(super) const DURATION_SECS: i64 = 85 * 60;

/// The scenarios with their records, in order.
pub(super) struct Scenario {
    pub world: World,
    pub records: Vec<Record>,
    port: u16,
}

impl Scenario {
    /// Builds every scenario, from `start`.
    pub(super) fn new(start: i64) -> Self {
        let mut scenario = Self { world: World::new(start), records: Vec::new(), port: 40000 };
        single::add(&mut scenario);
        distributed::add(&mut scenario);
        scenario.others();
        behaviour::add(&mut scenario);
        scenario
    }

    /// Returns the time `minutes` after the start.
    fn minute(&self, minutes: i64) -> i64 {
        self.world.start + minutes * 60
    }

    /// Returns an ephemeral port that no scenario used before.
    fn port(&mut self) -> u16 {
        self.port += 1;
        self.port
    }

    /// Adds a job from one minute to another with one interface in its one subnet; returns both indexes.
    fn job(
        &mut self,
        name: &str,
        minutes: (i64, i64),
        subnet: usize,
        group: &crate::generate::network::Group,
        host: u16,
    ) -> (usize, usize) {
        let (from, to) = (self.minute(minutes.0), self.minute(minutes.1));
        let job = self.world.job(name, from, Some(to), subnet, group);
        (job, self.world.job_eni(job, subnet, host))
    }

    /// Adds the records of a conversation.
    fn talk(&mut self, talk: Conversation) {
        emit(&self.world.enis, &talk, &mut |record| self.records.push(record));
    }

    /// Adds a conversation that `eni` opens to a port of another interface in the VPC.
    fn talk_to(&mut self, eni: usize, peer: usize, port: u16, start: i64, secs: i64) {
        let remote = IpAddr::V4(self.world.enis[peer].addr);
        let talk = Conversation::tcp(eni, self.port(), remote, port).at(start, secs);
        self.talk(Conversation { peer: Some(peer), ..talk });
    }

    /// Adds a refused record: `flags` of what was sent, the way out if it is egress.
    fn refuse(&mut self, record: Record, tcp_flags: u8, start: i64, secs: i64) {
        let subnet = self.world.enis[record.eni].subnet;
        let path = record.egress.then(|| match route(subnet, record.dst) {
            Hop::Nat => 1,
            hop => hop.traffic_path(),
        });
        let end = start + secs;
        let (packets, bytes) = (3, 180);
        let record = Record { accept: false, tcp_flags, start, end, path, ..record };
        self.records.push(Record { packets, bytes, ..record });
    }

    /// Adds what an ordinary job does: download from S3, then upload, with logs to CloudWatch on the way.
    fn ordinary(&mut self, eni: usize, bucket_addr: u8) {
        self.storage(eni, bucket_addr);
        let (start, end) = self.lifetime(eni);
        self.talk_to(eni, LOGS_ENI, 443, start + 20, end - start - 30);
    }

    /// Adds a download from S3 and an upload.
    fn storage(&mut self, eni: usize, bucket_addr: u8) {
        let (start, end) = self.lifetime(eni);
        let remote = s3(bucket_addr);
        let download = Conversation::tcp(eni, self.port(), remote, 443).at(start, 150);
        self.talk(download.volume((4_000, 240_000), (90_000, 126_000_000)));
        let upload = Conversation::tcp(eni, self.port(), remote, 443).at(end - 100, 80);
        self.talk(upload.volume((20_000, 28_000_000), (3_000, 180_000)));
    }

    /// Returns when the container of a job's interface works: from 90 s after its creation to 60 s before its end.
    fn lifetime(&self, eni: usize) -> (i64, i64) {
        let eni = &self.world.enis[eni];
        let end = eni.deleted.unwrap_or(self.world.start + DURATION_SECS);
        (eni.created + 90, end - 60)
    }

    /// Instances and a notebook that do what jobs must not: they are no jobs.
    fn others(&mut self) {
        let [web, app, batch] = INSTANCE_ENIS;
        for minute in (0..80).step_by(8) {
            let start = self.minute(minute);
            for (eni, last, port) in [(web, 40, 443), (app, 41, 443), (NOTEBOOK_ENI, 42, 443)] {
                let talk =
                    Conversation::tcp(eni, self.port(), internet(last), port).at(start + 5, 45);
                self.talk(talk);
            }
            let talk = Conversation::tcp(batch, self.port(), s3(60), 443).at(start + 9, 40);
            self.talk(talk.volume((80, 9_000), (700, 900_000)));
            self.talk_to(app, STS_ENI, 443, start + 30, 20);
            self.talk_to(app, batch, 5432, start + 60, 110);
        }
    }
}

/// Returns an address of S3 in the region; from 128 on in another region.
fn s3(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(198, 51, 100, last))
}

/// Returns an address of the internet.
fn internet(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(203, 0, 113, last))
}

/// Returns an address of the peered VPC.
fn peered(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 50, 0, last))
}
