//! Writes nodes one by one, with names of their own, and knows dtype and shape of each value at once.
//!
//! Rules, losses, optimisers and lowerings all write through it, so that a wrong shape is found where it is made.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::graph::{Attribute, DataType, Node, SWATH_DOMAIN, Tensor};
use crate::infer::{Fact, Facts, Query, infer_node};
use crate::onnx::dtype_to_onnx;

/// Nodes and constants in the making, on top of values already known.
pub(crate) struct Builder {
    pub(crate) opset: i64,
    pub(crate) facts: Facts,
    pub(crate) nodes: Vec<Node>,
    pub(crate) initializers: Vec<(String, Tensor)>,
    prefix: &'static str,
    next: usize,
    constants: HashMap<String, String>,
    memo: HashMap<String, String>,
}

impl Builder {
    /// A builder whose values are named `<prefix>/<operator>_<number>`.
    pub(crate) fn new(prefix: &'static str, opset: i64, facts: Facts) -> Self {
        Self {
            opset,
            facts,
            nodes: Vec::new(),
            initializers: Vec::new(),
            prefix,
            next: 0,
            constants: HashMap::new(),
            memo: HashMap::new(),
        }
    }

    /// A value name that nothing has yet.
    pub(crate) fn fresh(&mut self, hint: &str) -> String {
        loop {
            let name = format!("{}/{hint}_{}", self.prefix, self.next);
            self.next += 1;
            if !self.facts.contains(&name) {
                return name;
            }
        }
    }

    /// Adds a node with its outputs named already; what it yields becomes known.
    pub(crate) fn push(&mut self, node: Node) -> Result<()> {
        self.check_types(&node)?;
        let yielded = infer_node(&node, &self.facts)?;
        for (name, fact) in node.outputs.iter().zip(yielded).filter(|(name, _)| !name.is_empty()) {
            self.facts.insert(name, fact)?;
        }
        self.nodes.push(node);
        Ok(())
    }

    /// Operators that take one type at all inputs are given one; anything else is an error of the rule that wrote the node.
    fn check_types(&self, node: &Node) -> Result<()> {
        let alike =
            ["Add", "Sub", "Mul", "Div", "Max", "Min", "MatMul", "Gemm", "Conv", "ConvTranspose", "Concat", "Greater"];
        if !alike.contains(&node.operator.as_str()) {
            return Ok(());
        }
        let mut types = Vec::new();
        for input in node.inputs.iter().filter(|name| !name.is_empty()) {
            types.push(self.dtype(input)?);
        }
        if types.windows(2).all(|pair| pair[0] == pair[1]) {
            return Ok(());
        }
        let what = format!("'{}' would read the types {types:?}", node.label());
        Err(Error::Internal { place: format!("writing {}", node.kind()), what })
    }

    /// Adds a node of any domain with so many outputs, and names them.
    pub(crate) fn emit(&mut self, mut node: Node, outputs: usize) -> Result<Vec<String>> {
        let hint = node.operator.clone();
        node.outputs = (0..outputs).map(|_| self.fresh(&hint)).collect();
        node.name = node.outputs.first().cloned().unwrap_or_default();
        let names = node.outputs.clone();
        self.push(node)?;
        Ok(names)
    }

    /// A standard operator with attributes and one output.
    pub(crate) fn op_with(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: &[(&str, Attribute)],
    ) -> Result<String> {
        let mut node = Node::new(operator, inputs, &[]);
        node.attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Ok(self.emit(node, 1)?.remove(0))
    }

    /// A standard operator without attributes and with one output.
    pub(crate) fn op(&mut self, operator: &str, inputs: &[&str]) -> Result<String> {
        self.op_with(operator, inputs, &[])
    }

    /// An operator of domain `swath`.
    pub(crate) fn swath(
        &mut self,
        operator: &str,
        inputs: &[&str],
        outputs: usize,
        attributes: &[(&str, Attribute)],
    ) -> Result<Vec<String>> {
        let mut node = Node::new(operator, inputs, &[]).in_domain(SWATH_DOMAIN);
        node.attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        self.emit(node, outputs)
    }

    /// A constant; equal ones are made once.
    pub(crate) fn constant(&mut self, tensor: Tensor) -> Result<String> {
        let key = (tensor.len() <= 64).then(|| format!("{tensor:?}"));
        if let Some(name) = key.as_ref().and_then(|key| self.constants.get(key)) {
            return Ok(name.clone());
        }
        let name = self.fresh("const");
        self.facts.insert(&name, Fact::of(&tensor))?;
        self.initializers.push((name.clone(), tensor));
        self.constants.extend(key.map(|key| (key, name.clone())));
        Ok(name)
    }

    /// A one-dimensional int64 constant.
    pub(crate) fn ints(&mut self, values: &[i64]) -> Result<String> {
        self.constant(Tensor::ints(values))
    }

    /// A one-dimensional int64 constant of sizes.
    pub(crate) fn sizes(&mut self, dims: &[usize]) -> Result<String> {
        self.ints(&dims.iter().map(|&d| d as i64).collect::<Vec<_>>())
    }

    /// A float32 scalar constant.
    pub(crate) fn scalar(&mut self, value: f64) -> Result<String> {
        self.constant(Tensor::scalar(value as f32))
    }

    /// The value that `make` yields, made once per key.
    pub(crate) fn once(&mut self, key: &str, make: impl FnOnce(&mut Self) -> Result<String>) -> Result<String> {
        if let Some(name) = self.memo.get(key) {
            return Ok(name.clone());
        }
        let name = make(self)?;
        self.memo.insert(key.to_owned(), name.clone());
        Ok(name)
    }

    pub(crate) fn dims(&self, value: &str) -> Result<Vec<usize>> {
        Ok(self.facts.get(value)?.dims.clone())
    }

    pub(crate) fn dtype(&self, value: &str) -> Result<DataType> {
        Ok(self.facts.get(value)?.dtype)
    }

    /// What is known of a node's inputs, for the helpers of [`crate::infer`].
    pub(crate) fn query<'a>(&'a self, node: &'a Node) -> Result<Query<'a>> {
        let known = |name: &String| if name.is_empty() { Ok(None) } else { self.facts.get(name).map(Some) };
        let inputs = node.inputs.iter().map(known).collect::<Result<Vec<_>>>()?;
        Ok(Query { node, inputs })
    }

    pub(crate) fn add(&mut self, a: &str, b: &str) -> Result<String> {
        self.op("Add", &[a, b])
    }

    pub(crate) fn sub(&mut self, a: &str, b: &str) -> Result<String> {
        self.op("Sub", &[a, b])
    }

    pub(crate) fn mul(&mut self, a: &str, b: &str) -> Result<String> {
        self.op("Mul", &[a, b])
    }

    pub(crate) fn div(&mut self, a: &str, b: &str) -> Result<String> {
        self.op("Div", &[a, b])
    }

    pub(crate) fn neg(&mut self, a: &str) -> Result<String> {
        self.op("Neg", &[a])
    }

    /// A scalar constant of a value's type.
    pub(crate) fn scalar_like(&mut self, a: &str, value: f64) -> Result<String> {
        let scalar = self.scalar(value)?;
        let dtype = self.dtype(a)?;
        if dtype == DataType::F32 {
            return Ok(scalar);
        }
        self.once(&format!("{scalar} as {dtype:?}"), |b| b.cast(&scalar, dtype))
    }

    /// A value times a number.
    pub(crate) fn scale(&mut self, a: &str, factor: f64) -> Result<String> {
        let factor = self.scalar_like(a, factor)?;
        self.mul(a, &factor)
    }

    /// A value under other dimensions; itself where they are the same.
    pub(crate) fn reshape(&mut self, a: &str, dims: &[usize]) -> Result<String> {
        if self.dims(a)? == dims {
            return Ok(a.to_owned());
        }
        let shape = self.sizes(dims)?;
        // Without allowzero an empty dimension would be read as "as it was".
        let allow_zero = i64::from(dims.contains(&0));
        self.op_with("Reshape", &[a, &shape], &[("allowzero", Attribute::Int(allow_zero))])
    }

    pub(crate) fn transpose(&mut self, a: &str, perm: &[usize]) -> Result<String> {
        let perm = perm.iter().map(|&axis| axis as i64).collect();
        self.op_with("Transpose", &[a], &[("perm", Attribute::Ints(perm))])
    }

    /// Sum over axes, added up in float32 at least and given in the value's type; the value itself where there are none.
    pub(crate) fn reduce_sum(&mut self, a: &str, axes: &[usize], keep: bool) -> Result<String> {
        if axes.is_empty() {
            return Ok(a.to_owned());
        }
        let axes = self.sizes(axes)?;
        let wide = self.widened(a)?;
        let sum = self.op_with("ReduceSum", &[&wide, &axes], &[("keepdims", Attribute::Int(i64::from(keep)))])?;
        self.cast(&sum, self.dtype(a)?)
    }

    /// A value in float32 where it is of a smaller float type.
    pub(crate) fn widened(&mut self, a: &str) -> Result<String> {
        match self.dtype(a)? {
            DataType::F16 | DataType::Bf16 => self.cast(a, DataType::F32),
            _ => Ok(a.to_owned()),
        }
    }

    /// Maximum over one axis, which stays with length one.
    pub(crate) fn reduce_max(&mut self, a: &str, axis: usize) -> Result<String> {
        let keep = ("keepdims", Attribute::Int(1));
        if self.opset >= 18 {
            let axes = self.sizes(&[axis])?;
            self.op_with("ReduceMax", &[a, &axes], &[keep])
        } else {
            self.op_with("ReduceMax", &[a], &[("axes", Attribute::Ints(vec![axis as i64])), keep])
        }
    }

    pub(crate) fn cast(&mut self, a: &str, dtype: DataType) -> Result<String> {
        if self.dtype(a)? == dtype {
            return Ok(a.to_owned());
        }
        self.op_with("Cast", &[a], &[("to", Attribute::Int(i64::from(dtype_to_onnx(dtype))))])
    }

    /// A float32 tensor of zeros.
    pub(crate) fn zeros(&mut self, dims: &[usize]) -> Result<String> {
        let shape = self.sizes(dims)?;
        self.op_with("ConstantOfShape", &[&shape], &[])
    }

    /// `start..end` with a step along some axes.
    pub(crate) fn slice(&mut self, a: &str, axes: &[usize], ranges: &[(usize, usize, usize)]) -> Result<String> {
        let starts = self.sizes(&ranges.iter().map(|r| r.0).collect::<Vec<_>>())?;
        let ends = self.sizes(&ranges.iter().map(|r| r.1).collect::<Vec<_>>())?;
        let steps = self.sizes(&ranges.iter().map(|r| r.2).collect::<Vec<_>>())?;
        let axes = self.sizes(axes)?;
        self.op("Slice", &[a, &starts, &ends, &axes, &steps])
    }

    pub(crate) fn concat(&mut self, parts: &[&str], axis: usize) -> Result<String> {
        self.op_with("Concat", parts, &[("axis", Attribute::Int(axis as i64))])
    }
}
