//! Walks a graph backwards, calls the rule of each node on the way, and adds gradients up in a fixed order.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::table;
use crate::builder::Builder;
use crate::error::{Error, Result};
use crate::graph::{Graph, Node};

/// The gradients known so far, and the builder that rules write through.
pub(crate) struct Tape {
    pub(crate) builder: Builder,
    /// Values whose gradient is asked for: wanted ones, and all that depend on them.
    needed: HashSet<String>,
    /// Contributions to each value's gradient, in the order in which they came.
    parts: HashMap<String, Vec<String>>,
}

impl Tape {
    /// Gradient of a node's `index`-th output; `None` where the loss does not depend on it.
    pub(crate) fn gradient(&mut self, node: &Node, index: usize) -> Result<Option<String>> {
        match node.output(index) {
            Some(name) => self.gradient_of(name),
            None => Ok(None),
        }
    }

    /// Gradient of a value: the sum of its contributions, first to last.
    pub(crate) fn gradient_of(&mut self, value: &str) -> Result<Option<String>> {
        let Some(parts) = self.parts.remove(value) else { return Ok(None) };
        let mut parts = parts.into_iter();
        let Some(mut sum) = parts.next() else { return Ok(None) };
        for part in parts {
            sum = self.builder.add(&sum, &part)?;
        }
        self.parts.insert(value.to_owned(), vec![sum.clone()]);
        Ok(Some(sum))
    }

    /// Whether the gradient of a node's `index`-th input is asked for.
    pub(crate) fn wants(&self, node: &Node, index: usize) -> bool {
        node.input(index).is_some_and(|name| self.needed.contains(name))
    }

    /// Adds to the gradient of a node's `index`-th input; ignored where that is not asked for.
    pub(crate) fn contribute(&mut self, node: &Node, index: usize, gradient: &str) -> Result<()> {
        let Some(input) = node.input(index).filter(|name| self.needed.contains(*name)) else { return Ok(()) };
        let (found, expected) = (self.builder.dims(gradient)?, self.builder.dims(input)?);
        if found != expected {
            let what = format!(
                "the gradient of input {index} of '{}' has the shape {found:?}, not {expected:?}",
                node.label()
            );
            return Err(Error::Internal { place: format!("rule for {}", node.kind()), what });
        }
        let (found, expected) = (self.builder.dtype(gradient)?, self.builder.dtype(input)?);
        if found != expected {
            let what = format!("the gradient of input {index} of '{}' is {found:?}, not {expected:?}", node.label());
            return Err(Error::Internal { place: format!("rule for {}", node.kind()), what });
        }
        self.parts.entry(input.to_owned()).or_default().push(gradient.to_owned());
        Ok(())
    }

    /// Adds to the gradient of an input that was broadcast: sums over the axes along which it was repeated.
    pub(crate) fn contribute_broadcast(&mut self, node: &Node, index: usize, gradient: &str) -> Result<()> {
        let Some(input) = node.input(index).filter(|name| self.needed.contains(*name)) else { return Ok(()) };
        let dims = self.builder.dims(input)?;
        let summed = self.sum_to(gradient, &dims)?;
        self.contribute(node, index, &summed)
    }

    /// A value summed over the axes along which `dims` would be broadcast to its shape.
    pub(crate) fn sum_to(&mut self, value: &str, dims: &[usize]) -> Result<String> {
        let from = self.builder.dims(value)?;
        let skipped = from.len().saturating_sub(dims.len());
        let repeated: Vec<usize> =
            (0..from.len()).filter(|&axis| axis < skipped || (dims[axis - skipped] == 1 && from[axis] != 1)).collect();
        let summed = self.builder.reduce_sum(value, &repeated, true)?;
        self.builder.reshape(&summed, dims)
    }
}

/// Writes the gradients of `wanted` values, given the gradients `seeds` of some values of the graph.
///
/// `builder` must know every value of `graph`. Yields the builder with the new nodes, and the gradient of each wanted value;
/// one that the seeds do not depend on has none.
pub(crate) fn differentiate(
    graph: &Graph,
    builder: Builder,
    seeds: &[(String, String)],
    wanted: &[String],
) -> Result<(Builder, Vec<Option<String>>)> {
    let needed = reached_from(graph, &builder, wanted)?;
    let relevant = reaching(graph, seeds);
    let mut parts: HashMap<String, Vec<String>> = HashMap::new();
    for (value, gradient) in seeds {
        parts.entry(value.clone()).or_default().push(gradient.clone());
    }
    let mut tape = Tape { builder, needed, parts };
    for (index, node) in graph.nodes().iter().enumerate().rev() {
        let on_path = relevant.contains(&index)
            && node.inputs.iter().any(|name| tape.needed.contains(name))
            && node.outputs.iter().any(|name| tape.parts.contains_key(name));
        if !on_path {
            continue;
        }
        let rule = table::rule(node)
            .ok_or_else(|| Error::NoGradient { node: node.label().to_owned(), operator: node.kind() })?;
        rule(node, &mut tape)?;
    }
    let gradients = wanted.iter().map(|name| tape.gradient_of(name)).collect::<Result<Vec<_>>>()?;
    Ok((tape.builder, gradients))
}

/// Float values that depend on any of `wanted`, with those.
fn reached_from(graph: &Graph, builder: &Builder, wanted: &[String]) -> Result<HashSet<String>> {
    let mut reached: HashSet<String> = wanted.iter().cloned().collect();
    for node in graph.nodes() {
        if node.inputs.iter().any(|name| reached.contains(name)) {
            for output in node.outputs.iter().filter(|name| !name.is_empty()) {
                let fact = builder.facts.get(output)?;
                // What is computed ahead, such as a Shape, does not vary with its input.
                if fact.dtype.is_float() && fact.constant.is_none() {
                    reached.insert(output.clone());
                }
            }
        }
    }
    Ok(reached)
}

/// Nodes that any of the seeded values depends on.
fn reaching(graph: &Graph, seeds: &[(String, String)]) -> BTreeSet<usize> {
    let producers = graph.producers();
    let mut open: Vec<usize> = seeds.iter().filter_map(|(value, _)| producers.get(value.as_str()).copied()).collect();
    let mut found = BTreeSet::new();
    while let Some(index) = open.pop() {
        if found.insert(index) {
            open.extend(graph.nodes()[index].inputs.iter().filter_map(|i| producers.get(i.as_str()).copied()));
        }
    }
    found
}
