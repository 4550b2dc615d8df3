//! Mixed precision: the network's products run in bfloat16 or float16, everything that sums or squares in float32.
//!
//! A rewrite of the finished forward graph: nodes take casts of what they read, one cast per value however many read it, and parameters
//! stay float32. It comes before differentiation, so that gradients follow by the rules of the operators and of Cast: a gradient has the
//! type of its value, and that of a parameter is float32 again. The optimiser, moments, statistics and losses never see the low type.

mod table;

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::error::Result;
use crate::graph::{Attribute, DataType, Graph, Node, Patch};
use crate::infer::Facts;
use crate::onnx::dtype_to_onnx;
use crate::training_form::by_running_statistics;
use table::{Class, class, first_only};

/// The graph with its operators in the types that [`table`] gives them; inputs and outputs of the graph stay as they are.
pub(crate) fn in_mixed_precision(graph: Graph, facts: &Facts, low: DataType) -> Result<Graph> {
    let mut rewrite = Rewrite {
        low,
        facts,
        initializers: graph.initializers().keys().map(String::as_str).collect(),
        outputs: graph.outputs().iter().map(|output| output.name.as_str()).collect(),
        narrow: HashSet::new(),
        casts: HashMap::new(),
        taken: HashSet::new(),
        nodes: Vec::new(),
    };
    for node in graph.nodes() {
        rewrite.node(node)?;
    }
    let nodes = rewrite.nodes;
    let remove: BTreeSet<usize> = (0..graph.nodes().len()).collect();
    graph.patched(Patch { remove, nodes, ..Patch::default() })
}

struct Rewrite<'a> {
    low: DataType,
    /// What was known of the values before the rewrite.
    facts: &'a Facts,
    initializers: HashSet<&'a str>,
    outputs: HashSet<&'a str>,
    /// Values that hold the low type by now.
    narrow: HashSet<String>,
    /// Casts made so far, by value and type.
    casts: HashMap<(String, DataType), String>,
    taken: HashSet<String>,
    nodes: Vec<Node>,
}

impl Rewrite<'_> {
    fn node(&mut self, node: &Node) -> Result<()> {
        match class(node, self.low) {
            Class::Low => self.in_low(node),
            Class::Follow if self.reads_low(node)? => self.in_low(node),
            Class::Norm if self.is_narrow(node.input(0)) => self.in_low(&by_running_statistics(node)?),
            Class::Inside if self.is_narrow(node.input(0)) => self.wide_inside(node),
            _ => self.in_float32(node, &[]),
        }
    }

    fn is_narrow(&self, value: Option<&str>) -> bool {
        value.is_some_and(|name| self.narrow.contains(name))
    }

    /// Whether the data that a node reads are in low precision; constants and parameters are what one makes of them.
    fn reads_low(&self, node: &Node) -> Result<bool> {
        let mut any = false;
        for name in data(node, &node.inputs) {
            let fact = self.facts.get(name)?;
            if fact.dtype != DataType::F32 || fact.constant.is_some() || self.initializers.contains(name.as_str()) {
                continue;
            }
            if !self.narrow.contains(name) {
                return Ok(false);
            }
            any = true;
        }
        Ok(any)
    }

    fn in_low(&mut self, node: &Node) -> Result<()> {
        let mut copy = node.clone();
        for index in 0..data(node, &node.inputs).len() {
            if !node.inputs[index].is_empty() && self.is_float(&node.inputs[index])? {
                copy.inputs[index] = self.cast(&node.inputs[index], self.low);
            }
        }
        let mut handed_on = Vec::new();
        for index in 0..data(node, &node.outputs).len() {
            let name = &node.outputs[index];
            if name.is_empty() || !self.is_float(name)? {
                continue;
            }
            if self.outputs.contains(name.as_str()) {
                // An output of the graph keeps its name and type.
                copy.outputs[index] = self.fresh(name, self.low);
                handed_on.push(cast_node(&copy.outputs[index], name, DataType::F32));
            } else {
                self.narrow.insert(name.clone());
            }
        }
        self.nodes.push(copy);
        self.nodes.append(&mut handed_on);
        Ok(())
    }

    /// The node as it was, on float32; its outputs get the names given.
    fn in_float32(&mut self, node: &Node, outputs: &[String]) -> Result<()> {
        let mut copy = node.clone();
        for input in copy.inputs.iter_mut().filter(|name| !name.is_empty()) {
            *input = self.cast(input, DataType::F32);
        }
        copy.outputs.iter_mut().zip(outputs).for_each(|(old, new)| old.clone_from(new));
        self.nodes.push(copy);
        Ok(())
    }

    fn wide_inside(&mut self, node: &Node) -> Result<()> {
        let y = node.result()?;
        if self.outputs.contains(y) {
            return self.in_float32(node, &[]);
        }
        let wide = self.fresh(y, DataType::F32);
        self.in_float32(node, std::slice::from_ref(&wide))?;
        self.nodes.push(cast_node(&wide, y, self.low));
        self.narrow.insert(y.to_owned());
        Ok(())
    }

    /// Whether a value was float32 before the rewrite.
    fn is_float(&self, value: &str) -> Result<bool> {
        Ok(self.facts.get(value)?.dtype == DataType::F32)
    }

    /// A value in one of the two types; a cast is made once.
    fn cast(&mut self, value: &str, to: DataType) -> String {
        if self.narrow.contains(value) == (to == self.low) {
            return value.to_owned();
        }
        let key = (value.to_owned(), to);
        if let Some(made) = self.casts.get(&key) {
            return made.clone();
        }
        let name = self.fresh(value, to);
        self.nodes.push(cast_node(value, &name, to));
        self.casts.insert(key, name.clone());
        name
    }

    fn fresh(&mut self, value: &str, dtype: DataType) -> String {
        let kind = match dtype {
            DataType::F16 => "float16",
            DataType::Bf16 => "bfloat16",
            _ => "float32",
        };
        let mut name = format!("{value}/{kind}");
        while self.facts.contains(&name) || self.taken.contains(&name) {
            name.push('_');
        }
        self.taken.insert(name.clone());
        name
    }
}

/// Those of a node's inputs or outputs that have the type of its data, where they are float at all.
fn data<'n>(node: &Node, values: &'n [String]) -> &'n [String] {
    if first_only(node) { values.get(..1).unwrap_or_default() } else { values }
}

fn cast_node(from: &str, to: &str, dtype: DataType) -> Node {
    let mut node = Node::new("Cast", &[from], &[to]);
    node.name = to.to_owned();
    node.with("to", Attribute::Int(i64::from(dtype_to_onnx(dtype))))
}
