//! Padding in every mode.

use swath_autodiff::graph::Tensor;

use crate::check::{Case, int, node, text};

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

#[test]
fn widths_that_the_graph_computes() {
    // As exporters write "same" padding: the amount wanted, but none where that is negative.
    let nodes = vec![
        node("Clip", &["wanted", "none", ""], &["width"]),
        node("Cast", &["width"], &["pads"]).with("to", int(7)),
        node("Pad", &["x", "pads"], &["y"]),
    ];
    let case = Case::new(nodes).input("x", &[2, 3]).constant("wanted", Tensor::floats(&[-2.0, 1.0, 0.0, 2.0]));
    case.constant("none", Tensor::scalar(0.0)).check();
}
