//! Weights rearranged for the matrix product: blocks of as many output channels as the register tile has rows, and
//! within a block, for each input channel and tap, the block's weights side by side.

use super::super::parallel::{Parallel, over_chunks};

/// How weights lie in the tensor they come from.
pub(super) struct WeightView<'a> {
    /// The tensor.
    pub(super) weights: &'a [f32],
    /// Output rows of the product and elements between them.
    pub(super) rows: usize,
    pub(super) row_pitch: usize,
    /// Channels summed over and elements between them.
    pub(super) channels: usize,
    pub(super) channel_pitch: usize,
    /// Element of each tap.
    pub(super) taps: &'a [usize],
}

impl WeightView<'_> {
    /// Products per output element.
    pub(super) fn depth(&self) -> usize {
        self.channels * self.taps.len()
    }

    /// Elements of the packed weights for tiles of `block` rows.
    pub(super) fn packed_len(&self, block: usize) -> usize {
        self.rows.div_ceil(block) * self.depth() * block
    }

    /// Packs into `out` of [`packed_len`](Self::packed_len); rows that fill up the last block are zero.
    pub(super) fn pack(&self, threads: &dyn Parallel, block: usize, out: &mut [f32]) {
        over_chunks(threads, out, self.depth() * block, |index, out| match block {
            8 => self.pack_block::<8>(index * 8, out),
            _ => self.pack_block::<4>(index * 4, out),
        });
    }

    fn pack_block<const BLOCK: usize>(&self, first: usize, out: &mut [f32]) {
        let rows = BLOCK.min(self.rows - first);
        if rows < BLOCK {
            out.fill(0.0);
        }
        let last = (first + rows - 1) * self.row_pitch + (self.channels - 1) * self.channel_pitch;
        let reach = last + self.taps.iter().max().copied().unwrap_or(0);
        assert!(reach < self.weights.len() && out.len() == self.depth() * BLOCK);
        let mut to = out.as_mut_ptr();
        for channel in 0..self.channels {
            let at = first * self.row_pitch + channel * self.channel_pitch;
            for tap in self.taps {
                // SAFETY: the assertion bounds every read, and `to` passes over `depth · BLOCK` elements in all.
                unsafe {
                    let from = self.weights.as_ptr().add(at + tap);
                    if rows == BLOCK {
                        for row in 0..BLOCK {
                            *to.add(row) = *from.add(row * self.row_pitch);
                        }
                    } else {
                        for row in 0..rows {
                            *to.add(row) = *from.add(row * self.row_pitch);
                        }
                    }
                    to = to.add(BLOCK);
                }
            }
        }
    }
}
