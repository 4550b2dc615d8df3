//! From transformed input to output: one matrix product per frequency, and the way back to pixels.

use super::super::super::parallel::Shared;
use super::super::super::simd::{Simd, WithSimd};
use super::super::product::{Start, Tile, VECTORS};
use super::transform::{FREQUENCIES, TILE, from_products};
use super::{Place, Plan, pitch};

/// Some output channels of a band.
pub(super) struct Output<'a> {
    pub(super) plan: &'a Plan<'a>,
    pub(super) place: Place,
    /// Those of `rows` and `channels`: `[block of rows][frequency][channel][row of block]`
    pub(super) weights: &'a [f32],
    /// `[frequency][channel][lane]`
    pub(super) transformed: &'a [f32],
    pub(super) rows: std::ops::Range<usize>,
    /// Input channels to sum over; products start with the first of all, and are written after the last.
    pub(super) channels: std::ops::Range<usize>,
    /// Room for `[frequency][row][lane]`.
    pub(super) products: &'a mut [f32],
    pub(super) output: &'a Shared<'a, f32>,
}

impl WithSimd for Output<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(mut self) {
        // SAFETY: the instruction set is the caller's promise; `Plan` sizes the memory.
        unsafe {
            self.multiply::<S>();
            if self.channels.end == self.plan.all.weights.channels {
                self.write::<S>();
            }
        }
    }
}

impl Output<'_> {
    /// Multiplies weights and input, frequency by frequency.
    ///
    /// # Safety
    /// The processor has `S`.
    #[inline(always)]
    unsafe fn multiply<S: Simd>(&mut self) {
        let (plan, depth, rows) = (self.plan, self.channels.len(), self.rows.len());
        let of_weights = pitch(S::ROWS * depth);
        let step = VECTORS * S::LANES;
        let used = self.place.images.len() * plan.lanes;
        let start = if self.channels.start == 0 { Start::Zero } else { Start::Output };
        for frequency in 0..FREQUENCIES {
            let window = frequency * pitch(plan.all.weights.channels * plan.width) + self.channels.start * plan.width;
            for lane in (0..used).step_by(step) {
                for row in (0..rows).step_by(S::ROWS) {
                    let block = row / S::ROWS * FREQUENCIES + frequency;
                    let products = frequency * pitch(rows * plan.width) + row * plan.width + lane;
                    // SAFETY: each frequency has weights in whole blocks of rows, `width` lanes for every channel and
                    // room for `width` lanes of every row.
                    unsafe {
                        let tile = Tile {
                            weights: self.weights.as_ptr().add(block * of_weights),
                            weights_pitch: S::ROWS,
                            window: self.transformed.as_ptr().add(window + lane),
                            offsets: plan.offsets.as_ptr(),
                            depth,
                            out: self.products.as_mut_ptr().add(products),
                            out_pitch: plan.width,
                            rows: S::ROWS.min(rows - row),
                            pixels: step.min(used - lane),
                            start,
                        };
                        tile.compute::<S>();
                    }
                }
            }
        }
    }

    /// Transforms products back and writes them.
    ///
    /// # Safety
    /// The processor has `S`.
    #[inline(always)]
    unsafe fn write<S: Simd>(&mut self) {
        let (all, rows) = (self.plan.all, self.rows.len());
        let [height, width] = all.output.size;
        let tile_cols = all.places.count[1].div_ceil(TILE);
        let tiles = self.place.tile_rows.len() * tile_cols;
        for row in 0..rows {
            let bias = all.bias.map_or(0.0, |bias| bias[self.rows.start + row]);
            for image in self.place.images.clone() {
                let channel = image * all.output.channels + all.output.first + self.rows.start + row;
                let start = channel * height * width + all.places.start[0] * width;
                let from = row * self.plan.width + (image - self.place.images.start) * self.plan.lanes;
                for lane in (0..tiles).step_by(S::LANES) {
                    let mut pixels = [0.0f32; 16 * 16];
                    // SAFETY: products hold `width` lanes of every row and frequency; `pixels` has room for sixteen
                    // pixels of as many tiles as any vector has lanes.
                    unsafe {
                        let products = self.products.as_ptr().add(from + lane);
                        from_products::<S>(products, pitch(rows * self.plan.width), bias, pixels.as_mut_ptr());
                    }
                    let mut tile = 0;
                    while tile < S::LANES.min(tiles - lane) {
                        let (tile_row, tile_col) = ((lane + tile) / tile_cols, (lane + tile) % tile_cols);
                        // Neighbours in one row of tiles are written together.
                        let run = (tile_cols - tile_col).min(S::LANES.min(tiles - lane) - tile);
                        let (y, x) = ((self.place.tile_rows.start + tile_row) * TILE, tile_col * TILE);
                        let (tall, wide) = (TILE.min(all.places.count[0] - y), (run * TILE).min(width - x));
                        for line in 0..tall {
                            let from = (line * S::LANES + tile) * TILE;
                            // SAFETY: the pixels are within the plane by `tall` and `wide`, and no other task writes
                            // this channel of these tiles.
                            unsafe {
                                let to = self.output.at(start + (y + line) * width + x);
                                copy::<S>(pixels.as_ptr().add(from), to, wide);
                            }
                        }
                        tile += run;
                    }
                }
            }
        }
    }
}

/// Copies `len` elements.
///
/// # Safety
/// They are readable and writable and do not overlap; the processor has `S`.
#[inline(always)]
unsafe fn copy<S: Simd>(from: *const f32, to: *mut f32, len: usize) {
    let mut at = 0;
    while at < len {
        let n = S::LANES.min(len - at);
        // SAFETY: `n` elements from `at` are within what the caller promises.
        unsafe { S::store_partial(to.add(at), S::load_partial(from.add(at), n), n) };
        at += n;
    }
}
