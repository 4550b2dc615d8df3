//! Operators that choose between their inputs.

use swath_autodiff::graph::{Data, Tensor};

use crate::check::{Case, node};

#[test]
fn select_with_broadcast() {
    let condition = Tensor::new(vec![2, 1, 3], Data::Bool([true, false, true, false, false, true].into())).unwrap();
    let select = node("Where", &["condition", "a", "b"], &["y"]);
    Case::new(vec![select]).constant("condition", condition).input("a", &[2, 2, 3]).input("b", &[1, 3]).check();
}

#[test]
fn select_by_comparison() {
    let nodes = vec![node("Greater", &["a", "b"], &["condition"]), node("Where", &["condition", "a", "b"], &["y"])];
    Case::new(nodes).input("a", &[3, 4]).input("b", &[4]).check();
}

#[test]
fn extrema() {
    for operator in ["Min", "Max"] {
        Case::new(vec![node(operator, &["a", "b"], &["y"])]).input("a", &[2, 5]).input("b", &[5]).check();
        let three = node(operator, &["a", "b", "c"], &["y"]);
        Case::new(vec![three]).input("a", &[2, 6]).input("b", &[2, 6]).input("c", &[2, 1]).check();
        Case::new(vec![node(operator, &["a"], &["y"])]).input("a", &[2, 3]).check();
    }
}

#[test]
fn sums_and_means() {
    for operator in ["Sum", "Mean"] {
        let three = node(operator, &["a", "b", "c"], &["y"]);
        Case::new(vec![three]).input("a", &[2, 3]).input("b", &[3]).input("c", &[2, 1]).check();
    }
}

#[test]
fn absolute_value() {
    Case::new(vec![node("Abs", &["x"], &["y"])]).input("x", &[3, 4]).check();
}

#[test]
fn steps_let_nothing_through() {
    for operator in ["Floor", "Ceil", "Round", "Sign"] {
        // Through the step nothing comes; what remains is the slope of the other factor.
        let nodes = vec![node(operator, &["x"], &["step"]), node("Mul", &["step", "x"], &["y"])];
        Case::new(nodes).input_within("x", &[3, 4], (0.6, 2.4)).check();
    }
}
