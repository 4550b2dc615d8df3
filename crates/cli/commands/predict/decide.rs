//! From logits to probabilities, and from blended probabilities to what a map holds.

use ndarray::{Array2, ArrayView2, ArrayView3, ArrayViewMut2, ArrayViewMut3, Axis, Zip, s};
use swath_loader::IGNORE;

/// Steps between a probability of 0 and of 1 in uint8; 255 stands for nothing.
pub(super) const STEPS: f32 = 254.0;

/// Probabilities over the first axis of `logits` `[class, row, col]`, into `scores` of the same shape.
pub(super) fn softmax(logits: ArrayView3<'_, f32>, mut scores: ArrayViewMut3<'_, f32>) {
    let highest = logits.fold_axis(Axis(0), f32::NEG_INFINITY, |&a, &b| a.max(b));
    let mut total = Array2::<f32>::zeros(highest.dim());
    for (logit, mut score) in logits.outer_iter().zip(scores.outer_iter_mut()) {
        Zip::from(&mut score).and(&mut total).and(&logit).and(&highest).for_each(|score, total, &logit, &highest| {
            *score = exp(logit - highest);
            *total += *score;
        });
    }
    for mut score in scores.outer_iter_mut() {
        score /= &total;
    }
}

/// e to the power of `x`, which is 0 or less, to 2e-7 of itself: without a branch, so that it is computed for several pixels at
/// once. Below -87, where it is 0 in all but name, that of -87; not a number stays so.
fn exp(x: f32) -> f32 {
    /// 1.5 * 2^23: a sum with it has no room for fractions.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2 in two parts, the first with so few bits that its products with whole numbers are exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    let x = if x < -87.0 { -87.0 } else { x };
    let power = x * std::f32::consts::LOG2_E + ROUND;
    let whole = power - ROUND;
    let rest = x - whole * LN_2[0] - whole * LN_2[1];
    // Taylor's series to the sixth power; |rest| is at most ln 2 / 2, so that the seventh is below 1.3e-7.
    let series = [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0].iter().fold(1.0 / 720.0, |sum, c| sum * rest + c);
    // The lowest bits of `power` hold the whole number, which belongs into the exponent's eight.
    let scale = f32::from_bits(power.to_bits().wrapping_add(127) << 23);
    series * scale
}

/// The value of the likeliest class of each pixel, the first of equals; [`IGNORE`] where `valid` says so.
pub(super) fn classes(
    scores: ArrayView3<'_, f32>,
    valid: ArrayView2<'_, u8>,
    values: &[u8],
    mut out: ArrayViewMut2<'_, u8>,
) {
    let mut best = vec![0.0_f32; scores.len_of(Axis(2))];
    for (row, (mut out, valid)) in out.outer_iter_mut().zip(valid.outer_iter()).enumerate() {
        best.fill(f32::NEG_INFINITY);
        for (scores, &value) in scores.outer_iter().zip(values) {
            let scores = scores.slice_move(s![row, ..]);
            for ((best, out), &score) in best.iter_mut().zip(&mut out).zip(scores) {
                let is_better = score > *best;
                *best = if is_better { score } else { *best };
                *out = if is_better { value } else { *out };
            }
        }
        out.iter_mut().zip(valid).for_each(|(out, &valid)| *out = if valid == IGNORE { IGNORE } else { *out });
    }
}

/// Probabilities in steps of 1/254.
pub(super) fn steps(scores: ArrayView3<'_, f32>, valid: ArrayView2<'_, u8>, mut out: ArrayViewMut3<'_, u8>) {
    for (mut out, scores) in out.outer_iter_mut().zip(scores.outer_iter()) {
        Zip::from(&mut out).and(&scores).and(&valid).for_each(|out, &score, &valid| {
            *out = if valid == IGNORE { IGNORE } else { (score * STEPS).round() as u8 };
        });
    }
}

/// Probabilities as they are, NaN where there is nothing.
pub(super) fn floats(scores: ArrayView3<'_, f32>, valid: ArrayView2<'_, u8>, mut out: ArrayViewMut3<'_, f32>) {
    for (mut out, scores) in out.outer_iter_mut().zip(scores.outer_iter()) {
        Zip::from(&mut out).and(&scores).and(&valid).for_each(|out, &score, &valid| {
            *out = if valid == IGNORE { f32::NAN } else { score };
        });
    }
}

/// Entropy over the logarithm of the number of classes: 0 to 1, NaN where there is nothing.
pub(super) fn entropy(scores: ArrayView3<'_, f32>, valid: ArrayView2<'_, u8>, mut out: ArrayViewMut2<'_, f32>) {
    let most = (scores.len_of(Axis(0)) as f32).ln();
    out.fill(0.0);
    for scores in scores.outer_iter() {
        Zip::from(&mut out).and(&scores).for_each(|out, &p| *out -= if p > 0.0 { p * p.ln() } else { 0.0 });
    }
    Zip::from(&mut out).and(&valid).for_each(|out, &valid| {
        *out = if valid == IGNORE { f32::NAN } else { (*out / most).clamp(0.0, 1.0) };
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array3, array};

    #[test]
    fn the_likeliest_class_is_taken_and_nothing_stays_nothing() {
        let logits = array![[[1.0_f32, 0.0, 5.0]], [[1.0, 2.0, 0.0]], [[0.5, 9.0, 1.0]]];
        let mut scores = Array3::zeros(logits.dim());
        softmax(logits.view(), scores.view_mut());
        assert!(scores.sum_axis(Axis(0)).iter().all(|sum| (sum - 1.0).abs() < 1e-6));
        let valid = array![[0_u8, 0, IGNORE]];
        let mut out = Array2::zeros((1, 3));
        classes(scores.view(), valid.view(), &[3, 5, 7], out.view_mut());
        assert_eq!(out, array![[3, 7, IGNORE]]);
    }

    #[test]
    fn the_exponential_is_that_of_the_library() {
        for step in 0..=870_000 {
            let x = -(step as f32) / 10_000.0;
            let expected = f64::from(x).exp();
            // Truncation of the series and the rounding of seven operations.
            assert!((f64::from(exp(x)) / expected - 1.0).abs() < 1e-6, "{x}");
        }
        assert!(exp(f32::NEG_INFINITY) < 1e-37 && exp(f32::NAN).is_nan() && exp(0.0) == 1.0);
    }

    #[test]
    fn entropy_is_one_where_all_are_alike_and_none_where_one_is_sure() {
        let scores = array![[[0.5_f32, 1.0]], [[0.5, 0.0]]];
        let mut out = Array2::zeros((1, 2));
        entropy(scores.view(), array![[0_u8, 0]].view(), out.view_mut());
        assert!((out[[0, 0]] - 1.0_f32).abs() < 1e-6 && out[[0, 1]] == 0.0, "{out}");
    }
}
