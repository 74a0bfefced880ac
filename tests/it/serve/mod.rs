//! `flowq serve`: its HTTP API, and its pages in a real browser.

mod browser;
mod devtools;
mod http;
mod server;
