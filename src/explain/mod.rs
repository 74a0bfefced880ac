//! WHAT HAPPENED, AND WHY: pages about one thing, made of what was logged and what is known.
//!
//! A page is data; how it looks is decided after it is whole.

pub mod job;
