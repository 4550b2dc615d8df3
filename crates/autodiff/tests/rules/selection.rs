//! Operators that take parts.

use swath_autodiff::graph::{Data, Tensor};

use crate::check::{Case, int, node};

#[test]
fn split_into_parts() {
    let split = node("Split", &["x", "lengths"], &["a", "b", "c"]).with("axis", int(1));
    Case::new(vec![split]).input("x", &[2, 6]).constant("lengths", Tensor::ints(&[1, 3, 2])).check();
}

#[test]
fn parts_that_are_not_used() {
    let split = node("Split", &["x", "lengths"], &["a", "b", "c"]).with("axis", int(-1));
    let nodes = vec![split, node("Mul", &["b", "b"], &["y"])];
    Case::new(nodes).input("x", &[2, 6]).constant("lengths", Tensor::ints(&[1, 3, 2])).check();
}

fn slice(starts: &[i64], ends: &[i64], axes: &[i64], steps: &[i64]) {
    let slice = node("Slice", &["x", "starts", "ends", "axes", "steps"], &["y"]);
    Case::new(vec![slice])
        .input("x", &[2, 7, 5])
        .constant("starts", Tensor::ints(starts))
        .constant("ends", Tensor::ints(ends))
        .constant("axes", Tensor::ints(axes))
        .constant("steps", Tensor::ints(steps))
        .check();
}

#[test]
fn slices() {
    slice(&[1], &[i64::MAX], &[1], &[1]);
    slice(&[-3, 1], &[-1, 4], &[-1, 1], &[1, 1]);
    slice(&[0], &[7], &[1], &[2]);
    slice(&[1, 1], &[6, 5], &[1, 2], &[3, 2]);
    slice(&[-1], &[i64::MIN], &[1], &[-1]);
    slice(&[5], &[0], &[1], &[-2]);
    slice(&[6], &[7], &[1], &[4]);
}

fn gather(indices: Tensor, axis: i64) {
    let gather = node("Gather", &["x", "indices"], &["y"]).with("axis", int(axis));
    Case::new(vec![gather]).input("x", &[3, 4, 2]).constant("indices", indices).check();
}

#[test]
fn gather_one_and_many() {
    gather(Tensor::int(1), 1);
    gather(Tensor::int(-1), 0);
    gather(Tensor::ints(&[1, 2]), 1);
    gather(Tensor::ints(&[3, 0, 3, -2]), 1);
    gather(Tensor::new(vec![2, 2], Data::I64([2, 0, 0, 1].into())).unwrap(), 0);
    gather(Tensor::new(vec![1, 2], Data::I64([0, 1].into())).unwrap(), -1);
}

#[test]
fn gather_by_element_and_by_coordinates() {
    let indices = Tensor::new(vec![2, 3], Data::I64([0, 2, 2, 1, 1, 0].into())).unwrap();
    let gather = node("GatherElements", &["x", "indices"], &["y"]).with("axis", int(0));
    Case::new(vec![gather]).input("x", &[3, 3]).constant("indices", indices).check();
    let indices = Tensor::new(vec![3, 2], Data::I64([0, 1, 2, 2, 0, 1].into())).unwrap();
    let gather = node("GatherND", &["x", "indices"], &["y"]);
    Case::new(vec![gather]).input("x", &[3, 3, 2]).constant("indices", indices).check();
}
