//! Writes operators of versions 11 and 12 as version 13 has them, so that everything after reading knows one form.
//!
//! What changed: Squeeze, Unsqueeze, ReduceSum and Split take their axes or lengths as an input; Softmax and LogSoftmax work along one axis
//! rather than along all from an axis on; Dropout has its ratio as an input. Since version 11 nothing else that networks use did.

use std::collections::BTreeMap;

use crate::graph::{Attribute, Node, Tensor};

/// Oldest version of the standard operators that is read: the first whose Clip, Pad and Resize take bounds and sizes as inputs.
pub(super) const OLDEST_READ: i64 = 11;
/// First version whose operators are left as they are.
pub(super) const MODERN: i64 = 13;

/// Nodes of version `opset` in the form of version 13; constants that this takes are added to the initializers.
pub(super) fn upgraded(nodes: Vec<Node>, opset: i64, initializers: &mut BTreeMap<String, Tensor>) -> Vec<Node> {
    if opset >= MODERN {
        return nodes;
    }
    nodes.into_iter().flat_map(|node| upgraded_node(node, initializers)).collect()
}

fn upgraded_node(node: Node, initializers: &mut BTreeMap<String, Tensor>) -> Vec<Node> {
    if !node.domain.is_empty() {
        return vec![node];
    }
    match node.operator.as_str() {
        "Squeeze" | "Unsqueeze" | "ReduceSum" => vec![with_input(node, "axes", initializers)],
        "Split" => vec![with_input(node, "split", initializers)],
        "Softmax" | "LogSoftmax" => over_all_from_axis(node),
        "Dropout" => vec![without(node, "ratio")],
        _ => vec![node],
    }
}

fn without(mut node: Node, attribute: &str) -> Node {
    node.attributes.retain(|(name, _)| name != attribute);
    node
}

/// The node with a list of integers as second input rather than as attribute.
fn with_input(node: Node, attribute: &str, initializers: &mut BTreeMap<String, Tensor>) -> Node {
    let Some(values) = node.ints(attribute).map(<[i64]>::to_vec) else { return node };
    let mut node = without(node, attribute);
    let name = format!("{}/{attribute}", node.outputs.first().map_or("", String::as_str));
    initializers.insert(name.clone(), Tensor::ints(&values));
    node.inputs.truncate(1);
    node.inputs.push(name);
    node
}

/// Softmax over all axes from one on: over the columns of a matrix, put back into shape.
fn over_all_from_axis(node: Node) -> Vec<Node> {
    let axis = node.int("axis", 1);
    let (Some(x), Some(y)) = (node.input(0).map(str::to_owned), node.output(0).map(str::to_owned)) else {
        return vec![node];
    };
    if axis == -1 {
        return vec![node];
    }
    let [shape, flat, soft] = ["shape", "flat", "soft"].map(|part| format!("{y}/{part}"));
    let mut along_columns = node.with("axis", Attribute::Int(1));
    along_columns.inputs = vec![flat.clone()];
    along_columns.outputs = vec![soft.clone()];
    vec![
        Node::new("Shape", &[&x], &[&shape]),
        Node::new("Flatten", &[&x], &[&flat]).with("axis", Attribute::Int(axis)),
        along_columns,
        Node::new("Reshape", &[&soft, &shape], &[&y]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upgrade(node: Node) -> (Vec<Node>, BTreeMap<String, Tensor>) {
        let mut initializers = BTreeMap::new();
        (upgraded(vec![node], 11, &mut initializers), initializers)
    }

    #[test]
    fn axes_become_inputs() {
        let old = Node::new("ReduceSum", &["x"], &["y"]).with("axes", Attribute::Ints(vec![2, 3]));
        let (nodes, initializers) = upgrade(old.with("keepdims", Attribute::Int(0)));
        assert_eq!(nodes[0].inputs, ["x", "y/axes"]);
        assert_eq!((nodes[0].ints("axes"), nodes[0].int("keepdims", 1)), (None, 0));
        assert_eq!(initializers["y/axes"], Tensor::ints(&[2, 3]));
    }

    #[test]
    fn softmax_over_several_axes_goes_through_a_matrix() {
        let (nodes, _) = upgrade(Node::new("Softmax", &["x"], &["y"]).with("axis", Attribute::Int(2)));
        let operators: Vec<&str> = nodes.iter().map(|n| n.operator.as_str()).collect();
        assert_eq!(operators, ["Shape", "Flatten", "Softmax", "Reshape"]);
        assert_eq!((nodes[1].int("axis", 0), nodes[2].int("axis", 0)), (2, 1));
        assert_eq!(nodes[3].outputs, ["y"]);
    }

    #[test]
    fn newer_nodes_are_left_alone() {
        let node = Node::new("Split", &["x"], &["a", "b"]).with("split", Attribute::Ints(vec![1, 2]));
        let mut initializers = BTreeMap::new();
        assert_eq!(upgraded(vec![node.clone()], 13, &mut initializers), [node]);
        assert!(initializers.is_empty());
    }
}
