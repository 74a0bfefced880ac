//! flowq ties VPC flow logs to SageMaker processing jobs.
pub mod flow;
pub mod inventory;
