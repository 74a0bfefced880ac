//! `flowq audit`: checks of the VPC against AWS's recommendations, over the inventory and the logs.

mod command;
mod table;

pub(crate) use command::run;
