//! Layers whose form while training differs from that in use: batch normalisation, which takes its statistics from the batch and an
//! activation into the same pass, and pools, which remember where their maxima were.

use std::collections::{BTreeSet, HashMap};

use crate::error::Result;
use crate::graph::{Attribute, Graph, Node, Patch, SWATH_DOMAIN};
use crate::options::BatchNormMode;

/// Layers whose training form differs from their inference form; and the statistics that get updated.
pub(crate) fn training_form(
    graph: &Graph,
    batchnorm: BatchNormMode,
    reached: &BTreeSet<String>,
) -> Result<(Patch, Vec<(String, String)>)> {
    let consumers = graph.consumers();
    let mut patch = Patch::default();
    let mut statistics = Vec::new();
    for (index, node) in graph.nodes().iter().enumerate().filter(|(_, node)| node.domain.is_empty()) {
        match node.operator.as_str() {
            "BatchNormalization" => {
                let activation = activation(graph, &consumers, node.result()?);
                let frozen = batchnorm == BatchNormMode::Frozen;
                if frozen && activation.is_none() {
                    if node.int("training_mode", 0) != 0 {
                        patch.remove.insert(index);
                        patch.nodes.push(in_use(node));
                    }
                    continue;
                }
                patch.remove.insert(index);
                patch.remove.extend(activation.as_ref().map(|a| a.node));
                let y = match &activation {
                    Some(activation) => graph.nodes()[activation.node].result()?,
                    None => node.result()?,
                };
                let mut fused = batch_norm(node, y, activation.as_ref(), frozen);
                if !frozen {
                    for (input, output) in [(3, 3), (4, 4)] {
                        update_statistic(&mut fused, input, output, &mut statistics);
                    }
                }
                patch.nodes.push(fused);
            }
            "MaxPool" if node.input(0).is_some_and(|x| reached.contains(x)) && node.output(1).is_none() => {
                let y = node.result()?;
                patch.remove.insert(index);
                let mut pool = node.clone().in_domain(SWATH_DOMAIN);
                pool.outputs = vec![y.to_owned(), format!("{y}/argmax")];
                patch.nodes.push(pool);
            }
            _ => {}
        }
    }
    Ok((patch, statistics))
}

/// A layer that was exported while training, by its running statistics.
fn in_use(node: &Node) -> Node {
    let mut frozen = node.clone().with("training_mode", Attribute::Int(0));
    frozen.outputs.truncate(1);
    frozen
}

/// A rectifier to be done in the pass of the layer before it.
struct Activation {
    /// Its index.
    node: usize,
    /// Where it ends, if anywhere.
    ceiling: Option<f32>,
}

/// The Relu, or Clip from zero to a constant above, that alone reads `y`.
fn activation(graph: &Graph, consumers: &HashMap<&str, Vec<usize>>, y: &str) -> Option<Activation> {
    let &[reader] = consumers.get(y)?.as_slice() else { return None };
    if graph.outputs().iter().any(|output| output.name == y) {
        return None;
    }
    let node = &graph.nodes()[reader];
    let constant = |index| match graph.initializers().get(node.input(index)?)?.as_f32() {
        Some(&[value]) => Some(value),
        _ => None,
    };
    let ceiling = match node.kind().as_str() {
        "Relu" => None,
        "Clip" if node.input(0) == Some(y) => {
            constant(1).filter(|&floor| floor == 0.0)?;
            Some(constant(2).filter(|&ceiling| ceiling > 0.0)?)
        }
        _ => return None,
    };
    Some(Activation { node: reader, ceiling })
}

/// Notes what becomes of a statistic. A layer that is applied again goes on from what its last application left.
fn update_statistic(node: &mut Node, input: usize, output: usize, statistics: &mut Vec<(String, String)>) {
    let updated = node.outputs[output].clone();
    match statistics.iter_mut().find(|(name, _)| *name == node.inputs[input]) {
        Some((_, current)) => node.inputs[input] = std::mem::replace(current, updated),
        None => statistics.push((node.inputs[input].clone(), updated)),
    }
}

/// A layer with its running statistics, as the operator whose data need not be of the statistics' type.
pub(crate) fn by_running_statistics(node: &Node) -> Result<Node> {
    Ok(batch_norm(node, node.result()?, None, true))
}

fn batch_norm(node: &Node, y: &str, activation: Option<&Activation>, frozen: bool) -> Node {
    let mut fused = Node::new("BatchNorm", &[], &[])
        .in_domain(SWATH_DOMAIN)
        .with("epsilon", Attribute::Float(node.float("epsilon", 1e-5)))
        .with("momentum", Attribute::Float(node.float("momentum", 0.9)))
        .with("relu", Attribute::Int(i64::from(activation.is_some())));
    if let Some(ceiling) = activation.and_then(|activation| activation.ceiling).filter(|ceiling| ceiling.is_finite()) {
        fused = fused.with("ceiling", Attribute::Float(ceiling));
    }
    if frozen {
        fused = fused.with("frozen", Attribute::Int(1));
    }
    fused.name.clone_from(&node.name);
    fused.inputs.clone_from(&node.inputs);
    let statistic = |kind: &str| format!("{y}/{kind}");
    fused.outputs = vec![
        y.to_owned(),
        statistic("saved_mean"),
        statistic("saved_inv_std"),
        statistic("new_mean"),
        statistic("new_var"),
    ];
    fused
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::graph::{DataType, Tensor, ValueInfo};

    /// The training form of a batch normalisation whose outcome `reader` reads.
    fn form(reader: Node, high: f32, batchnorm: BatchNormMode) -> Vec<Node> {
        let layer = Node::new("BatchNormalization", &["x", "a", "b", "mean", "var"], &["z"]);
        let outputs = vec![ValueInfo::fixed("y", DataType::F32, &[1, 2, 3, 3])];
        let mut initializers = BTreeMap::from(["a", "b", "mean", "var"].map(|n| (n.into(), Tensor::floats(&[1.0; 2]))));
        initializers.insert("low".into(), Tensor::scalar(0.0));
        initializers.insert("high".into(), Tensor::scalar(high));
        let inputs = vec![ValueInfo::fixed("x", DataType::F32, &[1, 2, 3, 3])];
        let graph = Graph::new(vec![layer, reader], inputs, outputs, initializers).unwrap();
        let (patch, _) = training_form(&graph, batchnorm, &BTreeSet::new()).unwrap();
        graph.patched(patch).unwrap().nodes().to_vec()
    }

    #[test]
    fn a_rectifier_is_done_in_the_pass_of_its_layer() {
        let relu = || Node::new("Relu", &["z"], &["y"]);
        let clip = || Node::new("Clip", &["z", "low", "high"], &["y"]);
        for (reader, high, ceiling) in [(relu(), 6.0, f32::INFINITY), (clip(), 6.0, 6.0)] {
            for (mode, frozen) in [(BatchNormMode::Train, 0), (BatchNormMode::Frozen, 1)] {
                let nodes = form(reader.clone(), high, mode);
                let [fused] = nodes.as_slice() else { panic!("{nodes:?}") };
                assert_eq!((fused.kind().as_str(), fused.result().unwrap()), ("swath::BatchNorm", "y"));
                assert_eq!((fused.int("relu", 0), fused.int("frozen", 0)), (1, frozen));
                assert_eq!(fused.float("ceiling", f32::INFINITY), ceiling);
            }
        }
    }

    #[test]
    fn other_bounds_stay_a_layer_of_their_own() {
        let kinds =
            |reader, high| -> Vec<String> { form(reader, high, BatchNormMode::Train).iter().map(Node::kind).collect() };
        let low_is_high = Node::new("Clip", &["z", "high", "high"], &["y"]);
        assert_eq!(kinds(low_is_high, 6.0), ["swath::BatchNorm", "Clip"]);
        assert_eq!(kinds(Node::new("Clip", &["z", "low", "high"], &["y"]), -1.0), ["swath::BatchNorm", "Clip"]);
        assert_eq!(kinds(Node::new("Clip", &["z", "low"], &["y"]), 6.0), ["swath::BatchNorm", "Clip"]);
    }
}
