//! Normalisations with statistics of each sample.

use swath_autodiff::graph::Attribute;

use crate::check::{Case, int, node};

#[test]
fn over_a_layer() {
    let layer = |inputs: &[&str], axis| {
        node("LayerNormalization", inputs, &["y"]).with("axis", int(axis)).with("epsilon", Attribute::Float(1e-3))
    };
    let whole = layer(&["x", "scale", "bias"], -1);
    Case::new(vec![whole]).input("x", &[2, 3, 5]).input("scale", &[5]).input("bias", &[5]).check();
    let two_axes = layer(&["x", "scale", "bias"], 1);
    Case::new(vec![two_axes]).input("x", &[2, 3, 4]).input("scale", &[3, 4]).input("bias", &[3, 4]).check();
    Case::new(vec![layer(&["x", "scale"], -1)]).input("x", &[3, 4]).input("scale", &[4]).check();
}

#[test]
fn over_each_channel() {
    let layer = node("InstanceNormalization", &["x", "scale", "bias"], &["y"]);
    Case::new(vec![layer]).input("x", &[2, 3, 2, 4]).input("scale", &[3]).input("bias", &[3]).check();
    let layer = node("InstanceNormalization", &["x", "scale", "bias"], &["y"]);
    Case::new(vec![layer]).input("x", &[2, 2, 5]).input("scale", &[2]).input("bias", &[2]).check();
}

#[test]
fn over_groups_of_channels() {
    for (opset, scales) in [(18, 2), (21, 6)] {
        let layer = node("GroupNormalization", &["x", "scale", "bias"], &["y"]).with("num_groups", int(2));
        let case = Case::new(vec![layer]).input("x", &[2, 6, 2, 3]);
        case.input("scale", &[scales]).input("bias", &[scales]).check_at(opset);
    }
}
