//! Gradient of a convolution with respect to its input.
//!
//! Pixel (y, x) of X was read by tap k of output pixel `(y + pad - k · dilation) / stride` where that divides evenly. The
//! pixels of X therefore fall into `stride` phases per axis; within one phase the same taps reach every pixel, and the
//! gradient is a correlation of dY with those taps and the weights transposed.

use super::super::parallel::{Parallel, over_chunks};
use super::super::simd::Isa;
use super::correlate::{Correlation, Places, Planes};
use super::depthwise;
use super::packed::WeightView;
use super::shape::ConvShape;
use super::window::Taps;

/// `dx`, of X's length, from `dy`, of Y's; lengths as `shape` says.
pub fn conv_grad_input(threads: &dyn Parallel, isa: Isa, shape: &ConvShape, dy: &[f32], w: &[f32], dx: &mut [f32]) {
    if shape.is_depthwise() {
        depthwise::grad_input(threads, isa, shape, dy, w, dx);
        return;
    }
    let phases = phases(shape);
    if phases.iter().any(|(_, [rows, cols])| rows.is_empty() || cols.is_empty()) {
        over_chunks(threads, dx, 1 << 16, |_, dx| dx.fill(0.0));
    }
    for (start, reach) in &phases {
        let (taps, kernel) = taps_of_phase(shape, reach);
        for group in 0..shape.groups {
            phase(shape, group, *start, &taps, &kernel, w).run(threads, isa, dy, dx);
        }
    }
}

/// A tap and how far from a phase's pixel, in pixels of Y, the output pixel lies that read it through this tap.
pub(super) struct Reach {
    tap: usize,
    distance: isize,
}

/// A phase's first pixel and the taps that reach it along rows and columns.
pub(super) type Phase = ([usize; 2], [Vec<Reach>; 2]);

/// All phases of X.
pub(super) fn phases(shape: &ConvShape) -> Vec<Phase> {
    (0..shape.strides[0] * shape.strides[1])
        .map(|index| [index / shape.strides[1], index % shape.strides[1]])
        .map(|start| (start, [reach(shape, 0, start[0]), reach(shape, 1, start[1])]))
        .collect()
}

/// The pixels of dY that a phase's taps read, and which element of the kernel each tap is.
pub(super) fn taps_of_phase(shape: &ConvShape, [rows, cols]: &[Vec<Reach>; 2]) -> (Taps, Vec<usize>) {
    let distances = |reach: &[Reach]| reach.iter().map(|r| r.distance).collect();
    let kernel = rows.iter().flat_map(|r| cols.iter().map(move |c| r.tap * shape.kernel[1] + c.tap)).collect();
    (Taps { rows: distances(rows), cols: distances(cols), strides: [1, 1] }, kernel)
}

/// Taps along `axis` that reach the pixels of X of phase `start`.
fn reach(shape: &ConvShape, axis: usize, start: usize) -> Vec<Reach> {
    let stride = shape.strides[axis] as isize;
    (0..shape.kernel[axis])
        .map(|tap| (tap, (start + shape.pads[axis]) as isize - (tap * shape.dilations[axis]) as isize))
        .filter(|(_, distance)| distance.rem_euclid(stride) == 0)
        .map(|(tap, distance)| Reach { tap, distance: distance.div_euclid(stride) })
        .collect()
}

/// The correlation that is the gradient of one phase and group.
fn phase<'a>(
    shape: &ConvShape,
    group: usize,
    start: [usize; 2],
    taps: &Taps,
    kernel: &'a [usize],
    w: &'a [f32],
) -> Correlation<'a> {
    let (group_in, group_out) = (shape.group_in(), shape.group_out());
    let per_group = group_out * group_in * shape.taps();
    let count = |axis: usize| shape.in_size[axis].saturating_sub(start[axis]).div_ceil(shape.strides[axis]);
    Correlation {
        batch: shape.batch,
        taps: taps.clone(),
        weights: WeightView {
            weights: &w[group * per_group..(group + 1) * per_group],
            rows: group_in,
            row_pitch: shape.taps(),
            channels: group_out,
            channel_pitch: group_in * shape.taps(),
            taps: kernel,
        },
        bias: None,
        input: Planes { channels: shape.out_channels, first: group * group_out, size: shape.out_size },
        output: Planes { channels: shape.in_channels, first: group * group_in, size: shape.in_size },
        places: Places { start, strides: shape.strides, count: [count(0), count(1)] },
    }
}
