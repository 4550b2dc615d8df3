//! Gradient of a convolution with respect to its weights:
//! `dw[o, c, t] = Σ_n Σ_p dy[n, o, p] · x[n, c, pixel that tap t reads at p]`.
//!
//! A matrix product over the pixels. X and dY are laid out with channels side by side ([`transpose`](super::transpose)),
//! a chunk of pixels at a time: the input channels that a row of the kernel reads at an output pixel are then consecutive,
//! and a register tile is output channels times vectors of those. Every sum goes through the pixels in one order.

use super::super::parallel::{Parallel, Shared, over_chunks};
use super::super::scratch::{Use, with_scratch};
use super::super::simd::{Isa, Simd, WithSimd};
use super::depthwise;
use super::product::{Start, Tile, VECTORS};
use super::shape::ConvShape;
use super::transpose::{CHANNELS, Part, Source};
use super::window::SLACK;
use super::winograd;

/// Elements of X and dY laid out at a time, about: 4 MiB, which the last-level cache keeps between the two stages.
const CHUNK: usize = 1 << 20;
/// Pixels summed in one go: what a tile reads of them stays in the first-level cache.
const DEPTH: usize = 160;
/// Output channels of a task; fewer where tasks would be fewer than [`MIN_TASKS`].
const TASK_ROWS: usize = 64;
/// Tasks wanted at least.
const MIN_TASKS: usize = 16;

/// `dw`, of W's length, from `dy` and `x`; lengths as `shape` says.
pub fn conv_grad_weight(threads: &dyn Parallel, isa: Isa, shape: &ConvShape, dy: &[f32], x: &[f32], dw: &mut [f32]) {
    if shape.is_depthwise() {
        depthwise::grad_weight(threads, isa, shape, dy, x, dw);
        return;
    }
    let per_group = shape.group_out() * shape.group_in() * shape.taps();
    for (group, dw) in dw.chunks_exact_mut(per_group).enumerate() {
        if winograd::grad_weight::suits(shape) {
            winograd::grad_weight::run(threads, isa, shape, group, dy, x, dw);
        } else {
            Plan::new(shape, group, dy, x).run(threads, isa, dw);
        }
    }
}

/// How the work on one group is cut, and where things lie.
struct Plan<'a> {
    shape: &'a ConvShape,
    /// X from the pixel that the first tap reads first, and dY.
    x: Source<'a>,
    dy: Source<'a>,
    /// Images and output rows of a chunk.
    images: usize,
    band: usize,
    /// Rows and columns of X between those that a tap reads at neighbouring output pixels, as laid out.
    steps: [usize; 2],
    /// Elements between pixels of X as laid out.
    pitch: usize,
    /// Taps whose input is consecutive.
    run: usize,
}

impl<'a> Plan<'a> {
    fn new(shape: &'a ConvShape, group: usize, dy: &'a [f32], x: &'a [f32]) -> Self {
        let (channels, rows) = (shape.group_in(), shape.group_out());
        // Where a kernel is one pixel wide, only the pixels that it reads are laid out.
        let sampled = shape.kernel.map(|taps| taps == 1);
        let steps = [0, 1].map(|axis| if sampled[axis] { 1 } else { shape.strides[axis] });
        let reach = [0, 1].map(|axis| (shape.kernel[axis] - 1) * shape.dilations[axis] + 1);
        let wide = (shape.out_size[1] - 1) * steps[1] + reach[1];
        let run = if shape.dilations[1] == 1 { shape.kernel[1] } else { 1 };
        // An odd number of cache lines between pixels, so that they fall into different sets of the cache.
        let pitch = if shape.kernel[1] == 1 { (channels.div_ceil(16) | 1) * 16 } else { channels };
        let per_row = steps[0] * wide * pitch + shape.out_size[1] * rows.next_multiple_of(CHANNELS);
        let band = (CHUNK / per_row).clamp(1, shape.out_size[0]);
        let bands = shape.out_size[0].div_ceil(band);
        // Even bands: the last is not a sliver.
        let band = shape.out_size[0].div_ceil(bands);
        let images = if bands == 1 { (CHUNK / (per_row * band)).clamp(1, shape.batch) } else { 1 };
        let x = Source {
            data: x,
            all: shape.in_channels,
            first: group * channels,
            channels,
            size: shape.in_size,
            start: shape.pads.map(|pad| -(pad as isize)),
            steps: [0, 1].map(|axis| if sampled[axis] { shape.strides[axis] } else { 1 }),
            count: [(band - 1) * steps[0] + reach[0], wide],
        };
        let dy = Source {
            data: dy,
            all: shape.out_channels,
            first: group * rows,
            channels: rows,
            size: shape.out_size,
            start: [0, 0],
            steps: [1, 1],
            count: [band, shape.out_size[1]],
        };
        Self { shape, x, dy, images, band, steps, pitch, run }
    }

    /// Pixels of X of an image of a chunk.
    fn x_pixels(&self) -> usize {
        self.x.count[0] * self.x.count[1]
    }

    /// Pixels of dY of a chunk.
    fn dy_pixels(&self) -> usize {
        self.images * self.band * self.shape.out_size[1]
    }

    /// Consecutive sums of a row, over input channels and the taps of a run.
    fn sums(&self) -> usize {
        self.run * self.shape.group_in()
    }

    /// Runs of taps.
    fn runs(&self) -> usize {
        self.shape.taps() / self.run
    }

    fn run(&self, threads: &dyn Parallel, isa: Isa, dw: &mut [f32]) {
        let len = self.images * self.x_pixels() * self.pitch + SLACK;
        let dy_len = self.dy.parts() * self.dy_pixels() * CHANNELS;
        with_scratch(Use::Transformed, len + dy_len, |laid_out| {
            let (x, dy) = laid_out.split_at_mut(len);
            // Of one tap, the sums are the weights as they lie.
            if self.shape.taps() == 1 {
                self.sum(threads, isa, [x, dy], dw);
                return;
            }
            with_scratch(Use::Weights, dw.len(), |sums| {
                self.sum(threads, isa, [x, dy], sums);
                let (sums, channels, taps) = (&*sums, self.shape.group_in(), self.shape.taps());
                over_chunks(threads, dw, channels * taps, |row, dw| {
                    for tap in 0..taps {
                        let (run, within) = (tap / self.run, tap % self.run);
                        let from = (run * self.shape.group_out() + row) * self.sums() + within * channels;
                        let to = dw[tap..].iter_mut().step_by(taps);
                        to.zip(&sums[from..from + channels]).for_each(|(dw, sum)| *dw = *sum);
                    }
                });
            });
        });
    }

    /// `[run][output channel][tap of the run][input channel]`, chunk by chunk.
    fn sum(&self, threads: &dyn Parallel, isa: Isa, [x, dy]: [&mut [f32]; 2], sums: &mut [f32]) {
        let bands = self.shape.out_size[0].div_ceil(self.band);
        let rows = self.shape.group_out();
        let blocks = self.sums().div_ceil(VECTORS * isa.lanes());
        let mut task_rows = TASK_ROWS.min(rows);
        while self.runs() * blocks * rows.div_ceil(task_rows) < MIN_TASKS && task_rows > isa.rows() {
            task_rows = (task_rows / 2).next_multiple_of(isa.rows());
        }
        let row_blocks = rows.div_ceil(task_rows);
        let sums = Shared::new(sums);
        for index in 0..self.shape.batch.div_ceil(self.images) * bands {
            let (image, row) = (index / bands * self.images, index % bands * self.band);
            let images = image..(image + self.images).min(self.shape.batch);
            self.lay_out(threads, isa, images.clone(), row, [x, dy]);
            let offsets = self.offsets(images.len(), self.band.min(self.shape.out_size[0] - row));
            let (x, dy, offsets, first) = (&*x, &*dy, &offsets[..], index == 0);
            threads.run(self.runs() * blocks * row_blocks, &|task| {
                let (run, rest) = (task / (blocks * row_blocks), task % (blocks * row_blocks));
                let (block, from) = (rest / row_blocks, rest % row_blocks * task_rows);
                let rows = from..(from + task_rows).min(rows);
                isa.dispatch(Product { plan: self, x, dy, offsets, run, block, rows, first, sums: &sums });
            });
        }
    }

    /// Lays out X and dY for some images from output row `row`.
    fn lay_out(
        &self,
        threads: &dyn Parallel,
        isa: Isa,
        images: std::ops::Range<usize>,
        row: usize,
        [x, dy]: [&mut [f32]; 2],
    ) {
        let (mut of_x, mut of_dy) = (self.x, self.dy);
        of_x.start[0] += (row * self.shape.strides[0]) as isize;
        of_dy.start[0] += row as isize;
        of_dy.count[0] = self.band.min(self.shape.out_size[0] - row);
        let (x_parts, parts) = (of_x.parts(), of_x.parts() + of_dy.parts());
        let (to_x, to_dy) = (Shared::new(x), Shared::new(dy));
        let dy_pixels = of_dy.count[0] * of_dy.count[1];
        // Rows are shared out where there are few channels.
        let pieces = MIN_TASKS.div_ceil(images.len() * parts);
        threads.run(images.len() * parts * pieces, &|task| {
            let (index, part) = (task / (parts * pieces), task / pieces % parts);
            let image = images.start + index;
            let (mut source, part, out, at, pitch) = match part.checked_sub(x_parts) {
                None => (of_x, part, &to_x, index * self.x_pixels() * self.pitch + part * CHANNELS, self.pitch),
                Some(part) => {
                    let at = (part * self.dy_pixels() + index * dy_pixels) * CHANNELS;
                    (of_dy, part, &to_dy, at, CHANNELS)
                }
            };
            let piece = source.count[0].div_ceil(pieces);
            let first = (task % pieces * piece).min(source.count[0]);
            source.start[0] += (first * source.steps[0]) as isize;
            source.count[0] = piece.min(source.count[0] - first);
            let at = at + first * source.count[1] * pitch;
            // Scratch is taken outside of vector code: a closure within it would compile without its instructions.
            with_scratch(Use::Window, source.lines_len(), |lines| {
                isa.dispatch(Part { source, image, part, lines, out, at, pitch });
            });
        });
    }

    /// For each output pixel of a chunk, where the input of its first tap lies.
    fn offsets(&self, images: usize, rows: usize) -> Vec<u32> {
        let cols = self.shape.out_size[1];
        let mut offsets = Vec::with_capacity(images * rows * cols);
        for image in 0..images {
            for row in 0..rows {
                let line = image * self.x_pixels() + row * self.steps[0] * self.x.count[1];
                offsets.extend((0..cols).map(|col| ((line + col * self.steps[1]) * self.pitch) as u32));
            }
        }
        offsets
    }
}

/// The sums of a chunk over one run of taps, for a block of as many channels and taps as a tile has, and some rows.
struct Product<'a> {
    plan: &'a Plan<'a>,
    x: &'a [f32],
    dy: &'a [f32],
    offsets: &'a [u32],
    run: usize,
    block: usize,
    rows: std::ops::Range<usize>,
    /// Whether these are the first pixels of all.
    first: bool,
    sums: &'a Shared<'a, f32>,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let (plan, shape) = (self.plan, self.plan.shape);
        let per_row = shape.kernel[1] / plan.run;
        let tap = [self.run / per_row * shape.dilations[0], self.run % per_row * shape.dilations[1]];
        let lane = self.block * VECTORS * S::LANES;
        let window = (tap[0] * plan.x.count[1] + tap[1]) * plan.pitch + lane;
        for from in (0..self.offsets.len()).step_by(DEPTH) {
            let offsets = &self.offsets[from..(from + DEPTH).min(self.offsets.len())];
            let start = if self.first && from == 0 { Start::Zero } else { Start::Output };
            for row in self.rows.clone().step_by(S::ROWS) {
                let dy = (row / CHANNELS * plan.dy_pixels() + from) * CHANNELS + row % CHANNELS;
                let out = (self.run * shape.group_out() + row) * plan.sums() + lane;
                // SAFETY: dY has sixteen rows side by side at each pixel, X whole vectors at each offset up to the slack;
                // these sums of these rows are this task's alone.
                unsafe {
                    let tile = Tile {
                        weights: self.dy.as_ptr().add(dy),
                        weights_pitch: CHANNELS,
                        window: self.x.as_ptr().add(window),
                        offsets: offsets.as_ptr(),
                        depth: offsets.len(),
                        out: self.sums.at(out),
                        out_pitch: plan.sums(),
                        rows: S::ROWS.min(self.rows.end - row),
                        pixels: (VECTORS * S::LANES).min(plan.sums() - lane),
                        start,
                    };
                    tile.compute::<S>();
                }
            }
        }
    }
}
