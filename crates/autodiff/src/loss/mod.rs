//! Losses as graph pieces: what each is, and the nodes that compute it from logits and target.

mod binary;
mod cross_entropy;
mod ground;
mod lovasz;
mod region;
mod regression;

pub(crate) use ground::{Ground, OneHot};

use crate::builder::Builder;
use crate::error::{Error, Result};

/// A loss over logits `[N, C, H, W]` and a target.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Loss {
    /// Softmax cross-entropy, averaged over counted pixels by their class weight.
    CrossEntropy {
        /// Share of the target spread evenly over all classes, in `0..1`.
        label_smoothing: f64,
    },
    /// One minus the Dice coefficient of each class over the batch, averaged over all classes; one that the target does not hold
    /// has loss zero, as smp has it.
    Dice {
        /// Added to numerator and denominator.
        smooth: f64,
    },
    /// One minus the intersection over union, otherwise as [`Loss::Dice`].
    Jaccard {
        /// Added to numerator and denominator.
        smooth: f64,
    },
    /// One minus the Tversky index, averaged as [`Loss::Dice`], to a power.
    Tversky {
        /// Added to numerator and denominator.
        smooth: f64,
        /// Weight of false positives.
        alpha: f64,
        /// Weight of false negatives.
        beta: f64,
        /// Exponent of the averaged loss.
        gamma: f64,
    },
    /// Focal loss of each class against the rest: the mean over counted pixels, then over classes.
    Focal {
        /// Exponent that discounts easy pixels.
        gamma: f64,
        /// Weight of the positive class against the rest; `None` weighs all alike.
        alpha: Option<f64>,
    },
    /// Binary cross-entropy of each class against the rest, on the logits; the mean over all pixels and classes, ignored ones counting as
    /// zeros. With a single class the positive pixels are those of number 1.
    BinaryCrossEntropy {
        /// Pull of targets towards the opposite label, in `0..1`.
        label_smoothing: f64,
    },
    /// Lovász loss over the batch: the convex surrogate of the intersection over union, averaged over classes present; by softmax,
    /// or by hinge with a single class, as smp has it.
    Lovasz,
    /// Mean absolute error against a float32 target of the output's shape.
    L1,
    /// Mean squared error against a float32 target of the output's shape.
    Mse,
}

impl Loss {
    /// Cross-entropy without label smoothing.
    #[must_use]
    pub fn cross_entropy() -> Self {
        Self::CrossEntropy { label_smoothing: 0.0 }
    }

    /// Dice loss as smp defines it for several classes, without smoothing.
    #[must_use]
    pub fn dice() -> Self {
        Self::Dice { smooth: 0.0 }
    }
}

/// Writes the weighted sum of losses; yields its scalar value.
pub(crate) fn total(losses: &[(f64, Loss)], ground: &Ground, builder: &mut Builder) -> Result<String> {
    let mut total: Option<String> = None;
    for (weight, loss) in losses {
        let mut value = loss.write(ground, builder)?;
        if *weight != 1.0 {
            value = builder.scale(&value, *weight)?;
        }
        total = Some(match total {
            Some(sum) => builder.add(&sum, &value)?,
            None => value,
        });
    }
    total.ok_or_else(|| Error::Options { reason: "no loss is given; name one at least".into() })
}

impl Loss {
    /// Writes the loss; yields its scalar value.
    fn write(&self, ground: &Ground, builder: &mut Builder) -> Result<String> {
        match *self {
            Self::CrossEntropy { label_smoothing } => cross_entropy::cross_entropy(label_smoothing, ground, builder),
            Self::Dice { smooth } => region(smooth, (0.5, 0.5), 1.0, ground, builder),
            Self::Jaccard { smooth } => region(smooth, (1.0, 1.0), 1.0, ground, builder),
            Self::Tversky { smooth, alpha, beta, gamma } => region(smooth, (alpha, beta), gamma, ground, builder),
            Self::Focal { gamma, alpha } => binary::focal(gamma, alpha, ground, builder),
            Self::BinaryCrossEntropy { label_smoothing } => binary::cross_entropy(label_smoothing, ground, builder),
            Self::Lovasz => lovasz::lovasz(ground, builder),
            Self::L1 => regression::error(false, ground, builder),
            Self::Mse => regression::error(true, ground, builder),
        }
    }

    /// Whether the target is of class numbers (int64) rather than of numbers to regress to (float32).
    pub(crate) fn classifies(&self) -> bool {
        !matches!(self, Self::L1 | Self::Mse)
    }
}

fn region(
    smooth: f64,
    (alpha, beta): (f64, f64),
    gamma: f64,
    ground: &Ground,
    builder: &mut Builder,
) -> Result<String> {
    region::tversky(&region::Weighing { smooth, alpha, beta, gamma }, ground, builder)
}
