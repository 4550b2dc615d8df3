//! Gradients of activation functions that are smooth everywhere.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, PI};

use super::tape::Tape;
use crate::builder::Builder;
use crate::error::Result;
use crate::graph::Node;

/// dy times the slope that `slope` writes from x and y.
fn times_slope(
    node: &Node,
    tape: &mut Tape,
    slope: impl FnOnce(&mut Builder, &str, &str) -> Result<String>,
) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let slope = slope(&mut tape.builder, node.required(0)?, node.result()?)?;
    let dx = tape.builder.mul(&dy, &slope)?;
    tape.contribute(node, 0, &dx)
}

/// 1 - v²
fn one_less_square(builder: &mut Builder, value: &str) -> Result<String> {
    let one = builder.scalar_like(value, 1.0)?;
    let square = builder.mul(value, value)?;
    builder.sub(&one, &square)
}

/// y = 1 / (1 + e^-x): slope y (1 - y)
pub(super) fn sigmoid(node: &Node, tape: &mut Tape) -> Result<()> {
    times_slope(node, tape, |builder, _, y| {
        let square = builder.mul(y, y)?;
        builder.sub(y, &square)
    })
}

/// y = tanh x: slope 1 - y²
pub(super) fn tanh(node: &Node, tape: &mut Tape) -> Result<()> {
    times_slope(node, tape, |builder, _, y| one_less_square(builder, y))
}

/// y = erf x: slope 2/√π e^(-x²)
pub(super) fn erf(node: &Node, tape: &mut Tape) -> Result<()> {
    times_slope(node, tape, |builder, x, _| {
        let square = builder.mul(x, x)?;
        bell(builder, &square, 1.0, FRAC_2_SQRT_PI)
    })
}

/// height e^(-rate square)
fn bell(builder: &mut Builder, square: &str, rate: f64, height: f64) -> Result<String> {
    let exponent = builder.scale(square, -rate)?;
    let power = builder.op("Exp", &[&exponent])?;
    builder.scale(&power, height)
}

/// y = x Φ(x), or its approximation through tanh.
pub(super) fn gelu(node: &Node, tape: &mut Tape) -> Result<()> {
    match node.text("approximate", "none") {
        "none" => times_slope(node, tape, |builder, x, _| gelu_slope(builder, x)),
        "tanh" => times_slope(node, tape, |builder, x, _| tanh_gelu_slope(builder, x)),
        other => Err(node.error(format!("there is no gradient for the approximation '{other}'"))),
    }
}

/// Φ(x) + x φ(x) = (1 + erf(x/√2)) / 2 + x e^(-x²/2) / √2π
fn gelu_slope(builder: &mut Builder, x: &str) -> Result<String> {
    let (half, one) = (builder.scalar(0.5)?, builder.scalar(1.0)?);
    let scaled = builder.scale(x, FRAC_1_SQRT_2)?;
    let erf = builder.op("Erf", &[&scaled])?;
    let shifted = builder.add(&erf, &one)?;
    let cumulative = builder.mul(&shifted, &half)?;
    let square = builder.mul(x, x)?;
    let density = bell(builder, &square, 0.5, (2.0 * PI).sqrt().recip())?;
    let tail = builder.mul(x, &density)?;
    builder.add(&cumulative, &tail)
}

/// With t = tanh u, u = √(2/π) (x + c x³): (1 + t) / 2 + x (1 - t²) √(2/π) (1 + 3 c x²) / 2
fn tanh_gelu_slope(builder: &mut Builder, x: &str) -> Result<String> {
    const C: f64 = 0.044_715;
    let root = (2.0 / PI).sqrt();
    let one = builder.scalar(1.0)?;
    let square = builder.mul(x, x)?;
    let bent = builder.scale(&square, C)?;
    let bent = builder.add(&bent, &one)?;
    let u = builder.mul(x, &bent)?;
    let u = builder.scale(&u, root)?;
    let t = builder.op("Tanh", &[&u])?;
    let rise = builder.scale(&square, 3.0 * C)?;
    let rise = builder.add(&rise, &one)?;
    let rise = builder.mul(x, &rise)?;
    let fall = one_less_square(builder, &t)?;
    let tail = builder.mul(&rise, &fall)?;
    let tail = builder.scale(&tail, root)?;
    let head = builder.add(&t, &one)?;
    let both = builder.add(&head, &tail)?;
    builder.scale(&both, 0.5)
}

/// y = ln(1 + e^x): slope 1 / (1 + e^-x)
pub(super) fn softplus(node: &Node, tape: &mut Tape) -> Result<()> {
    times_slope(node, tape, |builder, x, _| builder.op("Sigmoid", &[x]))
}

/// y = x t with t = tanh(ln(1 + e^x)): slope t + x (1 - t²) / (1 + e^-x)
pub(super) fn mish(node: &Node, tape: &mut Tape) -> Result<()> {
    times_slope(node, tape, |builder, x, _| {
        let softplus = builder.op("Softplus", &[x])?;
        let t = builder.op("Tanh", &[&softplus])?;
        let fall = one_less_square(builder, &t)?;
        let sigmoid = builder.op("Sigmoid", &[x])?;
        let rise = builder.mul(x, &sigmoid)?;
        let tail = builder.mul(&rise, &fall)?;
        builder.add(&t, &tail)
    })
}

/// y = x / (1 + |x|): slope 1 / (1 + |x|)²
pub(super) fn softsign(node: &Node, tape: &mut Tape) -> Result<()> {
    times_slope(node, tape, |builder, x, _| {
        let one = builder.scalar(1.0)?;
        let size = builder.op("Abs", &[x])?;
        let divisor = builder.add(&size, &one)?;
        let inverse = builder.op("Reciprocal", &[&divisor])?;
        builder.mul(&inverse, &inverse)
    })
}
