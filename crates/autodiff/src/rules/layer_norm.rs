//! Gradients of normalisations whose statistics come from each sample: over a layer, an instance or a group of channels.
//!
//! With x̂ = (x - mean) / √(var + ε) over some axes and y = x̂ scale + bias:
//! dx̂ = dy scale, dx = (dx̂ - mean(dx̂) - x̂ mean(dx̂ x̂)) / √(var + ε), means over the same axes.

use super::tape::Tape;
use crate::builder::Builder;
use crate::error::Result;
use crate::graph::Node;

/// x̂ and 1 / √(var + ε)
struct Normalised {
    value: String,
    inv_std: String,
    axes: Vec<usize>,
}

impl Normalised {
    /// Normalises `x` over `axes`.
    fn of(x: &str, axes: &[usize], epsilon: f32, builder: &mut Builder) -> Result<Self> {
        let mean = mean(x, axes, builder)?;
        let centred = builder.sub(x, &mean)?;
        let square = builder.mul(&centred, &centred)?;
        let var = self::mean(&square, axes, builder)?;
        let epsilon = builder.scalar(f64::from(epsilon))?;
        let shifted = builder.add(&var, &epsilon)?;
        let std = builder.op("Sqrt", &[&shifted])?;
        let inv_std = builder.op("Reciprocal", &[&std])?;
        Ok(Self { value: builder.mul(&centred, &inv_std)?, inv_std, axes: axes.to_vec() })
    }

    /// dx, given the gradient of x̂.
    fn gradient(&self, dvalue: &str, builder: &mut Builder) -> Result<String> {
        let level = mean(dvalue, &self.axes, builder)?;
        let product = builder.mul(dvalue, &self.value)?;
        let along = mean(&product, &self.axes, builder)?;
        let along = builder.mul(&self.value, &along)?;
        let inner = builder.sub(dvalue, &level)?;
        let inner = builder.sub(&inner, &along)?;
        builder.mul(&inner, &self.inv_std)
    }
}

/// Mean over axes, which stay with length one.
fn mean(value: &str, axes: &[usize], builder: &mut Builder) -> Result<String> {
    let dims = builder.dims(value)?;
    let count: usize = axes.iter().map(|&axis| dims[axis]).product();
    let sum = builder.reduce_sum(value, axes, true)?;
    builder.scale(&sum, 1.0 / count as f64)
}

/// Statistics over the last axes, from `axis` on; scale and bias are of those axes.
pub(super) fn layer_normalization(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let (x, scale) = (node.required(0)?, node.required(1)?);
    let rank = tape.builder.dims(x)?.len();
    let first = tape.builder.query(node)?.axis(node.int("axis", -1), rank)?;
    let axes: Vec<usize> = (first..rank).collect();
    let normal = Normalised::of(x, &axes, node.float("epsilon", 1e-5), &mut tape.builder)?;
    tape.contribute_broadcast(node, 2, &dy)?;
    if tape.wants(node, 1) {
        let product = tape.builder.mul(&dy, &normal.value)?;
        tape.contribute_broadcast(node, 1, &product)?;
    }
    if tape.wants(node, 0) {
        let dvalue = tape.builder.mul(&dy, scale)?;
        let dx = normal.gradient(&dvalue, &mut tape.builder)?;
        tape.contribute(node, 0, &dx)?;
    }
    Ok(())
}

/// Statistics over the pixels of each channel of each sample; scale and bias are of channels.
pub(super) fn instance_normalization(node: &Node, tape: &mut Tape) -> Result<()> {
    let channels = *tape.builder.dims(node.required(0)?)?.get(1).ok_or_else(|| node.error("it has no channels"))?;
    grouped(node, channels, tape)
}

/// Statistics over the pixels of each group of channels of each sample; scale and bias are of channels, or of groups before opset 21.
pub(super) fn group_normalization(node: &Node, tape: &mut Tape) -> Result<()> {
    let channels = *tape.builder.dims(node.required(0)?)?.get(1).ok_or_else(|| node.error("it has no channels"))?;
    let groups = usize::try_from(node.int("num_groups", 0)).ok().filter(|&g| g > 0 && channels % g == 0);
    let groups = groups.ok_or_else(|| node.error(format!("its {channels} channels do not split into its groups")))?;
    grouped(node, groups, tape)
}

fn grouped(node: &Node, groups: usize, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let (x, scale) = (node.required(0)?, node.required(1)?);
    let dims = tape.builder.dims(x)?;
    let scales = tape.builder.dims(scale)?.iter().product::<usize>();
    let pixels: usize = dims[2..].iter().product();
    let each = dims[1] / groups;
    // [N, groups, channels of a group, pixels]: statistics over the last two axes.
    let split = [dims[0], groups, each, pixels];
    let spread = if scales == dims[1] { [1, groups, each, 1] } else { [1, groups, 1, 1] };
    let x = tape.builder.reshape(x, &split)?;
    let dy = tape.builder.reshape(&dy, &split)?;
    let normal = Normalised::of(&x, &[2, 3], node.float("epsilon", 1e-5), &mut tape.builder)?;
    if tape.wants(node, 2) {
        let dbias = tape.sum_to(&dy, &spread)?;
        let dbias = tape.builder.reshape(&dbias, &[scales])?;
        tape.contribute(node, 2, &dbias)?;
    }
    if tape.wants(node, 1) {
        let product = tape.builder.mul(&dy, &normal.value)?;
        let dscale = tape.sum_to(&product, &spread)?;
        let dscale = tape.builder.reshape(&dscale, &[scales])?;
        tape.contribute(node, 1, &dscale)?;
    }
    if tape.wants(node, 0) {
        let scale = tape.builder.reshape(scale, &spread)?;
        let dvalue = tape.builder.mul(&dy, &scale)?;
        let dx = normal.gradient(&dvalue, &mut tape.builder)?;
        let dx = tape.builder.reshape(&dx, &dims)?;
        tape.contribute(node, 0, &dx)?;
    }
    Ok(())
}
