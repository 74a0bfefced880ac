//! Passes into a lake: nothing lost and nothing twice, whatever ends them.

mod clock;
mod due;
mod kill;
mod lake;
mod ledger;
mod names;
mod network;
