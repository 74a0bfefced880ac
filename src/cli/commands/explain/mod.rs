//! `flowq explain`: why a flow passes or is blocked, and which fixes would change it; a page about one job.

pub(crate) mod finding;
pub(crate) mod flow;
pub(crate) mod job;
mod logs;
mod text;
