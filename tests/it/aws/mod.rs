//! Against an AWS on this machine: an emulator that the tests start by themselves, and faults on the way to it.

#![allow(dead_code, reason = "each source that is built uses more of it")]

mod inventory;
mod proxy;
mod s3;
mod server;
mod smoke;
mod sqs;
mod world;
