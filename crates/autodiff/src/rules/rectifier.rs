//! Gradients of activation functions made of straight pieces and of exponential halves.

use super::tape::Tape;
use crate::error::Result;
use crate::graph::Node;

/// `dy` where x > 0, `below` elsewhere.
fn by_sign(x: &str, dy: &str, below: &str, tape: &mut Tape) -> Result<String> {
    let zero = tape.builder.scalar(0.0)?;
    let positive = tape.builder.op("Greater", &[x, &zero])?;
    tape.builder.op("Where", &[&positive, dy, below])
}

/// y = x where x > 0, alpha x elsewhere.
pub(super) fn leaky_relu(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let below = tape.builder.scale(&dy, f64::from(node.float("alpha", 0.01)))?;
    let dx = by_sign(node.required(0)?, &dy, &below, tape)?;
    tape.contribute(node, 0, &dx)
}

/// y = x where x > 0, slope x elsewhere; the slope is broadcast.
pub(super) fn prelu(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let (x, slope) = (node.required(0)?, node.required(1)?);
    if tape.wants(node, 0) {
        let below = tape.builder.mul(&dy, slope)?;
        let dx = by_sign(x, &dy, &below, tape)?;
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
    let zero = tape.builder.scalar(0.0)?;
    let above = tape.builder.op("Greater", &[node.required(0)?, &alpha])?;
    let dx = tape.builder.op("Where", &[&above, &dy, &zero])?;
    tape.contribute(node, 0, &dx)
}

/// y = x between two bounds: the gradient passes strictly between them, as PyTorch's ReLU6 has it. Bounds themselves get none.
pub(super) fn clip(node: &Node, tape: &mut Tape) -> Result<()> {
    if tape.wants(node, 1) || tape.wants(node, 2) {
        return Err(node.error("bounds that are trained have no gradient rule; use Min and Max"));
    }
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let x = node.required(0)?;
    let mut within = Vec::new();
    for (bound, comparison) in [(1, "Greater"), (2, "Less")] {
        if let Some(bound) = node.input(bound) {
            within.push(tape.builder.op(comparison, &[x, bound])?);
        }
    }
    let within = match within.as_slice() {
        [] => return tape.contribute(node, 0, &dy),
        [one] => one.clone(),
        [low, high, ..] => tape.builder.op("And", &[low, high])?,
    };
    let zero = tape.builder.scalar(0.0)?;
    let dx = tape.builder.op("Where", &[&within, &dy, &zero])?;
    tape.contribute(node, 0, &dx)
}

/// y = alpha x + beta held between 0 and 1: the slope is alpha strictly between.
pub(super) fn hard_sigmoid(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let (builder, y) = (&mut tape.builder, node.result()?);
    let (zero, one) = (builder.scalar(0.0)?, builder.scalar(1.0)?);
    let above = builder.op("Greater", &[y, &zero])?;
    let below = builder.op("Less", &[y, &one])?;
    let within = builder.op("And", &[&above, &below])?;
    let scaled = builder.scale(&dy, f64::from(node.float("alpha", 0.2)))?;
    let dx = builder.op("Where", &[&within, &scaled, &zero])?;
    tape.contribute(node, 0, &dx)
}

/// y = x times x / 6 + 1/2 held between 0 and 1: the slope is 0 below -3, 1 above 3 and x / 3 + 1/2 between.
pub(super) fn hard_swish(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let (builder, x) = (&mut tape.builder, node.required(0)?);
    let (low, high) = (builder.scalar(-3.0)?, builder.scalar(3.0)?);
    let third = builder.scale(x, 1.0 / 3.0)?;
    let half = builder.scalar(0.5)?;
    let slope = builder.add(&third, &half)?;
    let middle = builder.mul(&dy, &slope)?;
    let above = builder.op("Greater", &[x, &high])?;
    let upper = builder.op("Where", &[&above, &dy, &middle])?;
    let below = builder.op("Less", &[x, &low])?;
    let zero = builder.scalar(0.0)?;
    let dx = builder.op("Where", &[&below, &zero, &upper])?;
    tape.contribute(node, 0, &dx)
}
