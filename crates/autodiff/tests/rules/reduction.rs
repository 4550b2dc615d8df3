//! Reductions, with axes as attribute and as input.

use swath_autodiff::graph::Tensor;

use crate::check::{Case, int, ints, node};

const REDUCTIONS: [&str; 8] =
    ["ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp", "ReduceSum"];

/// Checks a reduction over axes: at opset 17, where all but ReduceSum have them as attribute, and at 18, where all have them as input.
fn reduction(operator: &str, axes: &[i64], keep: i64) {
    let input = |opset| {
        let layer = node(operator, &["x", "axes"], &["y"]).with("keepdims", int(keep));
        Case::new(vec![layer]).input("x", &[2, 3, 4]).constant("axes", Tensor::ints(axes)).check_at(opset);
    };
    input(18);
    if operator == "ReduceSum" {
        input(17);
    } else {
        let layer = node(operator, &["x"], &["y"]).with("keepdims", int(keep)).with("axes", ints(axes));
        Case::new(vec![layer]).input("x", &[2, 3, 4]).check_at(17);
    }
}

#[test]
fn over_some_axes() {
    for operator in REDUCTIONS {
        reduction(operator, &[1], 1);
        reduction(operator, &[-1, 0], 0);
    }
}

#[test]
fn over_all_axes() {
    for operator in REDUCTIONS {
        let layer = node(operator, &["x"], &["y"]).with("keepdims", int(0));
        Case::new(vec![layer]).input("x", &[2, 3]).check();
    }
}

#[test]
fn over_none() {
    let layer = node("ReduceMean", &["x"], &["y"]).with("noop_with_empty_axes", int(1));
    Case::new(vec![layer]).input("x", &[2, 3]).check_at(18);
}
