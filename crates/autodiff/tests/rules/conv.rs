//! Convolutions: strides, dilations, uneven padding, groups, bias.

use crate::check::{Case, int, ints, node};

fn conv(attributes: &[(&str, &[i64])], group: i64, x: &[usize], w: &[usize]) {
    let mut layer = node("Conv", &["x", "w", "b"], &["y"]).with("group", int(group));
    for (name, values) in attributes {
        layer = layer.with(name, ints(values));
    }
    Case::new(vec![layer]).input("x", x).input("w", w).input("b", &[w[0]]).check();
}

#[test]
fn dense() {
    conv(&[("pads", &[1, 1, 1, 1])], 1, &[2, 3, 5, 4], &[4, 3, 3, 3]);
}

#[test]
fn strides_that_leave_rows_over() {
    conv(&[("strides", &[2, 3])], 1, &[1, 2, 6, 7], &[2, 2, 3, 2]);
    conv(&[("strides", &[2, 2]), ("pads", &[2, 2, 2, 2])], 1, &[1, 1, 6, 6], &[2, 1, 5, 5]);
}

#[test]
fn pointwise_with_stride() {
    conv(&[("strides", &[2, 2])], 1, &[2, 3, 6, 5], &[2, 3, 1, 1]);
}

#[test]
fn dilated_with_uneven_padding() {
    conv(&[("dilations", &[2, 3]), ("pads", &[2, 1, 0, 3])], 1, &[1, 2, 7, 8], &[2, 2, 3, 3]);
}

#[test]
fn groups() {
    conv(&[("pads", &[1, 1, 1, 1])], 2, &[2, 4, 4, 5], &[6, 2, 3, 3]);
}

#[test]
fn depthwise_with_multiplier() {
    conv(&[("pads", &[1, 1, 1, 1]), ("strides", &[2, 1])], 3, &[2, 3, 5, 4], &[6, 1, 3, 3]);
}

#[test]
fn one_spatial_axis() {
    conv(&[("pads", &[1, 1])], 1, &[2, 2, 6], &[3, 2, 3]);
}
