//! One node of a graph: an operator, what it reads, what it yields, its attributes.

use super::{DataType, Tensor};
use crate::error::{Error, Result};
use crate::onnx::dtype_from_onnx;

/// Domain of the operators that swath's kernels run.
pub const SWATH_DOMAIN: &str = "swath";

/// Value of a node's attribute.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Attribute {
    Int(i64),
    Float(f32),
    String(String),
    Ints(Vec<i64>),
    Floats(Vec<f32>),
    Strings(Vec<String>),
    Tensor(Tensor),
}

/// An operator applied to named values. An empty input name is an optional input left out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Node {
    /// Name, for people and for the path of its module; may be empty.
    pub name: String,
    /// Operator.
    pub operator: String,
    /// Domain of the operator; empty for the standard one.
    pub domain: String,
    /// Values read.
    pub inputs: Vec<String>,
    /// Values yielded.
    pub outputs: Vec<String>,
    /// Attributes in the file's order.
    pub attributes: Vec<(String, Attribute)>,
    /// Notes of the exporter, carried over.
    pub metadata: Vec<(String, String)>,
}

impl Node {
    /// A node of the standard domain.
    #[must_use]
    pub fn new(operator: &str, inputs: &[&str], outputs: &[&str]) -> Self {
        Self {
            operator: operator.to_owned(),
            inputs: inputs.iter().map(|&s| s.to_owned()).collect(),
            outputs: outputs.iter().map(|&s| s.to_owned()).collect(),
            ..Self::default()
        }
    }

    /// The same node in another domain.
    #[must_use]
    pub fn in_domain(mut self, domain: &str) -> Self {
        domain.clone_into(&mut self.domain);
        self
    }

    /// The same node with one attribute more.
    #[must_use]
    pub fn with(mut self, name: &str, value: Attribute) -> Self {
        self.attributes.retain(|(n, _)| n != name);
        self.attributes.push((name.to_owned(), value));
        self
    }

    /// The operator with its domain where that is not the standard one.
    #[must_use]
    pub fn kind(&self) -> String {
        if self.domain.is_empty() { self.operator.clone() } else { format!("{}::{}", self.domain, self.operator) }
    }

    /// What to call the node in a message: its name, else its first output.
    #[must_use]
    pub fn label(&self) -> &str {
        if self.name.is_empty() { self.outputs.first().map_or("(no name)", String::as_str) } else { &self.name }
    }

    /// The `index`-th input where it is given.
    #[must_use]
    pub fn input(&self, index: usize) -> Option<&str> {
        self.inputs.get(index).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The `index`-th output where it is given.
    #[must_use]
    pub fn output(&self, index: usize) -> Option<&str> {
        self.outputs.get(index).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The `index`-th input, which the operator cannot do without.
    ///
    /// # Errors
    /// When it is missing.
    pub fn required(&self, index: usize) -> Result<&str> {
        self.input(index).ok_or_else(|| self.error(format!("its input {index} is missing; export the model again")))
    }

    /// The first output, which every operator has.
    ///
    /// # Errors
    /// When it is missing.
    pub fn result(&self) -> Result<&str> {
        self.output(0).ok_or_else(|| self.error("it yields nothing; export the model again"))
    }

    /// An attribute by name.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value)
    }

    /// An integer attribute, or its default.
    #[must_use]
    pub fn int(&self, name: &str, default: i64) -> i64 {
        match self.attribute(name) {
            Some(Attribute::Int(value)) => *value,
            _ => default,
        }
    }

    /// A float attribute, or its default.
    #[must_use]
    pub fn float(&self, name: &str, default: f32) -> f32 {
        match self.attribute(name) {
            Some(Attribute::Float(value)) => *value,
            _ => default,
        }
    }

    /// A list of integers, where given.
    #[must_use]
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        match self.attribute(name) {
            Some(Attribute::Ints(values)) => Some(values),
            _ => None,
        }
    }

    /// A list of floats, where given.
    #[must_use]
    pub fn floats(&self, name: &str) -> Option<&[f32]> {
        match self.attribute(name) {
            Some(Attribute::Floats(values)) => Some(values),
            _ => None,
        }
    }

    /// A text attribute, or its default.
    #[must_use]
    pub fn text<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        match self.attribute(name) {
            Some(Attribute::String(value)) => value,
            _ => default,
        }
    }

    /// The type that a Cast casts to; `None` for other operators and types that are not known.
    #[must_use]
    pub fn cast_type(&self) -> Option<DataType> {
        if self.kind() != "Cast" {
            return None;
        }
        i32::try_from(self.int("to", 0)).ok().and_then(dtype_from_onnx)
    }

    /// An error about this node.
    #[must_use]
    pub fn error(&self, reason: impl Into<String>) -> Error {
        Error::Node { node: self.label().to_owned(), operator: self.kind(), reason: reason.into() }
    }
}
