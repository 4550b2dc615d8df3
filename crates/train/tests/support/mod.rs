//! What several tests share: a tiny training graph written by hand, field by field of the ONNX protobuf, so that the
//! session is tested apart from the crate that usually makes its graphs.

// Each test file uses a part of this.
#![allow(dead_code, unreachable_pub)]

pub mod tiny;

use swath_autodiff::{Model, Role, StateTensor, TrainingGraph};

/// ONNX element types.
pub const FLOAT: u64 = 1;
pub const INT64: u64 = 7;

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(out, (field << 3) | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// `NodeProto`; attributes are integers.
pub fn node(operator: &str, inputs: &[&str], output: &str, attributes: &[(&str, i64)]) -> Vec<u8> {
    let mut out = Vec::new();
    inputs.iter().for_each(|input| bytes(&mut out, 1, input.as_bytes()));
    bytes(&mut out, 2, output.as_bytes());
    bytes(&mut out, 3, format!("{operator}_{output}").as_bytes());
    bytes(&mut out, 4, operator.as_bytes());
    for (name, value) in attributes {
        let mut attribute = Vec::new();
        bytes(&mut attribute, 1, name.as_bytes());
        number(&mut attribute, 3, *value as u64);
        number(&mut attribute, 20, 2);
        bytes(&mut out, 5, &attribute);
    }
    out
}

/// `ValueInfoProto` of a tensor; a dimension of 0 is free.
pub fn value(name: &str, element: u64, shape: &[usize]) -> Vec<u8> {
    let mut dims = Vec::new();
    for (i, &n) in shape.iter().enumerate() {
        let mut dim = Vec::new();
        if n == 0 {
            bytes(&mut dim, 2, format!("free{i}").as_bytes())
        } else {
            number(&mut dim, 1, n as u64)
        }
        bytes(&mut dims, 1, &dim);
    }
    let (mut tensor, mut kind, mut out) = (Vec::new(), Vec::new(), Vec::new());
    number(&mut tensor, 1, element);
    bytes(&mut tensor, 2, &dims);
    bytes(&mut kind, 1, &tensor);
    bytes(&mut out, 1, name.as_bytes());
    bytes(&mut out, 2, &kind);
    out
}

/// `TensorProto` of float32.
pub fn constant(name: &str, shape: &[usize], values: &[f32]) -> Vec<u8> {
    let mut out = Vec::new();
    shape.iter().for_each(|&n| number(&mut out, 1, n as u64));
    number(&mut out, 2, FLOAT);
    bytes(&mut out, 8, name.as_bytes());
    bytes(&mut out, 9, &values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>());
    out
}

/// `ModelProto` of opset 17.
pub fn model(nodes: &[Vec<u8>], constants: &[Vec<u8>], inputs: &[Vec<u8>], outputs: &[Vec<u8>]) -> Vec<u8> {
    let mut graph = Vec::new();
    nodes.iter().for_each(|node| bytes(&mut graph, 1, node));
    bytes(&mut graph, 2, b"test");
    constants.iter().for_each(|constant| bytes(&mut graph, 5, constant));
    inputs.iter().for_each(|input| bytes(&mut graph, 11, input));
    outputs.iter().for_each(|output| bytes(&mut graph, 12, output));
    let (mut opset, mut out) = (Vec::new(), Vec::new());
    number(&mut opset, 2, 17);
    number(&mut out, 1, 8);
    bytes(&mut out, 8, &opset);
    bytes(&mut out, 7, &graph);
    out
}

/// Samples of a batch of [`line`].
pub const SAMPLES: usize = 4;
/// Features of a sample of [`line`].
pub const FEATURES: usize = 3;

/// Least squares by gradient descent with momentum, as a training graph: `x` is float32 `[4, 3]`, `target` int64 `[4]`.
///
/// ```text
/// logits = x w          loss = mean((logits - target)²)          g = (logits - target) x / 2
/// m' = 0.9 m + g        w' = w - (learning_rate / step) m'
/// ```
pub fn line() -> TrainingGraph {
    let nodes = [
        node("MatMul", &["x", "w"], "logits", &[]),
        node("Cast", &["target"], "wanted", &[("to", FLOAT as i64)]),
        node("Sub", &["logits", "wanted"], "error", &[]),
        node("Mul", &["error", "error"], "squared", &[]),
        node("ReduceMean", &["squared"], "loss", &[("keepdims", 0)]),
        node("MatMul", &["error", "x"], "twice", &[]),
        node("Mul", &["twice", "half"], "g", &[]),
        node("Mul", &["m", "momentum"], "kept", &[]),
        node("Add", &["kept", "g"], "m.new", &[]),
        node("Div", &["learning_rate", "step"], "rate", &[]),
        node("Mul", &["m.new", "rate"], "change", &[]),
        node("Sub", &["w", "change"], "w.new", &[]),
    ];
    let constants = [constant("half", &[], &[0.5]), constant("momentum", &[], &[0.9])];
    let inputs = [
        value("x", FLOAT, &[SAMPLES, FEATURES]),
        value("target", INT64, &[SAMPLES]),
        value("learning_rate", FLOAT, &[]),
        value("step", FLOAT, &[]),
        value("w", FLOAT, &[FEATURES]),
        value("m", FLOAT, &[FEATURES]),
    ];
    let outputs = [
        value("loss", FLOAT, &[]),
        value("logits", FLOAT, &[SAMPLES]),
        value("w.new", FLOAT, &[FEATURES]),
        value("m.new", FLOAT, &[FEATURES]),
    ];
    let state = |name: &str, role, initial: [f32; FEATURES]| StateTensor {
        name: name.to_owned(),
        role,
        input: name.to_owned(),
        output: format!("{name}.new"),
        shape: vec![FEATURES],
        initial: initial.to_vec(),
    };
    TrainingGraph {
        model: Model::from_bytes(&model(&nodes, &constants, &inputs, &outputs)).unwrap(),
        state: vec![state("w", Role::Parameter, [0.5, -0.25, 0.125]), state("m", Role::Moment, [0.0; FEATURES])],
    }
}

/// The `n`th batch for [`line`]: small multiples of 1/8, so that products are exact in float32.
pub fn batch(n: u64) -> (ndarray::Array2<f32>, ndarray::Array1<i64>) {
    let x = ndarray::Array2::from_shape_fn((SAMPLES, FEATURES), |(i, j)| {
        let k = n.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left((7 * i + 13 * j) as u32) % 17;
        (k as f32 - 8.0) / 8.0
    });
    let target = x.rows().into_iter().map(|row| if row.sum() > 0.0 { 1 } else { 0 }).collect();
    (x, target)
}
