//! Which rows of a column to be are NULL.

use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};

/// Which rows of a column are NULL; few are, in most columns.
#[derive(Debug, Default)]
pub struct NullMask(Vec<u64>);

impl NullMask {
    /// Sets a row to NULL.
    #[inline]
    pub fn add(&mut self, row: usize) {
        let at = row / 64;
        if at >= self.0.len() {
            self.0.resize(at + 1, 0);
        }
        if let Some(bits) = self.0.get_mut(at) {
            *bits |= 1 << (row % 64);
        }
    }

    #[inline]
    pub(super) fn contain(&self, row: usize) -> bool {
        self.0.get(row / 64).is_some_and(|bits| bits >> (row % 64) & 1 == 1)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets all rows.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Returns the null buffer of that many rows; `None` when all have.
    pub fn finish(self, rows: usize) -> Option<NullBuffer> {
        let Self(mut bits) = self;
        if bits.is_empty() || rows == 0 {
            return None;
        }
        bits.resize(rows.div_ceil(64), 0);
        bits.iter_mut().for_each(|bits| *bits = !*bits);
        Some(NullBuffer::new(BooleanBuffer::new(Buffer::from_vec(bits), 0, rows)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #[test]
        fn what_was_added_is_null(expected in proptest::collection::vec(any::<bool>(), 0..200)) {
            let mut nulls = NullMask::default();
            expected.iter().enumerate().filter(|(_, null)| **null).for_each(|(row, _)| nulls.add(row));
            let contained: Vec<bool> = (0..expected.len()).map(|row| nulls.contain(row)).collect();
            prop_assert_eq!(&contained, &expected);
            let found = nulls.finish(expected.len());
            let is_null = |row| found.as_ref().is_some_and(|found| found.is_null(row));
            let found: Vec<bool> = (0..expected.len()).map(is_null).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
