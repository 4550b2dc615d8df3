//! The value at one source position, by each method; weights and edges as in GDAL's warper.

use super::Resampling;
use crate::Sample;
use ndarray::ArrayView2;

/// Weights that add up to less than this are none.
pub(super) const MIN_WEIGHT: f64 = 1e-5;

/// Positions this close to a pixel's edge count as on it: rounding of coordinates is no pixel.
const EDGE: f64 = 1e-10;

/// One band to be sampled.
pub(super) struct Sampler<'a, T> {
    source: ArrayView2<'a, T>,
    known: Option<ArrayView2<'a, bool>>,
    method: Resampling,
    /// Kernel widths, in source pixels: 1 where the target is finer.
    scale: (f64, f64),
    weights: (Vec<f64>, Vec<f64>),
    votes: Vec<(T, usize)>,
}

impl<'a, T: Sample> Sampler<'a, T> {
    pub(super) fn new(
        source: ArrayView2<'a, T>,
        known: Option<ArrayView2<'a, bool>>,
        method: Resampling,
        scale: (f64, f64),
    ) -> Self {
        Sampler {
            source,
            known,
            method,
            scale: (widened(scale.0), widened(scale.1)),
            weights: (Vec::new(), Vec::new()),
            votes: Vec::new(),
        }
    }

    /// The value at a position, or over the area between two corners; `None` where there is none.
    pub(super) fn at(&mut self, position: (f64, f64), opposite: (f64, f64)) -> Option<T> {
        match self.method {
            Resampling::Nearest => self.nearest(position),
            Resampling::Bilinear => self.kernel(position, 1.0, triangle),
            Resampling::Cubic if self.scale == (1.0, 1.0) => {
                self.whole_cubic(position).or_else(|| self.kernel(position, 1.0, triangle))
            }
            Resampling::Cubic => self.kernel(position, 2.0, cubic),
            Resampling::Average => self.average(position, opposite),
            Resampling::Mode => self.mode(position, opposite),
        }
    }

    fn is_known(&self, row: usize, col: usize) -> bool {
        self.known.as_ref().is_none_or(|known| known[(row, col)])
    }

    /// Whether the pixel that a position lies in is there and known: a hole stays a hole, whatever lies around it.
    fn is_measured(&self, (u, v): (f64, f64)) -> bool {
        let (rows, cols) = self.source.dim();
        let is_inside = u + EDGE >= 0.0 && v + EDGE >= 0.0 && u - EDGE <= cols as f64 && v - EDGE <= rows as f64;
        // A position on the far edge is still in the last pixel.
        let last = |at: f64, size: usize| ((at + EDGE).floor().max(0.0) as usize).min(size.saturating_sub(1));
        is_inside && rows > 0 && cols > 0 && self.is_known(last(v, rows), last(u, cols))
    }

    fn nearest(&self, (u, v): (f64, f64)) -> Option<T> {
        let (rows, cols) = self.source.dim();
        let (col, row) = ((u + EDGE).floor(), (v + EDGE).floor());
        // NaN fails the comparisons.
        let is_inside = col >= 0.0 && row >= 0.0 && col < cols as f64 && row < rows as f64;
        let (row, col) = (row as usize, col as usize);
        (is_inside && self.is_known(row, col)).then(|| self.source[(row, col)])
    }

    /// Weighted mean by a separable kernel; pixels outside or unknown have no weight.
    fn kernel(&mut self, position: (f64, f64), radius: f64, kernel: fn(f64) -> f64) -> Option<T> {
        if !self.is_measured(position) {
            return None;
        }
        let (rows, cols) = self.source.dim();
        let (mut xs, mut ys) = std::mem::take(&mut self.weights);
        let left = taps(position.0, self.scale.0, radius, cols, kernel, &mut xs);
        let top = taps(position.1, self.scale.1, radius, rows, kernel, &mut ys);
        let (mut sum, mut total) = (0.0, 0.0);
        for (row, wy) in ys.iter().enumerate() {
            for (col, wx) in xs.iter().enumerate() {
                if self.is_known(top + row, left + col) {
                    sum += wx * wy * self.source[(top + row, left + col)].to_f64();
                    total += wx * wy;
                }
            }
        }
        self.weights = (xs, ys);
        (total > MIN_WEIGHT).then(|| T::from_f64(sum / total))
    }

    /// Cubic convolution where all 16 pixels are there.
    fn whole_cubic(&mut self, position: (f64, f64)) -> Option<T> {
        let (rows, cols) = self.source.dim();
        let (left, top) = ((position.0 - 0.5).floor() - 1.0, (position.1 - 0.5).floor() - 1.0);
        let is_whole = left >= 0.0 && top >= 0.0 && left + 4.0 <= cols as f64 && top + 4.0 <= rows as f64;
        if !is_whole {
            return None;
        }
        let (left, top) = (left as usize, top as usize);
        let all_known = (0..16).all(|i| self.is_known(top + i / 4, left + i % 4));
        all_known.then(|| self.kernel(position, 2.0, cubic))?
    }

    /// Calls `each` with every known pixel that the area touches and the share of the pixel that lies in it.
    fn over_area(&self, a: (f64, f64), b: (f64, f64), mut each: impl FnMut(T, f64)) {
        let (rows, cols) = self.source.dim();
        let span = |a: f64, b: f64, size: usize| {
            let (low, high) = covered(a, b, size);
            let (first, last) = touched(low, high);
            (first, last, low, high)
        };
        let (left, right, u0, u1) = span(a.0, b.0, cols);
        let (top, bottom, v0, v1) = span(a.1, b.1, rows);
        for row in top..bottom.min(rows) {
            let wy = v1.min(row as f64 + 1.0) - v0.max(row as f64);
            for col in left..right.min(cols) {
                if self.is_known(row, col) {
                    each(self.source[(row, col)], wy * (u1.min(col as f64 + 1.0) - u0.max(col as f64)));
                }
            }
        }
    }

    fn average(&self, a: (f64, f64), b: (f64, f64)) -> Option<T> {
        let (mut sum, mut total) = (0.0, 0.0);
        self.over_area(a, b, |value, weight| {
            sum += weight * value.to_f64();
            total += weight;
        });
        (total > MIN_WEIGHT).then(|| T::from_f64(sum / total))
    }

    /// Every pixel that the area touches has one vote, and the value that is first to have the most wins, as in GDAL.
    fn mode(&mut self, a: (f64, f64), b: (f64, f64)) -> Option<T> {
        let mut votes = std::mem::take(&mut self.votes);
        votes.clear();
        let mut best: Option<(T, usize)> = None;
        self.over_area(a, b, |value, _| {
            let count = match votes.iter_mut().find(|(other, _)| *other == value) {
                Some((_, count)) => {
                    *count += 1;
                    *count
                }
                None => {
                    votes.push((value, 1));
                    1
                }
            };
            if best.is_none_or(|(_, most)| count > most) {
                best = Some((value, count));
            }
        });
        self.votes = votes;
        best.map(|(value, _)| value)
    }
}

/// Kernel width for a ratio of source to target pixels: at least one, and whole where it is nearly so, as in GDAL.
pub(super) fn widened(ratio: f64) -> f64 {
    let ratio = if (ratio - ratio.round()).abs() < 0.05 { ratio.round() } else { ratio };
    ratio.max(1.0)
}

/// Weights along one axis of one target position.
pub(super) struct Span {
    pub(super) first: usize,
    /// Of the source pixels from `first` on; none outside of the source.
    pub(super) weights: Vec<f64>,
    /// Whether all pixels that the method needs are there.
    pub(super) is_whole: bool,
}

/// The span of a target pixel, whose first edge, centre and last edge are given, in `size` source pixels. With `needs_all`,
/// a kernel that reaches beyond the source is not whole. Nearest and mode are no sums and have none.
pub(super) fn span(
    method: Resampling,
    [low, centre, high]: [f64; 3],
    scale: f64,
    size: usize,
    needs_all: bool,
) -> Span {
    let (mut weights, mut is_whole) = (Vec::new(), true);
    let first = match method {
        _ if !(centre + EDGE >= 0.0 && centre - EDGE <= size as f64) && method != Resampling::Average => 0,
        Resampling::Bilinear => taps(centre, scale, 1.0, size, triangle, &mut weights),
        Resampling::Cubic => {
            let left = (centre - 0.5).floor() - 1.0;
            is_whole = !needs_all || (left >= 0.0 && left + 4.0 <= size as f64);
            taps(centre, scale, 2.0, size, cubic, &mut weights)
        }
        Resampling::Average => {
            let (low, high) = covered(low, high, size);
            let (first, last) = touched(low, high);
            weights.extend((first..last.min(size)).map(|i| high.min(i as f64 + 1.0) - low.max(i as f64)));
            first
        }
        Resampling::Nearest | Resampling::Mode => 0,
    };
    Span { first: first.min(size), weights, is_whole }
}

/// The part of an interval that lies in 0 to `size`.
fn covered(a: f64, b: f64, size: usize) -> (f64, f64) {
    (a.min(b).max(0.0), a.max(b).min(size as f64))
}

/// First and one after the last pixel that an interval touches; NaN gives an empty range.
fn touched(low: f64, high: f64) -> (usize, usize) {
    ((low + EDGE).floor() as usize, (high - EDGE).ceil().max(0.0) as usize)
}

/// Fills `weights` with those of the pixels from the returned one on, clipped to `size` pixels.
fn taps(at: f64, scale: f64, radius: f64, size: usize, kernel: fn(f64) -> f64, weights: &mut Vec<f64>) -> usize {
    let reach = radius * scale;
    let first = (at - 0.5 - reach).ceil().max(0.0) as usize;
    let last = ((at - 0.5 + reach).floor().max(0.0) as usize).min(size.saturating_sub(1));
    weights.clear();
    weights.extend((first..=last).map(|i| kernel((i as f64 + 0.5 - at) / scale)));
    first
}

fn triangle(x: f64) -> f64 {
    (1.0 - x.abs()).max(0.0)
}

/// Catmull-Rom, a = -0.5.
fn cubic(x: f64) -> f64 {
    let x = x.abs();
    if x <= 1.0 {
        x * x * (1.5 * x - 2.5) + 1.0
    } else if x < 2.0 {
        x * (x * (2.5 - 0.5 * x) - 4.0) + 2.0
    } else {
        0.0
    }
}
