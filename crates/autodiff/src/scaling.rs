//! Loss scaling for float16: gradients of a scaled loss brought back, checked, and a step that overflowed taken back.
//!
//! Small gradients vanish in float16, so the backward pass starts from [`TrainingGraph::LOSS_SCALE`] in place of 1. Where the scale was
//! too large, gradients overflow to infinities or NaN; the step then leaves all state as it was, inside the graph, so that the caller has
//! nothing to undo and only chooses the next scale by [`TrainingGraph::FINITE`].

use crate::builder::Builder;
use crate::error::Result;
use crate::graph::{DataType, Node, ValueInfo};
use crate::optimizer::Update;
use crate::parameters::Parameter;
use crate::training_graph::TrainingGraph;

/// The scale as a graph input.
pub(crate) fn scale_input() -> ValueInfo {
    ValueInfo::fixed(TrainingGraph::LOSS_SCALE, DataType::F32, &[])
}

/// Gradients of the scaled loss divided by the scale.
pub(crate) fn unscaled(gradients: Vec<(Parameter, String)>, builder: &mut Builder) -> Result<Vec<(Parameter, String)>> {
    let inverse = builder.op("Reciprocal", &[TrainingGraph::LOSS_SCALE])?;
    let divided = |(parameter, gradient): (Parameter, String)| Ok((parameter, builder.mul(&gradient, &inverse)?));
    gradients.into_iter().map(divided).collect()
}

/// Whether all elements of all gradients are finite: a truth value without dimensions.
///
/// A sum is finite exactly where all its terms are, as long as the sum of finite terms does not itself leave the range of float32; a step
/// whose gradients add up to 3e38 is no loss.
pub(crate) fn all_finite(gradients: &[(Parameter, String)], builder: &mut Builder) -> Result<String> {
    let mut sums = Vec::with_capacity(gradients.len());
    for (_, gradient) in gradients {
        let axes: Vec<usize> = (0..builder.dims(gradient)?.len()).collect();
        let sum = builder.reduce_sum(gradient, &axes, false)?;
        sums.push(builder.reshape(&sum, &[1])?);
    }
    let sums: Vec<&str> = sums.iter().map(String::as_str).collect();
    let all = builder.concat(&sums, 0)?;
    let total = builder.reduce_sum(&all, &[0], false)?;
    // A finite number less itself is 0; an infinity or NaN less itself is NaN, which equals nothing.
    let nothing = builder.sub(&total, &total)?;
    let zero = builder.scalar(0.0)?;
    builder.op("Equal", &[&nothing, &zero])
}

/// Updates that are made only where `finite` holds; elsewhere the state keeps its value.
pub(crate) fn held(updates: Vec<Update>, finite: &str, builder: &mut Builder) -> Result<Vec<Update>> {
    let chosen = |update: Update| {
        let updated = builder.op("Where", &[finite, &update.updated, &update.input])?;
        Ok(Update { updated, ..update })
    };
    updates.into_iter().map(chosen).collect()
}

/// The graph output that tells whether the step was taken.
pub(crate) fn finite_output(finite: &str, builder: &mut Builder) -> Result<ValueInfo> {
    let number = builder.cast(finite, DataType::F32)?;
    builder.push(Node::new("Identity", &[&number], &[TrainingGraph::FINITE]))?;
    Ok(ValueInfo::fixed(TrainingGraph::FINITE, DataType::F32, &[]))
}
