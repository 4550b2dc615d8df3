//! Batch normalisation with both kinds of statistics, alone and followed by Relu or by Clip from zero.

use swath_autodiff::graph::{Attribute, Tensor};

use crate::check::{Case, node};

/// What follows the layer.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    Nothing,
    Relu,
    Clip(f32, f32),
}

const ALL: [Then; 5] = [Then::Nothing, Then::Relu, Then::Clip(0.0, 0.75), Then::Clip(-0.5, 0.75), Then::Clip(0.0, 6.0)];

fn batch_norm(then: Then) -> Case {
    let inner = if then == Then::Nothing { "y" } else { "z" };
    let layer = node("BatchNormalization", &["x", "scale", "bias", "mean", "var"], &[inner])
        .with("epsilon", Attribute::Float(1e-3));
    let mut nodes = vec![layer];
    match then {
        Then::Nothing => {}
        Then::Relu => nodes.push(node("Relu", &["z"], &["y"])),
        Then::Clip(..) => nodes.push(node("Clip", &["z", "low", "high"], &["y"])),
    }
    let mut case = Case::new(nodes)
        .input("x", &[2, 3, 2, 3])
        .input_within("scale", &[3], (0.5, 1.5))
        .input("bias", &[3])
        .fixed_within("mean", &[3], (-0.5, 0.5))
        .fixed_within("var", &[3], (0.5, 1.5));
    if let Then::Clip(low, high) = then {
        case = case.constant("low", Tensor::scalar(low)).constant("high", Tensor::scalar(high));
    }
    case
}

#[test]
fn frozen_statistics() {
    ALL.into_iter().for_each(|then| batch_norm(then).check());
}

#[test]
fn batch_statistics() {
    ALL.into_iter().for_each(|then| batch_norm(then).batch_statistics().check());
}
