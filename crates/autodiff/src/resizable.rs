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
    let exported = exported_shape(input, shape);
    if exported == shape {
        return Ok(graph);
    }
    let shapes = HashMap::from([(input.name.clone(), exported)]);
    let facts = infer_graph(&graph, &shapes, variables)?;
    let mut patch = Patch::default();
    for (index, node) in graph.nodes().iter().enumerate().filter(|(_, n)| n.kind() == "Resize") {
        let Some(name) = node.input(3).filter(|name| is_written_out(&graph, name)) else { continue };
        let known = facts.get(name)?.constant.as_ref();
        let Some(sizes) = known.and_then(|sizes| sizes.as_i64()) else { continue };
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

/// Whether height and width in a value of sizes are constants: all of it, or the last part that it is joined from.
fn is_written_out(graph: &Graph, sizes: &str) -> bool {
    let constant = |name: &str| graph.initializers().get(name).is_some_and(|tensor| tensor.len() >= 2);
    let joined = graph.nodes().iter().find(|n| n.kind() == "Concat" && n.output(0) == Some(sizes));
    constant(sizes) || joined.and_then(|n| n.inputs.last()).is_some_and(|last| constant(last))
}

/// The shape that the network was exported with; free dimensions are those of `shape`.
fn exported_shape(input: &ValueInfo, shape: &[usize]) -> Vec<usize> {
    let size = |(d, &wanted): (&Dimension, &usize)| match d {
        Dimension::Fixed(size) => *size,
        Dimension::Dynamic(_) => wanted,
    };
    input.dims.as_ref().map_or_else(|| shape.to_vec(), |dims| dims.iter().zip(shape).map(size).collect())
}
