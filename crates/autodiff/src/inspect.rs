//! What a network takes, gives and learns, without running it.

use crate::error::{Error, Result};
use crate::forward::image_input;
use crate::graph::{Dimension, Graph, ValueInfo};
use crate::model::Model;
use crate::parameters::{parameters, separate};

/// A parameter or running statistic of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterInfo {
    /// Name in the file, or the module's for one that was given back its own copy.
    pub name: String,
    /// Its PyTorch name as far as the module's path tells it (`encoder.layer1.0.conv1.weight`); patterns match this as well.
    pub path: Option<String>,
    /// Dimensions.
    pub shape: Vec<usize>,
    /// Whether it is a running mean or variance rather than a trained parameter.
    pub statistic: bool,
}

impl ParameterInfo {
    /// Whether a glob over parameter names matches its name or its path.
    #[must_use]
    pub fn matches(&self, glob: &str) -> bool {
        let path = self.path.as_deref().is_some_and(|path| crate::pattern::matches(glob, path));
        path || crate::pattern::matches(glob, &self.name)
    }
}

/// What a network takes, gives and learns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Name of the image input.
    pub input: String,
    /// Dimensions of the image input, `[N, C, H, W]`.
    pub input_shape: Vec<Dimension>,
    /// Number of input bands.
    pub bands: usize,
    /// Name of the output.
    pub output: String,
    /// Dimensions of the output as declared, `[N, classes, H, W]`; empty where the exporter left them out.
    pub output_shape: Vec<Dimension>,
    /// Number of classes (channels of the output).
    pub classes: usize,
    /// Parameters and statistics in the order of first use.
    pub parameters: Vec<ParameterInfo>,
    /// Version of the standard operators.
    pub opset: i64,
    /// Who exported it, as the file says: name and version.
    pub producer: String,
}

impl Model {
    /// What the network takes, gives and learns.
    ///
    /// # Errors
    /// When it is not a segmentation network: one float32 input `[N, C, H, W]`, one output `[N, classes, H, W]`.
    pub fn inspect(&self) -> Result<Inspection> {
        let graph = separate(self.graph.clone())?;
        let input = image_input(&graph)?;
        let output = score_output(&graph)?;
        let channels = |dims: &Option<Vec<Dimension>>| match dims.as_ref().and_then(|dims| dims.get(1)) {
            Some(Dimension::Fixed(size)) => Some(*size),
            _ => None,
        };
        let bands = channels(&input.dims).or_else(|| first_weights(&graph, &input.name));
        let classes = channels(&output.dims).or_else(|| last_weights(&graph, &output.name));
        let parameters = parameters(&graph)
            .into_iter()
            .map(|p| ParameterInfo {
                shape: graph.initializers().get(&p.name).map(|t| t.dims().to_vec()).unwrap_or_default(),
                name: p.name,
                path: p.path,
                statistic: p.statistic,
            })
            .collect();
        Ok(Inspection {
            input: input.name.clone(),
            input_shape: input.dims.clone().unwrap_or_default(),
            bands: bands
                .ok_or_else(|| unclear("number of input bands is neither declared nor told by its first layer"))?,
            output: output.name.clone(),
            output_shape: output.dims.clone().unwrap_or_default(),
            classes: classes
                .ok_or_else(|| unclear("number of classes is neither declared nor told by its last layer"))?,
            parameters,
            opset: self.header.opset,
            producer: [self.header.producer.0.as_str(), &self.header.producer.1].join(" ").trim().to_owned(),
        })
    }
}

fn unclear(what: &str) -> Error {
    Error::NotSegmentation { what: what.to_owned() }
}

/// The output with the classes' scores, which has four axes where the exporter declared any.
pub(crate) fn score_output(graph: &Graph) -> Result<&ValueInfo> {
    let output = match graph.outputs() {
        [output] => output,
        [] => return Err(unclear("graph has no output")),
        outputs => {
            let names: Vec<&str> = outputs.iter().map(|output| output.name.as_str()).take(8).collect();
            return Err(unclear(&format!("graph has {} outputs ({}); keep one", outputs.len(), names.join(", "))));
        }
    };
    match output.dims.as_ref().map(Vec::len).filter(|axes| *axes != 4) {
        Some(axes) => Err(unclear(&format!("output '{}' has {axes} axes", output.name))),
        None => Ok(output),
    }
}

/// Input channels of the first convolution that reads the image.
fn first_weights(graph: &Graph, input: &str) -> Option<usize> {
    let conv = graph.nodes().iter().find(|n| n.operator == "Conv" && n.input(0) == Some(input))?;
    graph.initializers().get(conv.input(1)?).and_then(|w| w.dims().get(1).copied())
}

/// Output channels of the convolution that the output comes from.
fn last_weights(graph: &Graph, output: &str) -> Option<usize> {
    let producers = graph.producers();
    let mut value = output;
    loop {
        let node = &graph.nodes()[*producers.get(value)?];
        if node.operator == "Conv" {
            return graph.initializers().get(node.input(1)?).and_then(|w| w.dims().first().copied());
        }
        value = node.input(0)?;
    }
}
