//! The interfaces whose records are wanted. Asking is dear beside everything else that is done with a line, and
//! the same few interfaces come again and again: the answers are kept where their ids hash to.

use std::sync::Arc;

use crate::flow::plan::InterfaceTest;
use crate::flow::scan::Word;

/// How many answers are kept.
const ANSWERS: usize = 1024;

/// Longest id whose answer is kept; AWS's have 21 bytes.
const ID_MAX: usize = 30;

#[derive(Clone, Copy)]
struct Answer {
    id: [u8; ID_MAX],
    length: u8,
    is_wanted: bool,
}

/// The interfaces that a filter wants.
pub(super) struct Interfaces {
    test: InterfaceTest,
    answers: Vec<Answer>,
}

impl Interfaces {
    pub(super) fn new(test: &InterfaceTest) -> Self {
        let none = Answer { id: [0; ID_MAX], length: 0, is_wanted: false };
        Self { test: Arc::clone(test), answers: vec![none; ANSWERS] }
    }

    /// Tells whether records of this interface are wanted.
    pub(super) fn contain(&mut self, id: Word<'_>) -> bool {
        let bytes = id.bytes();
        // What is different in ids comes behind `eni-`.
        let hash = ((id.head() >> 32) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let slot = self.answers.get_mut(hash as usize % ANSWERS);
        let Some(slot) = slot.filter(|_| (1..=ID_MAX).contains(&bytes.len())) else {
            return (self.test)(id.text());
        };
        if slot.id.get(..usize::from(slot.length)) != Some(bytes) {
            slot.is_wanted = (self.test)(id.text());
            slot.length = bytes.len() as u8;
            if let Some(room) = slot.id.get_mut(..bytes.len()) {
                room.copy_from_slice(bytes);
            }
        }
        slot.is_wanted
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #[test]
        fn the_answer_is_that_of_the_test(ids in proptest::collection::vec("eni-[0-9a-f]{0,30}|[a-z]{0,2}", 1..30)) {
            let test = |id: &str| id.len().is_multiple_of(3) || id.ends_with(['a', '1']);
            let mut wanted = Interfaces::new(&(Arc::new(test) as InterfaceTest));
            for id in ids.iter().chain(&ids) {
                prop_assert_eq!(wanted.contain(id.as_str().into()), test(id), "{}", id);
            }
        }
    }
}
