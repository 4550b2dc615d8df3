//! Smooth activation functions.

use crate::check::{Case, node, text};

#[test]
fn curves() {
    for operator in ["Sigmoid", "Tanh", "Erf", "Softplus", "Softsign"] {
        Case::new(vec![node(operator, &["x"], &["y"])]).input_within("x", &[3, 4], (-2.5, 2.5)).check();
    }
}

#[test]
fn mish() {
    Case::new(vec![node("Mish", &["x"], &["y"])]).input_within("x", &[3, 4], (-2.5, 2.5)).check_at(18);
}

#[test]
fn gelu_in_both_forms() {
    for form in ["none", "tanh"] {
        let layer = node("Gelu", &["x"], &["y"]).with("approximate", text(form));
        Case::new(vec![layer]).input_within("x", &[3, 4], (-2.5, 2.5)).check_at(20);
    }
}
