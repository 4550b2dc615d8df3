//! Losses as graph pieces: what each is, and the nodes that compute it from logits and target.

mod cross_entropy;

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
    /// One minus the Dice coefficient, averaged over classes present in the target.
    Dice {
        /// Added to numerator and denominator.
        smooth: f64,
    },
    /// One minus the intersection over union, averaged over classes present in the target.
    Jaccard {
        /// Added to numerator and denominator.
        smooth: f64,
    },
    /// One minus the Tversky index, to a power.
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
    /// Focal loss of each class against the rest.
    Focal {
        /// Exponent that discounts easy pixels.
        gamma: f64,
        /// Weight of the positive class against the rest; `None` weighs all alike.
        alpha: Option<f64>,
    },
    /// Binary cross-entropy of each class against the rest, on the logits.
    BinaryCrossEntropy {
        /// Pull of targets towards the opposite label, in `0..1`.
        label_smoothing: f64,
    },
    /// Lovász-softmax: the convex surrogate of the intersection over union.
    Lovasz,
    /// Mean absolute error between the single output channel and a float target.
    L1,
    /// Mean squared error between the single output channel and a float target.
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

/// What losses are computed from: names of values in the graph.
pub(crate) struct Ground {
    pub(crate) logits: String,
    pub(crate) target: String,
    /// One weight per class, `[C]`.
    pub(crate) class_weights: Option<String>,
    pub(crate) ignore_index: Option<i64>,
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
            other => Err(Error::Options { reason: format!("the loss {other:?} is not there yet") }),
        }
    }

    /// Whether the target is of class numbers (int64) rather than of numbers to regress to (float32).
    pub(crate) fn classifies(&self) -> bool {
        !matches!(self, Self::L1 | Self::Mse)
    }
}
