//! What losses are computed from, and the pieces that several of them share.

use crate::builder::Builder;
use crate::error::{Error, Result};
use crate::graph::{Attribute, Data, DataType, Tensor};

/// Names of the values that losses are computed from.
pub(crate) struct Ground {
    pub(crate) logits: String,
    pub(crate) target: String,
    /// One weight per class, `[C]`.
    pub(crate) class_weights: Option<String>,
    pub(crate) ignore_index: Option<i64>,
}

/// Which pixels count and of which class they are, as float32.
pub(crate) struct OneHot {
    /// One where the class is the target's and the pixel counts, `[N, C, ...]`.
    pub(crate) hit: String,
    /// One where the pixel counts, `[N, 1, ...]`; a scalar where all do.
    pub(crate) counted: String,
}

impl OneHot {
    /// From class numbers `[N, ...]`; with a single class the positive pixels are those of number 1.
    pub(crate) fn of(target: &str, classes: usize, ignored: Option<i64>, builder: &mut Builder) -> Result<Self> {
        let dims = builder.dims(target)?;
        let with_channel: Vec<usize> = [&[dims[0], 1], &dims[1..]].concat();
        let target = builder.reshape(target, &with_channel)?;
        let mut spread = vec![1; with_channel.len()];
        spread[1] = classes;
        let first = i64::from(classes == 1);
        let numbers = Data::I64((first..first + classes as i64).collect());
        let numbers = Tensor::new(spread, numbers)
            .ok_or_else(|| Error::Internal { place: "loss".into(), what: "class numbers do not fit".into() })?;
        let numbers = builder.constant(numbers)?;
        let hit = builder.op("Equal", &[&target, &numbers])?;
        let hit = builder.cast(&hit, DataType::F32)?;
        let Some(ignored) = ignored else { return Ok(Self { hit, counted: builder.scalar(1.0)? }) };
        let counted = counted(&target, &Tensor::int(ignored), builder)?;
        // A number that is no class hits none anyway.
        let is_class = (first..first + classes as i64).contains(&ignored);
        let hit = if is_class { builder.mul(&hit, &counted)? } else { hit };
        Ok(Self { hit, counted })
    }
}

/// One where a target is not the ignored value.
pub(super) fn counted(target: &str, ignored: &Tensor, builder: &mut Builder) -> Result<String> {
    let ignored = builder.constant(ignored.clone())?;
    let ignored = builder.op("Equal", &[target, &ignored])?;
    let counted = builder.op("Not", &[&ignored])?;
    builder.cast(&counted, DataType::F32)
}

impl Ground {
    pub(super) fn classes(&self, builder: &Builder) -> Result<usize> {
        Ok(builder.dims(&self.logits)?[1])
    }

    pub(super) fn one_hot(&self, builder: &mut Builder) -> Result<OneHot> {
        OneHot::of(&self.target, self.classes(builder)?, self.ignore_index, builder)
    }

    /// Probabilities `[N, C, H, W]`: softmax over the classes, or sigmoid where there is but one.
    pub(super) fn probabilities(&self, builder: &mut Builder) -> Result<String> {
        if self.classes(builder)? == 1 {
            builder.op("Sigmoid", &[&self.logits])
        } else {
            builder.op_with("Softmax", &[&self.logits], &[("axis", Attribute::Int(1))])
        }
    }

    /// Class weights spread over `[1, C, 1, 1]`.
    pub(super) fn spread_weights(&self, builder: &mut Builder) -> Result<Option<String>> {
        let classes = self.classes(builder)?;
        self.class_weights.as_ref().map(|weights| builder.reshape(weights, &[1, classes, 1, 1])).transpose()
    }

    /// The mean of one loss per class `[C]`, by class weight where given.
    pub(super) fn class_mean(&self, losses: &str, builder: &mut Builder) -> Result<String> {
        let classes = self.classes(builder)?;
        let Some(weights) = &self.class_weights else {
            let sum = builder.reduce_sum(losses, &[0], false)?;
            return builder.scale(&sum, 1.0 / classes as f64);
        };
        let weighted = builder.mul(losses, weights)?;
        let sum = builder.reduce_sum(&weighted, &[0], false)?;
        let total = builder.reduce_sum(weights, &[0], false)?;
        builder.div(&sum, &total)
    }

    /// Number of counted pixels, one at least: float32 scalar.
    pub(super) fn counted_pixels(&self, counted: &str, builder: &mut Builder) -> Result<String> {
        let dims = builder.dims(&self.target)?;
        if builder.dims(counted)?.is_empty() {
            return builder.scalar(dims.iter().product::<usize>() as f64);
        }
        let all: Vec<usize> = (0..builder.dims(counted)?.len()).collect();
        let count = builder.reduce_sum(counted, &all, false)?;
        let one = builder.scalar(1.0)?;
        builder.op("Max", &[&count, &one])
    }
}
