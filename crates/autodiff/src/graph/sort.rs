//! Puts nodes in an order in which they can run, and checks on the way that they can.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Node, Tensor, ValueInfo};
use crate::error::{Error, Result};

/// Nodes sorted so that each follows those it reads from; among those ready, the earlier in `nodes` comes first.
pub(super) fn in_running_order(
    nodes: Vec<Node>,
    inputs: &[ValueInfo],
    outputs: &[ValueInfo],
    initializers: &BTreeMap<String, Tensor>,
) -> Result<Vec<Node>> {
    let producers = unique_producers(&nodes, inputs, initializers)?;
    let input_names: BTreeSet<&str> = inputs.iter().map(|i| i.name.as_str()).collect();
    let given = |name: &str| initializers.contains_key(name) || input_names.contains(name);
    let mut waiting_for = vec![0usize; nodes.len()];
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        for name in node.inputs.iter().filter(|name| !name.is_empty()) {
            match producers.get(name.as_str()) {
                Some(&producer) => {
                    readers[producer].push(index);
                    waiting_for[index] += 1;
                }
                None if given(name) => {}
                None => return Err(missing(node.label(), name)),
            }
        }
    }
    for output in outputs {
        if !producers.contains_key(output.name.as_str()) && !given(&output.name) {
            return Err(missing("graph output", &output.name));
        }
    }
    let mut ready: BTreeSet<usize> = (0..nodes.len()).filter(|&i| waiting_for[i] == 0).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(index) = ready.pop_first() {
        order.push(index);
        for &reader in &readers[index] {
            waiting_for[reader] -= 1;
            if waiting_for[reader] == 0 {
                ready.insert(reader);
            }
        }
    }
    if let Some(stuck) = (0..nodes.len()).find(|&i| waiting_for[i] > 0) {
        return Err(Error::Cycle { node: nodes[stuck].label().to_owned(), operator: nodes[stuck].kind() });
    }
    let mut slots: Vec<Option<Node>> = nodes.into_iter().map(Some).collect();
    Ok(order.into_iter().filter_map(|index| slots[index].take()).collect())
}

fn missing(consumer: &str, value: &str) -> Error {
    Error::MissingValue { consumer: consumer.to_owned(), value: value.to_owned() }
}

fn unique_producers<'a>(
    nodes: &'a [Node],
    inputs: &[ValueInfo],
    initializers: &BTreeMap<String, Tensor>,
) -> Result<HashMap<&'a str, usize>> {
    let mut producers = HashMap::new();
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for input in inputs {
        if !names.insert(&input.name) || initializers.contains_key(&input.name) {
            return Err(Error::DuplicateValue { value: input.name.clone() });
        }
    }
    for (index, node) in nodes.iter().enumerate() {
        for output in node.outputs.iter().filter(|name| !name.is_empty()) {
            let taken = names.contains(output.as_str()) || initializers.contains_key(output);
            if taken || producers.insert(output.as_str(), index).is_some() {
                return Err(Error::DuplicateValue { value: output.clone() });
            }
        }
    }
    Ok(producers)
}
