//! Operators that lay elements out anew or repeat them.

use swath_autodiff::graph::{Data, DataType, Tensor};

use crate::check::{Case, int, ints, node, text};

#[test]
fn transpose() {
    Case::new(vec![node("Transpose", &["x"], &["y"])]).input("x", &[2, 3, 4]).check();
    let turned = node("Transpose", &["x"], &["y"]).with("perm", ints(&[2, 0, 3, 1]));
    Case::new(vec![turned]).input("x", &[2, 3, 2, 4]).check();
}

#[test]
fn axes_of_length_one() {
    let squeeze = node("Squeeze", &["x", "axes"], &["y"]);
    Case::new(vec![squeeze]).input("x", &[2, 1, 3, 1]).constant("axes", Tensor::ints(&[-1])).check();
    Case::new(vec![node("Squeeze", &["x"], &["y"])]).input("x", &[2, 1, 3, 1]).check();
    let unsqueeze = node("Unsqueeze", &["x", "axes"], &["y"]);
    Case::new(vec![unsqueeze]).input("x", &[2, 3]).constant("axes", Tensor::ints(&[0, -2])).check();
}

#[test]
fn flatten() {
    Case::new(vec![node("Flatten", &["x"], &["y"]).with("axis", int(2))]).input("x", &[2, 3, 2, 2]).check();
}

#[test]
fn repetition() {
    let expand = node("Expand", &["x", "shape"], &["y"]);
    Case::new(vec![expand]).input("x", &[3, 1]).constant("shape", Tensor::ints(&[2, 1, 4])).check();
    let tile = node("Tile", &["x", "repeats"], &["y"]);
    Case::new(vec![tile]).input("x", &[2, 1, 3]).constant("repeats", Tensor::ints(&[1, 3, 2])).check();
}

#[test]
fn pixels_and_channels() {
    for mode in ["DCR", "CRD"] {
        let shuffle = node("DepthToSpace", &["x"], &["y"]).with("blocksize", int(2)).with("mode", text(mode));
        Case::new(vec![shuffle]).input("x", &[2, 8, 2, 3]).check();
    }
    let unshuffle = node("SpaceToDepth", &["x"], &["y"]).with("blocksize", int(2));
    Case::new(vec![unshuffle]).input("x", &[2, 2, 4, 6]).check();
}

#[test]
fn cast_to_double_and_back() {
    let nodes = vec![
        node("Cast", &["x"], &["double"]).with("to", int(11)),
        node("Exp", &["double"], &["power"]),
        node("Cast", &["power"], &["y"]).with("to", int(1)),
    ];
    Case::new(nodes).input("x", &[2, 3]).check();
}

#[test]
fn dropout() {
    Case::new(vec![node("Dropout", &["x"], &["y"])]).input("x", &[2, 3]).check();
    // In training form with nothing dropped, so that the difference quotient sees one and the same function.
    let yes = Tensor::new(vec![], Data::Bool([true].into())).unwrap();
    let layer = node("Dropout", &["x", "ratio", "training"], &["y", "mask"]);
    let case = Case::new(vec![layer]).outputs(&["y"]).input("x", &[2, 3]);
    case.constant("ratio", Tensor::scalar(0.0)).constant("training", yes).check();
}

#[test]
fn cast_to_the_type_of_another() {
    let double = Tensor::new(vec![1], Data::Bytes(DataType::F64, 1.5f64.to_le_bytes().into())).unwrap();
    let nodes = vec![node("CastLike", &["x", "double"], &["wide"]), node("Cast", &["wide"], &["y"]).with("to", int(1))];
    Case::new(nodes).input("x", &[2, 3]).constant("double", double).check();
}
