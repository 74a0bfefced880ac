//! `flowq serve`: the web console and HTTP API.

mod command;
mod configuration_history;
mod snapshot_loader;

pub(crate) use command::run;
