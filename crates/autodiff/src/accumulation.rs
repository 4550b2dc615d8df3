//! Gradient accumulation: one graph adds up gradients over several small batches, another takes the step on their sum.

use std::collections::{BTreeMap, BTreeSet};

use crate::backward::Backward;
use crate::builder::Builder;
use crate::error::Result;
use crate::forward::Forward;
use crate::graph::{DataType, Graph, Patch, ValueInfo};
use crate::infer::{Fact, Facts};
use crate::lowering::lower;
use crate::model::Model;
use crate::optimizer::{self, Update};
use crate::options::TrainingOptions;
use crate::scaling;
use crate::training_graph::{Parts, Role, TrainingGraph, finish, header, loss_outputs, with_state};

/// Two graphs that together take one optimiser step over several batches.
///
/// In float16 the loss scale is an input of `gradients`, and `update` tells whether the sums were finite; where they were not it changes
/// nothing. For each batch run `gradients`; after the last run `update` with [`AccumulatingGraphs::SCALE`] set to one over the number of
/// batches, then set the sums back to zero. The outcome is the step over the mean of the batches' losses. BatchNormalization sees each
/// batch by itself, as in PyTorch.
#[derive(Debug, Clone)]
pub struct AccumulatingGraphs {
    /// Inputs `x`, `target`, every trained parameter under its name, and its state; outputs `loss`, `logits` and its updated state:
    /// gradient sums and running statistics.
    pub gradients: TrainingGraph,
    /// Inputs `learning_rate`, `step`, `momentum` where asked for, [`AccumulatingGraphs::SCALE`], every gradient sum under its name, and its
    /// state; outputs its updated state: parameters, moments and averages.
    pub update: TrainingGraph,
}

impl AccumulatingGraphs {
    /// Factor on the gradient sums: float32 scalar.
    pub const SCALE: &'static str = "gradient_scale";
}

/// Prefix of the name of a gradient sum.
const SUM: &str = "sum/";

/// Writes the two graphs of [`AccumulatingGraphs`].
///
/// # Errors
/// When the options contradict the model, or an operator on the gradient path has no rule.
pub fn accumulating_graphs(model: &Model, options: &TrainingOptions) -> Result<AccumulatingGraphs> {
    let backward = Backward::of(Forward::of(model, options)?, options)?;
    let update = update_graph(model, options, &backward)?;
    Ok(AccumulatingGraphs { gradients: sum_graph(model, options, backward)?, update })
}

fn sum_graph(model: &Model, options: &TrainingOptions, backward: Backward) -> Result<TrainingGraph> {
    let Backward { graph, mut builder, gradients, statistics, finite, opset } = backward;
    let mut updates = Vec::new();
    let mut inputs = Vec::new();
    for (parameter, gradient) in &gradients {
        let dims = builder.dims(&parameter.name)?;
        inputs.push(ValueInfo::fixed(&parameter.name, DataType::F32, &dims));
        let name = format!("{SUM}{}", parameter.name);
        builder.facts.insert(&name, Fact::new(DataType::F32, &dims))?;
        let updated = builder.add(&name, gradient)?;
        updates.push(Update { input: name.clone(), name, role: Role::GradientSum, updated });
    }
    let statistics = statistics.into_iter().map(|(name, updated)| Update {
        name: name.clone(),
        role: Role::RunningStatistic,
        input: name,
        updated,
    });
    match &finite {
        // The sums must show an overflow to the update.
        Some(finite) => updates.extend(scaling::held(statistics.collect(), finite, &mut builder)?),
        None => updates.extend(statistics),
    }
    let mut outputs = loss_outputs(&builder)?;
    let state = with_state(&graph, &mut builder, &updates, &mut inputs, &mut outputs)?;
    let mut states: BTreeSet<String> = updates.into_iter().map(|u| u.input).collect();
    states.extend(gradients.into_iter().map(|(parameter, _)| parameter.name));
    let model = finish(model, options, Parts { graph, builder, inputs, outputs, states, opset })?;
    Ok(TrainingGraph { model, state })
}

fn update_graph(model: &Model, options: &TrainingOptions, backward: &Backward) -> Result<TrainingGraph> {
    let mut builder = Builder::new("update", backward.opset, Facts::default());
    let mut scalars = vec![TrainingGraph::LEARNING_RATE, TrainingGraph::STEP, AccumulatingGraphs::SCALE];
    scalars.extend(options.momentum_input.then_some(TrainingGraph::MOMENTUM));
    let mut inputs = Vec::new();
    for scalar in scalars {
        builder.facts.insert(scalar, Fact::new(DataType::F32, &[]))?;
        inputs.push(ValueInfo::fixed(scalar, DataType::F32, &[]));
    }
    let mut means = Vec::new();
    for (parameter, _) in &backward.gradients {
        let dims = backward.builder.dims(&parameter.name)?;
        let sum = format!("{SUM}{}", parameter.name);
        for name in [&parameter.name, &sum] {
            builder.facts.insert(name, Fact::new(DataType::F32, &dims))?;
        }
        inputs.push(ValueInfo::fixed(&sum, DataType::F32, &dims));
        means.push((parameter.clone(), builder.mul(&sum, AccumulatingGraphs::SCALE)?));
    }
    let mut updates = optimizer::updates(options, &means, &mut builder)?;
    let mut outputs = Vec::new();
    if backward.finite.is_some() {
        let finite = scaling::all_finite(&means, &mut builder)?;
        updates = scaling::held(updates, &finite, &mut builder)?;
        outputs.push(scaling::finite_output(&finite, &mut builder)?);
    }
    let state = with_state(&backward.graph, &mut builder, &updates, &mut inputs, &mut outputs)?;
    let graph =
        Graph::new(builder.nodes, inputs, outputs, builder.initializers.into_iter().collect::<BTreeMap<_, _>>())?;
    let graph = graph.patched(Patch { prune: true, ..Patch::default() })?;
    let graph = lower(graph, options.lowering, backward.opset, builder.facts)?;
    let header = header(model, backward.opset, options.lowering);
    Ok(TrainingGraph { model: Model { graph, header }, state })
}
