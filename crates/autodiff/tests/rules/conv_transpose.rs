//! Transposed convolutions: strides, padding given and asked for by the output, output padding, dilations, groups, bias.

use crate::check::{Case, int, ints, node, text};

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

/// Kernels of 5 on a stride of 2 reach 11 and 9 positions of images of 4 and 3.
#[test]
fn padding_from_the_size_asked_for() {
    let layer = || node("ConvTranspose", &["x", "w"], &["y"]).with("strides", ints(&[2, 2]));
    let check = |layer| Case::new(vec![layer]).input("x", &[1, 2, 4, 3]).input("w", &[2, 1, 5, 5]).check();
    for auto_pad in ["SAME_UPPER", "SAME_LOWER", "VALID"] {
        check(layer().with("auto_pad", text(auto_pad)));
    }
    check(layer().with("output_shape", ints(&[8, 7])));
    check(layer().with("output_shape", ints(&[10, 6])).with("auto_pad", text("SAME_UPPER")));
}
