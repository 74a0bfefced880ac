//! Passes into a lake: nothing lost and nothing twice, whatever ends them.

mod kill;
mod lake;
mod ledger;
mod network;
