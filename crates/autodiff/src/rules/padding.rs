//! Gradient of Pad: cut the padding off, and hand what was copied from inside back to where it came from.

use super::selection::{pad as zero_pad, reversed};
use super::tape::Tape;
use crate::builder::Builder;
use crate::error::Result;
use crate::graph::Node;
use crate::infer::axis_pads;

/// Constant padding is cut off; reflected, repeated or wrapped borders are added to the pixels they were copied from.
pub(super) fn pad(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(mut dx) = tape.gradient(node, 0)? else { return Ok(()) };
    let dims = tape.builder.dims(node.required(0)?)?;
    let pads = axis_pads(&tape.builder.query(node)?, dims.len())?;
    let mode = node.text("mode", "constant");
    if mode == "constant" {
        let cut: Vec<(i64, i64)> = pads.iter().map(|&(before, after)| (-before, -after)).collect();
        let dx = zero_pad(&dx, &cut, &mut tape.builder)?;
        return tape.contribute(node, 0, &dx);
    }
    for (axis, &(before, after)) in pads.iter().enumerate().filter(|(_, pads)| **pads != (0, 0)) {
        let border = Border { axis, length: dims[axis], before, after };
        dx = border.folded(&dx, mode, node, &mut tape.builder)?;
    }
    tape.contribute(node, 0, &dx)
}

/// Padding along one axis of `length` elements.
struct Border {
    axis: usize,
    length: usize,
    before: i64,
    after: i64,
}

impl Border {
    /// The gradient of the padded axis, folded onto the axis itself.
    fn folded(&self, dy: &str, mode: &str, node: &Node, builder: &mut Builder) -> Result<String> {
        let (Ok(before), Ok(after)) = (usize::try_from(self.before), usize::try_from(self.after)) else {
            return Err(node.error(format!("negative padding of mode '{mode}' has no gradient rule")));
        };
        let (n, axis) = (self.length, self.axis);
        let total = before + n + after;
        let longest = if mode == "reflect" { n.saturating_sub(1) } else { n };
        if mode != "edge" && before.max(after) > longest {
            return Err(node.error(format!("padding of mode '{mode}' wider than the image is not supported")));
        }
        let mut sum = builder.slice(dy, &[axis], &[(before, before + n, 1)])?;
        for (from, to, first) in [(0, before, true), (before + n, total, false)] {
            if from == to {
                continue;
            }
            let copies = builder.slice(dy, &[axis], &[(from, to, 1)])?;
            let width = to - from;
            // The gradients of one side, and the position of the first pixel that they belong to.
            let (part, start) = match mode {
                "reflect" => (reversed(&copies, axis, builder)?, if first { 1 } else { n - 1 - width }),
                "edge" => (builder.reduce_sum(&copies, &[axis], true)?, if first { 0 } else { n - 1 }),
                "wrap" => (copies, if first { n - width } else { 0 }),
                _ => return Err(node.error(format!("padding of mode '{mode}' has no gradient rule"))),
            };
            let filled = if mode == "edge" { 1 } else { width };
            let mut around = vec![(0, 0); builder.dims(dy)?.len()];
            around[axis] = (start as i64, (n - start - filled) as i64);
            let part = zero_pad(&part, &around, builder)?;
            sum = builder.add(&sum, &part)?;
        }
        Ok(sum)
    }
}
