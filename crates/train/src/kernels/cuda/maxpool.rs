//! The launches of `source/maxpool.cu`.

use super::device::{Address, Argument, Device, Function, Grid, ints};
use super::element::Element;
use super::units::MAXPOOL;
use crate::kernels::cpu::maxpool::PoolShape;
use crate::kernels::error::KernelError;

fn sizes(operator: &'static str, shape: &PoolShape) -> Result<Vec<Argument>, KernelError> {
    let pairs = [shape.in_size, shape.out_size, shape.kernel, shape.strides, shape.dilations, shape.pads];
    let [a, b, c, d, e, f] = pairs.map(|pair| ints(operator, "X", pair));
    Ok([&[Argument::Size(shape.planes)][..], &a?, &b?, &c?, &d?, &e?, &f?].concat())
}

/// Largest values into `y` and their places (`int32`) into `argmax`, which is zero where nobody asks.
pub(super) fn max_pool(
    device: &dyn Device,
    element: Element,
    shape: &PoolShape,
    [x, y, argmax]: [Address; 3],
) -> Result<(), KernelError> {
    let tensors = [x, y, argmax].map(Argument::Pointer);
    let arguments = [&tensors[..], &sizes("MaxPool", shape)?].concat();
    let grid = Grid::planes(shape.planes, shape.out_size[0] * shape.out_size[1]);
    device.launch(Function { unit: &MAXPOOL, name: "max_pool", element }, grid, &arguments)
}

/// `dx`: each element of `dy` at its place, gathered by the windows of `shape`, so that overlapping windows always add up
/// in one order.
pub(super) fn max_pool_grad(
    device: &dyn Device,
    element: Element,
    shape: &PoolShape,
    [dy, argmax, dx]: [Address; 3],
) -> Result<(), KernelError> {
    let tensors = [dy, argmax, dx].map(Argument::Pointer);
    let arguments = [&tensors[..], &sizes("MaxPoolGrad", shape)?].concat();
    let grid = Grid::planes(shape.planes, shape.in_size[0] * shape.in_size[1]);
    device.launch(Function { unit: &MAXPOOL, name: "max_pool_grad", element }, grid, &arguments)
}
