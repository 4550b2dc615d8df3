//! Max pooling.

use crate::check::{Case, int, ints, node};

#[test]
fn overlapping_windows_with_padding() {
    let pool = node("MaxPool", &["x"], &["y"])
        .with("kernel_shape", ints(&[3, 3]))
        .with("strides", ints(&[2, 2]))
        .with("pads", ints(&[1, 1, 1, 1]));
    Case::new(vec![pool]).input("x", &[2, 2, 5, 6]).check();
}

#[test]
fn rounded_up() {
    let pool = node("MaxPool", &["x"], &["y"])
        .with("kernel_shape", ints(&[2, 2]))
        .with("strides", ints(&[2, 2]))
        .with("ceil_mode", int(1));
    Case::new(vec![pool]).input("x", &[1, 2, 5, 3]).check();
}
