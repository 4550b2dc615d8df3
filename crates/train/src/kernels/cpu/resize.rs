//! Gradient of Resize. Resizing is linear and separable: along each axis an output position is a weighted sum of input
//! positions ([`Axis`]), and the gradient is the same sums transposed, rows first and columns after.

use super::parallel::{Parallel, over_chunks};
use super::scratch::{Use, with_scratch};
use super::simd::{Isa, Simd, WithSimd};

/// How positions of the output map into the input, by ONNX's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coordinates {
    /// `half_pixel`
    HalfPixel,
    /// `half_pixel_symmetric`
    HalfPixelSymmetric,
    /// `pytorch_half_pixel`
    PytorchHalfPixel,
    /// `align_corners`
    AlignCorners,
    /// `asymmetric`
    Asymmetric,
}

/// How a position between pixels is read, by ONNX's names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Interpolation {
    /// `nearest` with its `nearest_mode`.
    Nearest(Rounding),
    /// `linear`
    Linear,
    /// `cubic` with its `cubic_coeff_a`.
    Cubic(f32),
}

/// Which pixel is the nearest, by ONNX's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// `round_prefer_floor`
    HalfDown,
    /// `round_prefer_ceil`
    HalfUp,
    /// `floor`
    Floor,
    /// `ceil`
    Ceil,
}

/// Along one axis: for each input position, the output positions that read it and the weights they read it with.
#[derive(Debug, Clone)]
pub struct Axis {
    starts: Vec<usize>,
    taps: Vec<(u32, f32)>,
    outputs: usize,
    /// Whether input position `i` is read by outputs `2i` and `2i + 1` alone, with weight one.
    doubled: bool,
}

impl Axis {
    /// The axis of a resize from `inputs` to `outputs` positions by `scale`.
    #[must_use]
    pub fn new(inputs: usize, outputs: usize, scale: f32, coordinates: Coordinates, reading: Interpolation) -> Self {
        let mut readers: Vec<Vec<(u32, f32)>> = vec![Vec::new(); inputs];
        let last = inputs.saturating_sub(1) as i64;
        for output in 0..outputs {
            let at = position(output, inputs, outputs, scale, coordinates);
            for (input, weight) in reads(at, inputs, reading) {
                let readers = &mut readers[input.clamp(0, last) as usize];
                match readers.last_mut() {
                    // Positions beyond the border fall onto the border's pixel.
                    Some((reader, sum)) if *reader == output as u32 => *sum += weight,
                    _ => readers.push((output as u32, weight)),
                }
            }
        }
        let doubled = outputs == 2 * inputs
            && readers.iter().enumerate().all(|(i, r)| r[..] == [(2 * i as u32, 1.0), (2 * i as u32 + 1, 1.0)]);
        let mut starts = vec![0];
        starts.extend(readers.iter().scan(0, |at, r| {
            *at += r.len();
            Some(*at)
        }));
        Self { starts, taps: readers.concat(), outputs, doubled }
    }

    /// Input positions.
    pub(in crate::kernels) fn inputs(&self) -> usize {
        self.starts.len() - 1
    }

    /// Output positions that read `input`, and their weights.
    pub(in crate::kernels) fn readers(&self, input: usize) -> &[(u32, f32)] {
        &self.taps[self.starts[input]..self.starts[input + 1]]
    }
}

/// Where in the input output position `output` lies.
fn position(output: usize, inputs: usize, outputs: usize, scale: f32, coordinates: Coordinates) -> f32 {
    let x = output as f32;
    match coordinates {
        Coordinates::Asymmetric => x / scale,
        Coordinates::HalfPixel => (x + 0.5) / scale - 0.5,
        Coordinates::PytorchHalfPixel if outputs <= 1 => 0.0,
        Coordinates::PytorchHalfPixel => (x + 0.5) / scale - 0.5,
        Coordinates::AlignCorners if outputs <= 1 => 0.0,
        Coordinates::AlignCorners => x * (inputs as f32 - 1.0) / (outputs as f32 - 1.0),
        Coordinates::HalfPixelSymmetric => {
            let adjustment = outputs as f32 / (scale * inputs as f32);
            let center = inputs as f32 / 2.0;
            center * (1.0 - adjustment) + (x + 0.5) / scale - 0.5
        }
    }
}

/// Input positions (perhaps beyond the border) and weights that make up the value at `at`.
fn reads(at: f32, inputs: usize, reading: Interpolation) -> Vec<(i64, f32)> {
    match reading {
        Interpolation::Nearest(rounding) => {
            let nearest = match rounding {
                Rounding::HalfDown => (at - 0.5).ceil(),
                Rounding::HalfUp => (at + 0.5).floor(),
                Rounding::Floor => at.floor(),
                Rounding::Ceil => at.ceil(),
            };
            vec![(nearest as i64, 1.0)]
        }
        Interpolation::Linear => {
            let at = at.clamp(0.0, inputs.saturating_sub(1) as f32);
            let (low, part) = (at.floor(), at - at.floor());
            vec![(low as i64, 1.0 - part), (low as i64 + 1, part)]
        }
        Interpolation::Cubic(a) => {
            let (low, t) = (at.floor(), at - at.floor());
            let near = |d: f32| ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
            let far = |d: f32| ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a;
            let low = low as i64;
            vec![(low - 1, far(t + 1.0)), (low, near(t)), (low + 1, near(1.0 - t)), (low + 2, far(2.0 - t))]
        }
    }
}

/// `dx` from `dy`, plane by plane, for a resize of rows by `rows` and columns by `cols`.
pub fn resize_grad(threads: &dyn Parallel, isa: Isa, rows: &Axis, cols: &Axis, dy: &[f32], dx: &mut [f32]) {
    let (in_plane, out_plane) = (rows.inputs() * cols.inputs(), rows.outputs * cols.outputs);
    // Tasks of some 64 KiB of the gradient at least, so that many small planes are not as many tasks.
    let planes = (16 * 1024 / out_plane.max(1)).max(1);
    over_chunks(threads, dx, planes * in_plane, |task, dx| {
        // Scratch is taken outside of vector code: a closure within it would compile without its instructions.
        with_scratch(Use::Sums, cols.outputs, |sums| {
            for (index, dx) in dx.chunks_exact_mut(in_plane).enumerate() {
                let plane = task * planes + index;
                isa.dispatch(Plane { rows, cols, dy: &dy[plane * out_plane..(plane + 1) * out_plane], dx, sums });
            }
        });
    });
}

struct Plane<'a> {
    rows: &'a Axis,
    cols: &'a Axis,
    dy: &'a [f32],
    dx: &'a mut [f32],
    /// Room for one row of dY's width.
    sums: &'a mut [f32],
}

impl WithSimd for Plane<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let width = self.cols.outputs;
        let sums = self.sums;
        for (input, dx) in self.dx.chunks_exact_mut(self.cols.inputs()).enumerate() {
            sums.fill(0.0);
            for &(output, weight) in self.rows.readers(input) {
                let dy = &self.dy[output as usize * width..(output as usize + 1) * width];
                for (sum, dy) in sums.iter_mut().zip(dy) {
                    *sum += weight * dy;
                }
            }
            if self.cols.doubled {
                for (dx, pair) in dx.iter_mut().zip(sums.chunks_exact(2)) {
                    *dx = pair[0] + pair[1];
                }
                continue;
            }
            for (col, dx) in dx.iter_mut().enumerate() {
                *dx = 0.0;
                for &(output, weight) in self.cols.readers(col) {
                    *dx += weight * sums[output as usize];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::cpu::parallel::Threads;

    #[test]
    fn nearest_doubling_adds_each_block_of_four() {
        let nearest = Interpolation::Nearest(Rounding::Floor);
        let axis = |n| Axis::new(n, 2 * n, 2.0, Coordinates::Asymmetric, nearest);
        let dy: Vec<f32> = (0..2 * 6 * 10).map(|i| i as f32).collect();
        for isa in Isa::available() {
            let mut dx = vec![f32::NAN; 30];
            resize_grad(&Threads(2), isa, &axis(3), &axis(5), &dy, &mut dx);
            for (i, dx) in dx.iter().enumerate() {
                let at = i / 15 * 60 + i % 15 / 5 * 20 + i % 5 * 2;
                assert_eq!(*dx, dy[at] + dy[at + 1] + dy[at + 10] + dy[at + 11], "{isa:?}: {i}");
            }
        }
    }

    /// What ONNX's specification gives for one row, position by position.
    #[test]
    fn axes_read_what_the_specification_says() {
        let row = |x: &[f32], outputs: usize, scale, coordinates, reading| {
            let axis = Axis::new(x.len(), outputs, scale, coordinates, reading);
            let mut y = vec![0.0; outputs];
            for (input, x) in x.iter().enumerate() {
                axis.readers(input).iter().for_each(|&(output, weight)| y[output as usize] += weight * x);
            }
            y
        };
        let x = [1.0, 2.0, 3.0, 4.0];
        // Rows of the examples resize_upsample_scales_linear, …_align_corners, resize_downsample_scales_cubic.
        let up = row(&x[..2], 4, 2.0, Coordinates::HalfPixel, Interpolation::Linear);
        assert_eq!(up, [1.0, 1.25, 1.75, 2.0]);
        let corners = row(&x[..2], 4, 2.0, Coordinates::AlignCorners, Interpolation::Linear);
        for (got, expected) in corners.iter().zip([1.0, 4.0 / 3.0, 5.0 / 3.0, 2.0]) {
            assert!((got - expected).abs() < 1e-6, "{corners:?}");
        }
        let down = row(&x, 3, 0.8, Coordinates::HalfPixel, Interpolation::Cubic(-0.75));
        // (x + 0.5) / 0.8 - 0.5 = 0.125, 1.375, 2.625; the middle one reads all four pixels.
        let t: f32 = 0.375;
        let (a, d) = (-0.75f32, 1.375f32);
        let far = |d: f32| a * d * d * d - 5.0 * a * d * d + 8.0 * a * d - 4.0 * a;
        let near = |d: f32| (a + 2.0) * d * d * d - (a + 3.0) * d * d + 1.0;
        let expected = far(d) + 2.0 * near(t) + 3.0 * near(1.0 - t) + 4.0 * far(2.0 - t);
        assert!((down[1] - expected).abs() < 1e-5, "{down:?} {expected}");
        for (rounding, expected) in [
            (Rounding::HalfDown, [1.0, 1.0, 2.0, 2.0]),
            (Rounding::HalfUp, [1.0, 2.0, 2.0, 2.0]),
            (Rounding::Floor, [1.0, 1.0, 2.0, 2.0]),
            (Rounding::Ceil, [1.0, 2.0, 2.0, 2.0]),
        ] {
            let got = row(&x[..2], 4, 2.0, Coordinates::Asymmetric, Interpolation::Nearest(rounding));
            assert_eq!(got, expected, "{rounding:?}");
        }
    }

    #[test]
    fn gradient_is_the_transpose_on_both_axes() {
        let linear = |inputs, outputs| {
            Axis::new(inputs, outputs, outputs as f32 / inputs as f32, Coordinates::HalfPixel, Interpolation::Linear)
        };
        let (rows, cols) = (linear(3, 7), linear(5, 4));
        let weight = |axis: &Axis, input: usize, output: usize| {
            axis.readers(input).iter().find(|r| r.0 as usize == output).map_or(0.0, |r| r.1)
        };
        let dy: Vec<f32> = (0..28).map(|i| (i * 7 % 5) as f32 - 2.0).collect();
        for isa in Isa::available() {
            let mut dx = vec![f32::NAN; 15];
            resize_grad(&Threads(1), isa, &rows, &cols, &dy, &mut dx);
            for (i, dx) in dx.iter().enumerate() {
                let terms = (0..28).map(|o| weight(&rows, i / 5, o / 4) * weight(&cols, i % 5, o % 4) * dy[o]);
                let truth: f32 = terms.sum();
                assert!((dx - truth).abs() < 1e-5, "{isa:?} {i}: {dx} is not {truth}");
            }
        }
    }
}
