//! What is run: every operator at least once, at sizes where borders and strides matter.

use swath_autodiff::graph::{Attribute, Node, SWATH_DOMAIN};

/// Nodes and what they are fed.
pub(in crate::kernels) struct Case {
    pub(in crate::kernels) name: &'static str,
    pub(super) nodes: Vec<Node>,
    pub(super) inputs: Vec<Input>,
    /// Name, and whether it holds images.
    pub(super) outputs: Vec<(&'static str, bool)>,
    /// Whether images may be of a low type.
    pub(in crate::kernels) images: bool,
    /// How many roundings in `float32` an output may have gone through, each of the largest number.
    pub(super) roundings: f64,
}

/// A value that nodes read.
pub(super) struct Input {
    pub(super) name: &'static str,
    pub(super) shape: Vec<usize>,
    pub(super) values: Values,
}

/// What an input holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Values {
    /// Numbers between -1 and 1, of the images' element type.
    Image,
    /// The same in `float32`.
    Vector,
    /// `float32` between 0.5 and 2.5.
    Positive,
    /// `int64` labels of so many classes.
    Classes(usize),
    /// One `float32`.
    Scalar(f32),
    /// One `float64`.
    Step(f64),
}

/// Numbers between -1 and 1 that look random and are the same each time.
pub(super) fn numbers(count: usize, seed: usize) -> Vec<f32> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed as u64 + 1) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// A node of domain `swath`; names are divided by spaces, `-` stands for an input left out.
fn node(operator: &str, inputs: &str, outputs: &str, attributes: &[(&str, Attribute)]) -> Node {
    let inputs: Vec<&str> = inputs.split(' ').map(|name| if name == "-" { "" } else { name }).collect();
    let node = Node::new(operator, &inputs, &outputs.split(' ').collect::<Vec<_>>()).in_domain(SWATH_DOMAIN);
    attributes.iter().fold(node, |node, (name, value)| node.with(name, value.clone()))
}

fn input(name: &'static str, shape: &[usize], values: Values) -> Input {
    Input { name, shape: shape.to_vec(), values }
}

fn ints(values: &[usize]) -> Attribute {
    Attribute::Ints(values.iter().map(|&value| value as i64).collect())
}

/// All cases.
pub(in crate::kernels) fn all() -> Vec<Case> {
    let convolutions = [
        conv("Conv 3x3", [3, 16, 33, 40], 24, 1, 3, 1, [1; 4]),
        conv("Conv 7x7, stride 2", [2, 3, 64, 50], 16, 1, 7, 2, [3; 4]),
        conv("Conv 1x1", [2, 32, 16, 16], 48, 1, 1, 1, [0; 4]),
        conv("Conv depthwise, stride 2", [2, 24, 31, 30], 24, 24, 3, 2, [1; 4]),
        conv("Conv padded below and right alone", [2, 8, 32, 32], 8, 1, 3, 2, [0, 0, 1, 1]),
    ];
    let rest = [
        norm("BatchNorm", [4, 17, 23, 19], &[], false),
        norm("BatchNorm, Relu", [2, 3, 200, 190], &[("relu", Attribute::Int(1))], false),
        norm(
            "BatchNorm frozen, capped",
            [3, 5, 9, 7],
            &[("relu", Attribute::Int(1)), ("ceiling", Attribute::Float(0.5))],
            true,
        ),
        relu(),
        pool(),
        resize("ResizeGrad nearest", [2, 6, 13, 9], [26, 18], "nearest", "asymmetric"),
        resize("ResizeGrad linear", [2, 6, 13, 9], [31, 36], "linear", "half_pixel"),
        loss(),
        adam("AdamW"),
        adam("Adam"),
        sgd(),
    ];
    convolutions.into_iter().chain(rest).collect()
}

fn conv(
    name: &'static str,
    x: [usize; 4],
    out_channels: usize,
    groups: usize,
    kernel: usize,
    stride: usize,
    pads: [usize; 4],
) -> Case {
    let w = [out_channels, x[1] / groups, kernel, kernel];
    let out = |axis: usize| (x[axis + 2] + pads[axis] + pads[axis + 2] - kernel) / stride + 1;
    let y = [x[0], out_channels, out(0), out(1)];
    let window = [
        ("kernel_shape", ints(&[kernel; 2])),
        ("strides", ints(&[stride; 2])),
        ("pads", ints(&pads)),
        ("dilations", ints(&[1; 2])),
        ("group", Attribute::Int(groups as i64)),
    ];
    let with = |name, shape: &[usize]| [&window[..], &[(name, ints(shape))]].concat();
    Case {
        name,
        nodes: vec![
            node("Conv", "x w b", "y", &window),
            node("ConvGradInput", "dy w", "dx", &with("input_shape", &x)),
            node("ConvGradWeight", "dy x", "dw", &with("weight_shape", &w)),
        ],
        inputs: vec![
            input("x", &x, Values::Image),
            input("w", &w, Values::Image),
            input("b", &[out_channels], Values::Image),
            input("dy", &y, Values::Image),
        ],
        outputs: vec![("y", true), ("dx", true), ("dw", true)],
        images: true,
        // Sums of up to 3200 products wander by the root of that; Winograd's transforms cost some ten times as much.
        roundings: 1024.0,
    }
}

fn norm(name: &'static str, x: [usize; 4], activation: &[(&str, Attribute)], frozen: bool) -> Case {
    let mut attributes = activation.to_vec();
    attributes.push(("frozen", Attribute::Int(i64::from(frozen))));
    let y = if activation.is_empty() { "-" } else { "y" };
    let vector = |name, values| input(name, &[x[1]], values);
    Case {
        name,
        nodes: vec![
            node("BatchNorm", "x scale bias mean var", "y saved_mean saved_inv_std new_mean new_var", &attributes),
            node("BatchNormGrad", &format!("dy x {y} scale saved_mean saved_inv_std"), "dx dscale dbias", &attributes),
        ],
        inputs: vec![
            input("x", &x, Values::Image),
            input("dy", &x, Values::Image),
            vector("scale", Values::Positive),
            vector("bias", Values::Vector),
            vector("mean", Values::Vector),
            vector("var", Values::Positive),
        ],
        outputs: vec![
            ("y", true),
            ("saved_mean", false),
            ("saved_inv_std", false),
            ("new_mean", false),
            ("new_var", false),
            ("dx", true),
            ("dscale", false),
            ("dbias", false),
        ],
        // A ceiling rounds values below it up to it, so that another mask results in low types.
        images: !frozen,
        roundings: 64.0,
    }
}

fn relu() -> Case {
    let shape = [3, 5, 41, 17];
    Case {
        name: "ReluGrad",
        nodes: vec![node("ReluGrad", "dy y", "dx", &[])],
        inputs: vec![input("dy", &shape, Values::Image), input("y", &shape, Values::Image)],
        outputs: vec![("dx", true)],
        images: true,
        roundings: 0.0,
    }
}

fn pool() -> Case {
    let x = [2, 7, 33, 40];
    let window = [("kernel_shape", ints(&[3; 2])), ("strides", ints(&[2; 2])), ("pads", ints(&[1; 4]))];
    let backward = [&window[..], &[("input_shape", ints(&x))]].concat();
    Case {
        name: "MaxPool, MaxPoolGrad",
        nodes: vec![node("MaxPool", "x", "y argmax", &window), node("MaxPoolGrad", "dy argmax", "dx", &backward)],
        inputs: vec![input("x", &x, Values::Image), input("dy", &[2, 7, 17, 20], Values::Image)],
        outputs: vec![("y", true), ("argmax", false), ("dx", true)],
        images: true,
        roundings: 4.0,
    }
}

fn resize(name: &'static str, x: [usize; 4], out: [usize; 2], mode: &str, coordinates: &str) -> Case {
    let attributes = [
        ("input_shape", ints(&x)),
        ("mode", Attribute::String(mode.into())),
        ("coordinate_transformation_mode", Attribute::String(coordinates.into())),
        ("nearest_mode", Attribute::String("floor".into())),
    ];
    Case {
        name,
        nodes: vec![node("ResizeGrad", "dy", "dx", &attributes)],
        inputs: vec![input("dy", &[x[0], x[1], out[0], out[1]], Values::Image)],
        outputs: vec![("dx", true)],
        images: true,
        roundings: 16.0,
    }
}

fn loss() -> Case {
    let attributes = [("label_smoothing", Attribute::Float(0.1)), ("ignore_index", Attribute::Int(3))];
    Case {
        name: "SoftmaxCrossEntropy",
        nodes: vec![node("SoftmaxCrossEntropy", "logits target weights", "loss dlogits", &attributes)],
        inputs: vec![
            input("logits", &[2, 5, 37, 41], Values::Vector),
            input("target", &[2, 37, 41], Values::Classes(5)),
            input("weights", &[5], Values::Positive),
        ],
        outputs: vec![("loss", false), ("dlogits", false)],
        images: false,
        roundings: 32.0,
    }
}

/// The scalars of an optimiser's step.
fn scalars() -> Vec<Input> {
    vec![
        input("lr", &[], Values::Scalar(1e-2)),
        input("step", &[], Values::Step(7.0)),
        input("grad_scale", &[], Values::Scalar(0.5)),
        input("momentum", &[], Values::Scalar(0.85)),
    ]
}

fn adam(operator: &'static str) -> Case {
    let tensor = |name, values| input(name, &[5003], values);
    let mut inputs = vec![
        tensor("p", Values::Vector),
        tensor("g", Values::Vector),
        tensor("m", Values::Vector),
        tensor("v", Values::Positive),
    ];
    inputs.extend(scalars());
    Case {
        name: operator,
        nodes: vec![node(
            operator,
            "p g m v lr step grad_scale momentum",
            "p_new m_new v_new",
            &[("weight_decay", Attribute::Float(0.1))],
        )],
        inputs,
        outputs: vec![("p_new", false), ("m_new", false), ("v_new", false)],
        images: false,
        roundings: 16.0,
    }
}

fn sgd() -> Case {
    let tensor = |name| input(name, &[5003], Values::Vector);
    let mut inputs = vec![tensor("p"), tensor("g"), tensor("m")];
    inputs.extend(scalars());
    let attributes = [("weight_decay", Attribute::Float(0.1)), ("nesterov", Attribute::Int(1))];
    Case {
        name: "Sgd",
        nodes: vec![node("Sgd", "p g m lr step grad_scale momentum", "p_new m_new", &attributes)],
        inputs,
        outputs: vec![("p_new", false), ("m_new", false)],
        images: false,
        roundings: 16.0,
    }
}
