//! Plain form of batch normalisation over a few values per channel: in float64, from the values themselves.
//!
//! Two values that their own mean and deviation normalise come out as plus and minus one, whatever they were: their gradient is
//! what ε leaves of it, the difference of nearly equal numbers. Layers after a global pool are like that. Statistics rounded to
//! float32 would take most digits of it.

use super::batch_norm::Batch;
use crate::builder::Builder;
use crate::error::Result;
use crate::graph::{DataType, Node};

/// Most values per channel that are worth it; with more the difference keeps its digits.
pub(super) const FEW: usize = 64;

/// Values of a normalisation `[N, C, ...]`, and its statistics with axes of length one; all float64.
pub(super) struct Few {
    normal: String,
    mean: String,
    var: String,
    inv_std: String,
    /// All axes but that of the channels.
    axes: Vec<usize>,
    channels: usize,
    /// Values per channel.
    count: f64,
}

impl Few {
    /// The normalised X of a BatchNorm, or of its gradient.
    pub(super) fn of(node: &Node, builder: &mut Builder) -> Result<Self> {
        let x = node.required(if node.operator == "BatchNorm" { 0 } else { 1 })?;
        let dims = builder.dims(x)?;
        let axes: Vec<usize> = (0..dims.len()).filter(|&axis| axis != 1).collect();
        let count = axes.iter().map(|&axis| dims[axis]).product::<usize>() as f64;
        let x = builder.once(&format!("{x} in float64"), |b| b.cast(x, DataType::F64))?;
        let mean = mean(&x, &axes, count, builder)?;
        let centred = builder.sub(&x, &mean)?;
        let square = builder.mul(&centred, &centred)?;
        let var = self::mean(&square, &axes, count, builder)?;
        let epsilon = builder.scalar_like(&var, f64::from(node.float("epsilon", 1e-5)))?;
        let shifted = builder.add(&var, &epsilon)?;
        let std = builder.op("Sqrt", &[&shifted])?;
        let inv_std = builder.op("Reciprocal", &[&std])?;
        let normal = builder.mul(&centred, &inv_std)?;
        Ok(Self { normal, mean, var, inv_std, axes, channels: dims[1], count })
    }

    /// Mean, variance and 1 / √(var + ε) as the operators hand them on; without y.
    pub(super) fn statistics(&self, builder: &mut Builder) -> Result<Batch> {
        let mut flat = |value: &str| {
            let single = builder.cast(value, DataType::F32)?;
            builder.reshape(&single, &[self.channels])
        };
        Ok(Batch { y: String::new(), mean: flat(&self.mean)?, var: flat(&self.var)?, inv_std: flat(&self.inv_std)? })
    }

    /// y = scale x̂ + bias of a BatchNorm, before any activation.
    pub(super) fn output(&self, node: &Node, builder: &mut Builder) -> Result<String> {
        let (scale, bias) = (self.spread(node.required(1)?, builder)?, self.spread(node.required(2)?, builder)?);
        let scaled = builder.mul(&self.normal, &scale)?;
        let y = builder.add(&scaled, &bias)?;
        builder.cast(&y, DataType::F32)
    }

    /// dX in the type asked for, dscale, dbias.
    pub(super) fn gradient(
        &self,
        dy: &str,
        scale: &str,
        dtype: DataType,
        builder: &mut Builder,
    ) -> Result<Vec<String>> {
        let dy = builder.cast(dy, DataType::F64)?;
        let sum = builder.reduce_sum(&dy, &self.axes, true)?;
        let product = builder.mul(&dy, &self.normal)?;
        let product = builder.reduce_sum(&product, &self.axes, true)?;
        let count = builder.scalar_like(&dy, self.count)?;
        let mean_dy = builder.div(&sum, &count)?;
        let mean_product = builder.div(&product, &count)?;
        let along = builder.mul(&self.normal, &mean_product)?;
        let inner = builder.sub(&dy, &mean_dy)?;
        let inner = builder.sub(&inner, &along)?;
        let scale = self.spread(scale, builder)?;
        let factor = builder.mul(&scale, &self.inv_std)?;
        let dx = builder.mul(&inner, &factor)?;
        let mut flat = |value: &str| {
            let single = builder.cast(value, DataType::F32)?;
            builder.reshape(&single, &[self.channels])
        };
        let (dscale, dbias) = (flat(&product)?, flat(&sum)?);
        Ok(vec![builder.cast(&dx, dtype)?, dscale, dbias])
    }

    /// A value per channel `[C]` along the channels' axis, in float64.
    fn spread(&self, value: &str, builder: &mut Builder) -> Result<String> {
        let mut dims = vec![1; self.axes.len() + 1];
        dims[1] = self.channels;
        let value = builder.reshape(value, &dims)?;
        builder.cast(&value, DataType::F64)
    }
}

fn mean(value: &str, axes: &[usize], count: f64, builder: &mut Builder) -> Result<String> {
    let sum = builder.reduce_sum(value, axes, true)?;
    let count = builder.scalar_like(&sum, count)?;
    builder.div(&sum, &count)
}
