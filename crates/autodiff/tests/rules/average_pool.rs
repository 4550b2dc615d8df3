//! Average pooling, and pooling over the whole image.

use crate::check::{Case, int, ints, node};

/// Kernel, strides, pads.
fn pool(settings: [&[i64]; 3], ceil: i64, include_pad: i64, dims: &[usize]) {
    let mut layer =
        node("AveragePool", &["x"], &["y"]).with("ceil_mode", int(ceil)).with("count_include_pad", int(include_pad));
    for (name, values) in ["kernel_shape", "strides", "pads"].iter().zip(settings) {
        layer = layer.with(name, ints(values));
    }
    Case::new(vec![layer]).input("x", dims).check();
}

#[test]
fn side_by_side() {
    pool([&[2, 2], &[2, 2], &[0, 0, 0, 0]], 0, 0, &[2, 2, 4, 6]);
    pool([&[2, 3], &[2, 3], &[0, 0, 0, 0]], 0, 1, &[1, 2, 5, 7]);
}

#[test]
fn overlapping_with_padding() {
    for include_pad in [0, 1] {
        pool([&[3, 3], &[1, 1], &[1, 1, 1, 1]], 0, include_pad, &[1, 2, 4, 5]);
        pool([&[3, 2], &[2, 1], &[1, 0, 1, 1]], 0, include_pad, &[2, 2, 5, 4]);
    }
}

#[test]
fn rounded_up() {
    for include_pad in [0, 1] {
        pool([&[3, 3], &[2, 2], &[0, 0, 0, 0]], 1, include_pad, &[1, 2, 6, 4]);
        pool([&[3, 3], &[2, 2], &[1, 1, 1, 1]], 1, include_pad, &[1, 2, 6, 5]);
        pool([&[1, 2], &[3, 2], &[0, 1, 0, 1]], 1, include_pad, &[1, 2, 5, 3]);
    }
}

#[test]
fn dilated() {
    let layer =
        node("AveragePool", &["x"], &["y"]).with("kernel_shape", ints(&[2, 2])).with("dilations", ints(&[2, 2]));
    Case::new(vec![layer]).input("x", &[1, 2, 5, 4]).check_at(19);
}

#[test]
fn over_the_whole_image() {
    for operator in ["GlobalAveragePool", "GlobalMaxPool"] {
        Case::new(vec![node(operator, &["x"], &["y"])]).input("x", &[2, 3, 3, 4]).check();
    }
}
