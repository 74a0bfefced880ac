//! Counts, while a scan reads, which minutes of each interface of a job have records, and what each flow log contains
//! of it.
//!
//! [`InterfaceMinutes`] counts, [`table::MinuteTables`] returns the rows of `queries/views/interface_minutes.sql` and
//! `minute_runs.sql`; the counter itself those of `interface_logs.sql`. None of them needs a scan of its own.
//! Memory is bounded: what exceeds it is written, sorted, to a temporary file and merged when it is read.

mod counter;
mod minute;
mod rows;
mod runs;
mod spill;
mod table;

pub(crate) use counter::{InterfaceMinutes, failure};
