//! Which part of an epoch a process reads, where several read it together.

use std::ops::Range;

/// Share `rank` of `world`, which are counted from 0. Together the shares are the whole, and their sizes differ by one at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) rank: usize,
    pub(crate) world: usize,
}

impl Share {
    /// All of it.
    pub(crate) const WHOLE: Share = Share { rank: 0, world: 1 };

    pub(crate) fn is_whole(self) -> bool {
        self.world <= 1
    }

    /// The share of `count` things in a row: neighbours go to one process, so that what they share is read once.
    pub(crate) fn range(self, count: usize) -> Range<usize> {
        let world = self.world.max(1) as u128;
        let end = |ranks: usize| (count as u128 * (ranks as u128).min(world) / world) as usize;
        end(self.rank)..end(self.rank.saturating_add(1))
    }

    /// The share of all things of all rows, one row behind the other.
    pub(crate) fn of_rows<T>(self, rows: Vec<Vec<T>>) -> Vec<Vec<T>> {
        let share = self.range(rows.iter().map(Vec::len).sum());
        let mut begin = 0;
        let own = rows.into_iter().map(|mut row| {
            let (first, length) = (begin, row.len());
            begin += length;
            row.truncate(share.end.clamp(first, begin) - first);
            row.drain(..(share.start.clamp(first, begin) - first).min(row.len()));
            row
        });
        own.filter(|row| !row.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_the_whole_and_alike_in_size() {
        let rows = || vec![vec![0, 1, 2], vec![], vec![3], vec![4, 5, 6, 7, 8, 9]];
        for world in 1..13 {
            let shares: Vec<Vec<i32>> = (0..world).map(|rank| Share { rank, world }.of_rows(rows()).concat()).collect();
            let sizes = || shares.iter().map(Vec::len);
            assert!(sizes().max().unwrap() - sizes().min().unwrap() <= 1, "{shares:?}");
            assert_eq!(shares.concat(), rows().concat());
        }
    }
}
