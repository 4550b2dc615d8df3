//! Plain form of softmax cross-entropy and its gradient.

use crate::builder::Builder;
use crate::error::Result;
use crate::graph::{Attribute, Node};
use crate::loss::OneHot;

/// Smallest divisor: a batch without one counted pixel has loss and gradient 0, not NaN.
const SMALLEST_WEIGHT: f64 = 1e-30;

/// logits [N, C, ...], target [N, ...], [class_weights] -> loss, dlogits
///
/// With q the weight of each class at each pixel (class weight times smoothed one-hot, zero where ignored) and W the summed
/// class weights of the targets: loss = -Σ q log p / W, dlogits = (p Σ_c q - q) / W.
pub(super) fn cross_entropy(node: &Node, builder: &mut Builder) -> Result<Vec<String>> {
    let (logits, target) = (node.required(0)?.to_owned(), node.required(1)?.to_owned());
    let classes = builder.dims(&logits)?[1];
    let smoothing = f64::from(node.float("label_smoothing", 0.0));
    let (log_p, p) = log_softmax(&logits, builder)?;
    let ignored = match node.attribute("ignore_index") {
        Some(Attribute::Int(ignored)) => Some(*ignored),
        _ => None,
    };
    let OneHot { hit, counted } = OneHot::of(&target, classes, ignored, builder)?;
    let weights = match node.input(2) {
        Some(weights) => {
            let mut spread = vec![1; builder.dims(&logits)?.len()];
            spread[1] = classes;
            Some(builder.reshape(weights, &spread)?)
        }
        None => None,
    };
    let hard = match &weights {
        Some(weights) => builder.mul(&hit, weights)?,
        None => hit,
    };
    let all: Vec<usize> = (0..builder.dims(&logits)?.len()).collect();
    let total = builder.reduce_sum(&hard, &all, false)?;
    let smallest = builder.scalar(SMALLEST_WEIGHT)?;
    let total = builder.op("Max", &[&total, &smallest])?;
    let q = if smoothing > 0.0 {
        let kept = builder.scale(&hard, 1.0 - smoothing)?;
        let each = match &weights {
            Some(weights) => builder.mul(&counted, weights)?,
            None => counted,
        };
        let spread = builder.scale(&each, smoothing / classes as f64)?;
        builder.add(&kept, &spread)?
    } else {
        hard
    };
    let product = builder.mul(&q, &log_p)?;
    let summed = builder.reduce_sum(&product, &all, false)?;
    let mean = builder.div(&summed, &total)?;
    let loss = builder.neg(&mean)?;
    let mass = builder.reduce_sum(&q, &[1], true)?;
    let pulled = builder.mul(&p, &mass)?;
    let difference = builder.sub(&pulled, &q)?;
    let dlogits = builder.div(&difference, &total)?;
    Ok(vec![loss, dlogits])
}

/// log p and p over axis 1.
fn log_softmax(logits: &str, builder: &mut Builder) -> Result<(String, String)> {
    let largest = builder.reduce_max(logits, 1)?;
    let shifted = builder.sub(logits, &largest)?;
    let e = builder.op("Exp", &[&shifted])?;
    let sum = builder.reduce_sum(&e, &[1], true)?;
    let log = builder.op("Log", &[&sum])?;
    Ok((builder.sub(&shifted, &log)?, builder.div(&e, &sum)?))
}
