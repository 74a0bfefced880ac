//! The AWS account: configuration, clients, and the meaning of AWS's errors.
//!
//! [`Account`] reads AWS's own configuration (environment, files, SSO, instance metadata, web identity) and
//! builds clients; [`client::ServiceClient`] signs calls of the services without an SDK crate. [`s3`] and [`sqs`]
//! add what their services need, [`operations`] lists each operation with its IAM action, [`Error`] has a
//! [`Kind`].
//!
//! No other room reads AWS's configuration. Nothing here knows flow logs or jobs.

mod account;
pub mod client;
mod endpoint;
mod error;
pub mod http;
pub mod operations;
mod profile;
pub(crate) mod rate_limit;
pub mod redact;
pub mod s3;
pub mod sqs;
mod timeouts;
mod xml;

pub use account::{Account, Options};
pub use endpoint::partition;
pub use error::{Error, Kind};
