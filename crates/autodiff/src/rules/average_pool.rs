//! Gradients of average pooling and of pooling over the whole image.

use super::conv::window_attributes;
use super::reduction::{repeated, to_extremes};
use super::tape::Tape;
use crate::error::Result;
use crate::graph::{Attribute, Data, Node, Tensor};
use crate::infer::{Window, WindowKind};

/// The average over all pixels: each gets an equal share.
pub(super) fn global_average(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let dims = tape.builder.dims(node.required(0)?)?;
    let pixels: usize = dims[2..].iter().product();
    let share = tape.builder.scale(&dy, 1.0 / pixels as f64)?;
    let dx = repeated(&share, &dims, tape)?;
    tape.contribute(node, 0, &dx)
}

/// The greatest of all pixels: it gets the gradient, in equal shares where several are equal.
pub(super) fn global_max(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let rank = tape.builder.dims(&dy)?.len();
    let axes: Vec<usize> = (2..rank).collect();
    let dx = to_extremes(node.required(0)?, node.result()?, &dy, &axes, tape)?;
    tape.contribute(node, 0, &dx)
}

/// Each window's gradient, divided by the pixels it averaged, is added to every one of them.
pub(super) fn average_pool(node: &Node, tape: &mut Tape) -> Result<()> {
    let Some(dy) = tape.gradient(node, 0)? else { return Ok(()) };
    let dims = tape.builder.dims(node.required(0)?)?;
    let mut window = Window::of(&tape.builder.query(node)?, &dims[2..], None, WindowKind::Gather)?;
    let counts = counts(&window, node.int("count_include_pad", 0) != 0);
    if tiles(&window) {
        let share = tape.builder.scale(&dy, 1.0 / window.kernel.iter().product::<usize>() as f64)?;
        let dx = each_repeated(&share, &dims, &window, tape)?;
        return tape.contribute(node, 0, &dx);
    }
    let uneven: Vec<usize> = [1, 1].iter().chain(&window.output).copied().collect();
    let divisor = Tensor::new(uneven, Data::F32(counts.iter().map(|&count| count as f32).collect()));
    let divisor = divisor.ok_or_else(|| node.error("its windows do not fit its output"))?;
    let divisor = tape.builder.constant(divisor)?;
    let share = tape.builder.div(&dy, &divisor)?;
    reach_last_window(&mut window);
    // Averaging is a convolution of each channel with ones, divided.
    let weights: Vec<usize> = [dims[1], 1].iter().chain(&window.kernel).copied().collect();
    let shape = tape.builder.sizes(&weights)?;
    let one = Attribute::Tensor(Tensor::floats(&[1.0]));
    let ones = tape.builder.op_with("ConstantOfShape", &[&shape], &[("value", one)])?;
    let mut attributes = window_attributes(&window, dims[1] as i64);
    attributes.push(("input_shape", Attribute::Ints(dims.iter().map(|&d| d as i64).collect())));
    let dx = tape.builder.swath("ConvGradInput", &[&share, &ones], 1, &attributes)?;
    tape.contribute(node, 0, &dx[0])
}

/// Whether windows lie side by side and cover the image exactly.
fn tiles(window: &Window) -> bool {
    window.kernel == window.strides
        && window.dilations.iter().all(|&d| d == 1)
        && window.pads().iter().all(|&p| p == 0)
        && (0..window.kernel.len()).all(|axis| window.output[axis] * window.kernel[axis] == window.input[axis])
}

/// Every element repeated over its window.
fn each_repeated(value: &str, dims: &[usize], window: &Window, tape: &mut Tape) -> Result<String> {
    let apart: Vec<usize> = dims[..2].iter().copied().chain(window.output.iter().flat_map(|&o| [o, 1])).collect();
    let spatial = window.output.iter().zip(&window.kernel).flat_map(|(&o, &k)| [o, k]);
    let filled: Vec<usize> = dims[..2].iter().copied().chain(spatial).collect();
    let value = tape.builder.reshape(value, &apart)?;
    let value = repeated(&value, &filled, tape)?;
    tape.builder.reshape(&value, dims)
}

/// Pixels that each window averages over, row-major over the output; padding counts where it is included, but never what lies beyond it.
fn counts(window: &Window, include_pad: bool) -> Vec<usize> {
    let along = |axis: usize| -> Vec<usize> {
        let (begin, size) = (window.pads_begin[axis], window.input[axis]);
        let counted = if include_pad { 0..begin + size + window.pads_end[axis] } else { begin..begin + size };
        let starts = (0..window.output[axis]).map(|at| at * window.strides[axis]);
        let taps = |start: usize| (0..window.kernel[axis]).map(move |k| start + k * window.dilations[axis]);
        starts.map(|start| taps(start).filter(|at| counted.contains(at)).count().max(1)).collect()
    };
    (0..window.kernel.len()).fold(vec![1], |counts, axis| {
        let line = along(axis);
        counts.iter().flat_map(|&count| line.iter().map(move |&l| count * l)).collect()
    })
}

/// Sets the padding at the end so that the last window, which rounding up may have let start, just lies within it.
fn reach_last_window(window: &mut Window) {
    for axis in 0..window.kernel.len() {
        let reached = (window.output[axis] - 1) * window.strides[axis] + window.extent(axis);
        window.pads_end[axis] = reached.saturating_sub(window.pads_begin[axis] + window.input[axis]);
    }
}
