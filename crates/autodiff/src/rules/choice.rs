//! Gradients of operators that choose between their inputs, element by element, and of those with steps.

use super::tape::Tape;
use crate::error::Result;
use crate::graph::{DataType, Node};

/// y = a where the condition holds, else b: each gets the gradient where it was chosen.
pub(super) fn select(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let condition = node.required(0)?;
    let zero = tape.builder.scalar(0.0)?;
    for (index, parts) in [(1, [dy.as_str(), &zero]), (2, [&zero, dy.as_str()])] {
        if tape.wants(node, index) {
            let part = tape.builder.op("Where", &[condition, parts[0], parts[1]])?;
            tape.contribute_broadcast(node, index, &part)?;
        }
    }
    Ok(())
}

/// y = the least or greatest of the inputs: the gradient goes to the one chosen, in equal shares where several are equal.
pub(super) fn extremum(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let y = node.result()?;
    let mut chosen = Vec::new();
    for index in 0..node.inputs.len() {
        let equal = tape.builder.op("Equal", &[node.required(index)?, y])?;
        chosen.push(tape.builder.cast(&equal, DataType::F32)?);
    }
    let names: Vec<&str> = chosen.iter().map(String::as_str).collect();
    let count = tape.builder.op("Sum", &names)?;
    let share = tape.builder.div(&dy, &count)?;
    for (index, chosen) in chosen.iter().enumerate().filter(|(index, _)| tape.wants(node, *index)).collect::<Vec<_>>() {
        let part = tape.builder.mul(&share, chosen)?;
        tape.contribute_broadcast(node, index, &part)?;
    }
    Ok(())
}

/// y = the sum of all inputs
pub(super) fn sum(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    (0..node.inputs.len()).try_for_each(|index| tape.contribute_broadcast(node, index, &dy))
}

/// y = the mean of all inputs
pub(super) fn mean(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let share = tape.builder.scale(&dy, 1.0 / node.inputs.len() as f64)?;
    (0..node.inputs.len()).try_for_each(|index| tape.contribute_broadcast(node, index, &share))
}

/// y = |x|: dx = sign(x) dy, which is 0 at 0.
pub(super) fn abs(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let sign = tape.builder.op("Sign", &[node.required(0)?])?;
    let dx = tape.builder.mul(&dy, &sign)?;
    tape.contribute(node, 0, &dx)
}

/// Functions that are flat between their steps: nothing flows back.
pub(super) fn flat(_: &Node, _: &mut Tape) -> Result<()> {
    Ok(())
}
