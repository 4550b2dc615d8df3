//! Matrix products.

use swath_autodiff::graph::Attribute;

use crate::check::{Case, int, node};

fn mat_mul(a: &[usize], b: &[usize]) {
    Case::new(vec![node("MatMul", &["a", "b"], &["y"])]).input("a", a).input("b", b).check();
}

#[test]
fn batches_and_broadcast() {
    mat_mul(&[2, 3], &[3, 4]);
    mat_mul(&[2, 5, 2, 3], &[3, 4]);
    mat_mul(&[2, 2, 3], &[2, 3, 4]);
    mat_mul(&[2, 1, 2, 3], &[5, 3, 2]);
    mat_mul(&[2, 3], &[2, 2, 3, 4]);
}

#[test]
fn vectors() {
    mat_mul(&[3], &[3, 4]);
    mat_mul(&[2, 3], &[3]);
    mat_mul(&[3], &[3]);
    mat_mul(&[3], &[2, 3, 4]);
    mat_mul(&[2, 4, 3], &[3]);
}

#[test]
fn gemm_turned_every_way() {
    for (trans_a, trans_b) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let layer = node("Gemm", &["a", "b", "c"], &["y"])
            .with("transA", int(trans_a))
            .with("transB", int(trans_b))
            .with("alpha", Attribute::Float(0.5))
            .with("beta", Attribute::Float(2.0));
        let (a, b) = (if trans_a == 0 { [2, 3] } else { [3, 2] }, if trans_b == 0 { [3, 4] } else { [4, 3] });
        Case::new(vec![layer]).input("a", &a).input("b", &b).input("c", &[4]).check();
    }
    Case::new(vec![node("Gemm", &["a", "b"], &["y"])]).input("a", &[2, 3]).input("b", &[3, 4]).check();
}
