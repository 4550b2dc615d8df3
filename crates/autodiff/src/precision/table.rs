//! Which operators run in low precision, and why.
//!
//! The division is that of `torch.autocast`, narrowed by what ONNX Runtime's CUDA provider can run. Up to opset 21, the newest whose
//! layers all have CUDA kernels, that provider knows float16 in nearly every operator used here, but has no bfloat16 kernel for
//! ConvTranspose, Clip, LeakyRelu, HardSigmoid, HardSwish, Resize and Pad; these compute in float32 and hand on bfloat16.

use crate::graph::{DataType, Node, SWATH_DOMAIN};

/// In which type an operator computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Always in low precision: products of matrices and convolutions, where tensor cores are many times as fast and sums are kept in
    /// float32 inside.
    Low,
    /// In low precision where all data that it reads are: element-wise operators and those that move elements, which are bound by memory.
    Follow,
    /// In float32, handing on low precision where it was given that: averages, and layers without a kernel for the low type. What comes
    /// before and after is low anyway, and kept activations stay small.
    Inside,
    /// Batch normalisation by constant statistics: as [`Class::Follow`], in the form whose channel vectors are float32 whatever its data.
    Norm,
    /// In float32, and its outcome too: norms with their squares and roots, softmax, exponentials, powers, sums, and all that is not listed.
    Wide,
}

/// Products.
const LOW: &[&str] = &["Conv", "Gemm", "MatMul"];
/// Element by element, or elements moved.
const FOLLOW: &[&str] = &[
    "Add",
    "Concat",
    "Div",
    "Expand",
    "Flatten",
    "Gather",
    "Identity",
    "Mul",
    "Relu",
    "Reshape",
    "Sigmoid",
    "Slice",
    "Split",
    "Squeeze",
    "Sub",
    "Sum",
    "Tanh",
    "Transpose",
    "Unsqueeze",
];
/// The same, where float16 is the low type.
const FOLLOW_FLOAT16: &[&str] = &["Clip", "HardSigmoid", "HardSwish", "LeakyRelu", "Pad", "Resize"];
/// Averages, and element-wise operators whose gradients take powers.
const INSIDE: &[&str] = &[
    "AveragePool",
    "DepthToSpace",
    "Elu",
    "Gelu",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "MaxPool",
    "Mish",
    "PRelu",
    "Softplus",
    "SpaceToDepth",
    "Tile",
];

/// The class of a node's operator.
pub(super) fn class(node: &Node, low: DataType) -> Class {
    let operator = node.operator.as_str();
    let float16 = low == DataType::F16;
    match node.domain.as_str() {
        SWATH_DOMAIN if matches!(operator, "BatchNorm" | "MaxPool") => Class::Follow,
        "" if operator == "BatchNormalization" => Class::Norm,
        "" if LOW.contains(&operator) || (float16 && operator == "ConvTranspose") => Class::Low,
        "" if FOLLOW.contains(&operator) || (float16 && FOLLOW_FLOAT16.contains(&operator)) => Class::Follow,
        "" if INSIDE.contains(&operator) || FOLLOW_FLOAT16.contains(&operator) || operator == "ConvTranspose" => {
            Class::Inside
        }
        _ => Class::Wide,
    }
}

/// Whether a node's first input and output alone have the type of its data: what else it reads and yields (statistics, scales) is
/// always float32.
pub(super) fn first_only(node: &Node) -> bool {
    matches!(node.operator.as_str(), "BatchNorm" | "Resize")
}
