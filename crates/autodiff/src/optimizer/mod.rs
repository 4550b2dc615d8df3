//! Optimisers as graph pieces: definitions follow `torch.optim`, step by step.

mod updates;

pub(crate) use updates::{Update, updates};

use crate::graph::Attribute;

/// An optimiser and its settings; the learning rate is an input of every step.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Optimizer {
    /// Stochastic gradient descent. One moment per parameter where `momentum` is not zero.
    Sgd {
        /// Momentum factor.
        momentum: f64,
        /// Part of the gradient kept out of the momentum buffer (not at the first step).
        dampening: f64,
        /// Nesterov's form of momentum.
        nesterov: bool,
        /// L2 penalty added to the gradient.
        weight_decay: f64,
    },
    /// Adam: two moments per parameter, weight decay as L2 penalty.
    Adam {
        /// Decay of the first moment.
        beta1: f64,
        /// Decay of the second moment.
        beta2: f64,
        /// Added to the root of the second moment.
        epsilon: f64,
        /// L2 penalty added to the gradient.
        weight_decay: f64,
    },
    /// AdamW: two moments per parameter, weight decay apart from the gradient.
    AdamW {
        /// Decay of the first moment.
        beta1: f64,
        /// Decay of the second moment.
        beta2: f64,
        /// Added to the root of the second moment.
        epsilon: f64,
        /// Decay of the parameter per unit of learning rate.
        weight_decay: f64,
    },
}

impl Optimizer {
    /// AdamW with PyTorch's defaults: betas 0.9 and 0.999, epsilon 1e-8, weight decay 0.01.
    #[must_use]
    pub fn adamw() -> Self {
        Self::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 1e-2 }
    }

    /// Adam with PyTorch's defaults: betas 0.9 and 0.999, epsilon 1e-8, no weight decay.
    #[must_use]
    pub fn adam() -> Self {
        Self::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 }
    }

    /// Gradient descent with the given momentum and nothing else.
    #[must_use]
    pub fn sgd(momentum: f64) -> Self {
        Self::Sgd { momentum, dampening: 0.0, nesterov: false, weight_decay: 0.0 }
    }
}

impl Optimizer {
    /// Its operator in domain `swath`.
    pub(crate) fn operator(&self) -> &'static str {
        match self {
            Self::Sgd { .. } => "Sgd",
            Self::Adam { .. } => "Adam",
            Self::AdamW { .. } => "AdamW",
        }
    }

    /// Prefixes of the moments that it keeps of each parameter.
    pub(crate) fn moments(&self) -> &'static [&'static str] {
        match self {
            Self::Sgd { momentum, .. } if *momentum == 0.0 => &[],
            Self::Sgd { .. } => &["m"],
            Self::Adam { .. } | Self::AdamW { .. } => &["m", "v"],
        }
    }

    /// Attributes of its operator; `decay` takes the place of its own weight decay.
    pub(crate) fn attributes(&self, decay: Option<f64>) -> Vec<(&'static str, Attribute)> {
        let float = |value: f64| Attribute::Float(value as f32);
        match *self {
            Self::Sgd { momentum, dampening, nesterov, weight_decay } => vec![
                ("momentum", float(momentum)),
                ("dampening", float(dampening)),
                ("nesterov", Attribute::Int(i64::from(nesterov))),
                ("weight_decay", float(decay.unwrap_or(weight_decay))),
            ],
            Self::Adam { beta1, beta2, epsilon, weight_decay }
            | Self::AdamW { beta1, beta2, epsilon, weight_decay } => vec![
                ("beta1", float(beta1)),
                ("beta2", float(beta2)),
                ("epsilon", float(epsilon)),
                ("weight_decay", float(decay.unwrap_or(weight_decay))),
            ],
        }
    }
}
