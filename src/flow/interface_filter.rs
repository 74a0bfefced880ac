//! The interfaces whose records are selected. The predicate is slow compared to the rest of the work on a line, and
//! the same few interfaces come again and again: the responses are retained where their ids hash to.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use crate::flow::decode_options::{InterfacePredicate, RecordSelection};
use crate::flow::tokenizer::FieldBytes;

/// How many results are cached.
const ANSWERS: usize = 1024;

/// Longest id whose result is cached; AWS's have 21 bytes.
const ID_MAX: usize = 30;

#[derive(Clone, Copy)]
struct CacheSlot {
    id: [u8; ID_MAX],
    length: u8,
    selection: RecordSelection,
}

/// The interfaces that a filter selects.
pub(super) struct InterfaceFilter {
    test: InterfacePredicate,
    answers: Vec<CacheSlot>,
    /// Addresses of IPv4 as [`FieldBytes::head`] contains their text, which no other text is as long as.
    addresses: foldhash::HashSet<u128>,
}

impl InterfaceFilter {
    pub(super) fn new(test: &InterfacePredicate, addresses: &HashSet<IpAddr>) -> Self {
        let none = CacheSlot { id: [0; ID_MAX], length: 0, selection: RecordSelection::None };
        let head = |address: &IpAddr| FieldBytes::from(address.to_string().as_str()).prefix16();
        let addresses = addresses.iter().filter(|address| address.is_ipv4()).map(head).collect();
        Self { test: Arc::clone(test), answers: vec![none; ANSWERS], addresses }
    }

    /// Returns whether an address is one of those requested, or of IPv6: those have many spellings.
    pub(super) fn may_match_address(&self, address: FieldBytes<'_>) -> bool {
        self.addresses.contains(&address.prefix16()) || address.bytes().contains(&b':')
    }

    /// Returns which records of this interface are selected.
    pub(super) fn selection(&mut self, id: FieldBytes<'_>) -> RecordSelection {
        let bytes = id.bytes();
        // What is different in ids comes behind `eni-`.
        let hash = ((id.prefix16() >> 32) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let slot = self.answers.get_mut(hash as usize % ANSWERS);
        let Some(slot) = slot.filter(|_| (1..=ID_MAX).contains(&bytes.len())) else {
            return (self.test)(id.text());
        };
        if slot.id.get(..usize::from(slot.length)) != Some(bytes) {
            slot.selection = (self.test)(id.text());
            slot.length = bytes.len() as u8;
            if let Some(room) = slot.id.get_mut(..bytes.len()) {
                room.copy_from_slice(bytes);
            }
        }
        slot.selection
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #[test]
        fn the_answer_is_that_of_the_test(ids in proptest::collection::vec("eni-[0-9a-f]{0,30}|[a-z]{0,2}", 1..30)) {
            let test = |id: &str| match id.len() % 3 {
                0 => RecordSelection::All,
                1 => RecordSelection::ByAddress,
                _ => RecordSelection::None,
            };
            let mut selection = InterfaceFilter::new(&(Arc::new(test) as InterfacePredicate), &HashSet::new());
            for id in ids.iter().chain(&ids) {
                prop_assert_eq!(selection.selection(id.as_str().into()), test(id), "{}", id);
            }
        }
    }
}
