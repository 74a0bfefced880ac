//! Objects with the same text under two names: their records count twice.

use std::hash::BuildHasher as _;

use foldhash::quality::FixedState;

/// Bytes of either end of an object by which it is known again, beside its length.
const END_BYTES: usize = 4096;

/// The decompressed text of an object, as far as it is known again by it.
#[derive(Debug, Default)]
pub(crate) struct Print {
    first: Vec<u8>,
    last: Vec<u8>,
    bytes: u64,
}

impl Print {
    /// Adds the next bytes.
    pub(crate) fn add(&mut self, block: &[u8]) {
        let room = END_BYTES.saturating_sub(self.first.len());
        self.first.extend_from_slice(block.get(..room).unwrap_or(block));
        self.bytes += block.len() as u64;
        let end = block.get(block.len().saturating_sub(END_BYTES)..).unwrap_or_default();
        self.last.extend_from_slice(end);
        let surplus = self.last.len().saturating_sub(END_BYTES);
        self.last.drain(..surplus);
    }

    /// Returns a number that other texts do not have.
    pub(crate) fn hash(&self) -> u64 {
        FixedState::default().hash_one((&self.first, &self.last, self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &[u8], chunk: usize) -> u64 {
        let mut print = Print::default();
        text.chunks(chunk).for_each(|part| print.add(part));
        print.hash()
    }

    #[test]
    fn a_text_is_known_again_however_it_is_cut() {
        let text: Vec<u8> = (0..20_000u32).map(|at| (at % 251) as u8).collect();
        let known = hash(&text, 20_000);
        for chunk in [1, 100, 4096, 5000] {
            assert_eq!(hash(&text, chunk), known, "{chunk}");
        }
        assert_ne!(hash(&text[1..], 5000), known);
        assert_ne!(hash(&text[..19_999], 5000), known);
    }
}
