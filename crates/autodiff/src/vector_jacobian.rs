//! The gradient of any network's outputs, for seeds given at run time.

use std::collections::{BTreeSet, HashMap};

use crate::builder::Builder;
use crate::error::{Error, Result};
use crate::forward::{TRAINING_OPSET, reached};
use crate::graph::{DataType, Node, Patch, ValueInfo};
use crate::infer::{Fact, infer_graph};
use crate::lowering::lower;
use crate::model::Model;
use crate::options::{BatchNormMode, Lowering};
use crate::rules::differentiate;
use crate::simplify::simplify;
use crate::training_form::training_form;
use crate::training_graph::header;

/// A network with the vector-Jacobian product beside it.
///
/// `model` must have inputs of fixed shapes. The outcome takes them and `seed/<output>` (float32, the output's shape) for every output, and
/// yields the outputs and `grad/<name>` for every name in `wanted`: the gradient of Σ seed · output. Names may be of inputs and of
/// initializers.
///
/// # Errors
/// When a name is unknown, or an operator between it and the outputs has no rule.
pub fn vector_jacobian(model: &Model, wanted: &[&str], batchnorm: BatchNormMode, lowering: Lowering) -> Result<Model> {
    let opset = model.header.opset.max(TRAINING_OPSET);
    let variables: BTreeSet<String> = wanted.iter().map(|&name| name.to_owned()).collect();
    let shapes = HashMap::new();
    let facts = infer_graph(&model.graph, &shapes, &variables)?;
    if let Some(unknown) = wanted.iter().find(|name| !facts.contains(name)) {
        return Err(Error::MissingValue { consumer: "gradient".into(), value: (*unknown).to_owned() });
    }
    let graph = simplify(model.graph.clone(), &facts)?;
    let (patch, _) = training_form(&graph, batchnorm, &reached(&graph, wanted.iter().copied()))?;
    let graph = graph.patched(patch)?;
    let mut facts = infer_graph(&graph, &shapes, &variables)?;
    let (mut inputs, mut outputs, mut seeds) = (graph.inputs().to_vec(), Vec::new(), Vec::new());
    for output in graph.outputs() {
        let dims = facts.get(&output.name)?.dims.clone();
        let seed = format!("seed/{}", output.name);
        facts.insert(&seed, Fact::new(DataType::F32, &dims))?;
        inputs.push(ValueInfo::fixed(&seed, DataType::F32, &dims));
        outputs.push(ValueInfo::fixed(&output.name, DataType::F32, &dims));
        seeds.push((output.name.clone(), seed));
    }
    let names: Vec<String> = wanted.iter().map(|&name| name.to_owned()).collect();
    let (mut builder, gradients) = differentiate(&graph, Builder::new("gradient", opset, facts), &seeds, &names)?;
    for (name, gradient) in names.iter().zip(gradients) {
        let dims = builder.dims(name)?;
        let gradient = match gradient {
            Some(gradient) => gradient,
            None => builder.zeros(&dims)?,
        };
        let output = format!("grad/{name}");
        builder.push(Node::new("Identity", &[&gradient], &[&output]))?;
        outputs.push(ValueInfo::fixed(&output, DataType::F32, &dims));
    }
    let graph = graph.patched(Patch {
        nodes: builder.nodes,
        initializers: builder.initializers,
        inputs: Some(inputs),
        outputs: Some(outputs),
        ..Patch::default()
    })?;
    let graph = lower(graph, lowering, opset, builder.facts)?;
    Ok(Model { graph, header: header(model, opset, lowering) })
}
