//! Dtype, static shape and, for shape arithmetic, the value of everything in a graph.
//!
//! One table maps an operator to the function that says what it yields; one more ([`evaluate`]) computes outputs whose inputs are all
//! known, so that sizes built by chains of Shape, Slice, Concat and the like become constants.

mod arithmetic;
mod evaluate;
mod layers;
mod reduction;
mod resize;
mod shaping;
mod swath;
mod table;
mod window;

use std::collections::{BTreeSet, HashMap};

pub(crate) use reduction::reduced_axes;
pub(crate) use resize::resize_scales;
pub(crate) use shaping::{Stride, axis_pads, permutation, slice_strides, split_lengths};
pub(crate) use window::{Window, WindowKind};

use crate::error::{Error, Result};
use crate::graph::{DataType, Dimension, Graph, Node, Tensor, ValueInfo};

/// Largest number of elements that one value may have: 2^34, 64 GiB of float32, more than any machine would train with.
const LARGEST_VALUE: usize = 1 << 34;

/// What is known of a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fact {
    pub(crate) dtype: DataType,
    pub(crate) dims: Vec<usize>,
    /// Its value, where that does not depend on inputs or parameters.
    pub(crate) constant: Option<Tensor>,
}

impl Fact {
    pub(crate) fn new(dtype: DataType, dims: &[usize]) -> Self {
        Self { dtype, dims: dims.to_vec(), constant: None }
    }

    pub(crate) fn of(tensor: &Tensor) -> Self {
        Self { dtype: tensor.dtype(), dims: tensor.dims().to_vec(), constant: Some(tensor.clone()) }
    }

    pub(crate) fn len(&self) -> usize {
        self.dims.iter().product()
    }
}

/// What is known of all values, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts(HashMap<String, Fact>);

impl Facts {
    pub(crate) fn get(&self, name: &str) -> Result<&Fact> {
        self.0
            .get(name)
            .ok_or_else(|| Error::Internal { place: "infer".into(), what: format!("nothing is known of '{name}'") })
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(crate) fn insert(&mut self, name: &str, fact: Fact) -> Result<()> {
        check_size(name, &fact.dims)?;
        self.0.insert(name.to_owned(), fact);
        Ok(())
    }
}

fn check_size(name: &str, dims: &[usize]) -> Result<()> {
    let count = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    match count {
        Some(count) if count <= LARGEST_VALUE => Ok(()),
        _ => Err(Error::TooLarge {
            value: name.to_owned(),
            dims: dims.iter().map(|&d| i64::try_from(d).unwrap_or(i64::MAX)).collect(),
            limit: LARGEST_VALUE as u64,
        }),
    }
}

/// A node and what is known of its inputs.
pub(crate) struct Query<'a> {
    pub(crate) node: &'a Node,
    pub(crate) inputs: Vec<Option<&'a Fact>>,
}

impl<'a> Query<'a> {
    /// What is known of the `index`-th input, which must be given.
    pub(crate) fn input(&self, index: usize) -> Result<&'a Fact> {
        self.optional(index)
            .ok_or_else(|| self.node.error(format!("its input {index} is missing; export the model again")))
    }

    pub(crate) fn optional(&self, index: usize) -> Option<&'a Fact> {
        self.inputs.get(index).copied().flatten()
    }

    /// Dimensions of the `index`-th input.
    pub(crate) fn dims(&self, index: usize) -> Result<&'a [usize]> {
        Ok(&self.input(index)?.dims)
    }

    /// The integers of the `index`-th input, which must be known by now.
    pub(crate) fn known_ints(&self, index: usize) -> Result<Vec<i64>> {
        self.input(index)?.constant.as_ref().and_then(evaluate::integers).ok_or_else(|| {
            self.node.error(format!(
                "its input {index} depends on the data, so that the shape of its output is not known; export with fixed sizes"
            ))
        })
    }

    /// The integers of an optional input.
    pub(crate) fn known_ints_if_given(&self, index: usize) -> Result<Option<Vec<i64>>> {
        self.optional(index).map(|_| self.known_ints(index)).transpose()
    }

    pub(crate) fn fail(&self, reason: impl Into<String>) -> Error {
        Error::Shape {
            node: self.node.label().to_owned(),
            operator: self.node.kind(),
            shapes: self.inputs.iter().flatten().map(|f| f.dims.clone()).collect(),
            reason: reason.into(),
        }
    }

    /// An axis counted from either end, as a position below `rank`.
    pub(crate) fn axis(&self, axis: i64, rank: usize) -> Result<usize> {
        let signed_rank = rank as i64;
        let from_start = if axis < 0 { axis + signed_rank } else { axis };
        if (0..signed_rank).contains(&from_start) {
            Ok(from_start as usize)
        } else {
            Err(self.fail(format!("axis {axis} lies outside its {rank} dimensions")))
        }
    }
}

/// What a node yields, one fact per output.
pub(crate) fn infer_node(node: &Node, facts: &Facts) -> Result<Vec<Fact>> {
    let inputs = node
        .inputs
        .iter()
        .map(|name| if name.is_empty() { Ok(None) } else { facts.get(name).map(Some) })
        .collect::<Result<Vec<_>>>()?;
    let query = Query { node, inputs };
    let rule = table::rule(node)
        .ok_or_else(|| Error::UnknownOperator { node: node.label().to_owned(), operator: node.kind() })?;
    let mut yielded = rule(&query)?;
    if yielded.len() < node.outputs.len() {
        return Err(query.fail(format!("{} outputs are asked of it, it has {}", node.outputs.len(), yielded.len())));
    }
    yielded.truncate(node.outputs.len());
    for (fact, name) in yielded.iter().zip(&node.outputs) {
        check_size(name, &fact.dims)?;
    }
    if let [fact] = yielded.as_mut_slice() {
        fact.constant = evaluate::evaluate(&query, fact);
    }
    Ok(yielded)
}

/// What is known of every value in `graph`, given the shape of its image input and which initializers vary.
pub(crate) fn infer_graph(
    graph: &Graph,
    input_dims: &HashMap<String, Vec<usize>>,
    variables: &BTreeSet<String>,
) -> Result<Facts> {
    let mut facts = Facts::default();
    for input in graph.inputs() {
        let dims = match input_dims.get(&input.name) {
            Some(dims) => dims.clone(),
            None => fixed_dims(input)?,
        };
        facts.insert(&input.name, Fact::new(input.dtype, &dims))?;
    }
    for (name, tensor) in graph.initializers() {
        let mut fact = Fact::of(tensor);
        if variables.contains(name) {
            fact.constant = None;
        }
        facts.insert(name, fact)?;
    }
    for node in graph.nodes() {
        let yielded = infer_node(node, &facts)?;
        for (name, fact) in node.outputs.iter().zip(yielded).filter(|(name, _)| !name.is_empty()) {
            facts.insert(name, fact)?;
        }
    }
    Ok(facts)
}

fn fixed_dims(input: &ValueInfo) -> Result<Vec<usize>> {
    let unknown = || Error::NotSegmentation { what: format!("input '{}' has no fixed shape", input.name) };
    let dims = input.dims.as_ref().ok_or_else(unknown)?;
    dims.iter()
        .map(|d| match d {
            Dimension::Fixed(size) => Ok(*size),
            Dimension::Dynamic(_) => Err(unknown()),
        })
        .collect()
}
