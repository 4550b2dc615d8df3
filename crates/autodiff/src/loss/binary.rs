//! Losses of each class against the rest: binary cross-entropy and focal loss.

use super::Ground;
use super::ground::OneHot;
use crate::builder::Builder;
use crate::error::Result;

/// softplus(z) - z t for logits z and targets t, element by element: binary cross-entropy without overflow.
fn elementwise(logits: &str, target: &str, builder: &mut Builder) -> Result<String> {
    let softplus = builder.op("Softplus", &[logits])?;
    let product = builder.mul(logits, target)?;
    builder.sub(&softplus, &product)
}

/// The mean over all elements, ignored ones counting as zeros, as smp's `SoftBCEWithLogitsLoss` has it.
pub(super) fn cross_entropy(label_smoothing: f64, ground: &Ground, builder: &mut Builder) -> Result<String> {
    let one_hot = ground.one_hot(builder)?;
    let target = if label_smoothing == 0.0 {
        one_hot.hit
    } else {
        let kept = builder.scale(&one_hot.hit, 1.0 - 2.0 * label_smoothing)?;
        let shift = builder.scalar(label_smoothing)?;
        builder.add(&kept, &shift)?
    };
    let mut loss = elementwise(&ground.logits, &target, builder)?;
    loss = builder.mul(&loss, &one_hot.counted)?;
    if let Some(weights) = ground.spread_weights(builder)? {
        loss = builder.mul(&loss, &weights)?;
    }
    let dims = builder.dims(&ground.logits)?;
    let sum = builder.reduce_sum(&loss, &[0, 1, 2, 3], false)?;
    builder.scale(&sum, 1.0 / dims.iter().product::<usize>() as f64)
}

/// (1 - p)^γ times binary cross-entropy, p being the probability given to the truth; the mean over counted pixels, then over classes.
pub(super) fn focal(gamma: f64, alpha: Option<f64>, ground: &Ground, builder: &mut Builder) -> Result<String> {
    let OneHot { hit, counted } = ground.one_hot(builder)?;
    let loss = elementwise(&ground.logits, &hit, builder)?;
    let negative = builder.neg(&loss)?;
    let truth = builder.op("Exp", &[&negative])?;
    let one = builder.scalar(1.0)?;
    let rest = builder.sub(&one, &truth)?;
    // Rounding may leave a sliver below zero, of which no power exists.
    let rest = builder.op("Relu", &[&rest])?;
    let focus = if gamma == 1.0 {
        rest
    } else {
        let exponent = builder.scalar(gamma)?;
        builder.op("Pow", &[&rest, &exponent])?
    };
    let mut loss = builder.mul(&focus, &loss)?;
    if let Some(alpha) = alpha {
        // α where the class is the target's, 1 - α elsewhere.
        let slope = builder.scale(&hit, 2.0 * alpha - 1.0)?;
        let offset = builder.scalar(1.0 - alpha)?;
        let balance = builder.add(&slope, &offset)?;
        loss = builder.mul(&loss, &balance)?;
    }
    let loss = builder.mul(&loss, &counted)?;
    let sums = builder.reduce_sum(&loss, &[0, 2, 3], false)?;
    let count = ground.counted_pixels(&counted, builder)?;
    let means = builder.div(&sums, &count)?;
    ground.class_mean(&means, builder)
}
