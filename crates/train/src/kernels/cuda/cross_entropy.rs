//! The launches of `source/cross_entropy.cu`.

use super::device::{Address, Argument, Device, Function, Grid, MAX_THREADS};
use super::element::Element;
use super::units::CROSS_ENTROPY;
use crate::kernels::error::KernelError;

/// Most blocks that sum over pixels: one block puts their sums together in few steps.
const MAX_PARTS: usize = 1024;

/// Sizes and settings of the loss.
#[derive(Debug, Clone, Copy)]
pub(super) struct CrossEntropy {
    pub(super) batch: usize,
    pub(super) classes: usize,
    /// Pixels of an image.
    pub(super) plane: usize,
    /// Pixels with this target count for nothing.
    pub(super) ignore_index: i64,
    pub(super) label_smoothing: f32,
}

fn function(name: &'static str) -> Function {
    Function { unit: &CROSS_ENTROPY, name, element: Element::F32 }
}

/// Loss, and into `dlogits` its gradient; `class_weights` is zero for all ones. A target that is no class makes the loss
/// NaN and the gradient zero, since a kernel on a GPU cannot refuse its input.
pub(super) fn softmax_cross_entropy(
    device: &dyn Device,
    sizes: &CrossEntropy,
    [logits, target, class_weights]: [Address; 3],
    [loss, dlogits]: [Address; 2],
) -> Result<(), KernelError> {
    use Argument::{Float, Pointer, Size};
    let pixels = sizes.batch * sizes.plane;
    let parts = pixels.div_ceil(MAX_THREADS).clamp(1, MAX_PARTS);
    let (many, one) = (Grid::blocks(parts, 1, MAX_THREADS), Grid::blocks(1, 1, MAX_THREADS));
    let memory = device.memory((2 * parts + 3) * size_of::<f64>())?;
    let (factors, partial) = (Pointer(memory.address()), Pointer(memory.address() + 3 * size_of::<f64>() as u64));
    // `size` is signed there, and the bits are the same.
    let ignored = Size(sizes.ignore_index.cast_unsigned() as usize);
    let (classes, weights, target) = (Size(sizes.classes), Pointer(class_weights), Pointer(target));

    let arguments = [target, weights, partial, Size(pixels), classes, ignored];
    device.launch(function("cross_entropy_weights"), many, &arguments)?;
    let arguments = [partial, Size(parts), weights, classes, factors];
    device.launch(function("cross_entropy_factors"), one, &arguments)?;
    let arguments = [
        Pointer(logits),
        target,
        weights,
        factors,
        Pointer(dlogits),
        partial,
        Size(pixels),
        classes,
        Size(sizes.plane),
        ignored,
        Float(sizes.label_smoothing),
    ];
    device.launch(function("cross_entropy_pixels"), many, &arguments)?;
    device.launch(function("cross_entropy_loss"), one, &[partial, Size(parts), factors, Pointer(loss)])
}
