//! A part of a Parquet file, so that several readers can share a large one.

use std::ops::Range;

/// Some of the row groups of a file: all parts of it together are the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilePart {
    /// Which one, counted from 0.
    pub at: u64,
    /// How many there are.
    pub of: u64,
}

impl FilePart {
    /// The whole file.
    pub const WHOLE: Self = Self { at: 0, of: 1 };

    /// Returns which of `count` things belong to this part.
    pub fn range(self, count: u64) -> Range<u64> {
        let bound = |at: u64| {
            let bound = u128::from(count) * u128::from(at) / u128::from(self.of.max(1));
            u64::try_from(bound).unwrap_or(count)
        };
        bound(self.at)..bound(self.at + 1)
    }

    /// Returns how many of `count` things belong to this part.
    pub fn share(self, count: u64) -> u64 {
        let Range { start, end } = self.range(count);
        end - start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_the_whole_each_thing_once() {
        for (count, of) in [(0, 3), (1, 3), (7, 3), (3, 7), (u64::MAX, 5), (9, 1)] {
            let ranges: Vec<_> = (0..of).map(|at| FilePart { at, of }.range(count)).collect();
            assert_eq!((ranges[0].start, ranges[ranges.len() - 1].end), (0, count));
            assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start), "{ranges:?}");
            let shares: u64 = (0..of).map(|at| FilePart { at, of }.share(count)).sum();
            assert_eq!(shares, count);
        }
    }
}
