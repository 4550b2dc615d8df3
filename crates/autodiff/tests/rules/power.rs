//! Quotients, powers, exponentials.

use swath_autodiff::graph::Tensor;

use crate::check::{Case, node};

/// One operator on values between two bounds.
fn unary(operator: &str, bounds: (f64, f64)) {
    Case::new(vec![node(operator, &["x"], &["y"])]).input_within("x", &[2, 3], bounds).check();
}

#[test]
fn functions_of_one_value() {
    unary("Neg", (-1.0, 1.0));
    unary("Exp", (-1.0, 1.0));
    unary("Sin", (-3.0, 3.0));
    unary("Cos", (-3.0, 3.0));
    unary("Log", (0.5, 2.0));
    unary("Sqrt", (0.5, 2.0));
    unary("Reciprocal", (0.5, 2.0));
    unary("Reciprocal", (-2.0, -0.5));
}

#[test]
fn quotient_with_broadcast() {
    let divide = || vec![node("Div", &["a", "b"], &["y"])];
    Case::new(divide()).input("a", &[2, 3, 4]).input_within("b", &[3, 1], (0.5, 2.0)).check();
    Case::new(divide()).input("a", &[4]).input_within("b", &[2, 1, 4], (-2.0, -0.5)).check();
}

#[test]
fn known_exponents() {
    for (exponent, bounds) in
        [(2.0, (-2.0, 2.0)), (3.0, (-2.0, 2.0)), (0.5, (0.5, 2.0)), (-1.5, (0.5, 2.0)), (1.0, (-1.0, 1.0))]
    {
        let power = node("Pow", &["x", "exponent"], &["y"]);
        Case::new(vec![power])
            .input_within("x", &[3, 2], bounds)
            .constant("exponent", Tensor::scalar(exponent))
            .check();
    }
}

#[test]
fn whole_exponents() {
    let power = node("Pow", &["x", "exponent"], &["y"]);
    Case::new(vec![power]).input("x", &[2, 3]).constant("exponent", Tensor::int(2)).check();
    let power = node("Pow", &["x", "exponent"], &["y"]);
    Case::new(vec![power]).input("x", &[2, 3]).constant("exponent", Tensor::ints(&[1, 2, 3])).check();
}

#[test]
fn power_of_two_variables_with_broadcast() {
    let power = node("Pow", &["x", "exponent"], &["y"]);
    Case::new(vec![power]).input_within("x", &[2, 3], (0.5, 2.0)).input("exponent", &[3]).check();
}

#[test]
fn an_exponent_of_zero_is_flat_at_zero_too() {
    let power = node("Pow", &["x", "exponent"], &["y"]);
    Case::new(vec![power])
        .input_within("x", &[2, 3], (0.0, 0.0))
        .constant("exponent", Tensor::floats(&[0.0, 1.0, 2.0]))
        .check();
    let parts = vec![node("Pow", &["x", "exponent"], &["one"]), node("Add", &["one", "x"], &["y"])];
    Case::new(parts).input_within("x", &[4], (0.0, 0.0)).constant("exponent", Tensor::scalar(0.0)).check();
}
