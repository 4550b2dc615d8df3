//! Against the definition in `f64`.

use super::super::parallel::{Parallel, Serial, Threads};
use super::*;

fn noise(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

const SHAPE: NormShape = NormShape { batch: 3, channels: 5, plane: 1537 };
const EPSILON: f64 = 1e-3;
/// Normal values reach the ceiling: channels' factors go up to one.
const ACTIVATIONS: [Activation; 3] = [Activation::Identity, Activation::Relu, Activation::Capped(0.5)];

struct Case {
    x: Vec<f32>,
    dy: Vec<f32>,
    small: [Vec<f32>; 4],
}

/// X is far from zero, where a variance from plain sums of squares would lose digits.
fn case() -> Case {
    let len = SHAPE.batch * SHAPE.channels * SHAPE.plane;
    let x = noise(len, 1).into_iter().map(|x| x * 0.5 + 40.0).collect();
    let small = [2, 3, 4, 5].map(|seed| noise(SHAPE.channels, seed));
    Case { x, dy: noise(len, 9), small }
}

/// Elements of a channel, with their indices.
fn of_channel(channel: usize) -> impl Iterator<Item = usize> {
    let start = move |image| (image * SHAPE.channels + channel) * SHAPE.plane;
    (0..SHAPE.batch).flat_map(move |image| start(image)..start(image) + SHAPE.plane)
}

fn statistics(x: &[f32], channel: usize) -> (f64, f64, f64) {
    let count = (SHAPE.batch * SHAPE.plane) as f64;
    let mean = of_channel(channel).map(|i| f64::from(x[i])).sum::<f64>() / count;
    let squares = of_channel(channel).map(|i| (f64::from(x[i]) - mean).powi(2)).sum::<f64>();
    (mean, squares / count, squares / (count - 1.0))
}

fn forward(threads: &dyn Parallel, isa: Isa, case: &Case, activation: Activation) -> [Vec<f32>; 5] {
    let [scale, bias, mean, var] = &case.small;
    let (epsilon, momentum, frozen) = (EPSILON as f32, 0.9, false);
    let inputs = NormInputs { x: &case.x, scale, bias, mean, var, epsilon, momentum, activation, frozen };
    let mut y = vec![f32::NAN; case.x.len()];
    let [mut a, mut b, mut c, mut d] = [0; 4].map(|_| vec![f32::NAN; SHAPE.channels]);
    let outputs =
        NormOutputs { y: &mut y, saved_mean: &mut a, saved_inv_std: &mut b, new_mean: &mut c, new_var: &mut d };
    batch_norm(threads, isa, SHAPE, &inputs, outputs);
    [y, a, b, c, d]
}

#[track_caller]
fn near(got: f32, truth: f64, tolerance: f64) {
    assert!((f64::from(got) - truth).abs() <= tolerance, "{got} is not {truth} within {tolerance}");
}

#[test]
fn normalises_and_moves_the_running_statistics() {
    let case = case();
    for (isa, activation) in Isa::available().into_iter().flat_map(|isa| ACTIVATIONS.map(|a| (isa, a))) {
        let [y, saved_mean, saved_inv_std, new_mean, new_var] = forward(&Threads(2), isa, &case, activation);
        for channel in 0..SHAPE.channels {
            let (mean, biased, unbiased) = statistics(&case.x, channel);
            let (inv_std, kept) = (1.0 / (biased + EPSILON).sqrt(), 0.9);
            // X near 40 has steps of 3.8e-6 and the mean is rounded to one; the variance of x / 2 is 1 / 12, so y has
            // a factor up to 3.5 on that; 1e-5 leaves room for no other error.
            near(saved_mean[channel], mean, 4e-6);
            near(saved_inv_std[channel], inv_std, inv_std * 1e-6);
            near(new_mean[channel], f64::from(case.small[2][channel]) * kept + mean * (1.0 - kept), 1e-6);
            near(new_var[channel], f64::from(case.small[3][channel]) * kept + unbiased * (1.0 - kept), 1e-6);
            let (scale, bias) = (f64::from(case.small[0][channel]), f64::from(case.small[1][channel]));
            for i in of_channel(channel) {
                let truth = (f64::from(case.x[i]) - mean) * inv_std * scale + bias;
                let truth = match activation {
                    Activation::Identity => truth,
                    Activation::Relu => truth.max(0.0),
                    Activation::Capped(ceiling) => truth.max(0.0).min(f64::from(ceiling)),
                };
                near(y[i], truth, 1e-5);
            }
        }
    }
}

#[test]
fn gradient_is_that_of_the_definition() {
    let case = case();
    let scale = &case.small[0];
    let variants = |isa| ACTIVATIONS.into_iter().flat_map(move |a| [(isa, a, false), (isa, a, true)]);
    for (isa, activation, frozen) in Isa::available().into_iter().flat_map(variants) {
        let [y, mean, inv_std, ..] = forward(&Serial, isa, &case, activation);
        let (mut dx, mut dscale, mut dbias) = (vec![f32::NAN; y.len()], vec![0.0; 5], vec![0.0; 5]);
        let (dy, x, y, mean, inv_std) = (&case.dy, &case.x, &y, &mean, &inv_std);
        let epsilon = EPSILON as f32;
        let inputs = NormGradInputs { dy, x, y, scale, mean, inv_std, epsilon, activation, frozen };
        batch_norm_grad(&Threads(2), isa, SHAPE, &inputs, [&mut dx, &mut dscale, &mut dbias]);
        for channel in 0..SHAPE.channels {
            let (mean, inv) = (f64::from(mean[channel]), f64::from(inv_std[channel]));
            let normal = |i: usize| (f64::from(case.x[i]) - mean) * inv;
            let passes = |y: f32| match activation {
                Activation::Identity => true,
                Activation::Relu => y > 0.0,
                Activation::Capped(ceiling) => y > 0.0 && y < ceiling,
            };
            let dy = |i: usize| if passes(y[i]) { f64::from(case.dy[i]) } else { 0.0 };
            let count = (SHAPE.batch * SHAPE.plane) as f64;
            let sum: f64 = of_channel(channel).map(dy).sum();
            let product: f64 = of_channel(channel).map(|i| dy(i) * normal(i)).sum();
            // 4,611 terms of at most 1 and 3: sums in lanes of 64 terms each round at about 1e-7 of some tens.
            near(dbias[channel], sum, 1e-4);
            near(dscale[channel], product, 1e-4);
            for i in of_channel(channel) {
                let inner = if frozen { dy(i) } else { dy(i) - sum / count - normal(i) * product / count };
                near(dx[i], f64::from(scale[channel]) * inv * inner, 2e-6);
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let case = case();
    let bits = |of: [Vec<f32>; 5]| of.concat().into_iter().map(f32::to_bits).collect::<Vec<_>>();
    for isa in Isa::available() {
        let run = |threads: &dyn Parallel| bits(forward(threads, isa, &case, Activation::Relu));
        assert!(run(&Serial) == run(&Threads(4)), "{isa:?}");
    }
}

#[test]
fn two_values_keep_what_epsilon_leaves_of_their_gradient() {
    // Far apart for their epsilon: x̂ is ±(1 - 5e-7), and the gradient a millionth of dy.
    let shape = NormShape { batch: 2, channels: 1, plane: 1 };
    let (x, dy, epsilon) = ([3.0f32, 5.25], [0.5f32, -0.25], 1.5e-6f32);
    let (mean, inv_std, scale, y) = ([4.125f32], [1.0f32 / 1.125], [2.0f32], []);
    let activation = Activation::Identity;
    let inputs = NormGradInputs {
        dy: &dy,
        x: &x,
        y: &y,
        scale: &scale,
        mean: &mean,
        inv_std: &inv_std,
        epsilon,
        activation,
        frozen: false,
    };
    let (mut dx, mut dscale, mut dbias) = ([0.0; 2], [0.0; 1], [0.0; 1]);
    batch_norm_grad(&Serial, Isa::detect(), shape, &inputs, [&mut dx, &mut dscale, &mut dbias]);
    // dx = scale / √(v + ε) · ±(dy₀ - dy₁) / 2 · ε / (v + ε), with v = 1.125².
    let deviation = (1.125f64.powi(2) + f64::from(epsilon)).sqrt();
    let truth = 2.0 / deviation * 0.375 * f64::from(epsilon) / deviation.powi(2);
    // One rounding to f32, and f64's of numbers of order one against a difference of 1e-6: 1e-10.
    near(dx[0], truth, truth * 1e-7);
    near(dx[1], -truth, truth * 1e-7);
    near(dscale[0], -0.75 * 1.125 / deviation, 1e-7);
    near(dbias[0], 0.25, 1e-7);
}
