//! Runs plain ONNX graphs in f64, slowly and by the letter of the operator specifications.
//!
//! An oracle for gradient rules that shares no code with them: every element type is held as f64, every operator is a loop over
//! coordinates. Operators are grouped by file; [`run`] is the one entrance.
#![allow(dead_code)]

mod elementwise;
mod layers;
mod layout;
pub mod low;
mod reduce;
mod sample;

use std::collections::BTreeMap;

use swath_autodiff::Model;
use swath_autodiff::graph::{Data, DataType, Node, Tensor};

/// A dense row-major array; integers and truth values are held as numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    pub dims: Vec<usize>,
    pub data: Vec<f64>,
}

/// Arrays by value name.
pub type Values = BTreeMap<String, Array>;

impl Array {
    pub fn new(dims: &[usize], data: Vec<f64>) -> Self {
        assert_eq!(dims.iter().product::<usize>(), data.len(), "array of shape {dims:?}");
        Self { dims: dims.to_vec(), data }
    }

    pub fn filled(dims: &[usize], value: f64) -> Self {
        Self::new(dims, vec![value; dims.iter().product()])
    }

    /// An array whose elements come from their coordinates.
    pub fn from_fn(dims: &[usize], mut element: impl FnMut(&[usize]) -> f64) -> Self {
        let data = coordinates(dims).map(|at| element(&at)).collect();
        Self::new(dims, data)
    }

    pub fn of(tensor: &Tensor) -> Self {
        let data = match tensor.data() {
            Data::F32(v) => v.iter().map(|&x| f64::from(x)).collect(),
            Data::I64(v) => v.iter().map(|&x| x as f64).collect(),
            Data::Bool(v) => v.iter().map(|&x| f64::from(u8::from(x))).collect(),
            Data::Bytes(DataType::F64, v) => v.chunks(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect(),
            Data::Bytes(DataType::I32, v) => {
                v.chunks(4).map(|b| f64::from(i32::from_le_bytes(b.try_into().unwrap()))).collect()
            }
            Data::Bytes(other, _) => panic!("the evaluator does not read {other:?}"),
        };
        Self::new(tensor.dims(), data)
    }

    pub fn rank(&self) -> usize {
        self.dims.len()
    }

    pub fn ints(&self) -> Vec<i64> {
        self.data.iter().map(|&x| x as i64).collect()
    }

    pub fn flat(&self, at: &[usize]) -> usize {
        assert_eq!(at.len(), self.rank());
        at.iter().zip(&self.dims).fold(0, |flat, (&i, &d)| {
            assert!(i < d, "{at:?} lies outside {:?}", self.dims);
            flat * d + i
        })
    }

    pub fn at(&self, at: &[usize]) -> f64 {
        self.data[self.flat(at)]
    }

    pub fn reshaped(&self, dims: &[usize]) -> Self {
        Self::new(dims, self.data.clone())
    }

    /// The element that broadcasting puts at `at` of a larger shape.
    pub fn broadcast_at(&self, at: &[usize]) -> f64 {
        let skipped = at.len() - self.rank();
        let own: Vec<usize> = (0..self.rank()).map(|i| if self.dims[i] == 1 { 0 } else { at[i + skipped] }).collect();
        self.at(&own)
    }
}

/// All coordinates of a shape, last axis fastest.
pub fn coordinates(dims: &[usize]) -> impl Iterator<Item = Vec<usize>> + use<> {
    let dims = dims.to_vec();
    (0..dims.iter().product::<usize>()).map(move |mut flat| {
        let mut at = vec![0; dims.len()];
        for axis in (0..dims.len()).rev() {
            at[axis] = flat % dims[axis];
            flat /= dims[axis];
        }
        at
    })
}

/// A node with its inputs' arrays.
pub struct Call<'a> {
    pub node: &'a Node,
    pub inputs: Vec<Option<&'a Array>>,
    pub opset: i64,
}

impl Call<'_> {
    pub fn input(&self, index: usize) -> &Array {
        self.optional(index).unwrap_or_else(|| panic!("{} lacks input {index}", self.node.operator))
    }

    pub fn optional(&self, index: usize) -> Option<&Array> {
        self.inputs.get(index).copied().flatten()
    }

    pub fn axis(&self, axis: i64, rank: usize) -> usize {
        usize::try_from(if axis < 0 { axis + rank as i64 } else { axis }).unwrap()
    }

    /// A list of sizes among the attributes.
    pub fn sizes(&self, name: &str, default: Vec<usize>) -> Vec<usize> {
        self.node.ints(name).map_or(default, |v| v.iter().map(|&x| usize::try_from(x).unwrap()).collect())
    }
}

/// Runs a plain graph; yields every value in it. Values of bfloat16 and float16 are rounded as those types do.
pub fn run(model: &Model, inputs: &Values) -> Values {
    let mut values = inputs.clone();
    let mut types: BTreeMap<String, low::Low> = BTreeMap::new();
    for input in model.graph().inputs() {
        assert!(values.contains_key(&input.name), "no value for input {}", input.name);
    }
    for (name, tensor) in model.graph().initializers() {
        values.entry(name.clone()).or_insert_with(|| Array::of(tensor));
    }
    for node in model.graph().nodes() {
        assert_eq!(node.domain, "", "the evaluator runs standard operators only");
        let inputs = node.inputs.iter().map(|n| if n.is_empty() { None } else { Some(&values[n]) }).collect();
        let mut outputs = evaluate(&Call { node, inputs, opset: model.opset() });
        let known = |name: &String| (!name.is_empty()).then(|| types.get(name).copied());
        if let Some(low) = low::of_output(node, &node.inputs.iter().map(known).collect::<Vec<_>>()) {
            outputs[0].data.iter_mut().for_each(|x| *x = low.round(*x));
            types.insert(node.outputs[0].clone(), low);
        }
        for (name, array) in node.outputs.iter().zip(outputs).filter(|(name, _)| !name.is_empty()) {
            values.insert(name.clone(), array);
        }
    }
    values
}

fn evaluate(call: &Call<'_>) -> Vec<Array> {
    elementwise::evaluate(call)
        .or_else(|| layers::evaluate(call))
        .or_else(|| layout::evaluate(call))
        .or_else(|| reduce::evaluate(call))
        .or_else(|| sample::evaluate(call))
        .unwrap_or_else(|| panic!("the evaluator lacks {}", call.node.operator))
}
