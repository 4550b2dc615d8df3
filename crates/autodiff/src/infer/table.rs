//! The table from operator to what it yields.

use super::{Fact, Query, arithmetic, layers, reduction, resize, shaping, swath};
use crate::error::Result;
use crate::graph::{Node, SWATH_DOMAIN};

/// What an operator yields, from what is known of its inputs.
pub(super) type ShapeRule = fn(&Query<'_>) -> Result<Vec<Fact>>;

/// The rule for a node's operator.
pub(super) fn rule(node: &Node) -> Option<ShapeRule> {
    match node.domain.as_str() {
        "" => standard(&node.operator),
        SWATH_DOMAIN => swath::rule(&node.operator),
        _ => None,
    }
}

fn standard(operator: &str) -> Option<ShapeRule> {
    Some(match operator {
        "Relu" | "LeakyRelu" | "Clip" | "Sigmoid" | "Tanh" | "Erf" | "Gelu" | "HardSigmoid" | "HardSwish"
        | "Softmax" | "LogSoftmax" | "Softplus" | "Elu" | "Selu" | "Celu" | "Mish" | "Softsign" | "Neg" | "Abs"
        | "Sqrt" | "Reciprocal" | "Exp" | "Log" | "Floor" | "Ceil" | "Round" | "Sign" | "Sin" | "Cos" | "Not"
        | "Identity" | "CumSum" | "ThresholdedRelu" => arithmetic::like_first,
        "LpNormalization" | "InstanceNormalization" | "GroupNormalization" => arithmetic::like_first,
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Mod" | "Min" | "Max" | "Sum" | "Mean" | "PRelu" => {
            arithmetic::broadcast
        }
        "And" | "Or" | "Xor" | "Equal" | "Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual" => {
            arithmetic::comparison
        }
        "IsNaN" | "IsInf" => arithmetic::truth_like_first,
        "Where" => arithmetic::select,
        "Cast" => arithmetic::cast,
        "CastLike" => arithmetic::cast_like,
        "MatMul" => layers::mat_mul,
        "Gemm" => layers::gemm,
        "Conv" => layers::conv,
        "ConvTranspose" => layers::conv_transpose,
        "BatchNormalization" => layers::batch_normalization,
        "LayerNormalization" => layers::layer_normalization,
        "Dropout" => layers::dropout,
        "MaxPool" | "AveragePool" | "LpPool" => layers::pool,
        "GlobalAveragePool" | "GlobalMaxPool" => layers::global_pool,
        "Resize" => resize::resize,
        "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceProd" | "ReduceL1" | "ReduceL2"
        | "ReduceSumSquare" | "ReduceLogSumExp" => reduction::reduce,
        "ArgMax" | "ArgMin" => reduction::arg,
        "TopK" => reduction::top_k,
        "Shape" => shaping::shape,
        "Size" => shaping::size,
        "Reshape" => shaping::reshape,
        "Flatten" => shaping::flatten,
        "Squeeze" => shaping::squeeze,
        "Unsqueeze" => shaping::unsqueeze,
        "Transpose" => shaping::transpose,
        "Expand" => shaping::expand,
        "Tile" => shaping::tile,
        "Concat" => shaping::concat,
        "Split" => shaping::split,
        "Slice" => shaping::slice,
        "Gather" => shaping::gather,
        "GatherElements" => shaping::like_second,
        "GatherND" => shaping::gather_nd,
        "ScatterElements" | "ScatterND" | "Trilu" => arithmetic::like_first,
        "Pad" => shaping::pad,
        "ConstantOfShape" => shaping::constant_of_shape,
        "Range" => shaping::range,
        "OneHot" => shaping::one_hot,
        "DepthToSpace" => shaping::depth_to_space,
        "SpaceToDepth" => shaping::space_to_depth,
        _ => return None,
    })
}
