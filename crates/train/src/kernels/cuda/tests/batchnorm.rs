//! `source/batchnorm.cu` against the processor's batch normalisation.

use super::host::Host;
use super::images::{Images, address, close, numbers, rounding};
use crate::kernels::cpu::batchnorm as cpu;
use crate::kernels::cpu::batchnorm::{Activation, NormShape};
use crate::kernels::cpu::parallel::Serial;
use crate::kernels::cpu::simd::Isa;
use crate::kernels::cuda::batchnorm::{
    Norm, NormGrad, NormGradInputs, NormInputs, NormOutputs, batch_norm, batch_norm_grad,
};
use crate::kernels::cuda::element::Element;

/// Sizes around the borders of what one block sums: one thread's worth, several stretches, more images than shares.
const SHAPES: [NormShape; 4] = [
    NormShape { batch: 1, channels: 1, plane: 1 },
    NormShape { batch: 3, channels: 2, plane: 35 },
    NormShape { batch: 2, channels: 3, plane: 300 },
    NormShape { batch: 1, channels: 1, plane: 16_500 },
];

/// X far from zero, where sums about zero would lose their digits; it survives rounding to any type.
fn x(shape: NormShape, element: Element) -> Images {
    let x = numbers(shape.batch * shape.channels * shape.plane, 1);
    Images::new(element, &x.iter().map(|x| 8.0 + x).collect::<Vec<_>>())
}

fn vectors(shape: NormShape) -> [Vec<f32>; 4] {
    let positive = |seed| numbers(shape.channels, seed).iter().map(|x| 1.5 + x).collect::<Vec<_>>();
    [positive(2), numbers(shape.channels, 3), numbers(shape.channels, 4), positive(5)]
}

/// Forward on both sides: Y and the four vectors.
fn forward(
    host: &Host,
    shape: NormShape,
    element: Element,
    activation: Activation,
    frozen: bool,
) -> [Vec<Vec<f32>>; 2] {
    let (epsilon, momentum) = (1e-5, 0.9);
    let mut x = x(shape, element);
    let [mut scale, mut bias, mut mean, mut var] = vectors(shape);
    let numbers = x.numbers();
    let mut expected: Vec<Vec<f32>> =
        [numbers.len(), shape.channels, shape.channels, shape.channels, shape.channels].map(|n| vec![0.0; n]).to_vec();
    let inputs = cpu::NormInputs {
        x: &numbers,
        scale: &scale,
        bias: &bias,
        mean: &mean,
        var: &var,
        epsilon,
        momentum,
        activation,
        frozen,
    };
    let [y, saved_mean, saved_inv_std, new_mean, new_var] = &mut expected[..] else { unreachable!() };
    let outputs = cpu::NormOutputs { y, saved_mean, saved_inv_std, new_mean, new_var };
    cpu::batch_norm(&Serial, Isa::detect(), shape, &inputs, outputs);

    let mut y = Images::room(element, numbers.len());
    let mut small = vec![vec![f32::NAN; shape.channels]; 4];
    let norm = Norm { shape, element, epsilon, momentum, frozen, range: [activation.floor(), activation.ceiling()] };
    let inputs = NormInputs {
        x: x.address(),
        scale: address(&mut scale),
        bias: address(&mut bias),
        mean: address(&mut mean),
        var: address(&mut var),
    };
    let outputs = NormOutputs {
        y: y.address(),
        saved_mean: address(&mut small[0]),
        saved_inv_std: address(&mut small[1]),
        new_mean: address(&mut small[2]),
        new_var: address(&mut small[3]),
    };
    batch_norm(host, &norm, &inputs, &outputs).unwrap();
    small.insert(0, y.numbers());
    [small, expected]
}

#[test]
fn forward_agrees() {
    let Some(host) = Host::new() else { return };
    for shape in SHAPES {
        for element in Element::ALL {
            for (activation, frozen) in [
                (Activation::Identity, false),
                (Activation::Relu, false),
                (Activation::Capped(0.5), false),
                (Activation::Capped(0.5), true),
            ] {
                let [got, expected] = forward(&host, shape, element, activation, frozen);
                let what = format!("{shape:?} {element:?} {activation:?} frozen: {frozen}");
                // The mean's last digit, 2^-24 of 8, over a deviation of half and more, times a factor of up to 2.5: 5e-6
                // twice over in Y, for each side rounds it; sums of 64 floats lose less.
                close(&format!("Y, {what}"), &got[0], &expected[0], rounding(element), 1e-5);
                for (vector, (got, expected)) in got.iter().zip(&expected).enumerate().skip(1) {
                    close(&format!("vector {vector}, {what}"), got, expected, 1e-5, 0.0);
                }
            }
        }
    }
}

#[test]
fn vectors_that_nobody_asks_for_are_not_written() {
    let Some(host) = Host::new() else { return };
    let shape = NormShape { batch: 2, channels: 2, plane: 6 };
    let [got, _] = forward(&host, shape, Element::F32, Activation::Relu, false);
    let mut x = x(shape, Element::F32);
    let [mut scale, mut bias, mut mean, mut var] = vectors(shape);
    let mut y = Images::room(Element::F32, 24);
    let norm =
        Norm { shape, element: Element::F32, epsilon: 1e-5, momentum: 0.9, frozen: false, range: [0.0, f32::INFINITY] };
    let [scale, bias, mean, var] = [&mut scale, &mut bias, &mut mean, &mut var].map(|vector| address(vector));
    let inputs = NormInputs { x: x.address(), scale, bias, mean, var };
    let outputs = NormOutputs { y: y.address(), saved_mean: 0, saved_inv_std: 0, new_mean: 0, new_var: 0 };
    batch_norm(&host, &norm, &inputs, &outputs).unwrap();
    assert_eq!(y.numbers(), got[0]);
}

#[test]
fn gradient_agrees() {
    let Some(host) = Host::new() else { return };
    for shape in SHAPES {
        for element in Element::ALL {
            for (activation, frozen) in
                [(Activation::Identity, false), (Activation::Relu, false), (Activation::Capped(0.5), true)]
            {
                gradient(&host, shape, element, activation, frozen);
            }
        }
    }
}

const EPSILON: f32 = 1e-5;

fn gradient(host: &Host, shape: NormShape, element: Element, activation: Activation, frozen: bool) {
    let len = shape.batch * shape.channels * shape.plane;
    let (mut x, mut dy, mut y) = (x(shape, element), Images::new(element, &numbers(len, 7)), {
        // Some below zero, some beyond the ceiling.
        Images::new(element, &numbers(len, 8))
    });
    let [mut scale, _, mut mean, mut inv_std] = vectors(shape);
    mean.iter_mut().for_each(|mean| *mean += 8.0);
    let mut expected = [len, shape.channels, shape.channels].map(|len| vec![0.0; len]);
    let (numbers_x, numbers_dy, numbers_y) = (x.numbers(), dy.numbers(), y.numbers());
    if !frozen {
        // Those of X itself, which the processor computes again where a channel has few values.
        for channel in 0..shape.channels {
            let starts = (0..shape.batch).map(|image| (image * shape.channels + channel) * shape.plane);
            let values: Vec<f32> = starts.flat_map(|start| &numbers_x[start..start + shape.plane]).copied().collect();
            let count = values.len() as f32;
            mean[channel] = values.iter().sum::<f32>() / count;
            let squares = values.iter().map(|x| (x - mean[channel]).powi(2)).sum::<f32>();
            inv_std[channel] = (squares / count + EPSILON).sqrt().recip();
        }
    }
    let inputs = cpu::NormGradInputs {
        dy: &numbers_dy,
        x: &numbers_x,
        y: &numbers_y,
        scale: &scale,
        mean: &mean,
        inv_std: &inv_std,
        epsilon: EPSILON,
        activation,
        frozen,
    };
    let outputs = expected.each_mut().map(|out| &mut out[..]);
    cpu::batch_norm_grad(&Serial, Isa::detect(), shape, &inputs, outputs);

    let (mut dx, mut dscale, mut dbias) =
        (Images::room(element, len), vec![f32::NAN; shape.channels], vec![f32::NAN; shape.channels]);
    let norm = NormGrad { shape, element, frozen, ceiling: activation.ceiling() };
    let inputs = NormGradInputs {
        dy: dy.address(),
        x: x.address(),
        y: if activation == Activation::Identity { 0 } else { y.address() },
        scale: address(&mut scale),
        mean: address(&mut mean),
        inv_std: address(&mut inv_std),
    };
    batch_norm_grad(host, &norm, &inputs, [dx.address(), address(&mut dscale), address(&mut dbias)]).unwrap();
    let what = format!("{shape:?} {element:?} {activation:?} frozen: {frozen}");
    // Sums of up to 64 floats lose 64 · 2^-24 = 4e-6 of the magnitudes summed, `plane · batch` terms of up to 3: relative to
    // that. In dX what was summed is divided by its count again and multiplied by up to 2.5^3.
    let summed = (shape.batch * shape.plane) as f32;
    close(&format!("dscale, {what}"), &dscale, &expected[1], 1e-5, 1e-5 * summed);
    close(&format!("dbias, {what}"), &dbias, &expected[2], 1e-5, 4e-6 * summed);
    close(&format!("dX, {what}"), &dx.numbers(), &expected[0], rounding(element), 1e-4);
}
