//! Other readers.
