//! Which tensors of a network are trained, which are running statistics, and what they are called.
//!
//! A parameter is a float initializer (constants count as such) that enters a trained slot of an operator, directly or through operators
//! that only move elements (Identity, Transpose, Reshape, …). Exporters merge equal tensors; [`separate`] undoes that.

mod scope;
mod separate;
mod slot;

use std::collections::{BTreeMap, BTreeSet, HashMap};

pub(crate) use separate::separate;
pub(crate) use slot::Slot;

use crate::graph::{DataType, Graph};

/// A trained parameter or a running statistic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parameter {
    /// Name of its initializer.
    pub(crate) name: String,
    /// Its PyTorch name as far as the module's path tells it; for patterns, beside `name`.
    pub(crate) path: Option<String>,
    pub(crate) statistic: bool,
}

/// Where a parameter enters an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    node: usize,
    position: usize,
    /// Initializer that arrives there.
    name: String,
    slot: Slot,
    /// Whether it arrives without operators between.
    direct: bool,
}

/// Operators that hand the elements of their first input on, moved but unchanged.
const MOVING: [&str; 9] =
    ["Identity", "Transpose", "Reshape", "Unsqueeze", "Squeeze", "Flatten", "Expand", "Cast", "Slice"];

/// All places where a float initializer enters a trained slot, in running order.
fn entries(graph: &Graph) -> Vec<Entry> {
    let floats = graph.initializers().iter().filter(|(_, t)| t.dtype() == DataType::F32);
    let mut origin: HashMap<&str, &str> = floats.map(|(name, _)| (name.as_str(), name.as_str())).collect();
    let mut entries = Vec::new();
    for (index, node) in graph.nodes().iter().enumerate() {
        for (position, input) in node.inputs.iter().enumerate() {
            let Some(&name) = origin.get(input.as_str()) else { continue };
            let Some(tensor) = graph.initializers().get(name) else { continue };
            if let Some(slot) = slot::slot(node, position, name, tensor) {
                entries.push(Entry { node: index, position, name: name.to_owned(), slot, direct: name == input });
            }
        }
        let moves = MOVING.contains(&node.operator.as_str()) && node.domain.is_empty();
        let origin_of_first = node.input(0).filter(|_| moves).and_then(|input| origin.get(input).copied());
        if let (Some(name), Some(output)) = (origin_of_first, node.output(0)) {
            origin.insert(output, name);
        }
    }
    entries
}

/// Parameters and statistics of a network, in order of first use.
///
/// A tensor that is a statistic anywhere is one everywhere.
pub(crate) fn parameters(graph: &Graph) -> Vec<Parameter> {
    let entries = entries(graph);
    let statistics: BTreeSet<&str> = entries.iter().filter(|e| e.slot.statistic).map(|e| e.name.as_str()).collect();
    let mut seen = BTreeMap::new();
    let mut list = Vec::new();
    for entry in &entries {
        if seen.insert(entry.name.as_str(), ()).is_some() {
            continue;
        }
        let module = scope::module_path(&graph.nodes()[entry.node]);
        list.push(Parameter {
            name: entry.name.clone(),
            path: module.map(|module| format!("{module}.{}", entry.slot.suffix)),
            statistic: statistics.contains(entry.name.as_str()),
        });
    }
    list
}
