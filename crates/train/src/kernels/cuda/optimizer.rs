//! The launches of `source/optimizer.cu`.

use super::device::{Address, Argument, Device, Function, Grid};
use super::element::Element;
use super::units::OPTIMIZER;
use crate::kernels::cpu::optimizer::{Adam, Decay, Sgd};
use crate::kernels::error::KernelError;

/// A tensor that is read at one address and written at another, or at the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct Updated {
    pub(super) old: Address,
    pub(super) new: Address,
}

/// Where the scalars of a step lie on the device.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scalars {
    pub(super) lr: Address,
    pub(super) step: Address,
    /// Whether `step` is `float64` rather than `float32`.
    pub(super) double: bool,
    /// Zero for a factor of one.
    pub(super) grad_scale: Address,
    /// Zero for that of the settings.
    pub(super) momentum: Address,
}

impl Scalars {
    fn arguments(&self) -> [Argument; 4] {
        [self.lr, self.step, self.grad_scale, self.momentum].map(Argument::Pointer)
    }
}

/// Launches `name`, a pair of them, on `new` and `old` tensors, gradient, scalars, count and constants.
fn launch<const N: usize>(
    device: &dyn Device,
    [float, double]: [&'static str; 2],
    tensors: [Updated; N],
    gradient: Address,
    scalars: &Scalars,
    count: usize,
    constants: &[Argument],
) -> Result<(), KernelError> {
    let name = if scalars.double { double } else { float };
    let (new, old) = (tensors.map(|t| Argument::Pointer(t.new)), tensors.map(|t| Argument::Pointer(t.old)));
    let (gradient, count_of) = ([Argument::Pointer(gradient)], [Argument::Size(count)]);
    let arguments = [&new[..], &old, &gradient, &scalars.arguments(), &count_of, constants].concat();
    device.launch(Function { unit: &OPTIMIZER, name, element: Element::F32 }, Grid::elements(count), &arguments)
}

/// One step of Adam or AdamW on `count` elements: parameter, first and second moment.
pub(super) fn adam(
    device: &dyn Device,
    adam: &Adam,
    tensors: [Updated; 3],
    gradient: Address,
    scalars: &Scalars,
    count: usize,
) -> Result<(), KernelError> {
    let constants = [
        Argument::Double(adam.beta1),
        Argument::Double(adam.beta2),
        Argument::Float(adam.epsilon),
        Argument::Float(adam.weight_decay),
        Argument::Int(i32::from(adam.decay == Decay::Decoupled)),
    ];
    launch(device, ["adam_float", "adam_double"], tensors, gradient, scalars, count, &constants)
}

/// One step of stochastic gradient descent on `count` elements: parameter and velocity.
pub(super) fn sgd(
    device: &dyn Device,
    sgd: &Sgd,
    tensors: [Updated; 2],
    gradient: Address,
    scalars: &Scalars,
    count: usize,
) -> Result<(), KernelError> {
    let constants = [
        Argument::Float(sgd.momentum),
        Argument::Float(sgd.dampening),
        Argument::Float(sgd.weight_decay),
        Argument::Int(i32::from(sgd.nesterov)),
    ];
    launch(device, ["sgd_float", "sgd_double"], tensors, gradient, scalars, count, &constants)
}
