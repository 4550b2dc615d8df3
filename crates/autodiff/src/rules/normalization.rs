//! Gradients of normalisations.

use super::tape::Tape;
use crate::error::Result;
use crate::graph::{Attribute, Node, Tensor};

/// Statistics are constants: y = scale (x - mean) / √(var + ε) + bias is linear in x.
pub(super) fn batch_normalization(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let (x, scale, mean, var) = (node.required(0)?, node.required(1)?, node.required(3)?, node.required(4)?);
    let builder = &mut tape.builder;
    let epsilon = builder.constant(Tensor::floats(&[node.float("epsilon", 1e-5)]))?;
    let shifted = builder.add(var, &epsilon)?;
    let std = builder.op("Sqrt", &[&shifted])?;
    let inv_std = builder.op("Reciprocal", &[&std])?;
    let attributes = [("relu", Attribute::Int(0)), ("frozen", Attribute::Int(1))];
    let inputs = [dy.as_str(), x, node.result()?, scale, mean, &inv_std];
    let gradients = builder.swath("BatchNormGrad", &inputs, 3, &attributes)?;
    for (index, gradient) in gradients.iter().enumerate() {
        tape.contribute(node, index, gradient)?;
    }
    Ok(())
}

/// Statistics come from the batch, and their own dependence on x counts, unless they are frozen.
pub(super) fn batch_norm(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let (x, scale) = (node.required(0)?, node.required(1)?);
    let mut attributes = vec![
        ("relu", Attribute::Int(node.int("relu", 0))),
        ("frozen", Attribute::Int(node.int("frozen", 0))),
        ("epsilon", Attribute::Float(node.float("epsilon", 1e-5))),
    ];
    attributes.extend(node.attribute("ceiling").map(|ceiling| ("ceiling", ceiling.clone())));
    let [y, saved_mean, saved_inv_std] = [0, 1, 2].map(|i| node.output(i).unwrap_or_default());
    let gradients =
        tape.builder.swath("BatchNormGrad", &[&dy, x, y, scale, saved_mean, saved_inv_std], 3, &attributes)?;
    for (index, gradient) in gradients.iter().enumerate() {
        tape.contribute(node, index, gradient)?;
    }
    Ok(())
}
