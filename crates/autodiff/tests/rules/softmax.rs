//! Softmax and its logarithm.

use crate::check::{Case, int, node};

#[test]
fn along_every_axis() {
    for operator in ["Softmax", "LogSoftmax"] {
        for axis in [0, 1, -1] {
            let layer = node(operator, &["x"], &["y"]).with("axis", int(axis));
            Case::new(vec![layer]).input("x", &[2, 3, 4]).check();
        }
        Case::new(vec![node(operator, &["x"], &["y"])]).input("x", &[2, 4]).check();
    }
}
