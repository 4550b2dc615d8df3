//! Makes a network ready to be differentiated: fixed shapes, constants computed, layers in the form that trains.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::error::{Error, Result};
use crate::graph::{DataType, Dimension, Graph, Patch, ValueInfo};
use crate::infer::{Facts, infer_graph};
use crate::inspect::score_output;
use crate::model::Model;
use crate::options::{ParameterGroup, Thaw, TrainingOptions};
use crate::parameters::{Parameter, parameters, separate};
use crate::pattern::matches_parameter;
use crate::precision::in_mixed_precision;
use crate::resizable::at_shape;
use crate::simplify::simplify;
use crate::training_form::training_form;
use crate::training_graph::TrainingGraph;

/// Version of the standard operators that training graphs are written in, at least: earlier ones lack adding ScatterElements.
/// From 13 to 17 the operators understood here kept their meaning, so an older network is simply declared newer.
pub(crate) const TRAINING_OPSET: i64 = 17;

/// A network in training form.
pub(crate) struct Forward {
    pub(crate) graph: Graph,
    pub(crate) facts: Facts,
    pub(crate) opset: i64,
    /// Trained parameters, in order of first use.
    pub(crate) trained: Vec<Parameter>,
    /// Running statistics that are updated: name, and the value that holds the new one.
    pub(crate) statistics: Vec<(String, String)>,
}

impl Forward {
    /// The network of `model` in training form, its input named `x` and its output `logits`.
    pub(crate) fn of(model: &Model, options: &TrainingOptions) -> Result<Self> {
        if options.input_shape.contains(&0) {
            let reason = format!("an input of shape {:?} is empty; every size must be 1 at least", options.input_shape);
            return Err(Error::Options { reason });
        }
        let graph = separate(model.graph.clone())?;
        let all = parameters(&graph);
        let trained = trained(&all, options)?;
        let variables: BTreeSet<String> = all.iter().map(|p| p.name.clone()).collect();
        let input = image_input(&graph)?.clone();
        check_bands(&input, options)?;
        let graph = at_shape(graph, &input, &options.input_shape, &variables)?;
        let graph = with_standard_names(graph, options)?;
        let opset = model.header.opset.max(TRAINING_OPSET);
        let shapes = HashMap::from([(TrainingGraph::INPUT.to_owned(), options.input_shape.to_vec())]);
        let facts = infer_graph(&graph, &shapes, &variables)?;
        let graph = simplify(graph, &facts)?;
        check_output(&facts)?;
        let reached = reached(&graph, trained.iter().map(|p| p.name.as_str()));
        let (patch, statistics) = training_form(&graph, options.batchnorm, &reached)?;
        let mut graph = graph.patched(patch)?;
        let mut facts = infer_graph(&graph, &shapes, &variables)?;
        if let Some(low) = options.precision.low() {
            graph = in_mixed_precision(graph, &facts, low)?;
            facts = infer_graph(&graph, &shapes, &variables)?;
        }
        Ok(Self { graph, facts, opset, trained, statistics })
    }
}

fn trained(all: &[Parameter], options: &TrainingOptions) -> Result<Vec<Parameter>> {
    let candidates: Vec<&Parameter> = all.iter().filter(|p| !p.statistic).collect();
    for pattern in &options.freeze {
        if !candidates.iter().any(|p| matches_parameter(pattern, p)) {
            let reason = format!("the pattern '{pattern}' freezes nothing: no parameter has such a name");
            return Err(Error::Options { reason });
        }
    }
    let frozen = |p: &Parameter| options.freeze.iter().any(|pattern| matches_parameter(pattern, p));
    for Thaw { pattern, .. } in &options.thaw {
        if !candidates.iter().any(|p| frozen(p) && matches_parameter(pattern, p)) {
            let reason = format!("the pattern '{pattern}' thaws nothing: no frozen parameter has such a name");
            return Err(Error::Options { reason });
        }
    }
    for ParameterGroup { pattern, .. } in &options.groups {
        if !candidates.iter().any(|p| options.begins(p).is_some() && matches_parameter(pattern, p)) {
            let reason = format!("the group pattern '{pattern}' matches no trained parameter");
            return Err(Error::Options { reason });
        }
    }
    let trained: Vec<Parameter> = candidates.iter().filter(|p| options.trains(p)).map(|&p| p.clone()).collect();
    if trained.is_empty() {
        let parameters = candidates.len();
        return Err(Error::NothingToTrain { parameters, frozen: parameters });
    }
    Ok(trained)
}

/// The single image input of a network.
pub(crate) fn image_input(graph: &Graph) -> Result<&ValueInfo> {
    let not = |what: String| Error::NotSegmentation { what };
    match graph.inputs() {
        [input] if input.dtype != DataType::F32 => {
            Err(not(format!("input '{}' is {:?}; export the model in float32", input.name, input.dtype)))
        }
        [input] => match &input.dims {
            Some(dims) if dims.len() != 4 => Err(not(format!("input '{}' has {} dimensions", input.name, dims.len()))),
            _ => Ok(input),
        },
        inputs => Err(not(format!("inputs are {:?}", inputs.iter().map(|i| &i.name).collect::<Vec<_>>()))),
    }
}

fn check_bands(input: &ValueInfo, options: &TrainingOptions) -> Result<()> {
    match input.dims.as_ref().map(|dims| &dims[1]) {
        Some(Dimension::Fixed(bands)) if *bands != options.input_shape[1] => {
            Err(Error::InputChannels { expected: *bands, found: options.input_shape[1] })
        }
        _ => Ok(()),
    }
}

/// Input named `x` with its shape fixed, first output named `logits`; values that had those names get others.
fn with_standard_names(graph: Graph, options: &TrainingOptions) -> Result<Graph> {
    let input = image_input(&graph)?;
    let output = score_output(&graph)?;
    let wanted = BTreeMap::from([
        (input.name.clone(), TrainingGraph::INPUT.to_owned()),
        (output.name.clone(), TrainingGraph::LOGITS.to_owned()),
    ]);
    let reserved = [
        TrainingGraph::INPUT,
        TrainingGraph::TARGET,
        TrainingGraph::LOSS,
        TrainingGraph::LOGITS,
        TrainingGraph::LEARNING_RATE,
        TrainingGraph::STEP,
        TrainingGraph::MOMENTUM,
        TrainingGraph::LOSS_SCALE,
        TrainingGraph::FINITE,
    ];
    let mut rename: BTreeMap<String, String> = BTreeMap::new();
    for name in reserved.iter().filter(|name| !wanted.contains_key(**name)) {
        rename.insert((*name).to_owned(), format!("network/{name}"));
    }
    rename.extend(wanted);
    let inputs = vec![ValueInfo::fixed(TrainingGraph::INPUT, DataType::F32, &options.input_shape)];
    let outputs = vec![ValueInfo { name: TrainingGraph::LOGITS.to_owned(), dtype: DataType::F32, dims: None }];
    graph.patched(Patch { rename, inputs: Some(inputs), outputs: Some(outputs), prune: true, ..Patch::default() })
}

fn check_output(facts: &Facts) -> Result<()> {
    let logits = facts.get(TrainingGraph::LOGITS)?;
    if logits.dtype == DataType::F32 && logits.dims.len() == 4 {
        return Ok(());
    }
    Err(Error::NotSegmentation { what: format!("output is {:?} of shape {:?}", logits.dtype, logits.dims) })
}

/// Values that depend on any of the given ones, with those.
pub(crate) fn reached<'a>(graph: &Graph, from: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let mut reached: BTreeSet<String> = from.map(str::to_owned).collect();
    for node in graph.nodes() {
        if node.inputs.iter().any(|name| reached.contains(name)) {
            reached.extend(node.outputs.iter().filter(|name| !name.is_empty()).cloned());
        }
    }
    reached
}
