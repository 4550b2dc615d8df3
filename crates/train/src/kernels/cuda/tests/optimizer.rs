//! `source/optimizer.cu` against the processor's optimisers.

use super::host::Host;
use super::images::{address, close, numbers};
use crate::kernels::cpu::optimizer as cpu;
use crate::kernels::cpu::optimizer::{Adam, Decay, Sgd, Step};
use crate::kernels::cpu::parallel::Serial;
use crate::kernels::cpu::simd::Isa;
use crate::kernels::cuda::device::Address;
use crate::kernels::cuda::optimizer::{Scalars, Updated, adam, sgd};

const LEN: usize = 1003;

/// Scalars as they lie on a device.
struct Given {
    lr: [f32; 1],
    double: Option<[f64; 1]>,
    float: [f32; 1],
    grad_scale: Option<[f32; 1]>,
    momentum: Option<[f32; 1]>,
}

impl Given {
    fn new(step: Step, double: bool, momentum: Option<f32>) -> Self {
        Self {
            lr: [step.lr],
            double: double.then_some([step.step]),
            float: [step.step as f32],
            grad_scale: (step.grad_scale != 1.0).then_some([step.grad_scale]),
            momentum: momentum.map(|momentum| [momentum]),
        }
    }

    fn scalars(&mut self) -> Scalars {
        let or_none = |scalar: &mut Option<[f32; 1]>| scalar.as_mut().map_or(0, |scalar| address(scalar));
        Scalars {
            lr: address(&mut self.lr),
            double: self.double.is_some(),
            step: self.double.as_mut().map_or_else(|| address(&mut self.float), |step| address(step)),
            grad_scale: or_none(&mut self.grad_scale),
            momentum: or_none(&mut self.momentum),
        }
    }
}

/// Parameter, first and second moment (not negative).
fn state() -> [Vec<f32>; 3] {
    [numbers(LEN, 1), numbers(LEN, 2), numbers(LEN, 3).iter().map(|x| x * x).collect()]
}

/// Updates in place on a GPU, as a session binds its state.
fn in_place(tensors: &mut [Vec<f32>]) -> Vec<Updated> {
    let at: Vec<Address> = tensors.iter_mut().map(|tensor| address(tensor)).collect();
    at.into_iter().map(|at| Updated { old: at, new: at }).collect()
}

fn in_place_on_cpu(tensors: &mut [Vec<f32>]) -> Vec<cpu::Updated> {
    tensors.iter_mut().map(|t| cpu::Updated { old: t.as_ptr(), new: t.as_mut_ptr() }).collect()
}

#[test]
fn adam_agrees() {
    let Some(host) = Host::new() else { return };
    let mut gradient = numbers(LEN, 4);
    for (decay, step, double, momentum) in [
        (Decay::Decoupled, Step { lr: 1e-2, step: 1.0, grad_scale: 1.0 }, true, None),
        (Decay::Decoupled, Step { lr: 1e-2, step: 1000.0, grad_scale: 0.25 }, false, Some(0.85)),
        (Decay::Gradient, Step { lr: 1e-3, step: 7.0, grad_scale: 0.5 }, true, Some(0.912_345)),
    ] {
        let constants = Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.1, decay };
        let beta1 = momentum.map_or(0.9, |m: f32| m.to_string().parse().unwrap());
        let mut expected = state();
        let [p, m, v] = in_place_on_cpu(&mut expected)[..] else { unreachable!() };
        // SAFETY: each tensor has the gradient's length, and is used by this call alone.
        unsafe { cpu::adam(&Serial, Isa::detect(), Adam { beta1, ..constants }, step, &gradient, [p, m, v]) };

        let mut got = state();
        let [p, m, v] = in_place(&mut got)[..] else { unreachable!() };
        let mut scalars = Given::new(step, double, momentum);
        adam(&host, &constants, [p, m, v], address(&mut gradient), &scalars.scalars(), LEN).unwrap();
        for (name, (got, expected)) in ["p", "m", "v"].iter().zip(got.iter().zip(&expected)) {
            // A handful of roundings each, on numbers around one; beta1 given as a float is known to 1e-8.
            close(&format!("{name} of {decay:?} at step {}", step.step), got, expected, 1e-6, 1e-6);
        }
    }
}

#[test]
fn sgd_agrees() {
    let Some(host) = Host::new() else { return };
    let mut gradient = numbers(LEN, 4);
    for (momentum, nesterov, step, given, double) in [
        (0.0, false, 3.0, None, true),
        (0.9, false, 1.0, None, true),
        (0.9, true, 2.0, None, false),
        (0.9, false, 2.0, Some(0.5), true),
    ] {
        let constants = Sgd { momentum, dampening: 0.1, weight_decay: 0.01, nesterov };
        let step = Step { lr: 0.1, step, grad_scale: 0.5 };
        let [p, m, _] = state();
        let mut expected = [p.clone(), m.clone()];
        let [p_on_cpu, m_on_cpu] = in_place_on_cpu(&mut expected)[..] else { unreachable!() };
        let on_cpu = Sgd { momentum: given.unwrap_or(momentum), ..constants };
        // SAFETY: as for Adam.
        unsafe { cpu::sgd(&Serial, Isa::detect(), on_cpu, step, &gradient, [p_on_cpu, m_on_cpu]) };

        let mut got = [p, m];
        let [p, m] = in_place(&mut got)[..] else { unreachable!() };
        let mut scalars = Given::new(step, double, given);
        sgd(&host, &constants, [p, m], address(&mut gradient), &scalars.scalars(), LEN).unwrap();
        for (name, (got, expected)) in ["p", "m"].iter().zip(got.iter().zip(&expected)) {
            close(&format!("{name} with momentum {momentum} at step {}", step.step), got, expected, 1e-6, 1e-6);
        }
    }
}
