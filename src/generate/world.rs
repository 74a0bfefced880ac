//! Who is in the VPC: interfaces and jobs, with the interfaces that are always there.

use std::net::Ipv4Addr;

use crate::generate::network::{
    ENDPOINTS, Eni, Group, INSTANCES, Kind, PRIVATE_A, PRIVATE_B, PUBLIC, SUBNETS, id,
};

/// Index of the interface endpoint of CloudWatch Logs.
pub(super) const LOGS_ENI: usize = 1;
/// Index of the interface endpoint of STS.
pub(super) const STS_ENI: usize = 2;
/// Indexes of the EC2 instances.
pub(super) const INSTANCE_ENIS: [usize; 3] = [3, 4, 5];
/// Index of the notebook instance.
pub(super) const NOTEBOOK_ENI: usize = 6;

/// How long after a job's creation its interfaces come.
const ENI_DELAY_SECS: i64 = 60;
/// How long after a job's end its interfaces go.
const ENI_LINGER_SECS: i64 = 30;

/// A processing job.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub name: String,
    pub created: i64,
    /// `None` while it runs.
    pub ended: Option<i64>,
    /// Indexes of its subnets; empty without a VpcConfig.
    pub subnets: Vec<usize>,
    pub group: &'static str,
    pub role: String,
    pub instances: usize,
    pub isolated: bool,
    pub encrypted: bool,
    pub bucket: String,
}

/// Interfaces and jobs.
#[derive(Debug, Clone)]
pub(super) struct World {
    /// When the first job is created.
    pub start: i64,
    pub enis: Vec<Eni>,
    pub jobs: Vec<Job>,
}

impl World {
    /// Returns the VPC before the first job.
    pub(super) fn new(start: i64) -> Self {
        let mut world = Self { start, enis: Vec::new(), jobs: Vec::new() };
        let before = start - 40 * 86400;
        let endpoints = [ENDPOINTS.id];
        let public = |last| Some(Ipv4Addr::new(203, 0, 113, last));
        world.add(Kind::Nat, PUBLIC, 10, &[], before);
        world.enis[0].public_ip = public(10);
        world.add(Kind::Endpoint("logs"), PRIVATE_A, 5, &endpoints, before);
        world.add(Kind::Endpoint("sts"), PRIVATE_A, 6, &endpoints, before);
        let web = world.add(Kind::Instance, PUBLIC, 20, &[INSTANCES.id], before);
        world.enis[web].public_ip = public(20);
        world.add(Kind::Instance, PRIVATE_A, 20, &[INSTANCES.id], before);
        world.add(Kind::Instance, PRIVATE_B, 20, &[INSTANCES.id], before);
        world.add(Kind::Notebook, PRIVATE_A, 30, &[INSTANCES.id], before);
        world
    }

    /// Adds an interface at the `host`th address of a subnet and returns its index.
    pub(super) fn add(
        &mut self,
        kind: Kind,
        subnet: usize,
        host: u16,
        groups: &[&'static str],
        created: i64,
    ) -> usize {
        let number = self.enis.len() as u64;
        let third = SUBNETS[subnet].third + (host >> 8) as u8;
        self.enis.push(Eni {
            id: id("eni", number),
            kind,
            subnet,
            addr: Ipv4Addr::new(10, 20, third, (host & 255) as u8),
            addr6: None,
            public_ip: None,
            instance: (kind == Kind::Instance).then(|| id("i", number + 7_000_000)),
            groups: groups.to_vec(),
            role: None,
            created,
            deleted: None,
        });
        self.enis.len() - 1
    }

    /// Adds a job of one subnet and one instance; its fields may be changed before its interfaces come.
    pub(super) fn job(
        &mut self,
        name: impl Into<String>,
        created: i64,
        ended: Option<i64>,
        subnet: usize,
        group: &Group,
    ) -> usize {
        let name = name.into();
        self.jobs.push(Job {
            role: format!("{name}-role"),
            name,
            created,
            ended,
            subnets: vec![subnet],
            group: group.id,
            instances: 1,
            isolated: false,
            encrypted: false,
            bucket: "example-features".to_owned(),
        });
        self.jobs.len() - 1
    }

    /// Adds an interface of a job at the `host`th address of a subnet and returns its index.
    pub(super) fn job_eni(&mut self, job: usize, subnet: usize, host: u16) -> usize {
        let Job { created, ended, group, role, .. } = self.jobs[job].clone();
        let eni = self.add(Kind::Job, subnet, host, &[group], created + ENI_DELAY_SECS);
        self.enis[eni].deleted = ended.map(|ended| ended + ENI_LINGER_SECS);
        self.enis[eni].role = Some(role);
        eni
    }
}
