//! Gives parameters that an exporter merged their own copies back.
//!
//! Exporters keep one of several equal tensors, and an untrained network is full of equal ones: all its BatchNorm weights are ones.
//! Training them as one would be wrong; training apart what a network really shares would be wrong as well. The rule:
//! - An Identity over an initializer whose elements are all the same stands for a merged tensor: it becomes a copy named like the
//!   Identity's output, which is the tensor's name in the state_dict.
//! - An Identity over any other initializer stands for a tensor that the network holds under two names: it stays one.
//! - An initializer whose elements are all the same and that enters slots of several modules directly is copied for each module;
//!   a module that is applied several times (same path, but for the `_1` that tracing appends) keeps one. Where paths are
//!   unknown every operator gets its own.
//! - An initializer with differing elements is never copied.

use std::collections::{BTreeMap, BTreeSet};

use super::scope::{module_path, without_repetition};
use super::{Entry, entries};
use crate::error::Result;
use crate::graph::{DataType, Graph, Patch, Tensor};

/// The graph with every merged parameter given its own copy, and without Identity over initializers.
pub(crate) fn separate(graph: Graph) -> Result<Graph> {
    let patch = resolve_identities(&graph);
    let graph = graph.patched(patch)?;
    let patch = copy_merged(&graph);
    graph.patched(patch)
}

/// Whether all elements are the same.
pub(super) fn is_uniform(tensor: &Tensor) -> bool {
    tensor.dtype() == DataType::F32
        && tensor.as_f32().is_some_and(|v| v.windows(2).all(|pair| pair[0].to_bits() == pair[1].to_bits()))
}

fn resolve_identities(graph: &Graph) -> Patch {
    let mut patch = Patch { prune: true, ..Patch::default() };
    let mut known: BTreeMap<&str, &Tensor> = graph.initializers().iter().map(|(k, v)| (k.as_str(), v)).collect();
    let outputs: BTreeSet<&str> = graph.outputs().iter().map(|o| o.name.as_str()).collect();
    for (index, node) in graph.nodes().iter().enumerate() {
        let (Some(input), Some(output)) = (node.input(0), node.output(0)) else { continue };
        let Some(&tensor) = known.get(input) else { continue };
        if node.operator != "Identity" || !node.domain.is_empty() || outputs.contains(output) {
            continue;
        }
        patch.remove.insert(index);
        if is_uniform(tensor) {
            patch.initializers.push((output.to_owned(), tensor.clone()));
        } else {
            patch.redirect.insert(output.to_owned(), input.to_owned());
        }
        known.insert(output, tensor);
    }
    patch
}

fn copy_merged(graph: &Graph) -> Patch {
    let mut by_tensor: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for entry in entries(graph).into_iter().filter(|e| e.direct) {
        by_tensor.entry(entry.name.clone()).or_default().push(entry);
    }
    let mut taken: BTreeSet<String> = graph.initializers().keys().cloned().collect();
    let mut patch = Patch::default();
    for (name, entries) in by_tensor {
        let Some(tensor) = graph.initializers().get(&name).filter(|t| is_uniform(t)) else { continue };
        let owners = owners(graph, &entries);
        let keeper = owners.iter().position(|(owner, _)| owner.as_deref() == Some(&name)).unwrap_or(0);
        for (index, (owner, members)) in owners.iter().enumerate().filter(|(index, _)| *index != keeper) {
            let wanted = owner.clone().unwrap_or_else(|| format!("{name}.{index}"));
            let copy = unused(&mut taken, wanted);
            patch.initializers.push((copy.clone(), tensor.clone()));
            patch.rewire.extend(members.iter().map(|e| ((e.node, e.position), copy.clone())));
        }
    }
    patch
}

/// Entries of one tensor by owner: the parameter's full path, or `None` for a node whose module is unknown.
fn owners<'a>(graph: &Graph, entries: &'a [Entry]) -> Vec<(Option<String>, Vec<&'a Entry>)> {
    let paths: Vec<Option<String>> = entries.iter().map(|e| module_path(&graph.nodes()[e.node])).collect();
    let all: BTreeSet<&str> = paths.iter().flatten().map(String::as_str).collect();
    let mut owners: Vec<(Option<String>, Vec<&Entry>)> = Vec::new();
    for (entry, path) in entries.iter().zip(&paths) {
        let path = path.as_deref().map(|path| {
            let stem = without_repetition(path);
            if all.contains(stem) { stem } else { path }
        });
        let owner = path.map(|path| format!("{path}.{}", entry.slot.suffix));
        match owners.iter_mut().find(|(known, _)| owner.is_some() && *known == owner) {
            Some((_, members)) => members.push(entry),
            None => owners.push((owner, vec![entry])),
        }
    }
    owners
}

fn unused(taken: &mut BTreeSet<String>, wanted: String) -> String {
    let mut name = wanted.clone();
    let mut number = 1;
    while !taken.insert(name.clone()) {
        name = format!("{wanted}.{number}");
        number += 1;
    }
    name
}
