//! Losses over whole regions: Dice, Jaccard and Tversky, which differ in how they weigh what is missed and what is too much.

use super::Ground;
use crate::builder::Builder;
use crate::error::Result;
use crate::graph::DataType;

/// Smallest divisor, as smp has it.
const EPSILON: f64 = 1e-7;

/// How wrong pixels are weighed.
pub(super) struct Weighing {
    pub(super) smooth: f64,
    /// Weight of false positives.
    pub(super) alpha: f64,
    /// Weight of false negatives.
    pub(super) beta: f64,
    /// Exponent of the averaged loss.
    pub(super) gamma: f64,
}

/// (mean over classes of 1 - (TP + smooth) / (TP + α FP + β FN + smooth))^γ over all counted pixels of the batch; a class that the
/// target does not hold has loss zero, and counts in the mean.
pub(super) fn tversky(weighing: &Weighing, ground: &Ground, builder: &mut Builder) -> Result<String> {
    let probabilities = ground.probabilities(builder)?;
    let one_hot = ground.one_hot(builder)?;
    let predicted = builder.mul(&probabilities, &one_hot.counted)?;
    let per_class = [0, 2, 3];
    let both = builder.mul(&predicted, &one_hot.hit)?;
    let hits = builder.reduce_sum(&both, &per_class, false)?;
    let predicted = builder.reduce_sum(&predicted, &per_class, false)?;
    let present = builder.reduce_sum(&one_hot.hit, &per_class, false)?;
    let too_much = builder.sub(&predicted, &hits)?;
    let missed = builder.sub(&present, &hits)?;
    let too_much = builder.scale(&too_much, weighing.alpha)?;
    let missed = builder.scale(&missed, weighing.beta)?;
    let smooth = builder.scalar(weighing.smooth)?;
    let above = builder.add(&hits, &smooth)?;
    let wrong = builder.add(&too_much, &missed)?;
    let below = builder.add(&above, &wrong)?;
    let smallest = builder.scalar(EPSILON)?;
    let below = builder.op("Max", &[&below, &smallest])?;
    let score = builder.div(&above, &below)?;
    let one = builder.scalar(1.0)?;
    let loss = builder.sub(&one, &score)?;
    let zero = builder.scalar(0.0)?;
    let present = builder.op("Greater", &[&present, &zero])?;
    let present = builder.cast(&present, DataType::F32)?;
    let loss = builder.mul(&loss, &present)?;
    let mean = ground.class_mean(&loss, builder)?;
    if weighing.gamma == 1.0 {
        return Ok(mean);
    }
    let exponent = builder.scalar(weighing.gamma)?;
    builder.op("Pow", &[&mean, &exponent])
}
