//! Optimisers as graph pieces: definitions follow `torch.optim`, step by step.

/// An optimiser and its settings; the learning rate is an input of every step.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Optimizer {
    /// Stochastic gradient descent. One moment per parameter where `momentum` is not zero.
    Sgd {
        /// Momentum factor.
        momentum: f32,
        /// Part of the gradient kept out of the momentum buffer (not at the first step).
        dampening: f32,
        /// Nesterov's form of momentum.
        nesterov: bool,
        /// L2 penalty added to the gradient.
        weight_decay: f32,
    },
    /// Adam: two moments per parameter, weight decay as L2 penalty.
    Adam {
        /// Decay of the first moment.
        beta1: f32,
        /// Decay of the second moment.
        beta2: f32,
        /// Added to the root of the second moment.
        epsilon: f32,
        /// L2 penalty added to the gradient.
        weight_decay: f32,
    },
    /// AdamW: two moments per parameter, weight decay apart from the gradient.
    AdamW {
        /// Decay of the first moment.
        beta1: f32,
        /// Decay of the second moment.
        beta2: f32,
        /// Added to the root of the second moment.
        epsilon: f32,
        /// Decay of the parameter per unit of learning rate.
        weight_decay: f32,
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
    pub fn sgd(momentum: f32) -> Self {
        Self::Sgd { momentum, dampening: 0.0, nesterov: false, weight_decay: 0.0 }
    }
}
