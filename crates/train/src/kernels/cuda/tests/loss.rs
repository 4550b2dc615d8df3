//! `source/cross_entropy.cu` against the processor's loss.

use super::host::Host;
use super::images::{address, close, numbers};
use crate::kernels::cpu::parallel::Serial;
use crate::kernels::cpu::simd::Isa;
use crate::kernels::cpu::softmax_cross_entropy as cpu;
use crate::kernels::cuda::cross_entropy::{CrossEntropy, softmax_cross_entropy};

const IGNORED: i64 = 255;

/// Loss and gradient as a GPU computes them.
fn run(host: &Host, sizes: &CrossEntropy, logits: &[f32], target: &[i64], weights: Option<&[f32]>) -> (f32, Vec<f32>) {
    let (mut logits, mut target) = (logits.to_vec(), target.to_vec());
    let mut weights = weights.map(<[f32]>::to_vec);
    let weights = weights.as_mut().map_or(0, |weights| address(weights));
    let (mut loss, mut dlogits) = ([f32::NAN], vec![f32::NAN; logits.len()]);
    let inputs = [address(&mut logits), address(&mut target), weights];
    softmax_cross_entropy(host, sizes, inputs, [address(&mut loss), address(&mut dlogits)]).unwrap();
    (loss[0], dlogits)
}

fn sizes(label_smoothing: f32) -> CrossEntropy {
    CrossEntropy { batch: 2, classes: 5, plane: 433, ignore_index: IGNORED, label_smoothing }
}

fn target(sizes: &CrossEntropy) -> Vec<i64> {
    let class = |i: usize| if i.is_multiple_of(7) { IGNORED } else { (i * i % sizes.classes) as i64 };
    (0..sizes.batch * sizes.plane).map(class).collect()
}

#[test]
fn loss_and_gradient_agree() {
    let Some(host) = Host::new() else { return };
    let weights: Vec<f32> = numbers(5, 9).iter().map(|x| 1.5 + x).collect();
    for (smoothing, weights) in [(0.0, None), (0.0, Some(&weights[..])), (0.1, None), (0.1, Some(&weights[..]))] {
        let sizes = sizes(smoothing);
        let logits: Vec<f32> = numbers(2 * 5 * 433, 1).iter().map(|x| x * 20.0).collect();
        let target = target(&sizes);
        let inputs = cpu::CrossEntropyInputs {
            logits: &logits,
            target: &target,
            class_weights: weights,
            batch: sizes.batch,
            classes: sizes.classes,
            plane: sizes.plane,
            ignore_index: IGNORED,
            label_smoothing: smoothing,
        };
        let mut dlogits = vec![0.0; logits.len()];
        let loss = cpu::softmax_cross_entropy(&Serial, Isa::detect(), &inputs, &mut dlogits).unwrap();
        let (got_loss, got) = run(&host, &sizes, &logits, &target, weights);
        // Each side's logarithm is good to some 2^-23 of 20, each exponential to 2^-22 of one over 740 pixels.
        close("loss", &[got_loss], &[loss], 1e-6, 1e-6);
        close("gradient", &got, &dlogits, 2e-6, 1e-9);
    }
}

#[test]
fn where_all_is_ignored_there_is_no_loss() {
    let Some(host) = Host::new() else { return };
    let sizes = sizes(0.1);
    let (loss, gradient) = run(&host, &sizes, &numbers(2 * 5 * 433, 1), &[IGNORED; 2 * 433], None);
    assert_eq!(loss, 0.0);
    assert!(gradient.iter().all(|&g| g == 0.0));
}

#[test]
fn a_target_that_is_no_class_shows_in_the_loss_and_moves_nothing() {
    let Some(host) = Host::new() else { return };
    let sizes = sizes(0.0);
    let logits = numbers(2 * 5 * 433, 1);
    for stranger in [5, -1] {
        let mut target = target(&sizes);
        target[500] = stranger;
        let (loss, gradient) = run(&host, &sizes, &logits, &target, None);
        assert!(loss.is_nan());
        assert!(gradient.iter().all(|&g| g == 0.0));
    }
}
