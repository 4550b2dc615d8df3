//! Shapes of the operators of domain `swath`.

use super::table::ShapeRule;
use super::{Fact, Query, layers};
use crate::error::Result;
use crate::graph::DataType;

pub(super) fn rule(operator: &str) -> Option<ShapeRule> {
    Some(match operator {
        "Conv" => layers::conv,
        "ConvGradInput" | "MaxPoolGrad" | "ResizeGrad" => from_input_shape,
        "ConvGradWeight" => from_weight_shape,
        "BatchNorm" => batch_norm,
        "BatchNormGrad" => batch_norm_grad,
        "ReluGrad" => like_second,
        "MaxPool" => max_pool,
        "SoftmaxCrossEntropy" => cross_entropy,
        "AdamW" | "Adam" | "Sgd" => optimizer,
        _ => return None,
    })
}

fn listed(query: &Query<'_>, name: &str) -> Result<Vec<Fact>> {
    let dims = query.node.ints(name).map(|v| v.iter().map(|&d| usize::try_from(d)).collect::<Result<Vec<_>, _>>());
    match dims {
        Some(Ok(dims)) => Ok(vec![Fact::new(query.input(0)?.dtype, &dims)]),
        _ => Err(query.node.error(format!("its attribute {name} is missing or negative"))),
    }
}

fn from_input_shape(query: &Query<'_>) -> Result<Vec<Fact>> {
    listed(query, "input_shape")
}

fn from_weight_shape(query: &Query<'_>) -> Result<Vec<Fact>> {
    listed(query, "weight_shape")
}

fn like_second(query: &Query<'_>) -> Result<Vec<Fact>> {
    let second = query.input(1)?;
    Ok(vec![Fact::new(second.dtype, &second.dims)])
}

/// X, scale, bias, mean, var -> Y, saved_mean, saved_inv_std, new_mean, new_var
fn batch_norm(query: &Query<'_>) -> Result<Vec<Fact>> {
    layers::batch_normalization(query)
}

/// dY, X, Y, scale, saved_mean, saved_inv_std -> dX, dscale, dbias
fn batch_norm_grad(query: &Query<'_>) -> Result<Vec<Fact>> {
    let (x, scale) = (query.input(1)?, query.input(3)?);
    Ok(vec![x.clone(), Fact::new(scale.dtype, &scale.dims), Fact::new(scale.dtype, &scale.dims)])
}

/// X -> Y, Argmax
fn max_pool(query: &Query<'_>) -> Result<Vec<Fact>> {
    let mut facts = layers::pool(query)?;
    facts[1].dtype = DataType::I32;
    Ok(facts)
}

/// logits, target, [class weights] -> loss, dlogits
fn cross_entropy(query: &Query<'_>) -> Result<Vec<Fact>> {
    let logits = query.input(0)?;
    Ok(vec![Fact::new(logits.dtype, &[]), Fact::new(logits.dtype, &logits.dims)])
}

/// p, g, m, [v], lr, step, [grad_scale] -> p', m', [v']
fn optimizer(query: &Query<'_>) -> Result<Vec<Fact>> {
    let p = query.input(0)?;
    Ok(vec![Fact::new(p.dtype, &p.dims); 3])
}
