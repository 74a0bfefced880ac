//! Against an AWS on this machine: an emulator that the tests start by themselves, and faults on the way to it.

mod alerts;
mod audit;
mod baseline;
mod cloudwatch;
mod inventory;
mod metrics;
pub(crate) mod proxy;
mod s3;
mod server;
mod smoke;
mod sqs;
mod whole;
pub(crate) mod world;

pub(crate) use server::{block_on, command_at, flowq_at, server, unique};
