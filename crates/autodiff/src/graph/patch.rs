//! A change of a graph as a value: what goes, what comes, who reads what from then on.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{Graph, Node, Tensor, ValueInfo};
use crate::error::Result;

/// A change to be made in one go. Applied in this order: renames, removals, redirections, additions, outputs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Patch {
    /// Values that get another name everywhere, producer and readers.
    pub(crate) rename: BTreeMap<String, String>,
    /// Indices of nodes to take out.
    pub(crate) remove: BTreeSet<usize>,
    /// Values whose readers read another one instead; graph outputs keep their names.
    pub(crate) redirect: BTreeMap<String, String>,
    /// Single inputs of nodes (node, position) that read another value from now on.
    pub(crate) rewire: BTreeMap<(usize, usize), String>,
    /// Nodes to put in, in any order.
    pub(crate) nodes: Vec<Node>,
    /// Initializers to put in or to replace.
    pub(crate) initializers: Vec<(String, Tensor)>,
    /// Initializers to take out.
    pub(crate) drop_initializers: BTreeSet<String>,
    /// Inputs in place of those that were.
    pub(crate) inputs: Option<Vec<ValueInfo>>,
    /// Outputs in place of those that were.
    pub(crate) outputs: Option<Vec<ValueInfo>>,
    /// Drop nodes and initializers that no output depends on.
    pub(crate) prune: bool,
}

impl Graph {
    /// The graph with a change made.
    ///
    /// # Errors
    /// When the outcome would not be a valid graph.
    pub(crate) fn patched(mut self, patch: Patch) -> Result<Self> {
        for ((node, position), value) in &patch.rewire {
            if let Some(input) = self.nodes.get_mut(*node).and_then(|n| n.inputs.get_mut(*position)) {
                input.clone_from(value);
            }
        }
        rename(&mut self, &patch.rename);
        let mut nodes: Vec<Node> = self
            .nodes
            .into_iter()
            .enumerate()
            .filter(|(i, _)| !patch.remove.contains(i))
            .map(|(_, node)| node)
            .collect();
        nodes.extend(patch.nodes);
        for input in nodes.iter_mut().flat_map(|node| &mut node.inputs) {
            *input = follow(&patch.redirect, input);
        }
        let mut initializers = self.initializers;
        initializers.retain(|name, _| !patch.drop_initializers.contains(name));
        initializers.extend(patch.initializers);
        let inputs = patch.inputs.unwrap_or(self.inputs);
        let outputs = patch.outputs.unwrap_or(self.outputs);
        if patch.prune {
            drop_unread(&mut nodes, &mut initializers, &outputs);
        }
        Self::new(nodes, inputs, outputs, initializers)
    }
}

/// The end of a chain of redirections; a chain that runs in a circle stops where it began.
fn follow(redirect: &BTreeMap<String, String>, name: &str) -> String {
    let mut at = name;
    for _ in 0..=redirect.len() {
        match redirect.get(at) {
            Some(next) => at = next,
            None => break,
        }
    }
    at.to_owned()
}

fn rename(graph: &mut Graph, names: &BTreeMap<String, String>) {
    if names.is_empty() {
        return;
    }
    let new_name = |old: &mut String| {
        if let Some(new) = names.get(old) {
            old.clone_from(new);
        }
    };
    graph.nodes.iter_mut().flat_map(|n| n.inputs.iter_mut().chain(&mut n.outputs)).for_each(new_name);
    graph.inputs.iter_mut().chain(&mut graph.outputs).for_each(|v| new_name(&mut v.name));
    let initializers = std::mem::take(&mut graph.initializers);
    graph.initializers = initializers
        .into_iter()
        .map(|(mut name, tensor)| {
            new_name(&mut name);
            (name, tensor)
        })
        .collect();
}

fn drop_unread(nodes: &mut Vec<Node>, initializers: &mut BTreeMap<String, Tensor>, outputs: &[ValueInfo]) {
    let producers: BTreeMap<&str, usize> =
        nodes.iter().enumerate().flat_map(|(i, n)| n.outputs.iter().map(move |o| (o.as_str(), i))).collect();
    let mut kept = vec![false; nodes.len()];
    let mut read: HashSet<String> = outputs.iter().map(|o| o.name.clone()).collect();
    let mut open: Vec<usize> = outputs.iter().filter_map(|o| producers.get(o.name.as_str()).copied()).collect();
    while let Some(index) = open.pop() {
        if std::mem::replace(&mut kept[index], true) {
            continue;
        }
        for input in nodes[index].inputs.iter().filter(|name| !name.is_empty()) {
            read.insert(input.clone());
            open.extend(producers.get(input.as_str()));
        }
    }
    let mut keep = kept.into_iter();
    nodes.retain(|_| keep.next().unwrap_or(false));
    initializers.retain(|name, _| read.contains(name));
}
