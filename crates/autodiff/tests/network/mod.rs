//! A small UNet as an exporter would write it, made in code: convolutions, BatchNorm, a pool, a skip, Resize to a computed size.
#![allow(dead_code)]

use std::collections::BTreeMap;

use swath_autodiff::graph::{Attribute, Data, DataType, Graph, Node, Tensor, ValueInfo};
use swath_autodiff::{Dimension, Model};

/// Numbers that look random and are the same everywhere.
pub fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        })
        .collect()
}

pub fn tensor(dims: &[usize], seed: u64) -> Tensor {
    Tensor::new(dims.to_vec(), Data::F32(noise(dims.iter().product(), seed).into())).unwrap()
}

pub fn filled(count: usize, value: f32) -> Tensor {
    Tensor::floats(&vec![value; count])
}

fn conv(scope: &str, x: &str, name: &str, y: &str) -> Node {
    let mut node = Node::new("Conv", &[x, &format!("{name}.weight")], &[y])
        .with("kernel_shape", Attribute::Ints(vec![3, 3]))
        .with("pads", Attribute::Ints(vec![1; 4]));
    node.name = format!("/{scope}/Conv");
    node
}

fn norm(scope: &str, x: &str, name: &str, y: &str) -> Node {
    let parts = ["weight", "bias", "running_mean", "running_var"].map(|part| format!("{name}.{part}"));
    let mut inputs = vec![x];
    inputs.extend(parts.iter().map(String::as_str));
    let mut node = Node::new("BatchNormalization", &inputs, &[y]);
    node.name = format!("/{scope}/BatchNormalization");
    node
}

/// Nodes of the network.
pub fn nodes() -> Vec<Node> {
    let ints = |values: &[i64]| Attribute::Ints(values.to_vec());
    let mut head =
        Node::new("Conv", &["d2", "head.0.weight", "head.0.bias"], &["logits"]).with("kernel_shape", ints(&[1, 1]));
    head.name = "/head/head.0/Conv".into();
    vec![
        conv("encoder/conv1", "x", "encoder.conv1", "c1"),
        norm("encoder/bn1", "c1", "encoder.bn1", "b1"),
        Node::new("Relu", &["b1"], &["r1"]),
        Node::new("MaxPool", &["r1"], &["p1"]).with("kernel_shape", ints(&[2, 2])).with("strides", ints(&[2, 2])),
        conv("encoder/conv2", "p1", "encoder.conv2", "c2"),
        norm("encoder/bn2", "c2", "encoder.bn2", "b2"),
        Node::new("Relu", &["b2"], &["r2"]),
        Node::new("Shape", &["p1"], &["shape"]),
        Node::new("Slice", &["shape", "zero", "two"], &["front"]),
        Node::new("Shape", &["r1"], &["whole"]),
        Node::new("Slice", &["whole", "two", "four"], &["size"]),
        Node::new("Concat", &["front", "size"], &["sizes"]).with("axis", Attribute::Int(0)),
        Node::new("Resize", &["r2", "", "", "sizes"], &["up"])
            .with("mode", Attribute::String("nearest".into()))
            .with("coordinate_transformation_mode", Attribute::String("asymmetric".into()))
            .with("nearest_mode", Attribute::String("floor".into())),
        Node::new("Concat", &["up", "r1"], &["skip"]).with("axis", Attribute::Int(1)),
        conv("decoder/conv", "skip", "decoder.conv", "d1"),
        Node::new("Relu", &["d1"], &["d2"]),
        head,
    ]
}

/// Initializers of the network: 3 bands, 2 classes.
pub fn initializers() -> BTreeMap<String, Tensor> {
    let mut all = BTreeMap::from([
        ("encoder.conv1.weight".to_owned(), tensor(&[4, 3, 3, 3], 1)),
        ("encoder.conv2.weight".to_owned(), tensor(&[4, 4, 3, 3], 2)),
        ("decoder.conv.weight".to_owned(), tensor(&[5, 8, 3, 3], 3)),
        ("head.0.weight".to_owned(), tensor(&[2, 5, 1, 1], 4)),
        ("head.0.bias".to_owned(), tensor(&[2], 5)),
        ("zero".to_owned(), Tensor::ints(&[0])),
        ("two".to_owned(), Tensor::ints(&[2])),
        ("four".to_owned(), Tensor::ints(&[4])),
    ]);
    for (layer, seed) in [("encoder.bn1", 10), ("encoder.bn2", 20)] {
        let positive = |seed| Tensor::floats(&noise(4, seed).iter().map(|v| v.abs() + 0.5).collect::<Vec<_>>());
        all.insert(format!("{layer}.weight"), positive(seed));
        all.insert(format!("{layer}.bias"), tensor(&[4], seed + 1));
        all.insert(format!("{layer}.running_mean"), tensor(&[4], seed + 2));
        all.insert(format!("{layer}.running_var"), positive(seed + 3));
    }
    all
}

/// The image input, of free batch and size.
pub fn input() -> ValueInfo {
    let free = |name: &str| Dimension::Dynamic(Some(name.to_owned()));
    let dims = Some(vec![free("n"), Dimension::Fixed(3), free("h"), free("w")]);
    ValueInfo { name: "x".into(), dtype: DataType::F32, dims }
}

/// The output.
pub fn output() -> ValueInfo {
    let free = |name: &str| Dimension::Dynamic(Some(name.to_owned()));
    let dims = Some(vec![free("n"), Dimension::Fixed(2), free("h"), free("w")]);
    ValueInfo { name: "logits".into(), dtype: DataType::F32, dims }
}

/// The network.
pub fn unet() -> Model {
    Model::new(Graph::new(nodes(), vec![input()], vec![output()], initializers()).unwrap(), 17).unwrap()
}
