//! The three passes against a naive computation in `f64`, over a spread of shapes and every instruction set.

use super::super::parallel::{Parallel, Serial, Threads};
use super::super::simd::Isa;
use super::{ConvShape, conv, conv_grad_input, conv_grad_weight};

/// A shape by its numbers: batch, channels in, height, width, channels out, kernel, strides, dilations, pads, groups.
type Numbers = (usize, usize, [usize; 2], usize, [usize; 2], [usize; 2], [usize; 2], [usize; 4], usize);

const SHAPES: &[Numbers] = &[
    (2, 16, [12, 20], 24, [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 1),
    (1, 3, [33, 29], 10, [7, 7], [2, 2], [1, 1], [3, 3, 3, 3], 1),
    (2, 5, [9, 11], 7, [3, 3], [2, 2], [1, 1], [1, 1, 1, 1], 1),
    (1, 70, [8, 8], 66, [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 1),
    (3, 130, [4, 4], 72, [1, 1], [1, 1], [1, 1], [0, 0, 0, 0], 1),
    (1, 9, [7, 6], 5, [1, 1], [2, 2], [1, 1], [0, 0, 0, 0], 1),
    (1, 6, [14, 13], 8, [3, 3], [1, 1], [2, 3], [2, 3, 2, 3], 1),
    (2, 12, [10, 9], 8, [3, 2], [2, 1], [1, 2], [0, 1, 1, 0], 4),
    (2, 19, [17, 15], 19, [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 19),
    (1, 18, [16, 15], 18, [5, 5], [2, 2], [1, 1], [2, 2, 2, 2], 18),
    (1, 4, [13, 12], 4, [3, 3], [3, 3], [2, 2], [1, 0, 2, 1], 4),
    (1, 2, [1, 1], 3, [1, 1], [1, 1], [1, 1], [0, 0, 0, 0], 1),
    (1, 16, [70, 66], 5, [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 1),
    (1, 3, [5, 40], 6, [2, 2], [3, 3], [1, 1], [0, 0, 0, 0], 1),
    (1, 30, [17, 21], 34, [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 1),
    (5, 64, [16, 16], 40, [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 1),
    (2, 25, [40, 70], 130, [3, 3], [1, 1], [1, 1], [0, 2, 2, 1], 1),
    (1, 4, [6, 6], 8, [4, 4], [2, 2], [1, 1], [1, 1, 1, 1], 2),
    (3, 70, [8, 7], 66, [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 1),
    (1, 200, [31, 64], 24, [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 1),
    (2, 20, [9, 33], 17, [1, 1], [2, 2], [1, 1], [0, 0, 0, 0], 1),
    (2, 7, [12, 16], 21, [3, 3], [1, 1], [1, 2], [1, 2, 1, 2], 1),
];

fn shape(numbers: &Numbers) -> ConvShape {
    let &(batch, in_channels, in_size, out_channels, kernel, strides, dilations, pads, groups) = numbers;
    let out_size = ConvShape::out_size(in_size, kernel, strides, dilations, pads).unwrap();
    let pads = [pads[0], pads[1]];
    let shape =
        ConvShape { batch, in_channels, in_size, out_channels, out_size, kernel, strides, dilations, pads, groups };
    assert!(shape.is_sound());
    shape
}

/// Reproducible numbers within -1..1.
pub(super) fn noise(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

/// Calls `f(index in x, index in w, index in y)` for every product of the convolution.
fn for_each_product(s: &ConvShape, mut f: impl FnMut(usize, usize, usize)) {
    let (group_in, group_out) = (s.group_in(), s.group_out());
    for n in 0..s.batch {
        for o in 0..s.out_channels {
            for c in 0..group_in {
                for p in 0..s.out_plane() {
                    for t in 0..s.taps() {
                        let at = |axis: usize, out: usize, tap: usize| {
                            let at = (out * s.strides[axis] + tap * s.dilations[axis]).checked_sub(s.pads[axis])?;
                            (at < s.in_size[axis]).then_some(at)
                        };
                        let y = at(0, p / s.out_size[1], t / s.kernel[1]);
                        let x = at(1, p % s.out_size[1], t % s.kernel[1]);
                        let (Some(y), Some(x)) = (y, x) else { continue };
                        let channel = n * s.in_channels + o / group_out * group_in + c;
                        f(
                            channel * s.in_plane() + y * s.in_size[1] + x,
                            (o * group_in + c) * s.taps() + t,
                            (n * s.out_channels + o) * s.out_plane() + p,
                        );
                    }
                }
            }
        }
    }
}

/// Compares with the truth; `magnitude` is the sum of the absolute products of each element. Each sum of `f32` is off by
/// at most its number of terms times half a unit in the last place (2^-24) of that magnitude; in practice errors partly
/// cancel, so 32 terms' worth is allowed at any length, and five times that where tiles are transformed: the transforms'
/// factors sum to several times what they are factors of.
fn check(what: &str, got: &[f32], truth: &[f64], magnitude: &[f64]) {
    for (i, ((&got, &truth), &magnitude)) in got.iter().zip(truth).zip(magnitude).enumerate() {
        let error = (f64::from(got) - truth).abs();
        assert!(error <= 160.0 * magnitude * 2f64.powi(-24), "{what}: element {i} is {got}, not {truth}");
    }
}

#[test]
fn agree_with_a_naive_computation() {
    for numbers in SHAPES {
        let s = shape(numbers);
        let (x, w, dy) = (noise(s.x_len(), 1), noise(s.w_len(), 2), noise(s.y_len(), 3));
        let bias = noise(s.out_channels, 4);
        let mut y = vec![[0.0f64; 2]; s.y_len()];
        let (mut dx, mut dw) = (vec![[0.0f64; 2]; s.x_len()], vec![[0.0f64; 2]; s.w_len()]);
        for (i, y) in y.iter_mut().enumerate() {
            let bias = f64::from(bias[i / s.out_plane() % s.out_channels]);
            *y = [bias, bias.abs()];
        }
        let add = |sum: &mut [f64; 2], a: f32, b: f32| {
            let product = f64::from(a) * f64::from(b);
            *sum = [sum[0] + product, sum[1] + product.abs()];
        };
        for_each_product(&s, |xi, wi, yi| {
            add(&mut y[yi], x[xi], w[wi]);
            add(&mut dx[xi], dy[yi], w[wi]);
            add(&mut dw[wi], dy[yi], x[xi]);
        });
        let split = |v: Vec<[f64; 2]>| -> (Vec<f64>, Vec<f64>) { v.into_iter().map(|[a, b]| (a, b)).unzip() };
        let (y, dx, dw) = (split(y), split(dx), split(dw));
        for isa in Isa::available() {
            let what = |pass: &str| format!("{pass} of {s:?} on {isa:?}");
            let mut got = vec![f32::NAN; s.y_len()];
            conv(&Threads(2), isa, &s, &x, &w, Some(&bias), &mut got);
            check(&what("forward"), &got, &y.0, &y.1);
            let mut got = vec![f32::NAN; s.x_len()];
            conv_grad_input(&Threads(2), isa, &s, &dy, &w, &mut got);
            check(&what("input gradient"), &got, &dx.0, &dx.1);
            let mut got = vec![f32::NAN; s.w_len()];
            conv_grad_weight(&Threads(2), isa, &s, &dy, &x, &mut got);
            check(&what("weight gradient"), &got, &dw.0, &dw.1);
        }
    }
}

/// Added one after the other, n products of no common sign are off by about u √(n/6) of the sum's magnitude, u being 2^-24:
/// the partial sum of k of them is rounded by u/√3 of √k on average. Blocks of 40, blocks of those and the whole are 3 u
/// each; the transforms of tiles triple it and 16 u are allowed. In one go, either long sum below would be off by 27 u or more.
#[test]
fn long_sums_are_sums_of_blocks() {
    let long: &[Numbers] = &[
        (2, 700, [8, 8], 8, [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 1),
        (1, 12, [180, 200], 4, [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 1),
        (1, 5, [260, 260], 3, [3, 3], [2, 2], [1, 1], [1, 1, 1, 1], 1),
        (1, 2, [256, 256], 2, [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 2),
    ];
    for numbers in long {
        let s = shape(numbers);
        // X as behind a rectifier, so that what tiles and taps have in common does not cancel.
        let x: Vec<f32> = noise(s.x_len(), 1).into_iter().map(|x| x.max(0.0)).collect();
        let (w, dy) = (noise(s.w_len(), 2), noise(s.y_len(), 3));
        let (mut y, mut dw) = (vec![0.0f64; s.y_len()], vec![0.0f64; s.w_len()]);
        for_each_product(&s, |xi, wi, yi| {
            y[yi] += f64::from(x[xi]) * f64::from(w[wi]);
            dw[wi] += f64::from(x[xi]) * f64::from(dy[yi]);
        });
        for isa in Isa::available() {
            let (mut of_y, mut of_dw) = (vec![f32::NAN; s.y_len()], vec![f32::NAN; s.w_len()]);
            conv(&Threads(2), isa, &s, &x, &w, None, &mut of_y);
            conv_grad_weight(&Threads(2), isa, &s, &dy, &x, &mut of_dw);
            for (what, got, truth) in [("forward", &of_y, &y), ("weight gradient", &of_dw, &dw)] {
                let off: f64 = got.iter().zip(truth).map(|(got, truth)| (f64::from(*got) - truth).powi(2)).sum();
                let all: f64 = truth.iter().map(|truth| truth * truth).sum();
                let units = (off / all).sqrt() * 2f64.powi(24);
                assert!(units <= 16.0, "{what} of {s:?} on {isa:?}: {units:.1} units");
            }
        }
    }
}

#[test]
fn give_the_same_bits_on_any_number_of_threads() {
    let s = shape(&(2, 40, [24, 24], 72, [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 1));
    let (x, w, dy) = (noise(s.x_len(), 5), noise(s.w_len(), 6), noise(s.y_len(), 7));
    let run = |isa: Isa, threads: &dyn Parallel| {
        let (mut y, mut dx, mut dw) = (vec![0.0; s.y_len()], vec![0.0; s.x_len()], vec![0.0; s.w_len()]);
        conv(threads, isa, &s, &x, &w, None, &mut y);
        conv_grad_input(threads, isa, &s, &dy, &w, &mut dx);
        conv_grad_weight(threads, isa, &s, &dy, &x, &mut dw);
        [y, dx, dw].concat().into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    for isa in Isa::available() {
        let alone = run(isa, &Serial);
        assert!(alone == run(isa, &Threads(3)), "{isa:?}: three threads");
        assert!(alone == run(isa, &Threads(7)), "{isa:?}: seven threads");
    }
}
