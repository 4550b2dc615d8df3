//! Gradients of activation functions made of straight pieces and of exponential halves.
//!
//! Where a piece has no slope its gradient is masked by `ReluGrad`, one pass over memory; a chain of comparisons and Where takes ten times
//! that.

use super::tape::Tape;
use crate::error::Result;
use crate::graph::{Attribute, Node};

/// `dy` where the gate is positive, 0 elsewhere.
fn passing(dy: &str, gate: &str, tape: &mut Tape) -> Result<String> {
    Ok(tape.builder.swath("ReluGrad", &[dy, gate], 1, &[])?.remove(0))
}

/// `dy` where x > 0, `below` elsewhere.
fn by_sign(x: &str, dy: &str, below: &str, tape: &mut Tape) -> Result<String> {
    let zero = tape.builder.scalar(0.0)?;
    let positive = tape.builder.op("Greater", &[x, &zero])?;
    tape.builder.op("Where", &[&positive, dy, below])
}

/// y = x where x > 0, alpha x elsewhere: dx = alpha dy, and the rest of dy where x > 0.
pub(super) fn leaky_relu(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let below = tape.builder.scale(&dy, f64::from(node.float("alpha", 0.01)))?;
    let dx = with_rest_above(node, &dy, &below, tape)?;
    tape.contribute(node, 0, &dx)
}

/// `below`, to which the rest of `dy` is added where x > 0.
fn with_rest_above(node: &Node, dy: &str, below: &str, tape: &mut Tape) -> Result<String> {
    let rest = tape.builder.sub(dy, below)?;
    let rest = passing(&rest, node.required(0)?, tape)?;
    tape.builder.add(below, &rest)
}

/// y = x where x > 0, slope x elsewhere; the slope is broadcast.
pub(super) fn prelu(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let (x, slope) = (node.required(0)?, node.required(1)?);
    if tape.wants(node, 0) {
        let below = tape.builder.mul(&dy, slope)?;
        let dx = with_rest_above(node, &dy, &below, tape)?;
        tape.contribute(node, 0, &dx)?;
    }
    if tape.wants(node, 1) {
        let zero = tape.builder.scalar(0.0)?;
        let negative = tape.builder.op("Min", &[x, &zero])?;
        let product = tape.builder.mul(&dy, &negative)?;
        tape.contribute_broadcast(node, 1, &product)?;
    }
    Ok(())
}

/// dy where x > 0, dy (rate y + offset) elsewhere: what the exponential halves have in common.
fn exponential_half(node: &Node, rate: f64, offset: f64, tape: &mut Tape) -> Result<Option<String>> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(None) };
    let builder = &mut tape.builder;
    let y = node.result()?;
    let scaled = if rate == 1.0 { y.to_owned() } else { builder.scale(y, rate)? };
    let offset = builder.scalar(offset)?;
    let slope = builder.add(&scaled, &offset)?;
    let below = builder.mul(&dy, &slope)?;
    by_sign(node.required(0)?, &dy, &below, tape).map(Some)
}

/// y = alpha (e^x - 1) below 0: the slope there is y + alpha.
pub(super) fn elu(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dx) = exponential_half(node, 1.0, f64::from(node.float("alpha", 1.0)), tape)? else { return Ok(()) };
    tape.contribute(node, 0, &dx)
}

/// y = alpha (e^(x / alpha) - 1) below 0: the slope there is y / alpha + 1.
pub(super) fn celu(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dx) = exponential_half(node, 1.0 / f64::from(node.float("alpha", 1.0)), 1.0, tape)? else { return Ok(()) };
    tape.contribute(node, 0, &dx)
}

/// y = gamma x above 0, gamma alpha (e^x - 1) below: with both slopes divided by gamma, 1 and y / gamma + alpha.
pub(super) fn selu(node: &Node, tape: &mut Tape) -> Result<()> {
    // The operator's defaults, as its definition gives them.
    let alpha = f64::from(node.float("alpha", 1.673_263_2));
    let gamma = f64::from(node.float("gamma", 1.050_701));
    let Some(part) = exponential_half(node, 1.0 / gamma, alpha, tape)? else { return Ok(()) };
    let dx = tape.builder.scale(&part, gamma)?;
    tape.contribute(node, 0, &dx)
}

/// y = x where x > alpha, else 0.
pub(super) fn thresholded_relu(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let alpha = tape.builder.scalar(f64::from(node.float("alpha", 1.0)))?;
    let above = tape.builder.sub(node.required(0)?, &alpha)?;
    let dx = passing(&dy, &above, tape)?;
    tape.contribute(node, 0, &dx)
}

/// y = x between two bounds: the gradient passes strictly between them, as PyTorch's ReLU6 has it. Bounds themselves get none.
pub(super) fn clip(node: &Node, tape: &mut Tape) -> Result<()> {
    if tape.wants(node, 1) || tape.wants(node, 2) {
        return Err(node.error("bounds that are trained have no gradient rule; use Min and Max"));
    }
    let Some(mut dx) = tape.gradient(node, 0)? else { return Ok(()) };
    // y rather than x: it is kept for the layer after, and lies strictly between the bounds exactly where x does.
    let y = node.result()?;
    if let Some(low) = node.input(1) {
        let constant = tape.builder.facts.get(low)?.constant.as_ref();
        let is_zero = constant.and_then(|t| t.as_f32()).is_some_and(|v| v == [0.0]);
        let above = if is_zero { y.to_owned() } else { tape.builder.sub(y, low)? };
        dx = passing(&dx, &above, tape)?;
    }
    if let Some(high) = node.input(2) {
        let below = tape.builder.sub(high, y)?;
        dx = passing(&dx, &below, tape)?;
    }
    tape.contribute(node, 0, &dx)
}

/// y - y², which is positive exactly where 0 < y < 1.
fn between_zero_and_one(y: &str, tape: &mut Tape) -> Result<String> {
    let square = tape.builder.mul(y, y)?;
    tape.builder.sub(y, &square)
}

/// y = alpha x + beta held between 0 and 1: the slope is alpha strictly between.
pub(super) fn hard_sigmoid(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let scaled = tape.builder.scale(&dy, f64::from(node.float("alpha", 0.2)))?;
    let within = between_zero_and_one(node.result()?, tape)?;
    let dx = passing(&scaled, &within, tape)?;
    tape.contribute(node, 0, &dx)
}

/// y = x h with h = x / 6 + 1/2 held between 0 and 1: the slope is h, and x / 6 more strictly between.
pub(super) fn hard_swish(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let x = node.required(0)?;
    let held = [("alpha", Attribute::Float(1.0 / 6.0)), ("beta", Attribute::Float(0.5))];
    let h = tape.builder.op_with("HardSigmoid", &[x], &held)?;
    let within = between_zero_and_one(&h, tape)?;
    let head = tape.builder.mul(&dy, &h)?;
    let tail = tape.builder.mul(&dy, x)?;
    let tail = tape.builder.scale(&tail, 1.0 / 6.0)?;
    let tail = passing(&tail, &within, tape)?;
    let dx = tape.builder.add(&head, &tail)?;
    tape.contribute(node, 0, &dx)
}
