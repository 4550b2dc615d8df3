//! Writes one optimiser step over all parameters: groups, clipping, moments, averages.

use super::Optimizer;
use crate::builder::Builder;
use crate::error::Result;
use crate::graph::DataType;
use crate::infer::Fact;
use crate::options::{ParameterGroup, TrainingOptions};
use crate::parameters::Parameter;
use crate::pattern::matches_parameter;
use crate::training_graph::{Role, TrainingGraph};

/// A piece of state: the value that takes it, and the value that holds the updated one.
pub(crate) struct Update {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) input: String,
    pub(crate) updated: String,
}

/// Updates of all parameters, then of all moments, then of all averages.
pub(crate) fn updates(
    options: &TrainingOptions,
    gradients: &[(Parameter, String)],
    builder: &mut Builder,
) -> Result<Vec<Update>> {
    let clip = match options.clip_norm {
        Some(largest) => Some(clip_factor(largest, gradients, builder)?),
        None => None,
    };
    let (mut parameters, mut moments, mut averages) = (Vec::new(), Vec::new(), Vec::new());
    for (parameter, gradient) in gradients {
        let group = options.groups.iter().find(|g| matches_parameter(&g.pattern, parameter));
        let count = step_number(options.begins(parameter).unwrap_or(0), builder)?;
        let scalars = Scalars { step: &count, clip: clip.as_deref(), momentum: options.momentum_input };
        let (updated, mut new_moments) = step(&options.optimizer, group, parameter, gradient, scalars, builder)?;
        if let Some(decay) = options.ema_decay {
            averages.push(average(decay, &parameter.name, &updated, builder)?);
        }
        let name = parameter.name.clone();
        parameters.push(Update { name: name.clone(), role: Role::Parameter, input: name, updated });
        moments.append(&mut new_moments);
    }
    Ok(parameters.into_iter().chain(moments).chain(averages).collect())
}

/// Number of the step for parameters that began after so many steps.
fn step_number(began: u64, builder: &mut Builder) -> Result<String> {
    if began == 0 {
        return Ok(TrainingGraph::STEP.to_owned());
    }
    builder.once(&format!("steps since {began}"), |b| {
        let before = b.scalar(began as f64)?;
        b.sub(TrainingGraph::STEP, &before)
    })
}

/// Scalars of a parameter's step.
#[derive(Clone, Copy)]
struct Scalars<'a> {
    /// Number of the step, counted from 1.
    step: &'a str,
    /// Factor on all gradients.
    clip: Option<&'a str>,
    /// Whether the first decay is an input of the graph.
    momentum: bool,
}

fn step(
    optimizer: &Optimizer,
    group: Option<&ParameterGroup>,
    parameter: &Parameter,
    gradient: &str,
    scalars: Scalars<'_>,
    builder: &mut Builder,
) -> Result<(String, Vec<Update>)> {
    let multiplier = group.map_or(1.0, |g| g.lr_multiplier);
    let rate = if multiplier == 1.0 {
        TrainingGraph::LEARNING_RATE.to_owned()
    } else {
        builder.once(&format!("rate of {multiplier}"), |b| b.scale(TrainingGraph::LEARNING_RATE, multiplier))?
    };
    let dims = builder.dims(&parameter.name)?;
    let mut inputs = vec![parameter.name.clone(), gradient.to_owned()];
    let mut states = Vec::new();
    for prefix in optimizer.moments() {
        let name = format!("{prefix}/{}", parameter.name);
        builder.facts.insert(&name, Fact::new(DataType::F32, &dims))?;
        inputs.push(name.clone());
        states.push(name);
    }
    if states.is_empty() {
        inputs.push(String::new());
    }
    inputs.push(rate);
    inputs.push(scalars.step.to_owned());
    inputs.extend(scalars.clip.map(str::to_owned));
    if scalars.momentum && !states.is_empty() {
        if scalars.clip.is_none() {
            inputs.push(String::new());
        }
        inputs.push(TrainingGraph::MOMENTUM.to_owned());
    }
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let attributes = optimizer.attributes(group.and_then(|g| g.weight_decay));
    let mut outputs = builder.swath(optimizer.operator(), &inputs, 1 + states.len(), &attributes)?;
    let updated = outputs.remove(0);
    let moment = |(name, updated): (String, String)| Update { input: name.clone(), name, role: Role::Moment, updated };
    Ok((updated, states.into_iter().zip(outputs).map(moment).collect()))
}

/// min(1, largest / (norm + 1e-6)), as `torch.nn.utils.clip_grad_norm_` has it.
fn clip_factor(largest: f64, gradients: &[(Parameter, String)], builder: &mut Builder) -> Result<String> {
    let mut squares = Vec::new();
    for (_, gradient) in gradients {
        let square =
            builder.op_with("ReduceSumSquare", &[gradient], &[("keepdims", crate::graph::Attribute::Int(0))])?;
        squares.push(builder.reshape(&square, &[1])?);
    }
    let names: Vec<&str> = squares.iter().map(String::as_str).collect();
    let all = builder.concat(&names, 0)?;
    let sum = builder.reduce_sum(&all, &[0], false)?;
    let norm = builder.op("Sqrt", &[&sum])?;
    let (small, largest, one) = (builder.scalar(1e-6)?, builder.scalar(largest)?, builder.scalar(1.0)?);
    let norm = builder.add(&norm, &small)?;
    let ratio = builder.div(&largest, &norm)?;
    builder.op("Min", &[&ratio, &one])
}

/// average decay + parameter (1 - decay), after the step.
fn average(decay: f64, parameter: &str, updated: &str, builder: &mut Builder) -> Result<Update> {
    let name = format!("{}{parameter}", TrainingGraph::AVERAGE);
    builder.facts.insert(&name, Fact::new(DataType::F32, &builder.dims(parameter)?))?;
    let kept = builder.scale(&name, decay)?;
    let came = builder.scale(updated, 1.0 - decay)?;
    let updated = builder.add(&kept, &came)?;
    Ok(Update { input: name.clone(), name, role: Role::Average, updated })
}
