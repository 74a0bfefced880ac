//! `flowq audit`: checks of the VPC against AWS's recommendations, over the inventory and the logs.

mod command;
mod table;

pub(crate) use command::{findings_of, observed_traffic, run};
