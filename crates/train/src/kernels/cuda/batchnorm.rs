//! Batch normalisation on a GPU: which parts a channel is summed in, and the launches of `source/batchnorm.cu`.

use super::device::{Address, Argument, Device, Function, Grid};
use super::element::Element;
use super::units::BATCHNORM;
use crate::kernels::cpu::batchnorm::NormShape;
use crate::kernels::error::KernelError;

/// Pixels of a plane that one block sums at most: 64 per thread, few enough for sums in `float`.
const STRETCH: usize = 64 * 256;

/// Blocks that keep any GPU busy.
const BLOCKS: usize = 2048;

/// How the sum over a channel is cut, by shape alone, so that the same input gives the same bits.
struct Parts {
    /// A part takes every `shares`-th image.
    shares: usize,
    /// Stretches of a plane.
    pieces: usize,
    /// Pixels of a stretch.
    stretch: usize,
    channels: usize,
}

impl Parts {
    fn new(shape: NormShape) -> Self {
        let pieces = shape.plane.div_ceil(STRETCH).max(1);
        let shares = (BLOCKS / shape.channels.saturating_mul(pieces).max(1)).clamp(1, shape.batch.max(1));
        Self { shares, pieces, stretch: shape.plane.div_ceil(pieces), channels: shape.channels }
    }

    /// Parts of each channel.
    fn count(&self) -> usize {
        self.shares * self.pieces
    }

    fn grid(&self) -> Grid {
        Grid::blocks(self.count(), self.channels, Grid::threads(self.stretch))
    }

    fn arguments(&self) -> [Argument; 3] {
        [Argument::Size(self.shares), Argument::Size(self.pieces), Argument::Size(self.stretch)]
    }
}

fn sizes(shape: NormShape) -> [Argument; 3] {
    [Argument::Size(shape.batch), Argument::Size(shape.channels), Argument::Size(shape.plane)]
}

fn planes(shape: NormShape) -> ([Argument; 3], Grid) {
    let planes = shape.batch * shape.channels;
    let arguments = [Argument::Size(planes), Argument::Size(shape.channels), Argument::Size(shape.plane)];
    (arguments, Grid::planes(planes, shape.plane))
}

fn function(name: &'static str, element: Element) -> Function {
    Function { unit: &BATCHNORM, name, element }
}

/// Memory the moments of one part take, `moments` of `source/reduce.cuh`.
const MOMENTS_BYTES: usize = 24;

/// What the forward pass takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Norm {
    pub(super) shape: NormShape,
    pub(super) element: Element,
    pub(super) epsilon: f32,
    pub(super) momentum: f32,
    /// Whether running mean and variance are what X is normalised by.
    pub(super) frozen: bool,
    /// Least and largest value of Y.
    pub(super) range: [f32; 2],
}

/// X of images, then factor, summand, running mean and running variance of channels.
pub(super) struct NormInputs {
    pub(super) x: Address,
    pub(super) scale: Address,
    pub(super) bias: Address,
    pub(super) mean: Address,
    pub(super) var: Address,
}

/// Y of images, then what is kept per channel, each zero where nobody asks.
pub(super) struct NormOutputs {
    pub(super) y: Address,
    pub(super) saved_mean: Address,
    pub(super) saved_inv_std: Address,
    pub(super) new_mean: Address,
    pub(super) new_var: Address,
}

/// Normalises by the statistics of the batch.
pub(super) fn batch_norm(
    device: &dyn Device,
    norm: &Norm,
    inputs: &NormInputs,
    outputs: &NormOutputs,
) -> Result<(), KernelError> {
    use Argument::{Float, Int, Pointer, Size};
    let (shape, parts) = (norm.shape, Parts::new(norm.shape));
    let partial = device.memory(shape.channels * parts.count() * MOMENTS_BYTES)?;
    if !norm.frozen {
        let tensors = [inputs.x, partial.address()].map(Pointer);
        let arguments = [&tensors[..], &sizes(shape), &parts.arguments()].concat();
        device.launch(function("batch_norm_moments", norm.element), parts.grid(), &arguments)?;
    }

    // Mean and deviation are read again below, whether or not they are outputs.
    let kept = device.memory(2 * shape.channels * size_of::<f32>())?;
    let or_kept = |output: Address, place: usize| match output {
        0 => kept.address() + (place * shape.channels * size_of::<f32>()) as u64,
        output => output,
    };
    let (mean, inv_std) = (or_kept(outputs.saved_mean, 0), or_kept(outputs.saved_inv_std, 1));
    let arguments = [
        Pointer(partial.address()),
        Pointer(inputs.mean),
        Pointer(inputs.var),
        Pointer(mean),
        Pointer(inv_std),
        Pointer(outputs.new_mean),
        Pointer(outputs.new_var),
        Size(shape.channels),
        Size(parts.count()),
        Float(norm.epsilon),
        Float(norm.momentum),
        Int(i32::from(norm.frozen)),
    ];
    let per_channel = Grid::per_channel(shape.channels);
    device.launch(function("batch_norm_statistics", norm.element), per_channel, &arguments)?;

    let ([planes, channels, plane], grid) = planes(shape);
    let images = [inputs.x, inputs.scale, inputs.bias, mean, inv_std, outputs.y].map(Pointer);
    let [lowest, highest] = norm.range.map(Float);
    let arguments = [&images[..], &[planes, channels, plane, lowest, highest]].concat();
    device.launch(function("batch_norm_apply", norm.element), grid, &arguments)
}

/// What the gradient takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct NormGrad {
    pub(super) shape: NormShape,
    pub(super) element: Element,
    /// Whether mean and deviation were constants rather than the batch's.
    pub(super) frozen: bool,
    /// dY counts where Y, if given, is between zero and this.
    pub(super) ceiling: f32,
}

/// dY, X and Y (zero where dY counts everywhere) of images; factor, mean and inverse deviation of channels.
pub(super) struct NormGradInputs {
    pub(super) dy: Address,
    pub(super) x: Address,
    pub(super) y: Address,
    pub(super) scale: Address,
    pub(super) mean: Address,
    pub(super) inv_std: Address,
}

/// `dx` of images, `dscale` and `dbias` of channels, each zero where nobody asks.
pub(super) fn batch_norm_grad(
    device: &dyn Device,
    norm: &NormGrad,
    inputs: &NormGradInputs,
    [dx, dscale, dbias]: [Address; 3],
) -> Result<(), KernelError> {
    use Argument::{Double, Float, Int, Pointer, Size};
    let (shape, parts) = (norm.shape, Parts::new(norm.shape));
    let partial = device.memory(shape.channels * parts.count() * 2 * size_of::<f64>())?;
    let images = [inputs.dy, inputs.x, inputs.y, inputs.mean].map(Pointer);
    let sums = [&images[..], &[Pointer(partial.address())], &sizes(shape), &parts.arguments(), &[Float(norm.ceiling)]];
    device.launch(function("batch_norm_grad_sums", norm.element), parts.grid(), &sums.concat())?;

    let factors = device.memory(3 * shape.channels * size_of::<f32>())?;
    let arguments = [
        Pointer(partial.address()),
        Pointer(inputs.scale),
        Pointer(inputs.inv_std),
        Pointer(factors.address()),
        Pointer(dscale),
        Pointer(dbias),
        Size(shape.channels),
        Size(parts.count()),
        Double((shape.batch * shape.plane) as f64),
        Int(i32::from(norm.frozen)),
    ];
    let per_channel = Grid::per_channel(shape.channels);
    device.launch(function("batch_norm_grad_factors", norm.element), per_channel, &arguments)?;
    if dx == 0 {
        return Ok(());
    }
    let (planes, grid) = planes(shape);
    let tensors = [Pointer(factors.address()), Pointer(dx)];
    let arguments = [&images[..], &tensors, &planes, &[Float(norm.ceiling)]].concat();
    device.launch(function("batch_norm_grad_apply", norm.element), grid, &arguments)
}
