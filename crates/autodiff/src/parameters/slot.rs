//! Where a tensor must enter an operator to count as a trained parameter or a running statistic.

use super::separate::is_uniform;
use crate::graph::{Node, Tensor};

/// What a tensor is to the operator that it enters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Last part of its PyTorch name.
    pub(crate) suffix: &'static str,
    /// A running statistic, which is updated but not trained.
    pub(crate) statistic: bool,
}

/// The slot behind input `position` of a node, for a float tensor named `name`.
///
/// Layers have fixed slots. Element-wise operators (layer scales, decomposed normalisations, position embeddings) take a
/// parameter when the tensor has several elements, or when its name is a module path rather than the exporter's.
pub(crate) fn slot(node: &Node, position: usize, name: &str, tensor: &Tensor) -> Option<Slot> {
    let trained = |suffix| Some(Slot { suffix, statistic: false });
    let statistic = |suffix| Some(Slot { suffix, statistic: true });
    if !node.domain.is_empty() {
        return None;
    }
    match (node.operator.as_str(), position) {
        // Exporters write GroupNorm as an instance norm with ones and zeros of their own; its parameters come after it.
        ("InstanceNormalization", _) if is_uniform(tensor) && !is_module_path(name) => None,
        (
            "Conv" | "ConvTranspose" | "Gemm" | "InstanceNormalization" | "LayerNormalization" | "GroupNormalization",
            1,
        ) => trained("weight"),
        (
            "Conv" | "ConvTranspose" | "Gemm" | "InstanceNormalization" | "LayerNormalization" | "GroupNormalization",
            2,
        ) => trained("bias"),
        ("BatchNormalization", 1) => trained("weight"),
        ("BatchNormalization", 2) => trained("bias"),
        ("BatchNormalization", 3) => statistic("running_mean"),
        ("BatchNormalization", 4) => statistic("running_var"),
        ("MatMul", _) | ("Gemm", 0) | ("PRelu", 1) => trained("weight"),
        ("Mul" | "Div", _) if counts(name, tensor) => trained("weight"),
        ("Add" | "Sub", _) if counts(name, tensor) => trained("bias"),
        ("Gather", 0) if counts(name, tensor) => trained("weight"),
        ("Concat", _) if is_module_path(name) => trained("token"),
        _ => None,
    }
}

fn counts(name: &str, tensor: &Tensor) -> bool {
    tensor.len() > 1 || is_module_path(name)
}

/// Whether a name is a state_dict's (`decoder.block.gamma`) rather than an exporter's (`onnx::Mul_12`, `/a/Constant_output_0`).
pub(crate) fn is_module_path(name: &str) -> bool {
    name.contains('.') && !name.contains(':') && !name.contains('/')
}
