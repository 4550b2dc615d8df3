//! Padding in every mode.

use swath_autodiff::graph::Tensor;

use crate::check::{Case, node, text};

fn pad(mode: &str, pads: &[i64], opset: i64) {
    let pad = node("Pad", &["x", "pads"], &["y"]).with("mode", text(mode));
    Case::new(vec![pad]).input("x", &[1, 2, 4, 5]).constant("pads", Tensor::ints(pads)).check_at(opset);
}

#[test]
fn every_mode() {
    for mode in ["constant", "reflect", "edge"] {
        pad(mode, &[0, 0, 1, 2, 0, 0, 3, 1], 17);
        pad(mode, &[0, 1, 0, 4, 0, 0, 2, 0], 18);
    }
    pad("wrap", &[0, 0, 1, 2, 0, 0, 3, 5], 19);
    pad("constant", &[0, 0, -1, 1, 0, 0, 2, -2], 17);
}

#[test]
fn along_named_axes() {
    let pad = node("Pad", &["x", "pads", "", "axes"], &["y"]).with("mode", text("reflect"));
    let case = Case::new(vec![pad]).input("x", &[1, 2, 4, 5]).constant("pads", Tensor::ints(&[1, 2, 3, 0]));
    case.constant("axes", Tensor::ints(&[-1, 2])).check_at(18);
}
