//! Losses against numbers: mean absolute and mean squared error.

use super::Ground;
use super::ground::counted;
use crate::builder::Builder;
use crate::error::Result;
use crate::graph::Tensor;

/// The mean of |y - t| or (y - t)² over the values that count, by class weight where given, as PyTorch's weighted mean has it.
pub(super) fn error(squared: bool, ground: &Ground, builder: &mut Builder) -> Result<String> {
    let mut difference = builder.sub(&ground.logits, &ground.target)?;
    let all = builder.dims(&ground.logits)?;
    // How much each value counts; a shape that broadcasts to the logits'.
    let mut share = ground.spread_weights(builder)?;
    if let Some(ignored) = ground.ignore_index {
        let counted = counted(&ground.target, &Tensor::scalar(ignored as f32), builder)?;
        difference = builder.mul(&difference, &counted)?;
        share = Some(match share {
            Some(weights) => builder.mul(&counted, &weights)?,
            None => counted,
        });
    }
    let mut each = if squared { builder.mul(&difference, &difference)? } else { builder.op("Abs", &[&difference])? };
    let count = all.iter().product::<usize>() as f64;
    let total = match &share {
        None => builder.scalar(count)?,
        Some(share) => {
            each = builder.mul(&each, share)?;
            let shares = builder.facts.get(share)?.len() as f64;
            let sum = builder.reduce_sum(share, &[0, 1, 2, 3], false)?;
            let total = builder.scale(&sum, count / shares)?;
            let smallest = builder.scalar(1e-30)?;
            builder.op("Max", &[&total, &smallest])?
        }
    };
    let sum = builder.reduce_sum(&each, &[0, 1, 2, 3], false)?;
    builder.div(&sum, &total)
}
