//! How good a map of classes is. Everything here is counted first, in sums that can be merged, and measured afterwards:
//! [`Confusion`] for scores by class, [`Boundary`] for the agreement of outlines, [`Calibration`] for whether the network is
//! right as often as it says, [`Tally`] for all three of one piece of ground, and [`bootstrap`] for how far the measures would
//! move on other ground of the same kind.

pub mod bootstrap;
mod boundary;
mod calibration;
mod confusion;
mod tally;

pub use boundary::{Boundary, BoundaryMetrics, near_edges};
pub use calibration::{BINS, Bin, Calibration};
pub use confusion::{ClassMetrics, Confusion, Metrics};
pub use tally::Tally;

use ndarray::{Array3, ArrayView4, Axis, Zip};

/// The value of pixels that are not counted, in maps of classes `[row, col]`.
pub const UNCOUNTED: u8 = u8::MAX;

/// The class of the largest logit, of equal ones the first: `[n, row, col]` of logits `[n, class, row, col]`. A single logit
/// per pixel means two classes, the second where it is above 0.
pub fn most_likely(logits: ArrayView4<'_, f32>) -> Array3<i64> {
    let mut planes = logits.axis_iter(Axis(1));
    let Some(first) = planes.next() else {
        let (n, _, rows, cols) = logits.dim();
        return Array3::zeros((n, rows, cols));
    };
    if logits.len_of(Axis(1)) == 1 {
        return first.mapv(|logit| i64::from(logit > 0.0));
    }
    let mut best = first.to_owned();
    let mut classes = Array3::zeros(best.dim());
    for (class, plane) in (1..).zip(planes) {
        Zip::from(&mut classes).and(&mut best).and(&plane).for_each(|value, best, &logit| {
            if logit > *best {
                (*value, *best) = (class, logit);
            }
        });
    }
    classes
}

/// The softmax probability of [`most_likely`], `[n, row, col]` of logits `[n, class, row, col]`; of a single logit per pixel
/// the sigmoid of its magnitude.
pub fn confidence(logits: ArrayView4<'_, f32>) -> Array3<f32> {
    let (n, channels, rows, cols) = logits.dim();
    if channels == 1 {
        return logits.index_axis(Axis(1), 0).mapv(|logit| 1.0 / (1.0 + (-logit.abs()).exp()));
    }
    let mut largest = Array3::from_elem((n, rows, cols), f32::NEG_INFINITY);
    for plane in logits.axis_iter(Axis(1)) {
        largest.zip_mut_with(&plane, |largest, &logit| *largest = largest.max(logit));
    }
    // The largest logit's own term is exp(0) = 1.
    let mut sum = Array3::zeros((n, rows, cols));
    for plane in logits.axis_iter(Axis(1)) {
        Zip::from(&mut sum).and(&plane).and(&largest).for_each(|sum, &logit, &largest| *sum += (logit - largest).exp());
    }
    sum.mapv_into(|sum: f32| 1.0 / sum)
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0_u32, 0.0), |(count, sum), value| (count + 1, sum + value));
    (count > 0).then(|| sum / f64::from(count))
}
