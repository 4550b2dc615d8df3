//! Weights transformed to `[block of rows][frequency][channel][row of block]`.

use std::ops::Range;

use super::super::super::parallel::{Parallel, over_chunks};
use super::super::super::simd::{Isa, Simd, WithSimd};
use super::super::packed::WeightView;
use super::super::window::Taps;
use super::transform::{FREQUENCIES, of_weights};
use super::{MAX_LANES, pitch};

/// A 3 x 3 kernel in the order that the transform takes.
pub(super) struct Kernel<'a> {
    view: &'a WeightView<'a>,
    /// Element of each tap, those that read the first row and column of pixels first.
    taps: [usize; 9],
}

impl<'a> Kernel<'a> {
    pub(super) fn new(view: &'a WeightView, taps: &Taps) -> Self {
        // A kernel whose taps run backwards reads its weights backwards.
        let order = |taps: &[isize]| if taps[0] < taps[2] { [0, 1, 2] } else { [2, 1, 0] };
        let (rows, cols) = (order(&taps.rows), order(&taps.cols));
        let taps: [usize; 9] = std::array::from_fn(|t| view.taps[rows[t / 3] * 3 + cols[t % 3]]);
        let last = (view.rows - 1) * view.row_pitch + (view.channels - 1) * view.channel_pitch;
        assert!(last + taps.iter().max().copied().unwrap_or(0) < view.weights.len());
        Self { view, taps }
    }

    /// Elements of a block of `channels` channels.
    pub(super) fn block_len(isa: Isa, channels: usize) -> usize {
        pitch(isa.rows() * channels) * FREQUENCIES
    }

    /// Elements of the weights of `rows` rows and `channels` channels.
    pub(super) fn len(isa: Isa, rows: usize, channels: usize) -> usize {
        rows.div_ceil(isa.rows()) * Self::block_len(isa, channels)
    }

    /// Transforms all weights.
    pub(super) fn transform(&self, threads: &dyn Parallel, isa: Isa, out: &mut [f32]) {
        let channels = 0..self.view.channels;
        over_chunks(threads, out, Self::block_len(isa, channels.len()), |index, out| {
            self.block(isa, index * isa.rows(), channels.clone(), out);
        });
    }

    /// Transforms some channels of the rows from `first` on, as many as fill `out`.
    pub(super) fn part(&self, isa: Isa, first: usize, channels: Range<usize>, out: &mut [f32]) {
        for (index, out) in out.chunks_exact_mut(Self::block_len(isa, channels.len())).enumerate() {
            self.block(isa, first + index * isa.rows(), channels.clone(), out);
        }
    }

    fn block(&self, isa: Isa, first: usize, channels: Range<usize>, out: &mut [f32]) {
        assert!(channels.end <= self.view.channels && out.len() == Self::block_len(isa, channels.len()));
        isa.dispatch(Block { kernel: self, first, channels, out });
    }
}

/// One block of rows. Its weights for one tap, channel by channel and row by row, are one run of elements, and vectors
/// are taken from the run wherever they fall.
struct Block<'a> {
    kernel: &'a Kernel<'a>,
    first: usize,
    channels: Range<usize>,
    out: &'a mut [f32],
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let view = self.kernel.view;
        let run = S::ROWS * self.channels.len();
        for at in (0..run).step_by(S::LANES) {
            let n = S::LANES.min(run - at);
            let mut taps = [[0.0f32; MAX_LANES]; 9];
            for lane in 0..n {
                let (channel, row) = (self.channels.start + (at + lane) / S::ROWS, self.first + (at + lane) % S::ROWS);
                if row < view.rows {
                    let from = row * view.row_pitch + channel * view.channel_pitch;
                    for (tap, values) in self.kernel.taps.iter().zip(&mut taps) {
                        // SAFETY: `Kernel::new` asserts that the last row's and channel's taps are within the weights.
                        values[lane] = unsafe { *view.weights.get_unchecked(from + tap) };
                    }
                }
            }
            // SAFETY: each of the arrays holds at least a vector; `out` has `pitch(run)` elements for every frequency.
            unsafe {
                let mut kernel = [S::splat(0.0); 9];
                for (vector, values) in kernel.iter_mut().zip(&taps) {
                    *vector = S::load(values.as_ptr());
                }
                for (frequency, vector) in of_weights::<S>(kernel).into_iter().enumerate() {
                    S::store_partial(self.out.as_mut_ptr().add(frequency * pitch(run) + at), vector, n);
                }
            }
        }
    }
}
