//! `flowq sql` on a terminal: reads statements and meta commands and prints their results.
//!
//! [`run`] reads lines until `\q`; the engine is behind [`Sql`].

mod complete;
mod meta;
mod session;
pub(crate) mod statement;
mod terminal;

pub(crate) use session::Sql;
pub(crate) use terminal::run;
