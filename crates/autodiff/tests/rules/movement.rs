//! Operators that only move elements, and sums of what is used twice.

use swath_autodiff::graph::Tensor;

use crate::check::{Case, int, node};

#[test]
fn concat() {
    let join = node("Concat", &["a", "b"], &["y"]).with("axis", int(1));
    Case::new(vec![join]).input("a", &[2, 1, 3]).input("b", &[2, 2, 3]).check();
}

#[test]
fn reshape() {
    let shape = Tensor::ints(&[3, -1]);
    Case::new(vec![node("Reshape", &["x", "shape"], &["y"])]).input("x", &[2, 3, 2]).constant("shape", shape).check();
}

#[test]
fn a_value_read_three_times() {
    let nodes = vec![
        node("Identity", &["x"], &["i"]),
        node("Mul", &["i", "x"], &["square"]),
        node("Add", &["square", "x"], &["sum"]),
        node("Sub", &["sum", "row"], &["y"]),
    ];
    Case::new(nodes).input("x", &[2, 3]).input("row", &[3]).check();
}
