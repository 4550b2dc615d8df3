//! Compares a rule with central differences.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use swath_autodiff::graph::{DataType, Graph, Node, Tensor, ValueInfo};
use swath_autodiff::{BatchNormMode, Lowering, Model, vector_jacobian};

use crate::evaluator::{Array, Values, run};

/// Opsets that every rule is checked at: the two that both exporters write by default.
const OPSETS: [i64; 2] = [17, 18];
/// Step of the central difference. Its truncation error is of order h² f''' / 6 ≈ 2e-11, the rounding error of the f64
/// evaluation of order 1e-16 |f| / h ≈ 1e-11.
const STEP: f64 = 1e-5;
/// Constants in the graphs are float32 (relative error 6e-8), and a gradient is a sum of a few dozen products of them at most.
const TOLERANCE: f64 = 2e-6;

/// A small network, its inputs, and what to differentiate by.
pub struct Case {
    nodes: Vec<Node>,
    inputs: Vec<(String, Vec<usize>, (f64, f64))>,
    constants: BTreeMap<String, Tensor>,
    outputs: Vec<String>,
    fixed: Vec<String>,
    mode: BatchNormMode,
}

impl Case {
    /// A network of these nodes; every output of the last one is an output of the network.
    pub fn new(nodes: Vec<Node>) -> Self {
        let outputs = nodes.last().unwrap().outputs.clone();
        let mode = BatchNormMode::Frozen;
        Self { nodes, inputs: vec![], constants: BTreeMap::new(), outputs, fixed: vec![], mode }
    }

    /// A float input with random values from -1 to 1.
    pub fn input(self, name: &str, dims: &[usize]) -> Self {
        self.input_within(name, dims, (-1.0, 1.0))
    }

    /// A float input with random values between two bounds, or with one value where these are the same.
    pub fn input_within(mut self, name: &str, dims: &[usize], bounds: (f64, f64)) -> Self {
        self.inputs.push((name.to_owned(), dims.to_vec(), bounds));
        self
    }

    /// A float input that is not differentiated by.
    pub fn fixed_within(mut self, name: &str, dims: &[usize], bounds: (f64, f64)) -> Self {
        self.fixed.push(name.to_owned());
        self.input_within(name, dims, bounds)
    }

    /// A constant.
    pub fn constant(mut self, name: &str, tensor: Tensor) -> Self {
        self.constants.insert(name.to_owned(), tensor);
        self
    }

    /// Differentiates only these outputs of the last node.
    pub fn outputs(mut self, names: &[&str]) -> Self {
        self.outputs = names.iter().map(|&n| n.to_owned()).collect();
        self
    }

    /// Batch statistics in BatchNormalization.
    pub fn batch_statistics(mut self) -> Self {
        self.mode = BatchNormMode::Train;
        self
    }

    /// Checks the gradient of every element of every input against the central difference.
    pub fn check(self) {
        for opset in OPSETS {
            self.check_at(opset);
        }
    }

    /// The same at one opset, for operators that came with it.
    pub fn check_at(&self, opset: i64) {
        let infos = self.inputs.iter().map(|(n, dims, _)| ValueInfo::fixed(n, DataType::F32, dims)).collect();
        let outputs: Vec<ValueInfo> =
            self.outputs.iter().map(|n| ValueInfo { name: n.clone(), dtype: DataType::F32, dims: None }).collect();
        let graph = Graph::new(self.nodes.clone(), infos, outputs, self.constants.clone()).unwrap();
        let network = Model::new(graph, opset).unwrap();
        let wanted: Vec<&str> =
            self.inputs.iter().map(|(n, ..)| n.as_str()).filter(|n| !self.fixed.iter().any(|f| f == n)).collect();
        let written = vector_jacobian(&network, &wanted, self.mode, Lowering::Plain).unwrap();
        // Through bytes and back: what is checked is what a runtime would read.
        let written = Model::from_bytes(&written.to_bytes().unwrap()).unwrap();

        let mut random = ChaCha8Rng::seed_from_u64(7);
        let mut values = Values::new();
        for (name, dims, (low, high)) in &self.inputs {
            let mut draw = |_: &[usize]| if low == high { *low } else { random.random_range(*low..*high) };
            values.insert(name.clone(), Array::from_fn(dims, &mut draw));
        }
        let seeds: Values = written
            .graph()
            .inputs()
            .iter()
            .filter_map(|i| i.name.strip_prefix("seed/").map(|n| (n.to_owned(), i)))
            .map(|(name, info)| (name, Array::from_fn(&fixed(info), |_| random.random_range(-1.0..1.0))))
            .collect();
        values.extend(seeds.iter().map(|(n, seed)| (format!("seed/{n}"), seed.clone())));
        let total = |values: &Values| -> f64 {
            let found = run(&written, values);
            seeds.iter().map(|(n, seed)| seed.data.iter().zip(&found[n].data).map(|(s, y)| s * y).sum::<f64>()).sum()
        };
        let found = run(&written, &values);
        if self.mode == BatchNormMode::Frozen {
            let forward = run(&network, &values);
            for name in &self.outputs {
                close(&found[name].data, &forward[name].data, &format!("forward value {name}"));
            }
        }
        for name in wanted {
            let gradient = &found[&format!("grad/{name}")];
            let differences: Vec<f64> = (0..values[name].data.len())
                .map(|i| {
                    let mut moved = values.clone();
                    let at = values[name].data[i];
                    moved.get_mut(name).unwrap().data[i] = at + STEP;
                    let above = total(&moved);
                    moved.get_mut(name).unwrap().data[i] = at - STEP;
                    (above - total(&moved)) / (2.0 * STEP)
                })
                .collect();
            close(&gradient.data, &differences, &format!("gradient of {name} at opset {opset}"));
            assert!(
                differences.iter().any(|d| d.abs() > 1e-3),
                "the case says nothing: the gradient of {name} is zero"
            );
        }
    }
}

fn fixed(info: &ValueInfo) -> Vec<usize> {
    let size = |d: &swath_autodiff::Dimension| match d {
        swath_autodiff::Dimension::Fixed(size) => *size,
        swath_autodiff::Dimension::Dynamic(_) => panic!("a dynamic dimension"),
    };
    info.dims.iter().flatten().map(size).collect()
}

/// Element by element, relative to the largest.
pub fn close(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1.0f64, |m, v| m.max(v.abs()));
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!((f - e).abs() <= TOLERANCE * largest, "{what}: element {i} is {f}, expected {e}");
    }
}

/// A node with attributes.
pub fn node(operator: &str, inputs: &[&str], outputs: &[&str]) -> Node {
    Node::new(operator, inputs, outputs)
}

/// A list of integers as an attribute.
pub fn ints(values: &[i64]) -> swath_autodiff::graph::Attribute {
    swath_autodiff::graph::Attribute::Ints(values.to_vec())
}

/// An integer as an attribute.
pub fn int(value: i64) -> swath_autodiff::graph::Attribute {
    swath_autodiff::graph::Attribute::Int(value)
}

/// A text as an attribute.
pub fn text(value: &str) -> swath_autodiff::graph::Attribute {
    swath_autodiff::graph::Attribute::String(value.to_owned())
}
