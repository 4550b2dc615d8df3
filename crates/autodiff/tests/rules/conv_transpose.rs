//! Transposed convolutions: strides, padding, output padding, dilations, groups, bias.

use crate::check::{Case, int, ints, node};

fn conv_transpose(attributes: &[(&str, &[i64])], group: usize, x: &[usize], w: &[usize]) {
    let mut layer = node("ConvTranspose", &["x", "w", "b"], &["y"]).with("group", int(group as i64));
    for (name, values) in attributes {
        layer = layer.with(name, ints(values));
    }
    Case::new(vec![layer]).input("x", x).input("w", w).input("b", &[w[1] * group]).check();
}

#[test]
fn upsampling() {
    conv_transpose(&[("strides", &[2, 2]), ("pads", &[1, 1, 1, 1])], 1, &[2, 3, 3, 2], &[3, 2, 4, 4]);
    conv_transpose(&[("strides", &[2, 2])], 1, &[1, 2, 2, 3], &[2, 3, 2, 2]);
}

#[test]
fn output_padding() {
    let attributes: [(&str, &[i64]); 3] = [("strides", &[2, 3]), ("pads", &[1, 1, 1, 1]), ("output_padding", &[1, 2])];
    conv_transpose(&attributes, 1, &[1, 2, 3, 2], &[2, 2, 3, 3]);
}

#[test]
fn dilated_groups() {
    conv_transpose(&[("dilations", &[2, 1]), ("pads", &[1, 0, 0, 1])], 2, &[2, 4, 3, 4], &[4, 3, 2, 3]);
    conv_transpose(&[("strides", &[2, 2])], 3, &[1, 3, 2, 2], &[3, 1, 3, 3]);
}

#[test]
fn one_spatial_axis() {
    conv_transpose(&[("strides", &[2])], 1, &[2, 2, 4], &[2, 3, 3]);
}
