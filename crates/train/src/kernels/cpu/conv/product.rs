//! The register tile of a matrix product: `ROWS` output channels times three vectors of pixels, summed over channels and
//! taps. Everything a convolution spends its time on happens in [`tile`].

use super::super::simd::Simd;

/// Vectors per row of a tile.
pub(super) const VECTORS: usize = 3;

/// What a tile's sums are added to.
#[derive(Clone, Copy)]
pub(super) enum Start {
    /// The values already at the output.
    Output,
    /// One value per row.
    Bias(*const f32),
    /// Nothing.
    Zero,
}

/// One tile's operands.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    /// `ROWS` weights for each of `depth` products.
    pub(super) weights: *const f32,
    /// Elements between the weights of one product and the next.
    pub(super) weights_pitch: usize,
    /// Where the pixels of the window start.
    pub(super) window: *const f32,
    /// For each of `depth` products, the distance of its pixels from `window`.
    pub(super) offsets: *const u32,
    /// Channels times taps to sum over.
    pub(super) depth: usize,
    /// Output pixel of the first row.
    pub(super) out: *mut f32,
    /// Elements between rows of the output.
    pub(super) out_pitch: usize,
    /// Rows to write, at most `ROWS`.
    pub(super) rows: usize,
    /// Pixels to write, at most `VECTORS · LANES`.
    pub(super) pixels: usize,
    /// What to add to.
    pub(super) start: Start,
}

impl Tile {
    /// Computes the tile with as many vectors as its pixels need.
    ///
    /// # Safety
    /// `weights` has `S::ROWS` elements at each of `depth` multiples of its pitch, `offsets` has `depth`; whole vectors are readable at every offset from
    /// `window`; rows and pixels as stated are writable at `out` and belong to the caller; the processor has `S`.
    #[inline(always)]
    pub(super) unsafe fn compute<S: Simd>(self) {
        let vectors = self.pixels.div_ceil(S::LANES);
        // SAFETY: the caller's promise, handed on.
        unsafe {
            match (S::ROWS, vectors) {
                (8, 1) => tile::<S, 8, 1>(self),
                (8, 2) => tile::<S, 8, 2>(self),
                (8, _) => tile::<S, 8, 3>(self),
                (_, 1) => tile::<S, 4, 1>(self),
                (_, 2) => tile::<S, 4, 2>(self),
                (_, _) => tile::<S, 4, 3>(self),
            }
        }
    }
}

/// Products added up one after the other, at most. Rounding grows with the number of sums that a term goes through: a long
/// sum is therefore one of blocks, and these add up beside each other before they meet what the output already holds.
const BLOCK: usize = 40;

#[inline(always)]
unsafe fn tile<S: Simd, const ROWS: usize, const N: usize>(t: Tile) {
    // SAFETY: `Tile::compute` states what must be readable and writable; rows beyond `t.rows` and pixels beyond
    // `t.pixels` are computed but neither read from nor written to the output.
    unsafe {
        // Even blocks: the last is not a sliver.
        let block = t.depth.div_ceil(t.depth.div_ceil(BLOCK).max(1));
        let mut sums = products::<S, ROWS, N>(&t, 0, block.min(t.depth));
        let mut from = block;
        while from < t.depth {
            let more = products::<S, ROWS, N>(&t, from, block.min(t.depth - from));
            for (sums, more) in sums.iter_mut().zip(more) {
                for (sum, more) in sums.iter_mut().zip(more) {
                    *sum = S::add(*sum, more);
                }
            }
            from += block;
        }
        // Pixels of the last vector; all others are whole.
        let last = t.pixels - (N - 1) * S::LANES;
        for (row, sums) in sums.into_iter().enumerate().take(t.rows) {
            let out = t.out.add(row * t.out_pitch);
            for (v, sum) in sums.into_iter().enumerate() {
                let (at, whole) = (out.add(v * S::LANES), v + 1 < N);
                let sum = match t.start {
                    Start::Output if whole => S::add(sum, S::load(at)),
                    Start::Output => S::add(sum, S::load_partial(at, last)),
                    Start::Bias(bias) => S::add(sum, S::splat(*bias.add(row))),
                    Start::Zero => sum,
                };
                if whole {
                    S::store(at, sum);
                } else {
                    S::store_partial(at, sum, last);
                }
            }
        }
    }
}

/// The sums of `depth` products from the `from`th on.
#[inline(always)]
unsafe fn products<S: Simd, const ROWS: usize, const N: usize>(
    t: &Tile,
    from: usize,
    depth: usize,
) -> [[S::V; N]; ROWS] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [[S::splat(0.0); N]; ROWS];
        let mut weights = t.weights.wrapping_add(from * t.weights_pitch);
        let mut offsets = t.offsets.add(from);
        for _ in 0..depth {
            let from = t.window.add(*offsets as usize);
            let mut pixels = [S::splat(0.0); N];
            for (v, pixels) in pixels.iter_mut().enumerate() {
                *pixels = S::load(from.add(v * S::LANES));
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let weight = S::splat(*weights.add(row));
                for (sum, pixels) in sums.iter_mut().zip(pixels) {
                    *sum = S::fma(weight, pixels, *sum);
                }
            }
            weights = weights.wrapping_add(t.weights_pitch);
            offsets = offsets.add(1);
        }
        sums
    }
}
