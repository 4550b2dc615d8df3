//! The convolution itself.

use super::super::parallel::Parallel;
use super::super::simd::Isa;
use super::correlate::{Correlation, Places, Planes};
use super::depthwise;
use super::packed::WeightView;
use super::shape::ConvShape;
use super::window::Taps;

/// `y[n, o] = bias[o] + Σ_c w[o, c] ⋆ x[n, c]` within each group; lengths as `shape` says.
pub fn conv(
    threads: &dyn Parallel,
    isa: Isa,
    shape: &ConvShape,
    x: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
    y: &mut [f32],
) {
    if shape.is_depthwise() {
        depthwise::forward(threads, isa, shape, x, w, bias, y);
        return;
    }
    let (group_in, group_out) = (shape.group_in(), shape.group_out());
    let taps: Vec<usize> = (0..shape.taps()).collect();
    for group in 0..shape.groups {
        let rows = group * group_out..(group + 1) * group_out;
        let per_row = group_in * shape.taps();
        Correlation {
            batch: shape.batch,
            taps: taps_of(shape),
            weights: WeightView {
                weights: &w[rows.start * per_row..rows.end * per_row],
                rows: group_out,
                row_pitch: per_row,
                channels: group_in,
                channel_pitch: shape.taps(),
                taps: &taps,
            },
            bias: bias.map(|bias| &bias[rows.clone()]),
            input: Planes { channels: shape.in_channels, first: group * group_in, size: shape.in_size },
            output: Planes { channels: shape.out_channels, first: rows.start, size: shape.out_size },
            places: Places { start: [0, 0], strides: [1, 1], count: shape.out_size },
        }
        .run(threads, isa, x, y);
    }
}

/// The pixels of X that each tap of the kernel reads.
pub(super) fn taps_of(shape: &ConvShape) -> Taps {
    let along = |axis: usize| {
        let tap = |k: usize| (k * shape.dilations[axis]) as isize - shape.pads[axis] as isize;
        (0..shape.kernel[axis]).map(tap).collect()
    };
    Taps { rows: along(0), cols: along(1), strides: shape.strides }
}
