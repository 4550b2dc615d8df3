//! One step of an optimiser for one parameter, in one pass over its memory. Updates follow `torch.optim`.

use super::parallel::Parallel;
use super::simd::{Isa, Simd, WithSimd};

/// How decay of weights enters Adam.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decay {
    /// As a part of the gradient (Adam).
    Gradient,
    /// Apart from it (AdamW).
    Decoupled,
}

/// Constants of Adam and AdamW.
#[derive(Debug, Clone, Copy)]
pub struct Adam {
    /// Share of the first moment that stays; in `f64`, since what matters is its distance from one.
    pub beta1: f64,
    /// Share of the second moment that stays.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Decay of weights.
    pub weight_decay: f32,
    /// How it enters.
    pub decay: Decay,
}

/// Constants of stochastic gradient descent.
#[derive(Debug, Clone, Copy)]
pub struct Sgd {
    /// Share of the velocity that stays; at zero there is no velocity.
    pub momentum: f32,
    /// Share of the gradient that does not enter the velocity.
    pub dampening: f32,
    /// Decay of weights, as a part of the gradient.
    pub weight_decay: f32,
    /// Whether the step looks ahead along the velocity.
    pub nesterov: bool,
}

/// Scalars of one step.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// Learning rate.
    pub lr: f32,
    /// Number of this step, from 1.
    pub step: f64,
    /// Factor on every gradient.
    pub grad_scale: f32,
}

/// A tensor that is read at one address and written at another, or at the same.
#[derive(Debug, Clone, Copy)]
pub struct Updated {
    /// Where the old values are.
    pub old: *const f32,
    /// Where the new values go: `old`, or memory apart from everything else.
    pub new: *mut f32,
}

// SAFETY: tasks touch disjoint ranges of it; that the memory is there is the promise of who calls `adam` or `sgd`.
unsafe impl Sync for Updated {}
// SAFETY: as above; nothing in an address belongs to a thread.
unsafe impl Send for Updated {}

/// Elements per task: 64 KiB of each tensor.
const CHUNK: usize = 16 * 1024;

/// One step of Adam or AdamW on `grad.len()` elements: parameter, first and second moment.
///
/// # Safety
/// Each of `parameter`, `first`, `second` has `grad.len()` elements at both its addresses, which nobody else uses
/// meanwhile; no new address overlaps another tensor.
pub unsafe fn adam(
    threads: &dyn Parallel,
    isa: Isa,
    adam: Adam,
    step: Step,
    grad: &[f32],
    [parameter, first, second]: [Updated; 3],
) {
    let correction1 = 1.0 - adam.beta1.powf(step.step);
    let correction2 = (1.0 - adam.beta2.powf(step.step)).sqrt();
    let rate = (f64::from(step.lr) / correction1) as f32;
    let root = (1.0 / correction2) as f32;
    threads.run(grad.len().div_ceil(CHUNK), &|task| {
        let from = task * CHUNK;
        let grad = &grad[from..(from + CHUNK).min(grad.len())];
        // SAFETY: `from` lies within every tensor by the caller's promise.
        let [parameter, first, second] = [parameter, first, second].map(|t| unsafe { t.at(from) });
        isa.dispatch(AdamChunk { adam, step, rate, root, grad, parameter, first, second });
    });
}

/// One step of stochastic gradient descent: parameter and velocity.
///
/// # Safety
/// As [`adam`].
pub unsafe fn sgd(
    threads: &dyn Parallel,
    isa: Isa,
    sgd: Sgd,
    step: Step,
    grad: &[f32],
    [parameter, velocity]: [Updated; 2],
) {
    threads.run(grad.len().div_ceil(CHUNK), &|task| {
        let from = task * CHUNK;
        let grad = &grad[from..(from + CHUNK).min(grad.len())];
        // SAFETY: `from` lies within both tensors by the caller's promise.
        let [parameter, velocity] = [parameter, velocity].map(|t| unsafe { t.at(from) });
        isa.dispatch(SgdChunk { sgd, step, grad, parameter, velocity });
    });
}

impl Updated {
    /// The rest of it from element `from`.
    ///
    /// # Safety
    /// The tensor has that many elements.
    unsafe fn at(self, from: usize) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self { old: self.old.add(from), new: self.new.add(from) } }
    }
}

struct AdamChunk<'a> {
    adam: Adam,
    step: Step,
    rate: f32,
    root: f32,
    grad: &'a [f32],
    parameter: Updated,
    first: Updated,
    second: Updated,
}

impl WithSimd for AdamChunk<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let (adam, lr) = (self.adam, self.step.lr);
        let (coupled, kept) = match adam.decay {
            Decay::Gradient => (adam.weight_decay, 1.0),
            Decay::Decoupled => (0.0, (1.0 - f64::from(lr) * f64::from(adam.weight_decay)) as f32),
        };
        // SAFETY: `n` elements from `at` are within every tensor; each is read before the same place is written.
        unsafe {
            let (beta1, rest1) = (S::splat(adam.beta1 as f32), S::splat((1.0 - adam.beta1) as f32));
            let (beta2, rest2) = (S::splat(adam.beta2 as f32), S::splat((1.0 - adam.beta2) as f32));
            let (scale, coupled, kept) = (S::splat(self.step.grad_scale), S::splat(coupled), S::splat(kept));
            let (rate, root, epsilon) = (S::splat(-self.rate), S::splat(self.root), S::splat(adam.epsilon));
            let mut at = 0;
            while at < self.grad.len() {
                let n = S::LANES.min(self.grad.len() - at);
                let p = S::load_partial(self.parameter.old.add(at), n);
                let g = S::mul(S::load_partial(self.grad.as_ptr().add(at), n), scale);
                let g = S::fma(p, coupled, g);
                let m = S::load_partial(self.first.old.add(at), n);
                let m = S::fma(m, beta1, S::mul(g, rest1));
                let v = S::load_partial(self.second.old.add(at), n);
                let v = S::fma(v, beta2, S::mul(S::mul(g, g), rest2));
                let below = S::fma(S::sqrt(v), root, epsilon);
                let p = S::fma(S::div(m, below), rate, S::mul(p, kept));
                S::store_partial(self.first.new.add(at), m, n);
                S::store_partial(self.second.new.add(at), v, n);
                S::store_partial(self.parameter.new.add(at), p, n);
                at += n;
            }
        }
    }
}

struct SgdChunk<'a> {
    sgd: Sgd,
    step: Step,
    grad: &'a [f32],
    parameter: Updated,
    velocity: Updated,
}

impl WithSimd for SgdChunk<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let sgd = self.sgd;
        // The first velocity is the gradient itself; without momentum the step is the gradient and the velocity stays.
        let (kept, taken) = if self.step.step <= 1.0 { (0.0, 1.0) } else { (sgd.momentum, 1.0 - sgd.dampening) };
        let (of_grad, of_velocity) = match (sgd.momentum == 0.0, sgd.nesterov) {
            (true, _) => (1.0, 0.0),
            (false, true) => (1.0, sgd.momentum),
            (false, false) => (0.0, 1.0),
        };
        let (kept, taken) = if sgd.momentum == 0.0 { (1.0, 0.0) } else { (kept, taken) };
        // SAFETY: `n` elements from `at` are within every tensor; each is read before the same place is written.
        unsafe {
            let (kept, taken) = (S::splat(kept), S::splat(taken));
            let (of_grad, of_velocity) = (S::splat(of_grad), S::splat(of_velocity));
            let (scale, decay) = (S::splat(self.step.grad_scale), S::splat(sgd.weight_decay));
            let rate = S::splat(-self.step.lr);
            let mut at = 0;
            while at < self.grad.len() {
                let n = S::LANES.min(self.grad.len() - at);
                let p = S::load_partial(self.parameter.old.add(at), n);
                let g = S::mul(S::load_partial(self.grad.as_ptr().add(at), n), scale);
                let g = S::fma(p, decay, g);
                let v = S::load_partial(self.velocity.old.add(at), n);
                let v = S::fma(v, kept, S::mul(g, taken));
                let d = S::fma(v, of_velocity, S::mul(g, of_grad));
                S::store_partial(self.velocity.new.add(at), v, n);
                S::store_partial(self.parameter.new.add(at), S::fma(d, rate, p), n);
                at += n;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::cpu::parallel::Threads;

    const LEN: usize = 40_003;

    fn tensor(seed: usize) -> Vec<f32> {
        (0..LEN).map(|i| ((i * 97 + seed * 13) % 201) as f32 * 0.01 - 1.0).collect()
    }

    fn updated(tensor: &mut [f32]) -> Updated {
        Updated { old: tensor.as_ptr(), new: tensor.as_mut_ptr() }
    }

    #[test]
    fn adam_follows_the_definition_in_place() {
        let both = |isa| [(Decay::Gradient, isa), (Decay::Decoupled, isa)];
        for (decay, isa) in Isa::available().into_iter().flat_map(both) {
            let constants = Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.05, decay };
            let (mut p, mut m, mut v) = (tensor(0), vec![0.0; LEN], vec![0.0; LEN]);
            let mut truth: Vec<[f64; 3]> = p.iter().map(|p| [f64::from(*p), 0.0, 0.0]).collect();
            for step in 1..=5 {
                let g = tensor(step);
                let scalars = Step { lr: 1e-2, step: step as f64, grad_scale: 0.5 };
                let state = [updated(&mut p), updated(&mut m), updated(&mut v)];
                // SAFETY: three vectors of `LEN`, each its own.
                unsafe { adam(&Threads(2), isa, constants, scalars, &g, state) };
                for ([p, m, v], g) in truth.iter_mut().zip(&g) {
                    let mut g = f64::from(*g) * 0.5;
                    match decay {
                        Decay::Gradient => g += 0.05 * *p,
                        Decay::Decoupled => *p *= 1.0 - 1e-2 * 0.05,
                    }
                    *m = 0.9 * *m + 0.1 * g;
                    *v = 0.999 * *v + 0.001 * g * g;
                    let (c1, c2) = (1.0 - 0.9f64.powi(step as i32), 1.0 - 0.999f64.powi(step as i32));
                    *p -= 1e-2 / c1 * *m / ((*v / c2).sqrt() + 1e-8);
                }
            }
            for (i, truth) in truth.iter().enumerate() {
                // Five steps of 1e-2, each off by a few 1e-7 of itself or of the parameter (<= 1): but where a gradient
                // is nearly zero, m / sqrt(v) magnifies the rounding of g.
                assert!((f64::from(p[i]) - truth[0]).abs() < 2e-6, "{decay:?} {isa:?} {i}: {} {}", p[i], truth[0]);
                assert!((f64::from(m[i]) - truth[1]).abs() < 1e-6);
                assert!((f64::from(v[i]) - truth[2]).abs() < 1e-7);
            }
        }
    }

    #[test]
    fn sgd_follows_the_definition() {
        let all = |isa| [(isa, 0.0, false), (isa, 0.9, false), (isa, 0.9, true)];
        for (isa, momentum, nesterov) in Isa::available().into_iter().flat_map(all) {
            let constants = Sgd { momentum, dampening: if nesterov { 0.0 } else { 0.1 }, weight_decay: 0.01, nesterov };
            let (mut p, mut v) = (tensor(3), vec![0.0; LEN]);
            let mut truth: Vec<[f64; 2]> = p.iter().map(|p| [f64::from(*p), 0.0]).collect();
            for step in 1..=4 {
                let g = tensor(step + 5);
                let scalars = Step { lr: 0.1, step: step as f64, grad_scale: 1.0 };
                // SAFETY: two vectors of `LEN`, each its own.
                unsafe { sgd(&Threads(2), isa, constants, scalars, &g, [updated(&mut p), updated(&mut v)]) };
                for ([p, v], g) in truth.iter_mut().zip(&g) {
                    let g = f64::from(*g) + 0.01 * *p;
                    let momentum = f64::from(momentum);
                    *v = if step == 1 { g } else { momentum * *v + (1.0 - f64::from(constants.dampening)) * g };
                    *p -= 0.1
                        * match (momentum == 0.0, nesterov) {
                            (true, _) => g,
                            (false, true) => g + momentum * *v,
                            (false, false) => *v,
                        };
                }
            }
            for (p, [truth, _]) in p.iter().zip(&truth) {
                // Four steps, each off by some 1e-7 of values up to about 2.
                assert!((f64::from(*p) - truth).abs() < 2e-6, "{isa:?}: {p} is not {truth}");
            }
        }
    }
}
