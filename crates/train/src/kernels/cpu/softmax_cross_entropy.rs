//! Softmax, cross-entropy and their gradient in one pass over the logits.
//!
//! As PyTorch's `CrossEntropyLoss` with mean reduction: with class weights w, smoothing ε and classes C, pixel i of class y
//! costs `-(1 - ε) · w_y · ln p_y - ε/C · Σ_c w_c · ln p_c`; the loss is the sum over pixels that are not ignored, over
//! `Σ w_y` of those. Where every pixel is ignored, loss and gradient are zero (PyTorch: NaN).

use super::parallel::{Parallel, Shared};
use super::simd::{Isa, Simd, WithSimd, exp};

/// What the loss takes.
#[derive(Debug, Clone, Copy)]
pub struct CrossEntropyInputs<'a> {
    /// `[batch, classes, plane]`
    pub logits: &'a [f32],
    /// `[batch, plane]`
    pub target: &'a [i64],
    /// One per class; none means all one.
    pub class_weights: Option<&'a [f32]>,
    /// Images.
    pub batch: usize,
    /// Classes.
    pub classes: usize,
    /// Pixels of an image.
    pub plane: usize,
    /// Pixels with this target count for nothing.
    pub ignore_index: i64,
    /// Share of the target spread over all classes, 0..1.
    pub label_smoothing: f32,
}

/// A target that is neither a class nor the ignored value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSuchClass(pub i64);

/// Pixels of a task.
const CHUNK: usize = 4096;

/// Loss, and into `dlogits` (of the logits' length) its gradient.
///
/// # Errors
/// When a target is no class.
pub fn softmax_cross_entropy(
    threads: &dyn Parallel,
    isa: Isa,
    inputs: &CrossEntropyInputs,
    dlogits: &mut [f32],
) -> Result<f32, NoSuchClass> {
    let (classes, smoothing) = (inputs.classes, f64::from(inputs.label_smoothing));
    let weights: Vec<f32> = inputs.class_weights.map_or_else(|| vec![1.0; classes], <[f32]>::to_vec);
    let total = total_weight(inputs, &weights)?;
    let inverse = if total > 0.0 { 1.0 / total } else { 0.0 };
    let weight_sum: f64 = weights.iter().map(|w| f64::from(*w)).sum();
    let factors = Factors {
        hit: ((1.0 - smoothing) * inverse) as f32,
        spread: (smoothing / classes as f64 * weight_sum * inverse) as f32,
        each: weights.iter().map(|w| (smoothing / classes as f64 * f64::from(*w) * inverse) as f32).collect(),
        weights,
    };
    let chunks = inputs.plane.div_ceil(CHUNK);
    let mut losses = vec![0.0f64; inputs.batch * chunks];
    let (losses_of, dlogits) = (Shared::new(&mut losses), Shared::new(dlogits));
    threads.run(inputs.batch * chunks, &|task| {
        let (image, from) = (task / chunks, task % chunks * CHUNK);
        let len = CHUNK.min(inputs.plane - from);
        let loss = isa.dispatch(Chunk { inputs, factors: &factors, image, from, len, dlogits: &dlogits });
        // SAFETY: one element per task.
        unsafe { losses_of.part(task, 1) }.fill(loss);
    });
    Ok(losses.iter().sum::<f64>() as f32)
}

/// Sum of the weights of all pixels that count.
fn total_weight(inputs: &CrossEntropyInputs, weights: &[f32]) -> Result<f64, NoSuchClass> {
    let mut counts = vec![0u64; inputs.classes];
    for &class in inputs.target {
        match usize::try_from(class).ok().and_then(|class| counts.get_mut(class)) {
            // The ignored value may be a class's own number.
            _ if class == inputs.ignore_index => {}
            Some(count) => *count += 1,
            None => return Err(NoSuchClass(class)),
        }
    }
    Ok(counts.iter().zip(weights).map(|(&count, &weight)| count as f64 * f64::from(weight)).sum())
}

/// What a pixel's loss and gradient are multiplied by, all over the total weight.
struct Factors {
    weights: Vec<f32>,
    /// `(1 - ε) / total`
    hit: f32,
    /// `ε/C · Σ w / total`
    spread: f32,
    /// `ε/C · w_c / total`
    each: Vec<f32>,
}

/// Consecutive pixels of one image.
struct Chunk<'a> {
    inputs: &'a CrossEntropyInputs<'a>,
    factors: &'a Factors,
    image: usize,
    from: usize,
    len: usize,
    dlogits: &'a Shared<'a, f32>,
}

/// Most lanes of any instruction set.
const MAX_LANES: usize = 16;

impl WithSimd for Chunk<'_> {
    type Output = f64;

    #[inline(always)]
    unsafe fn run<S: Simd>(self) -> f64 {
        let (inputs, factors, plane) = (self.inputs, self.factors, self.inputs.plane);
        let mut loss = 0.0;
        for at in (self.from..self.from + self.len).step_by(S::LANES) {
            let n = S::LANES.min(self.from + self.len - at);
            let target = &inputs.target[self.image * plane + at..][..n];
            let base = self.image * inputs.classes * plane + at;
            let z = |class: usize| inputs.logits[base + class * plane..][..n].as_ptr();
            // Per lane: the factor of its softmax in the gradient, (1 - ε) · w_y + ε/C · Σ w over the total, or zero.
            let (mut of_softmax, mut counts) = ([0.0f32; MAX_LANES], [0.0f32; MAX_LANES]);
            for (lane, &class) in target.iter().enumerate() {
                if class != inputs.ignore_index {
                    of_softmax[lane] = factors.hit * factors.weights[class as usize] + factors.spread;
                    counts[lane] = 1.0;
                }
            }
            let mut log_sum = [0.0f32; MAX_LANES];
            // SAFETY: `n` pixels from `at` of every class of this image are within the logits, and those of `dlogits`
            // belong to this task; the arrays hold `MAX_LANES`, at least `LANES`.
            unsafe {
                let mut largest = S::load_partial(z(0), n);
                for class in 1..inputs.classes {
                    largest = S::max(largest, S::load_partial(z(class), n));
                }
                let mut sum = S::splat(0.0);
                for class in 0..inputs.classes {
                    let e = exp::<S>(S::sub(S::load_partial(z(class), n), largest));
                    sum = S::add(sum, e);
                    S::store_partial(self.dlogits.at(base + class * plane), e, n);
                }
                let factor = S::div(S::load(of_softmax.as_ptr()), sum);
                let counts = S::load(counts.as_ptr());
                for class in 0..inputs.classes {
                    let d = self.dlogits.at(base + class * plane);
                    let each = S::mul(counts, S::splat(-factors.each[class]));
                    S::store_partial(d, S::fma(S::load_partial(d, n), factor, each), n);
                }
                let (mut of_sum, mut of_largest) = ([0.0f32; MAX_LANES], [0.0f32; MAX_LANES]);
                S::store(of_sum.as_mut_ptr(), sum);
                S::store(of_largest.as_mut_ptr(), largest);
                for lane in 0..n {
                    log_sum[lane] = of_largest[lane] + of_sum[lane].ln();
                }
            }
            for (lane, &class) in target.iter().enumerate().filter(|(_, class)| **class != inputs.ignore_index) {
                let (class, log_sum) = (class as usize, f64::from(log_sum[lane]));
                let hit = factors.hit * factors.weights[class];
                // SAFETY: this pixel of this class is the task's, and class is below `classes` by `total_weight`.
                unsafe { *self.dlogits.at(base + class * plane + lane) -= hit };
                loss += f64::from(hit) * (log_sum - f64::from(inputs.logits[base + class * plane + lane]));
                if inputs.label_smoothing > 0.0 {
                    for (class, each) in factors.each.iter().enumerate() {
                        loss += f64::from(*each) * (log_sum - f64::from(inputs.logits[base + class * plane + lane]));
                    }
                }
            }
        }
        loss
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::cpu::parallel::{Serial, Threads};

    const PLANE: usize = 4_111;

    fn case() -> (Vec<f32>, Vec<i64>) {
        let logits = (0..2 * 3 * PLANE).map(|i| ((i * 7919) % 1013) as f32 * 0.02 - 10.0).collect();
        (logits, (0..2 * PLANE).map(|i| ((i * 31) % 4) as i64).collect())
    }

    /// Loss and gradient of `logits` by the definition, in `f64`.
    fn truth(inputs: &CrossEntropyInputs) -> (f64, Vec<f64>) {
        let c = inputs.classes;
        let weight = |class: usize| inputs.class_weights.map_or(1.0, |w| f64::from(w[class]));
        let valid = |i: usize| inputs.target[i] != inputs.ignore_index;
        let total: f64 =
            (0..inputs.target.len()).filter(|i| valid(*i)).map(|i| weight(inputs.target[i] as usize)).sum();
        let (mut loss, mut gradient) = (0.0, vec![0.0; inputs.logits.len()]);
        for i in (0..inputs.target.len()).filter(|i| valid(*i)) {
            let at = |class: usize| i / PLANE * c * PLANE + class * PLANE + i % PLANE;
            let sum: f64 = (0..c).map(|class| f64::from(inputs.logits[at(class)]).exp()).sum();
            let target = |class: usize| {
                let hit = if inputs.target[i] == class as i64 { 1.0 - f64::from(inputs.label_smoothing) } else { 0.0 };
                weight(class) * (hit + f64::from(inputs.label_smoothing) / c as f64)
            };
            let mass: f64 = (0..c).map(target).sum();
            for class in 0..c {
                let p = f64::from(inputs.logits[at(class)]).exp() / sum;
                loss -= target(class) * p.ln() / total;
                gradient[at(class)] = (mass * p - target(class)) / total;
            }
        }
        (loss, gradient)
    }

    #[test]
    fn agrees_with_the_definition() {
        let (logits, target) = case();
        let weights = [0.5, 2.0, 1.25];
        for (class_weights, label_smoothing) in [(None, 0.0), (Some(&weights[..]), 0.0), (Some(&weights[..]), 0.1)] {
            let (batch, classes, plane, ignore_index) = (2, 3, PLANE, 3);
            let (logits, target) = (&logits[..], &target[..]);
            let inputs = CrossEntropyInputs {
                logits,
                target,
                class_weights,
                batch,
                classes,
                plane,
                ignore_index,
                label_smoothing,
            };
            let (expected, gradient) = truth(&inputs);
            for isa in Isa::available() {
                let mut dlogits = vec![f32::NAN; logits.len()];
                let loss = softmax_cross_entropy(&Threads(2), isa, &inputs, &mut dlogits).unwrap();
                // Logits up to 10 with unit rounding 6e-7 enter each pixel's loss; the mean is no worse.
                assert!((f64::from(loss) - expected).abs() < 2e-6 * expected.abs().max(1.0), "{loss} {expected}");
                // A pixel's gradient is at most 2 / total weight; softmax is good to some 1e-6 of that.
                let unit = 2.0 / 5_000.0;
                for (got, truth) in dlogits.iter().zip(&gradient) {
                    assert!((f64::from(*got) - truth).abs() < 1e-6 * unit, "{isa:?}: {got} is not {truth}");
                }
            }
        }
    }

    #[test]
    fn refuses_a_class_that_is_none_and_takes_all_ignored() {
        let (mut dlogits, logits) = (vec![1.0; 4], [0.0, 1.0, 2.0, 3.0]);
        let mut inputs = CrossEntropyInputs {
            logits: &logits,
            target: &[0, 2],
            class_weights: None,
            batch: 1,
            classes: 2,
            plane: 2,
            ignore_index: -100,
            label_smoothing: 0.0,
        };
        for isa in Isa::available() {
            inputs.target = &[0, 2];
            let refused = softmax_cross_entropy(&Serial, isa, &inputs, &mut dlogits);
            assert_eq!(refused, Err(NoSuchClass(2)), "{isa:?}");
            inputs.target = &[-100, -100];
            dlogits.fill(1.0);
            assert_eq!(softmax_cross_entropy(&Serial, isa, &inputs, &mut dlogits), Ok(0.0), "{isa:?}");
            assert_eq!(dlogits, [0.0; 4], "{isa:?}");
        }
    }
}
