//! Losses against numbers: mean absolute and mean squared error.

use super::Ground;
use super::ground::counted;
use crate::builder::Builder;
use crate::error::Result;
use crate::graph::Tensor;

/// The mean of |y - t| or (y - t)² over the values that count.
pub(super) fn error(squared: bool, ground: &Ground, builder: &mut Builder) -> Result<String> {
    let mut difference = builder.sub(&ground.logits, &ground.target)?;
    let mut count = builder.scalar(builder.dims(&ground.logits)?.iter().product::<usize>() as f64)?;
    if let Some(ignored) = ground.ignore_index {
        let counted = counted(&ground.target, &Tensor::scalar(ignored as f32), builder)?;
        difference = builder.mul(&difference, &counted)?;
        count = ground.counted_pixels(&counted, builder)?;
    }
    let mut each = if squared { builder.mul(&difference, &difference)? } else { builder.op("Abs", &[&difference])? };
    if let Some(weights) = ground.spread_weights(builder)? {
        each = builder.mul(&each, &weights)?;
    }
    let sum = builder.reduce_sum(&each, &[0, 1, 2, 3], false)?;
    builder.div(&sum, &count)
}
