//! Messages of an SQS queue: received, invisible while they are processed, deleted or released.
//!
//! [`Queue`] receives a [`Message`], [`VisibilityExtender`] extends its visibility timeout, [`Sender`] sends in
//! batches. The content of messages is not known here.

mod address;
mod queue;
mod sender;
mod visibility;

pub use address::Address;
pub use queue::{Message, Queue, Redrive};
pub use sender::{Outgoing, RejectedMessage, Sender};
pub use visibility::VisibilityExtender;
