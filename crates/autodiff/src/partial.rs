//! Parts of a training step as graphs of their own, to be timed: the forward pass, and the optimiser.

use std::collections::{BTreeMap, BTreeSet};

use crate::backward::Backward;
use crate::builder::Builder;
use crate::error::Result;
use crate::forward::Forward;
use crate::graph::{DataType, Graph, Node, Patch, ValueInfo};
use crate::infer::{Fact, Facts};
use crate::lowering::lower;
use crate::model::Model;
use crate::optimizer::{self, Update};
use crate::options::TrainingOptions;
use crate::training_graph::{
    Parts, Role, StateTensor, TrainingGraph, finish, header, initial, loss_outputs, with_state,
};

/// The training graph of `options` as far as the loss: activations and running statistics as in training. Parameters are state
/// that the graph reads and leaves as it is.
///
/// # Errors
/// As [`training_graph`](crate::training_graph).
pub fn forward_graph(model: &Model, options: &TrainingOptions) -> Result<TrainingGraph> {
    let backward = Backward::of(Forward::of(model, options)?, options)?;
    let Backward { graph, mut builder, gradients, statistics, opset, .. } = backward;
    let mut inputs = Vec::new();
    let mut outputs = loss_outputs(&builder)?;
    let updates = statistics.into_iter().map(|(name, updated)| {
        let input = name.clone();
        Update { name, role: Role::RunningStatistic, input, updated }
    });
    let mut state = with_state(&graph, &mut builder, &updates.collect::<Vec<_>>(), &mut inputs, &mut outputs)?;
    for (parameter, _) in gradients {
        let shape = builder.dims(&parameter.name)?;
        let values = initial(&graph, Role::Parameter, &parameter.name, &shape)?;
        inputs.push(ValueInfo::fixed(&parameter.name, DataType::F32, &shape));
        state.push(read_only(&parameter.name, Role::Parameter, shape, values));
    }
    let states: BTreeSet<String> = state.iter().map(|tensor| tensor.input.clone()).collect();
    let model = finish(model, options, Parts { graph, builder, inputs, outputs, states, opset })?;
    Ok(TrainingGraph { model, state })
}

/// The optimiser of a training graph by itself. Gradients are state, `grad/<parameter>`, that it reads and leaves at zero; it
/// takes neither images nor target, and its loss is 0.
///
/// # Errors
/// As [`training_graph`](crate::training_graph).
pub fn optimizer_graph(model: &Model, options: &TrainingOptions) -> Result<TrainingGraph> {
    let backward = Backward::of(Forward::of(model, options)?, options)?;
    let mut builder = Builder::new("update", backward.opset, Facts::default());
    let momentum = options.momentum_input.then_some(TrainingGraph::MOMENTUM);
    let mut inputs = Vec::new();
    for scalar in [TrainingGraph::LEARNING_RATE, TrainingGraph::STEP].into_iter().chain(momentum) {
        builder.facts.insert(scalar, Fact::new(DataType::F32, &[]))?;
        inputs.push(ValueInfo::fixed(scalar, DataType::F32, &[]));
    }
    let mut gradients = Vec::new();
    let mut given = Vec::new();
    for (parameter, _) in &backward.gradients {
        let dims = backward.builder.dims(&parameter.name)?;
        let gradient = format!("grad/{}", parameter.name);
        for name in [&parameter.name, &gradient] {
            builder.facts.insert(name, Fact::new(DataType::F32, &dims))?;
        }
        inputs.push(ValueInfo::fixed(&gradient, DataType::F32, &dims));
        let zeros = vec![0.0; dims.iter().product()];
        given.push(read_only(&gradient, Role::GradientSum, dims, zeros));
        gradients.push((parameter.clone(), gradient));
    }
    let updates = optimizer::updates(options, &gradients, &mut builder)?;
    let zero = builder.scalar(0.0)?;
    builder.push(Node::new("Identity", &[&zero], &[TrainingGraph::LOSS]))?;
    let mut outputs = vec![ValueInfo::fixed(TrainingGraph::LOSS, DataType::F32, &[])];
    let mut state = with_state(&backward.graph, &mut builder, &updates, &mut inputs, &mut outputs)?;
    state.extend(given);
    let initializers = builder.initializers.into_iter().collect::<BTreeMap<_, _>>();
    let graph = Graph::new(builder.nodes, inputs, outputs, initializers)?;
    let graph = graph.patched(Patch { prune: true, ..Patch::default() })?;
    let graph = lower(graph, options.lowering, backward.opset, builder.facts)?;
    Ok(TrainingGraph { model: Model { graph, header: header(model, backward.opset, options.lowering) }, state })
}

/// State that a graph reads and leaves as it is.
fn read_only(name: &str, role: Role, shape: Vec<usize>, initial: Vec<f32>) -> StateTensor {
    let name = name.to_owned();
    StateTensor { input: name.clone(), name, role, output: String::new(), shape, initial }
}
