//! Losses as graph pieces: what each is, and the nodes that compute it from logits and target.

/// A loss over logits `[N, C, H, W]` and a target.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Loss {
    /// Softmax cross-entropy, averaged over counted pixels by their class weight.
    CrossEntropy {
        /// Share of the target spread evenly over all classes, in `0..1`.
        label_smoothing: f32,
    },
    /// One minus the Dice coefficient, averaged over classes present in the target.
    Dice {
        /// Added to numerator and denominator.
        smooth: f32,
    },
    /// One minus the intersection over union, averaged over classes present in the target.
    Jaccard {
        /// Added to numerator and denominator.
        smooth: f32,
    },
    /// One minus the Tversky index, to a power.
    Tversky {
        /// Added to numerator and denominator.
        smooth: f32,
        /// Weight of false positives.
        alpha: f32,
        /// Weight of false negatives.
        beta: f32,
        /// Exponent of the averaged loss.
        gamma: f32,
    },
    /// Focal loss of each class against the rest.
    Focal {
        /// Exponent that discounts easy pixels.
        gamma: f32,
        /// Weight of the positive class against the rest; `None` weighs all alike.
        alpha: Option<f32>,
    },
    /// Binary cross-entropy of each class against the rest, on the logits.
    BinaryCrossEntropy {
        /// Pull of targets towards the opposite label, in `0..1`.
        label_smoothing: f32,
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
