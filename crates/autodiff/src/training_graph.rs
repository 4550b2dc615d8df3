//! The graphs that train: gradients alone, or a whole optimiser step.

use std::collections::BTreeSet;

use crate::backward::Backward;
use crate::builder::Builder;
use crate::error::{Error, Result};
use crate::forward::Forward;
use crate::graph::{DataType, Graph, Node, Patch, SWATH_DOMAIN, ValueInfo};
use crate::infer::Fact;
use crate::lowering::lower;
use crate::model::{Header, Model};
use crate::optimizer::{self, Update};
use crate::options::{Lowering, TrainingOptions};
use crate::scaling;

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
    /// A sum of gradients over several batches (`sum/<parameter>`); see [`AccumulatingGraphs`](crate::AccumulatingGraphs).
    GradientSum,
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
    /// Name of the graph output that gives the updated one; empty where the graph leaves it as it is.
    pub output: String,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// Its values before the first step, row-major.
    pub initial: Vec<f32>,
}

/// One optimiser step as an ONNX graph.
///
/// Inputs: [`TrainingGraph::INPUT`], [`TrainingGraph::TARGET`], [`TrainingGraph::LEARNING_RATE`],
/// [`TrainingGraph::STEP`], [`TrainingGraph::MOMENTUM`] where asked for, [`TrainingGraph::LOSS_SCALE`] in float16, and every state
/// tensor's `input`. Outputs: [`TrainingGraph::LOSS`], [`TrainingGraph::LOGITS`], [`TrainingGraph::FINITE`] in float16, and every state
/// tensor's `output`.
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
    /// First decay of the optimiser in this step: float32 scalar; an input only where the options ask for it.
    pub const MOMENTUM: &'static str = "momentum";
    /// Factor on the loss that gradients are computed of: float32 scalar; an input only in float16. Gradients are divided by it before
    /// they are clipped and used.
    pub const LOSS_SCALE: &'static str = "loss_scale";
    /// Whether all gradients of the step were finite: float32 scalar, 1 or 0; an output only in float16. After a 0 every piece of state
    /// is as it was before the step.
    pub const FINITE: &'static str = "gradients_finite";
    /// Loss: float32 scalar.
    pub const LOSS: &'static str = "loss";
    /// The network's output: float32 `[N, classes, H, W]`.
    pub const LOGITS: &'static str = "logits";
    /// Prefix of the state name of a parameter's moving average.
    pub const AVERAGE: &'static str = "ema/";
}

/// Forward, loss and backward as one graph.
///
/// Inputs are `x` (float32 `[N, C, H, W]`) and `target` (int64 `[N, H, W]`), parameters are initializers; outputs are
/// `loss`, `logits`, `grad/<parameter>` for each trained parameter and, with batch statistics,
/// `stat/<running statistic>` for each updated statistic. In float16 it takes `loss_scale` and yields `gradients_finite` besides.
///
/// # Errors
/// When the options contradict the model, or an operator on the gradient path has no rule.
pub fn gradient_graph(model: &Model, options: &TrainingOptions) -> Result<Model> {
    let backward = Backward::of(Forward::of(model, options)?, options)?;
    let Backward { graph, mut builder, gradients, statistics, finite, opset } = backward;
    let mut outputs = loss_outputs(&builder)?;
    if let Some(finite) = &finite {
        outputs.push(scaling::finite_output(finite, &mut builder)?);
    }
    for (parameter, gradient) in &gradients {
        outputs.push(named(&mut builder, &format!("grad/{}", parameter.name), gradient)?);
    }
    for (name, updated) in &statistics {
        outputs.push(named(&mut builder, &format!("stat/{name}"), updated)?);
    }
    finish(model, options, Parts { graph, builder, inputs: Vec::new(), outputs, states: BTreeSet::new(), opset })
}

/// Forward, loss, backward and optimiser as one graph; see [`TrainingGraph`].
///
/// # Errors
/// When the options contradict the model, or an operator on the gradient path has no rule.
pub fn training_graph(model: &Model, options: &TrainingOptions) -> Result<TrainingGraph> {
    let backward = Backward::of(Forward::of(model, options)?, options)?;
    let Backward { graph, mut builder, gradients, statistics, finite, opset } = backward;
    let mut inputs = vec![
        ValueInfo::fixed(TrainingGraph::LEARNING_RATE, DataType::F32, &[]),
        ValueInfo::fixed(TrainingGraph::STEP, DataType::F32, &[]),
    ];
    if options.momentum_input {
        inputs.push(ValueInfo::fixed(TrainingGraph::MOMENTUM, DataType::F32, &[]));
    }
    for input in &inputs {
        builder.facts.insert(&input.name, Fact::new(DataType::F32, &[]))?;
    }
    let mut updates = optimizer::updates(options, &gradients, &mut builder)?;
    for (name, updated) in statistics {
        updates.push(Update { name: name.clone(), role: Role::RunningStatistic, input: name, updated });
    }
    let mut outputs = loss_outputs(&builder)?;
    if let Some(finite) = &finite {
        updates = scaling::held(updates, finite, &mut builder)?;
        outputs.push(scaling::finite_output(finite, &mut builder)?);
    }
    let state = with_state(&graph, &mut builder, &updates, &mut inputs, &mut outputs)?;
    let states = state.iter().map(|s| s.input.clone()).collect();
    let model = finish(model, options, Parts { graph, builder, inputs, outputs, states, opset })?;
    Ok(TrainingGraph { model, state })
}

/// Adds an input and an output for every piece of state; `network` holds the initial values.
pub(crate) fn with_state(
    network: &Graph,
    builder: &mut Builder,
    updates: &[Update],
    inputs: &mut Vec<ValueInfo>,
    outputs: &mut Vec<ValueInfo>,
) -> Result<Vec<StateTensor>> {
    let mut state = Vec::new();
    for update in updates {
        let output = named(builder, &format!("next/{}", update.name), &update.updated)?;
        let shape = builder.dims(&update.input)?;
        inputs.push(ValueInfo::fixed(&update.input, DataType::F32, &shape));
        state.push(StateTensor {
            name: update.name.clone(),
            role: update.role,
            input: update.input.clone(),
            output: output.name.clone(),
            initial: initial(network, update.role, &update.name, &shape)?,
            shape,
        });
        outputs.push(output);
    }
    Ok(state)
}

/// Values of a state tensor before the first step: the network's own, or zeros for a moment.
pub(crate) fn initial(graph: &Graph, role: Role, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
    let source = match role {
        Role::Moment | Role::GradientSum => return Ok(vec![0.0; shape.iter().product()]),
        Role::Average => name.strip_prefix(TrainingGraph::AVERAGE).unwrap_or(name),
        Role::Parameter | Role::RunningStatistic => name,
    };
    let values = graph.initializers().get(source).and_then(|t| t.as_f32()).map(<[f32]>::to_vec);
    values.ok_or_else(|| Error::Internal { place: "training_graph".into(), what: format!("'{source}' has no values") })
}

/// A value as a graph output of its own name.
fn named(builder: &mut Builder, name: &str, value: &str) -> Result<ValueInfo> {
    builder.push(Node::new("Identity", &[value], &[name]))?;
    Ok(ValueInfo::fixed(name, DataType::F32, &builder.dims(value)?))
}

pub(crate) fn loss_outputs(builder: &Builder) -> Result<Vec<ValueInfo>> {
    let output = |name| Ok(ValueInfo::fixed(name, DataType::F32, &builder.dims(name)?));
    Ok(vec![output(TrainingGraph::LOSS)?, output(TrainingGraph::LOGITS)?])
}

/// A training graph's parts before they are joined and lowered.
pub(crate) struct Parts {
    pub(crate) graph: Graph,
    pub(crate) builder: Builder,
    /// Inputs beside `x` and `target`.
    pub(crate) inputs: Vec<ValueInfo>,
    pub(crate) outputs: Vec<ValueInfo>,
    /// Initializers that become inputs.
    pub(crate) states: BTreeSet<String>,
    pub(crate) opset: i64,
}

pub(crate) fn finish(model: &Model, options: &TrainingOptions, parts: Parts) -> Result<Model> {
    let Parts { graph, builder, inputs, outputs, states, opset } = parts;
    let inputs = graph.inputs().iter().cloned().chain(inputs).collect();
    let graph = graph.patched(Patch {
        nodes: builder.nodes,
        initializers: builder.initializers,
        drop_initializers: states,
        inputs: Some(inputs),
        outputs: Some(outputs),
        prune: true,
        ..Patch::default()
    })?;
    let graph = lower(graph, options.lowering, opset, builder.facts)?;
    Ok(Model { header: header(model, opset, options.lowering), graph })
}

/// What a graph made from `model` says of itself.
pub(crate) fn header(model: &Model, opset: i64, lowering: Lowering) -> Header {
    Header {
        opset,
        ir_version: model.header.ir_version.max(8),
        other_opsets: if lowering == Lowering::Swath { vec![(SWATH_DOMAIN.to_owned(), 1)] } else { Vec::new() },
        producer: ("swath".into(), env!("CARGO_PKG_VERSION").into()),
        ..Header::default()
    }
}
