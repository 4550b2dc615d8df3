//! Gradients of quotients, powers, exponentials and the like, element by element.

use super::tape::Tape;
use crate::error::Result;
use crate::graph::Node;

/// y = a / b: da = dy / b, db = -y dy / b
pub(super) fn div(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let da = tape.builder.div(&dy, node.required(1)?)?;
    tape.contribute_broadcast(node, 0, &da)?;
    if tape.wants(node, 1) {
        let product = tape.builder.mul(&da, node.result()?)?;
        let db = tape.builder.neg(&product)?;
        tape.contribute_broadcast(node, 1, &db)?;
    }
    Ok(())
}

/// y = a^b: da = b a^(b-1) dy, which is 0 where b is, and db = y ln(a) dy, which is 0 where a is not positive.
pub(super) fn pow(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let (a, b, y) = (node.required(0)?, node.required(1)?, node.result()?);
    if tape.wants(node, 0) && known_number(b, tape)? != Some(0.0) {
        let slope = power_slope(a, b, y, tape)?;
        let da = tape.builder.mul(&dy, &slope)?;
        tape.contribute_broadcast(node, 0, &da)?;
    }
    if tape.wants(node, 1) {
        let builder = &mut tape.builder;
        let zero = builder.scalar_like(a, 0.0)?;
        let one = builder.scalar_like(a, 1.0)?;
        let positive = builder.op("Greater", &[a, &zero])?;
        let safe = builder.op("Where", &[&positive, a, &one])?;
        let log = builder.op("Log", &[&safe])?;
        let slope = builder.mul(y, &log)?;
        let db = builder.mul(&dy, &slope)?;
        tape.contribute_broadcast(node, 1, &db)?;
    }
    Ok(())
}

/// b a^(b-1); the usual exponents 2 and 1/2 without a call of the power function.
fn power_slope(a: &str, b: &str, y: &str, tape: &mut Tape) -> Result<String> {
    match known_number(b, tape)? {
        Some(2.0) => tape.builder.scale(a, 2.0),
        Some(0.5) => {
            let half = tape.builder.scalar_like(y, 0.5)?;
            tape.builder.div(&half, y)
        }
        Some(exponent) => {
            let lower = tape.builder.scalar_like(a, exponent - 1.0)?;
            let power = tape.builder.op("Pow", &[a, &lower])?;
            tape.builder.scale(&power, exponent)
        }
        None => {
            let builder = &mut tape.builder;
            let dtype = builder.dtype(a)?;
            let exponent = builder.cast(b, dtype)?;
            let one = builder.scalar_like(a, 1.0)?;
            // Where the exponent is 0 the slope is, and a^-1, which has no value at 0, must not be multiplied by it.
            let zero = builder.scalar_like(a, 0.0)?;
            let flat = builder.op("Equal", &[&exponent, &zero])?;
            let above = builder.op("Where", &[&flat, &one, &exponent])?;
            let lower = builder.sub(&above, &one)?;
            let power = builder.op("Pow", &[a, &lower])?;
            builder.mul(&power, &exponent)
        }
    }
}

/// The number that a value of one element is known to hold.
fn known_number(value: &str, tape: &Tape) -> Result<Option<f64>> {
    let constant = tape.builder.facts.get(value)?.constant.as_ref().filter(|tensor| tensor.len() == 1);
    let float = constant.and_then(|t| t.as_f32()).and_then(|v| v.first()).map(|&v| f64::from(v));
    let int = constant.and_then(|t| t.as_i64()).and_then(|v| v.first()).map(|&v| v as f64);
    Ok(float.or(int))
}

/// y = √x: dx = dy / 2y
pub(super) fn sqrt(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let half = tape.builder.scale(&dy, 0.5)?;
    let dx = tape.builder.div(&half, node.result()?)?;
    tape.contribute(node, 0, &dx)
}

/// y = 1 / x: dx = -y² dy
pub(super) fn reciprocal(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let y = node.result()?;
    let square = tape.builder.mul(y, y)?;
    let product = tape.builder.mul(&dy, &square)?;
    let dx = tape.builder.neg(&product)?;
    tape.contribute(node, 0, &dx)
}

/// y = e^x: dx = y dy
pub(super) fn exp(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let dx = tape.builder.mul(&dy, node.result()?)?;
    tape.contribute(node, 0, &dx)
}

/// y = ln x: dx = dy / x
pub(super) fn log(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let dx = tape.builder.div(&dy, node.required(0)?)?;
    tape.contribute(node, 0, &dx)
}

/// y = -x
pub(super) fn neg(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let dx = tape.builder.neg(&dy)?;
    tape.contribute(node, 0, &dx)
}

/// y = sin x: dx = cos x dy
pub(super) fn sin(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let slope = tape.builder.op("Cos", &[node.required(0)?])?;
    let dx = tape.builder.mul(&dy, &slope)?;
    tape.contribute(node, 0, &dx)
}

/// y = cos x: dx = -sin x dy
pub(super) fn cos(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let slope = tape.builder.op("Sin", &[node.required(0)?])?;
    let product = tape.builder.mul(&dy, &slope)?;
    let dx = tape.builder.neg(&product)?;
    tape.contribute(node, 0, &dx)
}
