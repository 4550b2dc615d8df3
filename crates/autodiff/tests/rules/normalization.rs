//! Batch normalisation with both kinds of statistics, alone and followed by Relu.

use swath_autodiff::graph::Attribute;

use crate::check::{Case, node};

fn batch_norm(relu: bool) -> Case {
    let inner = if relu { "z" } else { "y" };
    let layer = node("BatchNormalization", &["x", "scale", "bias", "mean", "var"], &[inner])
        .with("epsilon", Attribute::Float(1e-3));
    let mut nodes = vec![layer];
    if relu {
        nodes.push(node("Relu", &["z"], &["y"]));
    }
    Case::new(nodes)
        .input("x", &[2, 3, 2, 3])
        .input_within("scale", &[3], (0.5, 1.5))
        .input("bias", &[3])
        .fixed_within("mean", &[3], (-0.5, 0.5))
        .fixed_within("var", &[3], (0.5, 1.5))
}

#[test]
fn frozen_statistics() {
    batch_norm(false).check();
    batch_norm(true).check();
}

#[test]
fn batch_statistics() {
    batch_norm(false).batch_statistics().check();
    batch_norm(true).batch_statistics().check();
}
