//! Adds loss and gradients to a network in training form.

use crate::builder::Builder;
use crate::error::{Error, Result};
use crate::forward::Forward;
use crate::graph::{DataType, Graph, Node, Patch, Tensor, ValueInfo};
use crate::infer::Fact;
use crate::loss::{self, Ground};
use crate::options::{Precision, TrainingOptions};
use crate::parameters::Parameter;
use crate::rules::differentiate;
use crate::scaling;
use crate::training_graph::TrainingGraph;

/// Network and loss as a graph, and a builder that holds the nodes of the backward pass.
pub(crate) struct Backward {
    pub(crate) graph: Graph,
    pub(crate) builder: Builder,
    /// Trained parameters that the loss depends on, each with its gradient.
    pub(crate) gradients: Vec<(Parameter, String)>,
    /// Running statistics and their updated values.
    pub(crate) statistics: Vec<(String, String)>,
    /// Where the loss is scaled: the value that tells whether all gradients are finite.
    pub(crate) finite: Option<String>,
    pub(crate) opset: i64,
}

impl Backward {
    pub(crate) fn of(forward: Forward, options: &TrainingOptions) -> Result<Self> {
        let Forward { graph, facts, opset, trained, statistics } = forward;
        let scaled = options.precision == Precision::Float16;
        let mut builder = Builder::new("loss", opset, facts);
        let (graph, builder) = {
            let target = target_info(options, &builder)?;
            builder.facts.insert(TrainingGraph::TARGET, Fact::new(target.dtype, &fixed(&target)))?;
            write_loss(options, &mut builder)?;
            let mut inputs = graph.inputs().to_vec();
            inputs.push(target);
            if scaled {
                builder.facts.insert(TrainingGraph::LOSS_SCALE, Fact::new(DataType::F32, &[]))?;
                inputs.push(scaling::scale_input());
            }
            let mut outputs = graph.outputs().to_vec();
            outputs.push(ValueInfo::fixed(TrainingGraph::LOSS, DataType::F32, &[]));
            let patch = Patch {
                nodes: std::mem::take(&mut builder.nodes),
                initializers: std::mem::take(&mut builder.initializers),
                inputs: Some(inputs),
                outputs: Some(outputs),
                ..Patch::default()
            };
            (graph.patched(patch)?, builder)
        };
        let mut builder = Builder::new("gradient", opset, builder.facts);
        let factor =
            if scaled { TrainingGraph::LOSS_SCALE.to_owned() } else { builder.constant(Tensor::scalar(1.0))? };
        let wanted: Vec<String> = trained.iter().map(|p| p.name.clone()).collect();
        let seed = [(TrainingGraph::LOSS.to_owned(), factor)];
        let (mut builder, found) = differentiate(&graph, builder, &seed, &wanted)?;
        // A parameter that the loss does not depend on (a head whose output is unused) has no gradient and is not trained.
        let mut gradients: Vec<_> = trained.into_iter().zip(found).filter_map(|(p, g)| g.map(|g| (p, g))).collect();
        let mut finite = None;
        if scaled && !gradients.is_empty() {
            gradients = scaling::unscaled(gradients, &mut builder)?;
            finite = Some(scaling::all_finite(&gradients, &mut builder)?);
        }
        Ok(Self { graph, builder, gradients, statistics, finite, opset })
    }
}

fn fixed(info: &ValueInfo) -> Vec<usize> {
    let size = |d: &crate::graph::Dimension| match d {
        crate::graph::Dimension::Fixed(size) => *size,
        crate::graph::Dimension::Dynamic(_) => 0,
    };
    info.dims.iter().flatten().map(size).collect()
}

/// The target that the losses want: class numbers per pixel, or numbers to regress to.
fn target_info(options: &TrainingOptions, builder: &Builder) -> Result<ValueInfo> {
    let logits = builder.dims(TrainingGraph::LOGITS)?;
    let classifies = options.losses.iter().any(|(_, loss)| loss.classifies());
    if classifies && options.losses.iter().any(|(_, loss)| !loss.classifies()) {
        let reason = "losses over classes and losses over numbers cannot be added up; choose one kind".into();
        return Err(Error::Options { reason });
    }
    Ok(if classifies {
        ValueInfo::fixed(TrainingGraph::TARGET, DataType::I64, &[logits[0], logits[2], logits[3]])
    } else {
        ValueInfo::fixed(TrainingGraph::TARGET, DataType::F32, &logits)
    })
}

fn write_loss(options: &TrainingOptions, builder: &mut Builder) -> Result<()> {
    let classes = builder.dims(TrainingGraph::LOGITS)?[1];
    let class_weights = match &options.class_weights {
        Some(weights) if weights.len() != classes => {
            let reason = format!("{} class weights are given, the model has {classes} classes", weights.len());
            return Err(Error::Options { reason });
        }
        Some(weights) => Some(builder.constant(Tensor::floats(weights))?),
        None => None,
    };
    let ground = Ground {
        logits: TrainingGraph::LOGITS.to_owned(),
        target: TrainingGraph::TARGET.to_owned(),
        class_weights,
        ignore_index: options.ignore_index,
    };
    let total = loss::total(&options.losses, &ground, builder)?;
    builder.push(Node::new("Identity", &[&total], &[TrainingGraph::LOSS]))
}
