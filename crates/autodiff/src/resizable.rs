//! Frees a network from the image size that it was exported with.
//!
//! An exporter that was not told of free sizes writes the size after each Resize as a constant. Such a Resize is made to scale instead,
//! by the factor that the constant stood for, so that the network trains at another batch size or image size.

use std::collections::{BTreeSet, HashMap};

use crate::error::Result;
use crate::graph::{Dimension, Graph, Patch, Tensor, ValueInfo};
use crate::infer::infer_graph;

/// The graph with constant sizes of Resize turned to scales, where `shape` differs from that of the export.
pub(crate) fn at_shape(
    graph: Graph,
    input: &ValueInfo,
    shape: &[usize],
    variables: &BTreeSet<String>,
) -> Result<Graph> {
    let Some(exported) = fixed_shape(input).filter(|exported| exported != shape) else { return Ok(graph) };
    let shapes = HashMap::from([(input.name.clone(), exported)]);
    let facts = infer_graph(&graph, &shapes, variables)?;
    let mut patch = Patch::default();
    for (index, node) in graph.nodes().iter().enumerate().filter(|(_, n)| n.kind() == "Resize") {
        let Some(sizes) = node.input(3).and_then(|name| graph.initializers().get(name)).and_then(|t| t.as_i64()) else {
            continue;
        };
        let from = &facts.get(node.required(0)?)?.dims;
        if node.ints("axes").is_some() || sizes.len() != from.len() {
            continue;
        }
        let scales: Vec<f32> = sizes.iter().zip(from).map(|(&to, &from)| scale(to, from)).collect();
        let name = format!("{}/scales", node.result()?);
        patch.initializers.push((name.clone(), Tensor::floats(&scales)));
        patch.rewire.insert((index, 2), name);
        patch.rewire.insert((index, 3), String::new());
    }
    graph.patched(patch)
}

/// The smallest float32 that does not fall short of the ratio: `floor(from * scale)` must give `to` again.
fn scale(to: i64, from: usize) -> f32 {
    let exact = to as f64 / from as f64;
    let near = exact as f32;
    if f64::from(near) < exact { near.next_up() } else { near }
}

fn fixed_shape(input: &ValueInfo) -> Option<Vec<usize>> {
    let size = |d: &Dimension| match d {
        Dimension::Fixed(size) => Some(*size),
        Dimension::Dynamic(_) => None,
    };
    input.dims.as_ref()?.iter().map(size).collect()
}
