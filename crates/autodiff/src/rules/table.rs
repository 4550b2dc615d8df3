//! The one table from operator to gradient rule; the documentation's list of supported operators is made from it.

use super::tape::Tape;
use super::{activation, arithmetic, conv, loss, movement, normalization, pooling, resize};
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
    row("Conv", "conv", conv::conv),
    row("Concat", "movement", movement::concat),
    row("Identity", "movement", movement::identity),
    row("Reshape", "movement", movement::reshape),
    row("BatchNormalization", "normalization", normalization::batch_normalization),
    row("Resize", "resize", resize::resize),
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
