//! Against an AWS on this machine: an emulator that the tests start by themselves, and faults on the way to it.

mod alerts;
mod cloudwatch;
mod inventory;
mod metrics;
mod proxy;
mod s3;
mod server;
mod smoke;
mod sqs;
mod whole;
mod world;
