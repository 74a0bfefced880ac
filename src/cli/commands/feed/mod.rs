//! `flowq feed`: passes in a loop as a service. Each adds new records to the lake, updates the findings and sends
//! alerts to the sinks.

mod command;
mod inventory_refresh;
mod pass;

pub(crate) use command::run;
