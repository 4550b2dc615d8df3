//! The launches of `source/pointwise.cu`: the gradient of Relu, a convolution's bias, borders put on and taken off.

use super::device::{Address, Argument, Device, Function, Grid, ints};
use super::element::Element;
use super::units::POINTWISE;
use crate::kernels::error::KernelError;

fn function(name: &'static str, element: Element) -> Function {
    Function { unit: &POINTWISE, name, element }
}

/// `dx` = `dy` where `y` is positive, of `count` elements each.
pub(super) fn relu_grad(
    device: &dyn Device,
    element: Element,
    [dy, y, dx]: [Address; 3],
    count: usize,
) -> Result<(), KernelError> {
    let arguments = [Argument::Pointer(dy), Argument::Pointer(y), Argument::Pointer(dx), Argument::Size(count)];
    device.launch(function("relu_grad", element), Grid::elements(count), &arguments)
}

/// Adds the bias of each channel to Y of `[batch, channels, plane]`.
pub(super) fn add_bias(
    device: &dyn Device,
    element: Element,
    [y, bias]: [Address; 2],
    [batch, channels, plane]: [usize; 3],
) -> Result<(), KernelError> {
    let planes = batch * channels;
    let sizes = [planes, channels, plane].map(Argument::Size);
    let arguments = [&[Argument::Pointer(y), Argument::Pointer(bias)][..], &sizes].concat();
    device.launch(function("add_bias", element), Grid::planes(planes, plane), &arguments)
}

/// Planes of one size copied into planes of another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shift {
    /// For messages.
    pub(super) operator: &'static str,
    /// Images times channels.
    pub(super) planes: usize,
    /// Rows and columns read.
    pub(super) from: [usize; 2],
    /// Rows and columns written.
    pub(super) to: [usize; 2],
    /// Row and column read for the first pixel written; what lies outside is zero.
    pub(super) by: [i32; 2],
}

/// Copies `from` into `to`.
pub(super) fn shift_planes(
    device: &dyn Device,
    element: Element,
    shift: &Shift,
    [from, to]: [Address; 2],
) -> Result<(), KernelError> {
    let [from_rows, from_cols, to_rows, to_cols] =
        ints(shift.operator, "X", [shift.from[0], shift.from[1], shift.to[0], shift.to[1]])?;
    let arguments = [
        Argument::Pointer(from),
        Argument::Pointer(to),
        Argument::Size(shift.planes),
        from_rows,
        from_cols,
        to_rows,
        to_cols,
        Argument::Int(shift.by[0]),
        Argument::Int(shift.by[1]),
    ];
    let grid = Grid::planes(shift.planes, shift.to[0] * shift.to[1]);
    device.launch(function("shift_planes", element), grid, &arguments)
}
