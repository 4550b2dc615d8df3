//! Weights transformed to `[block of rows][frequency][channel][row of block]`.

use super::super::super::parallel::{Parallel, over_chunks};
use super::super::super::simd::{Isa, Simd, WithSimd};
use super::super::packed::WeightView;
use super::super::window::Taps;
use super::pitch;
use super::transform::{FREQUENCIES, of_weights};

/// Most lanes of any instruction set.
const MAX_LANES: usize = 16;

/// Transforms the weights of a 3 x 3 kernel whose taps are `taps`.
pub(super) fn transform(view: &WeightView, taps: &Taps, threads: &dyn Parallel, isa: Isa, out: &mut [f32]) {
    // A kernel whose taps run backwards reads its weights backwards.
    let order = |taps: &[isize]| if taps[0] < taps[2] { [0, 1, 2] } else { [2, 1, 0] };
    let (rows, cols) = (order(&taps.rows), order(&taps.cols));
    let kernel: [usize; 9] = std::array::from_fn(|t| view.taps[rows[t / 3] * 3 + cols[t % 3]]);
    let block = isa.rows();
    let last = (view.rows - 1) * view.row_pitch + (view.channels - 1) * view.channel_pitch;
    assert!(last + kernel.iter().max().copied().unwrap_or(0) < view.weights.len());
    over_chunks(threads, out, pitch(block * view.channels) * FREQUENCIES, |index, out| {
        isa.dispatch(Block { view, kernel: &kernel, first: index * block, out });
    });
}

/// One block of rows. Its weights for one tap, channel by channel and row by row, are one run of elements, and vectors
/// are taken from the run wherever they fall.
struct Block<'a> {
    view: &'a WeightView<'a>,
    kernel: &'a [usize; 9],
    first: usize,
    out: &'a mut [f32],
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let view = self.view;
        let run = S::ROWS * view.channels;
        for at in (0..run).step_by(S::LANES) {
            let n = S::LANES.min(run - at);
            let mut taps = [[0.0f32; MAX_LANES]; 9];
            for lane in 0..n {
                let (channel, row) = ((at + lane) / S::ROWS, self.first + (at + lane) % S::ROWS);
                if row < view.rows {
                    let from = row * view.row_pitch + channel * view.channel_pitch;
                    for (tap, values) in self.kernel.iter().zip(&mut taps) {
                        // SAFETY: `transform` asserts that the last row's and channel's taps are within the weights.
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
