//! Tests of the program as a whole: one executable, because each links all of DataFusion.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its data has failed")]
#![expect(clippy::print_stdout, reason = "a test that is skipped says why")]

mod architecture;
mod audit;
mod aws;
mod baseline;
mod cli;
mod corpus;
mod coverage;
mod deployment;
mod documents;
mod equivalence;
mod errors;
mod examples;
mod explain;
mod explain_job;
mod feed;
mod formats;
mod help;
mod hostile;
mod interrupt;
mod inventory;
mod lake;
mod packages;
mod passes;
mod profile;
mod samples;
mod serve;
mod service;
mod support;
