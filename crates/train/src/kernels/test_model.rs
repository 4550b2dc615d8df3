//! For tests: one-node models of domain `swath`, written as the few protobuf fields they need, and their run in a real
//! session.

use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, Value};

use crate::session::Runtime;

/// An attribute's value.
pub(super) enum Attribute {
    /// `INT`.
    Int(i64),
    /// `INTS`.
    Ints(Vec<i64>),
    /// `FLOAT`.
    Float(f32),
    /// `FLOATS`.
    Floats(Vec<f32>),
    /// `STRING`.
    Text(&'static str),
}

fn varint(out: &mut Vec<u8>, mut x: u64) {
    while x >= 0x80 {
        out.push(x as u8 | 0x80);
        x >>= 7;
    }
    out.push(x as u8);
}

fn int(out: &mut Vec<u8>, field: u64, x: i64) {
    varint(out, field << 3);
    varint(out, x as u64);
}

fn bytes(out: &mut Vec<u8>, field: u64, x: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, x.len() as u64);
    out.extend_from_slice(x);
}

fn float(out: &mut Vec<u8>, field: u64, x: f32) {
    varint(out, field << 3 | 5);
    out.extend_from_slice(&x.to_le_bytes());
}

fn attribute(name: &str, value: &Attribute) -> Vec<u8> {
    let mut out = Vec::new();
    bytes(&mut out, 1, name.as_bytes());
    let kind = match value {
        Attribute::Float(x) => {
            float(&mut out, 2, *x);
            1
        }
        Attribute::Int(x) => {
            int(&mut out, 3, *x);
            2
        }
        Attribute::Text(x) => {
            bytes(&mut out, 4, x.as_bytes());
            3
        }
        Attribute::Floats(x) => {
            x.iter().for_each(|x| float(&mut out, 7, *x));
            6
        }
        Attribute::Ints(x) => {
            x.iter().for_each(|x| int(&mut out, 8, *x));
            7
        }
    };
    int(&mut out, 20, kind);
    out
}

fn value_info(name: &str, element: i64, dims: Option<&[i64]>) -> Vec<u8> {
    let mut tensor = Vec::new();
    int(&mut tensor, 1, element);
    if let Some(dims) = dims {
        let mut shape = Vec::new();
        for &dim in dims {
            let mut one = Vec::new();
            int(&mut one, 1, dim);
            bytes(&mut shape, 1, &one);
        }
        bytes(&mut tensor, 2, &shape);
    }
    let mut ty = Vec::new();
    bytes(&mut ty, 1, &tensor);
    let mut out = Vec::new();
    bytes(&mut out, 1, name.as_bytes());
    bytes(&mut out, 2, &ty);
    out
}

/// A tensor given to a node, or `None` for an optional input left out.
pub(super) enum Given {
    /// `float32`.
    F32(Vec<i64>, Vec<f32>),
    /// `float64`.
    F64(Vec<i64>, Vec<f64>),
    /// `int64`.
    I64(Vec<i64>, Vec<i64>),
    /// `int32`.
    I32(Vec<i64>, Vec<i32>),
    /// Left out.
    None,
}

/// Runs one node of domain `swath` in ONNX Runtime on two threads; `outputs` are ONNX element types.
pub(super) fn run_node(
    operator: &str,
    attributes: &[(&str, Attribute)],
    inputs: Vec<Given>,
    outputs: &[i64],
) -> ort::Result<Vec<DynValue>> {
    // Before any value is made: without it `ort` looks for a library by itself.
    let runtime = Runtime::get().unwrap();
    let (mut node, mut graph) = (Vec::new(), Vec::new());
    let mut values: Vec<(String, SessionInputValue)> = Vec::new();
    for (index, given) in inputs.into_iter().enumerate() {
        let name = format!("in{index}");
        let (element, shape, value): (i64, Vec<i64>, DynValue) = match given {
            Given::F32(shape, data) => (1, shape.clone(), Value::from_array((shape, data))?.into_dyn()),
            Given::F64(shape, data) => (11, shape.clone(), Value::from_array((shape, data))?.into_dyn()),
            Given::I64(shape, data) => (7, shape.clone(), Value::from_array((shape, data))?.into_dyn()),
            Given::I32(shape, data) => (6, shape.clone(), Value::from_array((shape, data))?.into_dyn()),
            Given::None => {
                bytes(&mut node, 1, b"");
                continue;
            }
        };
        bytes(&mut node, 1, name.as_bytes());
        bytes(&mut graph, 11, &value_info(&name, element, Some(&shape)));
        values.push((name, value.into()));
    }
    for (index, &element) in outputs.iter().enumerate() {
        bytes(&mut node, 2, format!("out{index}").as_bytes());
        bytes(&mut graph, 12, &value_info(&format!("out{index}"), element, None));
    }
    bytes(&mut node, 4, operator.as_bytes());
    attributes.iter().for_each(|(name, value)| bytes(&mut node, 5, &attribute(name, value)));
    bytes(&mut node, 7, super::DOMAIN.as_bytes());
    bytes(&mut graph, 1, &node);
    bytes(&mut graph, 2, b"one_node");
    let mut model = Vec::new();
    int(&mut model, 1, 8);
    bytes(&mut model, 7, &graph);
    for (domain, version) in [("", 17), (super::DOMAIN, 1)] {
        let mut opset = Vec::new();
        bytes(&mut opset, 1, domain.as_bytes());
        int(&mut opset, 2, version);
        bytes(&mut model, 8, &opset);
    }
    let builder = Session::builder(&runtime.environment)?.with_intra_threads(2).unwrap();
    let mut session = super::session_of_bytes(&mut super::register(builder)?, &model)?;
    let mut outs = session.run(values)?;
    Ok((0..outputs.len()).map(|index| outs.remove(format!("out{index}")).unwrap()).collect())
}

/// The elements of an output.
pub(super) fn floats(value: &DynValue) -> Vec<f32> {
    value.try_extract_tensor::<f32>().unwrap().1.to_vec()
}
