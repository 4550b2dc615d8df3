//! The graph and its parts. A [`Graph`] is always valid: values have one producer, nodes stand in an order in which they can
//! run, nothing reads what nothing yields. A [`Patch`] is the only way to change it, and keeps it valid.

mod node;
mod patch;
mod sort;
mod tensor;

use std::collections::{BTreeMap, HashMap};

pub use node::{Attribute, Node, SWATH_DOMAIN};
pub(crate) use patch::Patch;
pub use tensor::{Data, DataType, Tensor};

use crate::error::Result;

/// A dimension of a model's input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dimension {
    /// Known when the model was exported.
    Fixed(usize),
    /// Free, under a name where the exporter gave one.
    Dynamic(Option<String>),
}

/// An input or output of a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueInfo {
    /// Name of the value.
    pub name: String,
    /// Type of its elements.
    pub dtype: DataType,
    /// Its dimensions; `None` where even their number is unknown.
    pub dims: Option<Vec<Dimension>>,
}

impl ValueInfo {
    /// A value whose dimensions are all known.
    #[must_use]
    pub fn fixed(name: &str, dtype: DataType, dims: &[usize]) -> Self {
        Self { name: name.to_owned(), dtype, dims: Some(dims.iter().map(|&d| Dimension::Fixed(d)).collect()) }
    }
}

/// A valid graph of nodes over named values.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    inputs: Vec<ValueInfo>,
    outputs: Vec<ValueInfo>,
    initializers: BTreeMap<String, Tensor>,
}

impl Graph {
    /// A graph out of its parts; nodes may come in any order.
    ///
    /// # Errors
    /// When a value is produced twice or never, or nodes form a circle.
    pub fn new(
        nodes: Vec<Node>,
        inputs: Vec<ValueInfo>,
        outputs: Vec<ValueInfo>,
        initializers: BTreeMap<String, Tensor>,
    ) -> Result<Self> {
        let nodes = sort::in_running_order(nodes, &inputs, &outputs, &initializers)?;
        Ok(Self { nodes, inputs, outputs, initializers })
    }

    /// Nodes, each after those it reads from.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Inputs, without those that have an initializer.
    #[must_use]
    pub fn inputs(&self) -> &[ValueInfo] {
        &self.inputs
    }

    /// Outputs.
    #[must_use]
    pub fn outputs(&self) -> &[ValueInfo] {
        &self.outputs
    }

    /// Constant tensors by name.
    #[must_use]
    pub fn initializers(&self) -> &BTreeMap<String, Tensor> {
        &self.initializers
    }

    /// For every value, the nodes that read it, in running order.
    pub(crate) fn consumers(&self) -> HashMap<&str, Vec<usize>> {
        let mut consumers: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            for input in node.inputs.iter().filter(|name| !name.is_empty()) {
                let readers = consumers.entry(input).or_default();
                if readers.last() != Some(&index) {
                    readers.push(index);
                }
            }
        }
        consumers
    }

    /// For every value that a node yields, that node.
    pub(crate) fn producers(&self) -> HashMap<&str, usize> {
        let mut producers = HashMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            producers.extend(node.outputs.iter().filter(|o| !o.is_empty()).map(|o| (o.as_str(), index)));
        }
        producers
    }
}
