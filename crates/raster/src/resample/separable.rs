//! Whole rows at a time, where target and source rows run alike: weights per column and per row are worked out once, and
//! each source row is brought to the target's columns once. The values are those of `kernel`, position by position.

use super::kernel::{self, Span};
use super::{Mapping, Resampling};
use crate::{Grid, Sample};
use ndarray::{ArrayView2, ArrayViewMut2};

/// Weights of the methods that are a product of weights along columns and rows, for every target column and row.
pub(super) struct Separable {
    cols: Weights,
    rows: Weights,
}

/// Weights along one axis: of `taps` source positions for each target position, which add up to 1.
struct Weights {
    taps: usize,
    first: Vec<usize>,
    weights: Vec<f64>,
    /// How much of a target position these weights tell.
    reach: Vec<Reach>,
}

/// What a target position along one axis has of the source.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Nothing.
    Outside,
    /// Too little for the weights here; `Sampler::at` knows what to make of it.
    Edge,
    /// All that its weights need.
    Whole,
}

impl Separable {
    /// `None` where the method is no such product, or the grids are turned against each other.
    pub(super) fn new(
        (rows, cols): (usize, usize),
        target: &Grid,
        mapping: &Mapping,
        method: Resampling,
        scale: (f64, f64),
    ) -> Option<Separable> {
        let Mapping::Affine(map) = mapping else { return None };
        if map.b != 0.0 || map.d != 0.0 || matches!(method, Resampling::Nearest | Resampling::Mode) {
            return None;
        }
        let scale = (kernel::widened(scale.0), kernel::widened(scale.1));
        let needs_all = method == Resampling::Cubic && scale == (1.0, 1.0);
        let column = |at: f64| map.apply(at, 0.0).0;
        let row = |at: f64| map.apply(0.0, at).1;
        let weights = |place: &dyn Fn(f64) -> f64, count: usize, size: usize, scale: f64| {
            let places = |i: usize| [0.0, 0.5, 1.0].map(|part| place(i as f64 + part));
            let span = |i: usize| kernel::span(method, places(i), scale, size, needs_all);
            Weights::new((0..count).map(span).collect(), size)
        };
        Some(Separable {
            cols: weights(&column, target.width_px, cols, scale.0),
            rows: weights(&row, target.height_px, rows, scale.1),
        })
    }

    /// Fills one band. All of `source` must count; `edge` is asked for positions whose weights need more than there is.
    pub(super) fn fill<T: Sample>(
        &self,
        source: ArrayView2<'_, T>,
        mut edge: impl FnMut(usize, usize) -> Option<T>,
        mut out: ArrayViewMut2<'_, T>,
        mut valid: ArrayViewMut2<'_, bool>,
    ) {
        let mut lines = Lines::new(&self.cols, self.rows.taps);
        let mut sums = vec![0.0; self.cols.first.len()];
        for (row, (mut out, mut valid)) in out.outer_iter_mut().zip(valid.outer_iter_mut()).enumerate() {
            if self.rows.reach[row] == Reach::Outside {
                continue;
            }
            let is_whole = self.rows.reach[row] == Reach::Whole;
            if is_whole {
                sums.fill(0.0);
                for (tap, weight) in self.rows.of(row).iter().enumerate() {
                    let line = lines.get(&self.cols, source, self.rows.first[row] + tap);
                    sums.iter_mut().zip(line).for_each(|(sum, value)| *sum += weight * value);
                }
            }
            let targets = out.iter_mut().zip(valid.iter_mut());
            for (col, ((out, valid), sum)) in targets.zip(&sums).enumerate() {
                match self.cols.reach[col] {
                    Reach::Outside => {}
                    Reach::Whole if is_whole => (*out, *valid) = (T::from_f64(*sum), true),
                    Reach::Whole | Reach::Edge => {
                        if let Some(value) = edge(row, col) {
                            (*out, *valid) = (value, true);
                        }
                    }
                }
            }
        }
    }
}

impl Weights {
    fn new(spans: Vec<Span>, size: usize) -> Weights {
        let taps = spans.iter().map(|span| span.weights.len()).max().unwrap_or(0).max(1);
        let mut all = Weights { taps, first: Vec::new(), weights: vec![0.0; taps * spans.len()], reach: Vec::new() };
        for (span, weights) in spans.iter().zip(all.weights.chunks_exact_mut(taps)) {
            let total: f64 = span.weights.iter().sum();
            // Fewer taps than others lie further left, behind weights of 0, so that none reaches beyond the source.
            let first = span.first.min(size.saturating_sub(taps));
            let skipped = span.first - first;
            for (to, weight) in weights.iter_mut().skip(skipped).zip(&span.weights) {
                *to = weight / total;
            }
            all.first.push(first);
            all.reach.push(match (span.is_whole, total > kernel::MIN_WEIGHT && taps <= size) {
                (_, false) => Reach::Outside,
                (false, true) => Reach::Edge,
                (true, true) => Reach::Whole,
            });
        }
        all
    }

    fn of(&self, at: usize) -> &[f64] {
        &self.weights[at * self.taps..(at + 1) * self.taps]
    }
}

/// Source rows at the target's columns, as many as a target row needs.
struct Lines {
    /// The source row that each slot holds.
    held: Vec<Option<usize>>,
    values: Vec<Vec<f64>>,
    /// A source row as it is.
    line: Vec<f64>,
}

impl Lines {
    fn new(cols: &Weights, taps: usize) -> Lines {
        Lines { held: vec![None; taps], values: vec![vec![0.0; cols.first.len()]; taps], line: Vec::new() }
    }

    fn get<T: Sample>(&mut self, cols: &Weights, source: ArrayView2<'_, T>, row: usize) -> &[f64] {
        let slot = row % self.held.len();
        if self.held[slot] != Some(row) {
            self.held[slot] = Some(row);
            self.line.clear();
            self.line.extend(source.row(row).iter().map(|value| value.to_f64()));
            let weights = cols.weights.chunks_exact(cols.taps);
            for ((value, &first), weights) in self.values[slot].iter_mut().zip(&cols.first).zip(weights) {
                // A source narrower than the taps has no column inside, and nobody asks for its lines.
                let taps = self.line.get(first..first + cols.taps).unwrap_or_default();
                *value = weights.iter().zip(taps).map(|(weight, value)| weight * value).sum();
            }
        }
        &self.values[slot]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Affine, Crs, Pixels, Samples};
    use ndarray::Array3;
    use proptest::prelude::*;

    fn grid(transform: Affine, width_px: usize, height_px: usize) -> Grid {
        Grid { crs: Some(Crs::wgs84()), transform, width_px, height_px }
    }

    proptest! {
        /// One pixel that does not count, in a corner, sends the very same window through `kernel`.
        #[test]
        fn rows_at_a_time_give_what_single_positions_give(
            width in 5usize..40, height in 5usize..40, step in 0.2f64..3.5, x in -4.0f64..4.0, y in -4.0f64..4.0,
            flip in any::<bool>(), which in 0usize..3, seed in any::<u64>(),
        ) {
            let method = [Resampling::Bilinear, Resampling::Cubic, Resampling::Average][which];
            let mut state = seed | 1;
            let values = Array3::from_shape_fn((1, height, width), |_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (state >> 40) as f64
            });
            let source = Pixels {
                samples: Samples::F64(values), valid: None, grid: grid(Affine::north_up(0.0, 0.0, 1.0, 1.0), width, height),
            };
            let rows = if flip { step } else { -step };
            let top = if flip { y - height as f64 } else { y };
            let target = grid(Affine::new(step, 0.0, x, 0.0, rows, top), 30, 30);
            let fast = super::super::resample(&source, &target, method, None).unwrap();
            let mut known = Array3::from_elem((1, height, width), true);
            known[(0, height - 1, width - 1)] = false;
            let slow = super::super::resample(&Pixels { valid: Some(known), ..source.clone() }, &target, method, None).unwrap();
            let (fast_valid, slow_valid) = (fast.valid.unwrap(), slow.valid.unwrap());
            let (Samples::F64(fast), Samples::F64(slow)) = (fast.samples, slow.samples) else { unreachable!() };
            for (at, value) in fast.indexed_iter() {
                // The last pixel weighs in positions within a kernel's width of it.
                let (u, v) = (x + (at.2 as f64 + 0.5) * step, -(top + (at.1 as f64 + 0.5) * rows));
                let reach = 2.0 * step.max(1.0) + 1.5;
                if u > width as f64 - reach && v > height as f64 - reach {
                    continue;
                }
                prop_assert_eq!(fast_valid[at], slow_valid[at], "{:?} at {:?}", method, at);
                // Sums of at most 14 by 14 products, in another order: some hundred roundings of 2^24.
                prop_assert!((value - slow[at]).abs() <= 16_777_216.0 * 256.0 * f64::EPSILON, "{:?} at {:?}", method, at);
            }
        }
    }
}
