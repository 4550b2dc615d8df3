//! Batch normalisation with the statistics of the batch or given ones, an optional rectifier at its end, and its gradient.
//!
//! A task takes whole channels: the planes of one channel over the batch mostly fit the second-level cache, so that the
//! passes after the first do not go to memory. Sums are kept in one lane each over at most a block, then in `f64`.
//! Channels of a few values are computed in `f64` altogether.

mod few;

use super::parallel::{Parallel, Shared};
use super::simd::{Isa, Simd, WithSimd};

/// Sizes of the normalised tensor `[batch, channels, plane]`, the plane being all pixels of a channel of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NormShape {
    /// Images.
    pub batch: usize,
    /// Channels, each with statistics of its own.
    pub channels: usize,
    /// Pixels per channel and image.
    pub plane: usize,
}

impl NormShape {
    /// Whether a channel has so few values that they are worth `f64`.
    fn few(self) -> bool {
        self.batch * self.plane <= few::FEW
    }
}

/// What follows the normalisation in the same pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// `max(0, ·)`.
    Relu,
    /// `min(ceiling, max(0, ·))`, the ceiling being positive.
    Capped(f32),
}

impl Activation {
    /// The least that Y can be.
    pub(in crate::kernels) fn floor(self) -> f32 {
        if self == Self::Identity { f32::NEG_INFINITY } else { 0.0 }
    }

    /// The most that Y can be.
    pub(in crate::kernels) fn ceiling(self) -> f32 {
        if let Self::Capped(ceiling) = self { ceiling } else { f32::INFINITY }
    }
}

/// What the forward pass takes besides X; slices have one element per channel.
#[derive(Debug, Clone, Copy)]
pub struct NormInputs<'a> {
    /// X.
    pub x: &'a [f32],
    /// Factor.
    pub scale: &'a [f32],
    /// Summand.
    pub bias: &'a [f32],
    /// Running mean.
    pub mean: &'a [f32],
    /// Running variance.
    pub var: &'a [f32],
    /// Added to the variance.
    pub epsilon: f32,
    /// Share of the running statistics that stays, as ONNX counts.
    pub momentum: f32,
    /// What Y is cut to.
    pub activation: Activation,
    /// Whether running mean and variance are what X is normalised by; they then stay as they are.
    pub frozen: bool,
}

/// What the forward pass writes; all but Y have one element per channel and may be empty when nobody asks for them.
#[derive(Debug)]
pub struct NormOutputs<'a> {
    /// Y, of X's length.
    pub y: &'a mut [f32],
    /// Mean of the batch.
    pub saved_mean: &'a mut [f32],
    /// `1 / √(variance of the batch + epsilon)`.
    pub saved_inv_std: &'a mut [f32],
    /// Running mean after this batch.
    pub new_mean: &'a mut [f32],
    /// Running variance after this batch, which enters unbiased.
    pub new_var: &'a mut [f32],
}

/// Mean and variance of a channel.
struct Statistics {
    mean: f64,
    biased: f64,
    unbiased: f64,
}

/// Normalises by the statistics of the batch, or by the running ones if they are frozen.
pub fn batch_norm(threads: &dyn Parallel, isa: Isa, shape: NormShape, inputs: &NormInputs, outputs: NormOutputs) {
    let y = Shared::new(outputs.y);
    let small = [outputs.saved_mean, outputs.saved_inv_std, outputs.new_mean, outputs.new_var].map(Shared::new);
    threads.run(shape.channels, &|channel| {
        let planes = |image: usize| (image * shape.channels + channel) * shape.plane;
        let x = |image: usize| &inputs.x[planes(image)..planes(image) + shape.plane];
        let given = (inputs.mean[channel], inputs.var[channel]);
        let Statistics { mean, biased, unbiased } = match inputs.frozen {
            true => Statistics { mean: f64::from(given.0), biased: f64::from(given.1), unbiased: f64::from(given.1) },
            false if shape.few() => {
                let (mean, biased) = few::statistics((0..shape.batch).map(x));
                let count = (shape.batch * shape.plane) as f64;
                Statistics { mean, biased, unbiased: biased * count / (count - 1.0).max(1.0) }
            }
            false => statistics(isa, (0..shape.batch).map(x)),
        };
        let deviation = (biased + f64::from(inputs.epsilon)).sqrt();
        let (wide_mean, mean, inv_std) = (mean, mean as f32, (1.0 / deviation) as f32);
        let (scale, bias) = (inputs.scale[channel] * inv_std, inputs.bias[channel]);
        for image in 0..shape.batch {
            // SAFETY: planes of different channels are disjoint, and each channel is one task.
            let y = unsafe { y.part(planes(image), shape.plane) };
            if shape.few() {
                let line = [wide_mean, f64::from(inputs.scale[channel]) / deviation, f64::from(bias)];
                few::write(x(image), line, inputs.activation, y);
                continue;
            }
            isa.dispatch(Scale { x: x(image), mean, scale, bias, activation: inputs.activation, y });
        }
        let blend = |old: f32, new: f64| {
            let kept = f64::from(inputs.momentum);
            // The rounding of a float32 weighs ten times as much in a remainder of a tenth: seven decimals are meant.
            let rest = ((1.0 - kept) * 1e7).round() / 1e7;
            (f64::from(old) * kept + new * rest) as f32
        };
        let (new_mean, new_var) = match inputs.frozen {
            true => given,
            false => (blend(given.0, wide_mean), blend(given.1, unbiased)),
        };
        for (out, value) in small.iter().zip([mean, inv_std, new_mean, new_var]) {
            // SAFETY: one element per channel; an output nobody asked for is an empty slice and gives an empty part.
            unsafe { out.part(channel, 1) }.fill(value);
        }
    });
}

/// Those of one channel, whose planes these are.
fn statistics<'a>(isa: Isa, planes: impl Iterator<Item = &'a [f32]> + Clone) -> Statistics {
    let count = planes.clone().map(<[f32]>::len).sum::<usize>() as f64;
    // Summed about one of the values, so that a mean far from zero costs no digits.
    let near = planes.clone().next().and_then(|x| x.first()).copied().unwrap_or(0.0);
    let from_near: f64 = planes.clone().map(|x| isa.dispatch(Sum { x, center: near, square: false })).sum();
    let mean = (f64::from(near) + from_near / count) as f32;
    let squares: f64 = planes.map(|x| isa.dispatch(Sum { x, center: mean, square: true })).sum();
    Statistics { mean: f64::from(mean), biased: squares / count, unbiased: squares / (count - 1.0).max(1.0) }
}

/// What the gradient takes.
#[derive(Debug, Clone, Copy)]
pub struct NormGradInputs<'a> {
    /// Gradient of Y.
    pub dy: &'a [f32],
    /// X of the forward pass.
    pub x: &'a [f32],
    /// Y of the forward pass; read only if there was an activation.
    pub y: &'a [f32],
    /// Factor, per channel.
    pub scale: &'a [f32],
    /// Mean by which X was normalised, per channel.
    pub mean: &'a [f32],
    /// Inverse standard deviation by which X was normalised, per channel.
    pub inv_std: &'a [f32],
    /// What was added to the variance.
    pub epsilon: f32,
    /// What the forward pass ended in; where it cut Y, bounds included, no gradient passes.
    pub activation: Activation,
    /// Whether mean and deviation were constants rather than the batch's.
    pub frozen: bool,
}

/// `dx` of X's length, `dscale` and `dbias` per channel (either may be empty when nobody asks).
pub fn batch_norm_grad(
    threads: &dyn Parallel,
    isa: Isa,
    shape: NormShape,
    inputs: &NormGradInputs,
    [dx, dscale, dbias]: [&mut [f32]; 3],
) {
    let (dx, dscale, dbias) = (Shared::new(dx), Shared::new(dscale), Shared::new(dbias));
    threads.run(shape.channels, &|channel| {
        let planes = |image: usize| (image * shape.channels + channel) * shape.plane;
        if shape.few() && !inputs.frozen {
            let starts: Vec<usize> = (0..shape.batch).map(planes).collect();
            // SAFETY: planes of different channels are disjoint, and each channel is one task; one element per channel, or none.
            unsafe {
                let sums = few::gradient(inputs, channel, &starts, shape.plane, |start| dx.part(start, shape.plane));
                dscale.part(channel, 1).fill(sums[0] as f32);
                dbias.part(channel, 1).fill(sums[1] as f32);
            }
            return;
        }
        let part =
            |of: &'_ [f32], image: usize| -> *const f32 { of[planes(image)..planes(image) + shape.plane].as_ptr() };
        let (mean, inv_std) = (inputs.mean[channel], inputs.inv_std[channel]);
        let operands = |image: usize| GradOperands {
            dy: part(inputs.dy, image),
            x: part(inputs.x, image),
            y: (inputs.activation != Activation::Identity).then(|| part(inputs.y, image)),
            ceiling: inputs.activation.ceiling(),
            len: shape.plane,
            mean,
        };
        // Σ dy and Σ dy · (x - mean).
        let (mut sum, mut product) = (0.0f64, 0.0f64);
        for image in 0..shape.batch {
            let [s, p] = isa.dispatch(GradSums(operands(image)));
            sum += s;
            product += p;
        }
        let count = (shape.batch * shape.plane) as f64;
        let inv = f64::from(inv_std);
        let scale = f64::from(inputs.scale[channel]) * inv;
        // dx = scale · (dy - mean(dy) - x̂ · mean(dy · x̂)), the means being absent when the statistics are constants.
        let (shift, slope) = match inputs.frozen {
            true => (0.0, 0.0),
            false => (-scale * sum / count, -scale * inv * inv * product / count),
        };
        for image in 0..shape.batch {
            // SAFETY: planes of different channels are disjoint, and each channel is one task.
            let dx = unsafe { dx.part(planes(image), shape.plane) };
            if !dx.is_empty() {
                let factors = [scale as f32, slope as f32, shift as f32];
                isa.dispatch(GradWrite { operands: operands(image), factors, dx });
            }
        }
        // SAFETY: one element per channel, or none.
        unsafe {
            dscale.part(channel, 1).fill((product * inv) as f32);
            dbias.part(channel, 1).fill(sum as f32);
        }
    });
}

/// Elements that one lane's sum takes in before it goes to `f64`, over all accumulators.
const BLOCK: usize = 4096;

/// `Σ x` or `Σ (x - center)²` of one plane.
struct Sum<'a> {
    x: &'a [f32],
    center: f32,
    square: bool,
}

impl WithSimd for Sum<'_> {
    type Output = f64;

    #[inline(always)]
    unsafe fn run<S: Simd>(self) -> f64 {
        let mut total = 0.0;
        for block in self.x.chunks(BLOCK) {
            // SAFETY: whole vectors are read within the block; the rest element by element.
            unsafe {
                let center = S::splat(self.center);
                let mut sums = [S::splat(0.0); 4];
                let step = 4 * S::LANES;
                let whole = block.len() / step * step;
                for at in (0..whole).step_by(step) {
                    for (v, sum) in sums.iter_mut().enumerate() {
                        let x = S::sub(S::load(block.as_ptr().add(at + v * S::LANES)), center);
                        *sum = if self.square { S::fma(x, x, *sum) } else { S::add(x, *sum) };
                    }
                }
                total += f64::from(S::sum(S::add(S::add(sums[0], sums[1]), S::add(sums[2], sums[3]))));
                for x in &block[whole..] {
                    let x = f64::from(*x) - f64::from(self.center);
                    total += if self.square { x * x } else { x };
                }
            }
        }
        total
    }
}

/// `y = (x - mean) · scale + bias` of one plane, cut as the activation says.
struct Scale<'a> {
    x: &'a [f32],
    mean: f32,
    scale: f32,
    bias: f32,
    activation: Activation,
    y: &'a mut [f32],
}

impl WithSimd for Scale<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let len = self.x.len().min(self.y.len());
        // SAFETY: `n` elements from `at` are within both slices.
        unsafe {
            let (mean, scale, bias) = (S::splat(self.mean), S::splat(self.scale), S::splat(self.bias));
            let (floor, ceiling) = (S::splat(self.activation.floor()), S::splat(self.activation.ceiling()));
            let mut at = 0;
            while at < len {
                let n = S::LANES.min(len - at);
                let x = load::<S>(self.x.as_ptr().add(at), n);
                // The value second: of a NaN, `max` and `min` give the second.
                let y = S::min(ceiling, S::max(floor, S::fma(S::sub(x, mean), scale, bias)));
                let to = self.y.as_mut_ptr().add(at);
                if n == S::LANES {
                    S::store(to, y)
                } else {
                    S::store_partial(to, y, n)
                }
                at += n;
            }
        }
    }
}

/// One plane of what the gradient reads.
#[derive(Clone, Copy)]
struct GradOperands {
    dy: *const f32,
    x: *const f32,
    y: Option<*const f32>,
    ceiling: f32,
    len: usize,
    mean: f32,
}

impl GradOperands {
    /// dY (masked by Y) and X less its mean, at `at`; lanes beyond `n` are zero.
    ///
    /// # Safety
    /// `at + n` is at most `len`, at most `LANES` apart; the processor has `S`.
    #[inline(always)]
    unsafe fn read<S: Simd>(&self, at: usize, n: usize) -> (S::V, S::V) {
        // SAFETY: every address has `len` readable elements.
        unsafe {
            let mut dy = load::<S>(self.dy.add(at), n);
            if let Some(y) = self.y {
                let y = load::<S>(y.add(at), n);
                dy = S::where_positive(y, dy);
                if self.ceiling < f32::INFINITY {
                    dy = S::where_positive(S::sub(S::splat(self.ceiling), y), dy);
                }
            }
            (dy, S::sub(load::<S>(self.x.add(at), n), S::splat(self.mean)))
        }
    }
}

/// `n` elements, the other lanes zero.
///
/// # Safety
/// They are readable; the processor has `S`.
#[inline(always)]
unsafe fn load<S: Simd>(from: *const f32, n: usize) -> S::V {
    // SAFETY: the caller's promise.
    unsafe { if n == S::LANES { S::load(from) } else { S::load_partial(from, n) } }
}

/// `[Σ dy, Σ dy · (x - mean)]` of one plane.
struct GradSums(GradOperands);

impl WithSimd for GradSums {
    type Output = [f64; 2];

    #[inline(always)]
    unsafe fn run<S: Simd>(self) -> [f64; 2] {
        let mut total = [0.0; 2];
        let mut at = 0;
        while at < self.0.len {
            let end = (at + BLOCK).min(self.0.len);
            // SAFETY: reads stay below `len`; lanes beyond `n` hold a zero `dy`, so they add nothing.
            unsafe {
                let (mut sums, mut products) = ([S::splat(0.0); 4], [S::splat(0.0); 4]);
                while at + 4 * S::LANES <= end {
                    for (v, (sum, product)) in sums.iter_mut().zip(&mut products).enumerate() {
                        let (dy, x) = self.0.read::<S>(at + v * S::LANES, S::LANES);
                        *sum = S::add(*sum, dy);
                        *product = S::fma(dy, x, *product);
                    }
                    at += 4 * S::LANES;
                }
                while at < end {
                    let n = S::LANES.min(end - at);
                    let (dy, x) = self.0.read::<S>(at, n);
                    sums[0] = S::add(sums[0], dy);
                    products[0] = S::fma(dy, x, products[0]);
                    at += n;
                }
                let add = |v: [S::V; 4]| f64::from(S::sum(S::add(S::add(v[0], v[1]), S::add(v[2], v[3]))));
                total = [total[0] + add(sums), total[1] + add(products)];
            }
        }
        total
    }
}

/// `dx = factors[0] · dy + factors[1] · (x - mean) + factors[2]` of one plane.
struct GradWrite<'a> {
    operands: GradOperands,
    factors: [f32; 3],
    dx: &'a mut [f32],
}

impl WithSimd for GradWrite<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let len = self.operands.len.min(self.dx.len());
        // SAFETY: `n` elements from `at` are within every operand and `dx`.
        unsafe {
            let [scale, slope, shift] = self.factors.map(|factor| S::splat(factor));
            let mut at = 0;
            while at < len {
                let n = S::LANES.min(len - at);
                let (dy, x) = self.operands.read::<S>(at, n);
                let dx = S::fma(dy, scale, S::fma(x, slope, shift));
                let to = self.dx.as_mut_ptr().add(at);
                if n == S::LANES {
                    S::store(to, dx)
                } else {
                    S::store_partial(to, dx, n)
                }
                at += n;
            }
        }
    }
}

#[cfg(test)]
mod tests;
