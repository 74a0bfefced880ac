//! Documents of AWS and of the user, converted to facts.
//!
//! [`Reader`] takes documents and collects their facts and complaints. `recognize` recognizes a document by
//! its keys, never by its name; the other modules each read one kind.

mod aws_config;
mod bucket_policy;
mod cloudtrail;
mod ec2_endpoints;
mod ec2_network;
mod ec2_rules;
mod ip_ranges;
mod mapping;
mod reader;
mod recognize;
mod sagemaker;

pub(super) use reader::Reader;
