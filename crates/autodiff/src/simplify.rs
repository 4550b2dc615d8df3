//! Removes what a training graph has no use for: computed constants, pass-through nodes, and all that nothing reads.

use crate::error::Result;
use crate::graph::{Graph, Patch};
use crate::infer::Facts;

/// The graph with every known value as an initializer, without Identity and inference-time Dropout.
pub(crate) fn simplify(graph: Graph, facts: &Facts) -> Result<Graph> {
    let mut patch = Patch { prune: true, ..Patch::default() };
    let outputs: Vec<&str> = graph.outputs().iter().map(|o| o.name.as_str()).collect();
    for (index, node) in graph.nodes().iter().enumerate() {
        let Some(output) = node.output(0) else { continue };
        if outputs.contains(&output) {
            continue;
        }
        if let ([_], Some(value)) = (node.outputs.as_slice(), &facts.get(output)?.constant) {
            patch.remove.insert(index);
            patch.initializers.push((output.to_owned(), value.clone()));
        } else if let Some(input) = node.input(0).filter(|_| passes_through(node, facts)) {
            patch.remove.insert(index);
            patch.redirect.insert(output.to_owned(), input.to_owned());
        }
    }
    graph.patched(patch)
}

fn passes_through(node: &crate::graph::Node, facts: &Facts) -> bool {
    if !node.domain.is_empty() {
        return false;
    }
    let trains = node.input(2).is_some_and(|flag| {
        let known = facts.get(flag).ok().and_then(|fact| fact.constant.as_ref());
        !matches!(known.map(crate::graph::Tensor::data), Some(crate::graph::Data::Bool(v)) if v.iter().all(|&t| !t))
    });
    match node.operator.as_str() {
        "Identity" => true,
        "Dropout" => !trains && node.output(1).is_none(),
        _ => false,
    }
}
