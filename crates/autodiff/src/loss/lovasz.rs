//! Lovász losses: convex surrogates of the intersection over union (Berman et al. 2018), by softmax over several classes and by
//! hinge with a single one.

use super::Ground;
use crate::builder::Builder;
use crate::error::Result;
use crate::graph::{Attribute, DataType, Tensor};

/// For each class, the errors of all pixels weighed by how much each worsens the intersection over union when errors are taken
/// from the largest down. The errors of several classes are |truth - p|, and the loss is the mean over those that the target holds,
/// by class weight where given; those of a single class are the hinge max(1 - z, 0), z being the logit, or less it where the truth is 0.
///
/// The weights are piecewise constant, so gradients flow through the errors alone.
pub(super) fn lovasz(ground: &Ground, builder: &mut Builder) -> Result<String> {
    let single = ground.classes(builder)? == 1;
    let one_hot = ground.one_hot(builder)?;
    let truth = per_class(&one_hot.hit, builder)?;
    let errors = if single { hinge(ground, &truth, builder)? } else { distance(ground, &truth, builder)? };
    let (errors, order) = match builder.dims(&one_hot.counted)?.is_empty() {
        true => (errors.clone(), errors),
        false => {
            let counted = per_class(&one_hot.counted, builder)?;
            let errors = builder.mul(&errors, &counted)?;
            // Ignored pixels sort behind all others, whose weights they then leave alone.
            let one = builder.scalar(1.0)?;
            let lost = builder.sub(&one, &counted)?;
            let order = builder.sub(&errors, &lost)?;
            (errors, order)
        }
    };
    let weights = jaccard_steps(&truth, &order, builder)?;
    let product = builder.mul(&errors, &weights)?;
    let losses = builder.reduce_sum(&product, &[1], false)?;
    let mut share = held(&truth, single, builder)?;
    if let Some(weights) = &ground.class_weights {
        share = builder.mul(&share, weights)?;
    }
    let weighed = builder.mul(&losses, &share)?;
    let sum = builder.reduce_sum(&weighed, &[0], false)?;
    let total = builder.reduce_sum(&share, &[0], false)?;
    let smallest = builder.scalar(1e-30)?;
    let total = builder.op("Max", &[&total, &smallest])?;
    builder.div(&sum, &total)
}

/// |truth - p| with the probabilities of softmax.
fn distance(ground: &Ground, truth: &str, builder: &mut Builder) -> Result<String> {
    let probabilities = ground.probabilities(builder)?;
    let predicted = per_class(&probabilities, builder)?;
    let errors = builder.sub(truth, &predicted)?;
    builder.op("Abs", &[&errors])
}

/// max(1 - z, 0) with z the logit where the truth is 1, its opposite where it is 0.
fn hinge(ground: &Ground, truth: &str, builder: &mut Builder) -> Result<String> {
    let logits = per_class(&ground.logits, builder)?;
    let one = builder.scalar(1.0)?;
    let double = builder.scale(truth, 2.0)?;
    let sign = builder.sub(&double, &one)?;
    let margin = builder.mul(&logits, &sign)?;
    let errors = builder.sub(&one, &margin)?;
    builder.op("Relu", &[&errors])
}

/// One for each class that the target holds, and for a single class in any case.
fn held(truth: &str, single: bool, builder: &mut Builder) -> Result<String> {
    if single {
        return builder.constant(Tensor::floats(&[1.0]));
    }
    let pixels = builder.reduce_sum(truth, &[1], false)?;
    let zero = builder.scalar(0.0)?;
    let held = builder.op("Greater", &[&pixels, &zero])?;
    builder.cast(&held, DataType::F32)
}

/// `[N, C, H, W]` as one row of pixels per class, `[C, N H W]`.
fn per_class(value: &str, builder: &mut Builder) -> Result<String> {
    let dims = builder.dims(value)?;
    let turned = builder.transpose(value, &[1, 0, 2, 3])?;
    builder.reshape(&turned, &[dims[1], dims[0] * dims[2] * dims[3]])
}

/// How much each pixel adds to 1 - intersection / union when pixels are taken in the order of `order`, largest first.
fn jaccard_steps(truth: &str, order: &str, builder: &mut Builder) -> Result<String> {
    let dims = builder.dims(truth)?;
    let (classes, pixels) = (dims[0], dims[1]);
    let count = builder.sizes(&[pixels])?;
    let mut sort = crate::graph::Node::new("TopK", &[order, &count], &[]);
    sort.attributes = vec![("axis".into(), Attribute::Int(1))];
    let places = builder.emit(sort, 2)?.remove(1);
    let axis = [("axis", Attribute::Int(1))];
    let sorted = builder.op_with("GatherElements", &[truth, &places], &axis)?;
    let along = builder.constant(Tensor::int(1))?;
    let hits = builder.op("CumSum", &[&sorted, &along])?;
    let one = builder.scalar(1.0)?;
    let others = builder.sub(&one, &sorted)?;
    let others = builder.op("CumSum", &[&others, &along])?;
    let all = builder.reduce_sum(truth, &[1], true)?;
    let left = builder.sub(&all, &hits)?;
    let union = builder.add(&all, &others)?;
    // The union is empty only before the first pixel of a class that is not held; such a class does not count.
    let union = builder.op("Max", &[&union, &one])?;
    let overlap = builder.div(&left, &union)?;
    let jaccard = builder.sub(&one, &overlap)?;
    let before = builder.slice(&jaccard, &[1], &[(0, pixels - 1, 1)])?;
    let nothing = builder.zeros(&[classes, 1])?;
    let before = builder.concat(&[&nothing, &before], 1)?;
    let steps = builder.sub(&jaccard, &before)?;
    let blank = builder.zeros(&[classes, pixels])?;
    builder.op_with("ScatterElements", &[&blank, &places, &steps], &axis)
}
