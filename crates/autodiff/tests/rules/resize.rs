//! Resize in every mode that has a gradient.

use swath_autodiff::graph::Tensor;

use crate::check::{Case, int, node, text};

/// Operators of version 18 alone know `antialias`.
fn averaging(mode: &str, attributes: [(&str, i64); 2], sizes: &[i64]) {
    let layer = node("Resize", &["x", "", "", "sizes"], &["y"]).with("mode", text(mode));
    let layer = attributes.into_iter().fold(layer, |layer, (name, value)| layer.with(name, int(value)));
    Case::new(vec![layer]).input("x", &[1, 1, 6, 7]).constant("sizes", Tensor::ints(sizes)).check_at(18);
}

#[test]
fn antialiased_and_within_the_border() {
    for mode in ["linear", "cubic"] {
        for exclude in [0, 1] {
            averaging(mode, [("antialias", 1), ("exclude_outside", exclude)], &[1, 1, 2, 3]);
            averaging(mode, [("antialias", 1), ("exclude_outside", exclude)], &[1, 1, 4, 9]);
        }
    }
    averaging("cubic", [("antialias", 0), ("exclude_outside", 1)], &[1, 1, 4, 9]);
}

fn resize(mode: &str, coordinates: &str, nearest: &str, sizes: &[i64]) {
    let layer = node("Resize", &["x", "", "", "sizes"], &["y"])
        .with("mode", text(mode))
        .with("coordinate_transformation_mode", text(coordinates))
        .with("nearest_mode", text(nearest));
    Case::new(vec![layer]).input("x", &[1, 2, 3, 4]).constant("sizes", Tensor::ints(sizes)).check();
}

#[test]
fn nearest() {
    resize("nearest", "asymmetric", "floor", &[1, 2, 6, 8]);
    resize("nearest", "asymmetric", "floor", &[1, 2, 5, 7]);
    resize("nearest", "half_pixel", "round_prefer_floor", &[1, 2, 7, 3]);
    resize("nearest", "half_pixel", "round_prefer_ceil", &[1, 2, 7, 5]);
    resize("nearest", "align_corners", "ceil", &[1, 2, 5, 9]);
}

#[test]
fn linear() {
    for coordinates in ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"] {
        resize("linear", coordinates, "floor", &[1, 2, 6, 7]);
        resize("linear", coordinates, "floor", &[1, 2, 2, 3]);
    }
}

#[test]
fn cubic() {
    resize("cubic", "half_pixel", "floor", &[1, 2, 7, 8]);
    resize("cubic", "align_corners", "floor", &[1, 2, 5, 7]);
}

#[test]
fn by_scales() {
    let layer = node("Resize", &["x", "", "scales"], &["y"]).with("mode", text("nearest"));
    let scales = Tensor::floats(&[1.0, 1.0, 2.0, 1.5]);
    Case::new(vec![layer]).input("x", &[1, 1, 3, 3]).constant("scales", scales).check();
}
