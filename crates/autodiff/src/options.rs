//! What a caller asks of a training graph: shapes, losses, optimiser, what is frozen.

use crate::graph::DataType;
use crate::loss::Loss;
use crate::optimizer::Optimizer;
use crate::parameters::Parameter;
use crate::pattern::matches_parameter;

/// Which statistics BatchNormalization uses while training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BatchNormMode {
    /// Statistics of the batch; running statistics are updated as PyTorch does (unbiased variance).
    #[default]
    Train,
    /// The stored running statistics, as constants.
    Frozen,
}

/// Which operators the graph is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lowering {
    /// Standard ONNX operators only: any ONNX Runtime runs the graph.
    #[default]
    Plain,
    /// Operators of domain `swath` where plain ones are slow: needs the kernels of swath-train.
    Swath,
}

/// Type in which the network's products (convolutions and matrix products, and their gradients) are computed.
///
/// Parameters, moments, statistics, losses and the optimiser are float32 whatever the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    /// float32 throughout.
    #[default]
    Float32,
    /// bfloat16: the range of float32 with 8 bits of mantissa.
    BFloat16,
    /// float16: 11 bits of mantissa and a small range, so that the loss is scaled up for the gradients' sake: the graph takes
    /// [`TrainingGraph::LOSS_SCALE`](crate::TrainingGraph::LOSS_SCALE), and a step whose gradients overflow changes nothing.
    Float16,
}

impl Precision {
    /// The low type, where there is one.
    pub(crate) fn low(self) -> Option<DataType> {
        match self {
            Self::Float32 => None,
            Self::BFloat16 => Some(DataType::Bf16),
            Self::Float16 => Some(DataType::F16),
        }
    }
}

/// Parameters that train at a rate or with a weight decay of their own.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterGroup {
    /// Glob over parameter names (`*` any run of characters, `?` one), for example `encoder.*` or `*.bias`.
    pub pattern: String,
    /// Factor on the step's learning rate.
    pub lr_multiplier: f64,
    /// Weight decay in place of the optimiser's own; `None` keeps that.
    pub weight_decay: Option<f64>,
}

/// Frozen parameters that begin to train later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thaw {
    /// Glob over parameter names.
    pub pattern: String,
    /// Steps done before they begin: their optimiser counts from there.
    pub after_step: u64,
}

/// All that decides the form of a training graph.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingOptions {
    /// Shape of a batch: `[N, C, H, W]`.
    pub input_shape: [usize; 4],
    /// Statistics used by BatchNormalization.
    pub batchnorm: BatchNormMode,
    /// Whether every step is given the first decay (`beta1`, or the momentum of gradient descent) as an input, in place of the
    /// optimiser's own: one-cycle schedules move it.
    pub momentum_input: bool,
    /// Globs over parameter names; a parameter that any of them matches is not trained.
    pub freeze: Vec<String>,
    /// What of the frozen begins to train, and when; a graph takes part of it up to `steps_done`.
    pub thaw: Vec<Thaw>,
    /// Steps done before this graph takes over.
    pub steps_done: u64,
    /// Losses and their weights; the graph's loss is their weighted sum.
    pub losses: Vec<(f64, Loss)>,
    /// Target value of pixels that do not count.
    pub ignore_index: Option<i64>,
    /// One weight per class; `None` weighs all alike.
    pub class_weights: Option<Vec<f32>>,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// Groups with settings of their own; the first pattern that matches a parameter decides.
    pub groups: Vec<ParameterGroup>,
    /// Largest global norm of all gradients; larger ones are scaled down to it.
    pub clip_norm: Option<f64>,
    /// Decay of an exponential moving average of the parameters, kept as further state.
    pub ema_decay: Option<f64>,
    /// Operators the graph is written in.
    pub lowering: Lowering,
    /// Type of the network's products.
    pub precision: Precision,
}

impl TrainingOptions {
    /// Cross-entropy, AdamW, batch statistics, plain operators: the usual start.
    #[must_use]
    pub fn new(input_shape: [usize; 4]) -> Self {
        Self {
            input_shape,
            batchnorm: BatchNormMode::Train,
            momentum_input: false,
            freeze: Vec::new(),
            thaw: Vec::new(),
            steps_done: 0,
            losses: vec![(1.0, Loss::cross_entropy())],
            ignore_index: None,
            class_weights: None,
            optimizer: Optimizer::adamw(),
            groups: Vec::new(),
            clip_norm: None,
            ema_decay: None,
            lowering: Lowering::Plain,
            precision: Precision::Float32,
        }
    }
    /// Steps done when a parameter begins to train; `None` for one that stays frozen.
    pub(crate) fn begins(&self, parameter: &Parameter) -> Option<u64> {
        if !self.freeze.iter().any(|pattern| matches_parameter(pattern, parameter)) {
            return Some(0);
        }
        let thawed = self.thaw.iter().filter(|thaw| matches_parameter(&thaw.pattern, parameter));
        thawed.map(|thaw| thaw.after_step).min()
    }

    /// Whether a parameter trains in this graph.
    pub(crate) fn trains(&self, parameter: &Parameter) -> bool {
        self.begins(parameter).is_some_and(|begins| begins <= self.steps_done)
    }
}
