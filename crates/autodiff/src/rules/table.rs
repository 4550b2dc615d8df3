//! The one table from operator to gradient rule; the documentation's list of supported operators is made from it.

use super::tape::Tape;
use super::{
    activation, arithmetic, average_pool, choice, conv, conv_transpose, layer_norm, layout, loss, matrix, movement,
    normalization, padding, pooling, power, rectifier, reduction, resize, selection, smooth, softmax,
};
use crate::error::Result;
use crate::graph::{Node, SWATH_DOMAIN};

/// Writes the gradients of a node's inputs.
pub(crate) type GradientRule = fn(&Node, &mut Tape) -> Result<()>;

/// An operator that gradients can flow through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SupportedOperator {
    /// The ONNX operator.
    pub operator: &'static str,
    /// The family whose file holds its rule.
    pub family: &'static str,
}

struct Row {
    operator: &'static str,
    family: &'static str,
    rule: GradientRule,
}

const fn row(operator: &'static str, family: &'static str, rule: GradientRule) -> Row {
    Row { operator, family, rule }
}

/// Standard operators, by family.
const STANDARD: &[Row] = &[
    row("Relu", "activation", activation::relu),
    row("Add", "arithmetic", arithmetic::add),
    row("Sub", "arithmetic", arithmetic::sub),
    row("Mul", "arithmetic", arithmetic::mul),
    row("AveragePool", "average_pool", average_pool::average_pool),
    row("GlobalAveragePool", "average_pool", average_pool::global_average),
    row("GlobalMaxPool", "average_pool", average_pool::global_max),
    row("Abs", "choice", choice::abs),
    row("Ceil", "choice", choice::flat),
    row("Floor", "choice", choice::flat),
    row("Max", "choice", choice::extremum),
    row("Mean", "choice", choice::mean),
    row("Min", "choice", choice::extremum),
    row("Round", "choice", choice::flat),
    row("Sign", "choice", choice::flat),
    row("Sum", "choice", choice::sum),
    row("Where", "choice", choice::select),
    row("Conv", "conv", conv::conv),
    row("ConvTranspose", "conv_transpose", conv_transpose::conv_transpose),
    row("GroupNormalization", "layer_norm", layer_norm::group_normalization),
    row("InstanceNormalization", "layer_norm", layer_norm::instance_normalization),
    row("LayerNormalization", "layer_norm", layer_norm::layer_normalization),
    row("Cast", "layout", layout::cast),
    row("CastLike", "layout", layout::cast),
    row("DepthToSpace", "layout", layout::depth_to_space),
    row("Dropout", "layout", layout::dropout),
    row("Expand", "layout", layout::expand),
    row("SpaceToDepth", "layout", layout::space_to_depth),
    row("Tile", "layout", layout::tile),
    row("Transpose", "layout", layout::transpose),
    row("Gemm", "matrix", matrix::gemm),
    row("MatMul", "matrix", matrix::mat_mul),
    row("Concat", "movement", movement::concat),
    row("Flatten", "movement", movement::reshape),
    row("Identity", "movement", movement::identity),
    row("Reshape", "movement", movement::reshape),
    row("Squeeze", "movement", movement::reshape),
    row("Unsqueeze", "movement", movement::reshape),
    row("BatchNormalization", "normalization", normalization::batch_normalization),
    row("Pad", "padding", padding::pad),
    row("Cos", "power", power::cos),
    row("Div", "power", power::div),
    row("Exp", "power", power::exp),
    row("Log", "power", power::log),
    row("Neg", "power", power::neg),
    row("Pow", "power", power::pow),
    row("Reciprocal", "power", power::reciprocal),
    row("Sin", "power", power::sin),
    row("Sqrt", "power", power::sqrt),
    row("Celu", "rectifier", rectifier::celu),
    row("Clip", "rectifier", rectifier::clip),
    row("Elu", "rectifier", rectifier::elu),
    row("HardSigmoid", "rectifier", rectifier::hard_sigmoid),
    row("HardSwish", "rectifier", rectifier::hard_swish),
    row("LeakyRelu", "rectifier", rectifier::leaky_relu),
    row("PRelu", "rectifier", rectifier::prelu),
    row("Selu", "rectifier", rectifier::selu),
    row("ThresholdedRelu", "rectifier", rectifier::thresholded_relu),
    row("ReduceL1", "reduction", reduction::l1),
    row("ReduceL2", "reduction", reduction::l2),
    row("ReduceLogSumExp", "reduction", reduction::log_sum_exp),
    row("ReduceMax", "reduction", reduction::extremum),
    row("ReduceMean", "reduction", reduction::mean),
    row("ReduceMin", "reduction", reduction::extremum),
    row("ReduceSum", "reduction", reduction::sum),
    row("ReduceSumSquare", "reduction", reduction::sum_square),
    row("Resize", "resize", resize::resize),
    row("Gather", "selection", selection::gather),
    row("GatherElements", "selection", selection::gather_elements),
    row("GatherND", "selection", selection::gather_nd),
    row("Slice", "selection", selection::slice),
    row("Split", "selection", selection::split),
    row("Erf", "smooth", smooth::erf),
    row("Gelu", "smooth", smooth::gelu),
    row("Mish", "smooth", smooth::mish),
    row("Sigmoid", "smooth", smooth::sigmoid),
    row("Softplus", "smooth", smooth::softplus),
    row("Softsign", "smooth", smooth::softsign),
    row("Tanh", "smooth", smooth::tanh),
    row("LogSoftmax", "softmax", softmax::log_softmax),
    row("Softmax", "softmax", softmax::softmax),
];

/// Operators of domain `swath` that forward passes are rewritten to.
const SWATH: &[Row] = &[
    row("BatchNorm", "normalization", normalization::batch_norm),
    row("MaxPool", "pooling", pooling::max_pool),
    row("SoftmaxCrossEntropy", "loss", loss::softmax_cross_entropy),
];

/// Standard operators with a rule under another form: the forward pass is rewritten to it first.
const REWRITTEN: &[SupportedOperator] = &[SupportedOperator { operator: "MaxPool", family: "pooling" }];

pub(super) fn rule(node: &Node) -> Option<GradientRule> {
    let rows = match node.domain.as_str() {
        "" => STANDARD,
        SWATH_DOMAIN => SWATH,
        _ => return None,
    };
    rows.iter().find(|row| row.operator == node.operator).map(|row| row.rule)
}

/// All operators that gradients can flow through, by name.
#[must_use]
pub fn supported_operators() -> Vec<SupportedOperator> {
    let own = STANDARD.iter().map(|row| SupportedOperator { operator: row.operator, family: row.family });
    let mut all: Vec<SupportedOperator> = own.chain(REWRITTEN.iter().copied()).collect();
    all.sort_by_key(|operator| operator.operator);
    all
}
