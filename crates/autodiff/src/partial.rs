//! A training step cut short: forward, or forward and backward. Their times against that of the whole step tell its parts.

use std::collections::BTreeSet;

use crate::backward::Backward;
use crate::error::Result;
use crate::forward::Forward;
use crate::graph::{DataType, ValueInfo};
use crate::model::Model;
use crate::optimizer::Update;
use crate::options::TrainingOptions;
use crate::scaling;
use crate::training_graph::{
    Parts, Role, StateTensor, TrainingGraph, finish, initial, loss_outputs, named, with_state,
};

/// How far a partial graph goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// To the loss: activations and running statistics as in training.
    Forward,
    /// To the gradients: outputs `grad/<parameter>` as well.
    Gradients,
}

/// The training graph of `options` as far as `extent`. Parameters are state that the graph reads and leaves as it is; running
/// statistics are updated.
///
/// # Errors
/// As [`training_graph`](crate::training_graph).
pub fn partial_graph(model: &Model, options: &TrainingOptions, extent: Extent) -> Result<TrainingGraph> {
    let backward = Backward::of(Forward::of(model, options)?, options)?;
    let Backward { graph, mut builder, gradients, statistics, finite, opset } = backward;
    let mut inputs = Vec::new();
    let mut outputs = loss_outputs(&builder)?;
    if extent == Extent::Gradients {
        if let Some(finite) = &finite {
            outputs.push(scaling::finite_output(finite, &mut builder)?);
        }
        for (parameter, gradient) in &gradients {
            outputs.push(named(&mut builder, &format!("grad/{}", parameter.name), gradient)?);
        }
    }
    let updates = statistics.into_iter().map(|(name, updated)| {
        let input = name.clone();
        Update { name, role: Role::RunningStatistic, input, updated }
    });
    let mut state = with_state(&graph, &mut builder, &updates.collect::<Vec<_>>(), &mut inputs, &mut outputs)?;
    for (parameter, _) in gradients {
        let name = parameter.name;
        let shape = builder.dims(&name)?;
        inputs.push(ValueInfo::fixed(&name, DataType::F32, &shape));
        let (role, initial) = (Role::Parameter, initial(&graph, Role::Parameter, &name, &shape)?);
        state.push(StateTensor { input: name.clone(), name, role, output: String::new(), shape, initial });
    }
    let states: BTreeSet<String> = state.iter().map(|tensor| tensor.input.clone()).collect();
    let model = finish(model, options, Parts { graph, builder, inputs, outputs, states, opset })?;
    Ok(TrainingGraph { model, state })
}
