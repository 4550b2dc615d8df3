//! The sum over channels and taps that both the forward pass and the input gradient are, tile by tile:
//! `out[n, o, y, x] = bias[o] + Σ_c Σ_t weight[o, c, t] · in[n, c, pixel that tap t reads at (y, x)]`.

use super::super::parallel::{Parallel, Shared};
use super::super::scratch::{Use, with_scratch};
use super::super::simd::{Isa, Simd, WithSimd};
use super::packed::WeightView;
use super::product::{Start, Tile, VECTORS};
use super::window::{Layout, Taps};
use super::winograd;

/// Planes of an image tensor of which some consecutive channels are meant.
#[derive(Clone, Copy)]
pub(super) struct Planes {
    /// Channels of the whole tensor.
    pub(super) channels: usize,
    /// First channel meant.
    pub(super) first: usize,
    /// Height and width, px.
    pub(super) size: [usize; 2],
}

/// Where results go: output pixel (y, x) to row `y · strides[0] + start[0]`, column `x · strides[1] + start[1]`.
#[derive(Clone, Copy)]
pub(super) struct Places {
    pub(super) start: [usize; 2],
    pub(super) strides: [usize; 2],
    /// Rows and columns computed.
    pub(super) count: [usize; 2],
}

impl Places {
    /// Whether they are all columns of consecutive rows of the output.
    pub(super) fn are_whole(&self, output: &Planes) -> bool {
        self.strides == [1, 1] && self.count[1] == output.size[1]
    }
}

/// One sum over a batch.
pub(super) struct Correlation<'a> {
    pub(super) batch: usize,
    pub(super) taps: Taps,
    pub(super) weights: WeightView<'a>,
    pub(super) bias: Option<&'a [f32]>,
    pub(super) input: Planes,
    pub(super) output: Planes,
    pub(super) places: Places,
}

/// Pixels of a band: enough that packing weights and window is little beside the products, few enough that a band's
/// sums stay in the second-level cache.
const BAND_PIXELS: usize = 1024;
/// Products summed in one go: the window they read for one tile is then 27 KiB and stays in the first-level cache.
const DEPTH: usize = 144;
/// Output channels of one task when bands alone are too few tasks.
const TASK_ROWS: usize = 64;
/// Pixels of small planes that a task takes together.
const SMALL_PIXELS: usize = 256;
/// Tasks that a batch is cut into at least, where it can be: enough for many threads to share evenly.
const MIN_TASKS: usize = 32;

impl Correlation<'_> {
    /// Computes it from `input` into `output`, both whole tensors.
    pub(super) fn run(&self, threads: &dyn Parallel, isa: Isa, input: &[f32], output: &mut [f32]) {
        let [rows, cols] = self.places.count;
        if rows * cols * self.weights.rows == 0 || self.taps.len() == 0 {
            return;
        }
        if winograd::run_if_suited(self, threads, isa, input, output) {
            return;
        }
        let band = (BAND_PIXELS / cols).clamp(1, rows);
        let bands = rows.div_ceil(band);
        // Even bands: the last is not a sliver.
        let band = rows.div_ceil(bands);
        let block = isa.rows();
        let split = if self.batch * bands >= MIN_TASKS { self.weights.rows } else { TASK_ROWS.min(self.weights.rows) };
        let splits = self.weights.rows.div_ceil(split);
        // Small planes: a task takes several images, for each of which it would read the weights anew.
        let images = if bands == 1 { (SMALL_PIXELS / (rows * cols)).clamp(1, self.batch) } else { 1 };
        let groups = self.batch.div_ceil(images);
        let layout = Layout::new(&self.taps, band, cols);
        let together = (DEPTH / self.taps.len()).clamp(1, self.weights.channels);
        let offsets: Vec<u32> = (0..together)
            .flat_map(|channel| layout.offsets.iter().map(move |offset| (channel, offset)))
            .map(|(channel, offset)| (channel * layout.pitch + offset) as u32)
            .collect();
        with_scratch(Use::Weights, self.weights.packed_len(block), |packed| {
            self.weights.pack(threads, block, packed);
            let (packed, output) = (&*packed, Shared::new(output));
            threads.run(groups * bands * splits, &|task| {
                let (image, rest) = (task / (bands * splits) * images, task % (bands * splits));
                let images = images.min(self.batch - image);
                let (y0, first) = (rest / splits * band, rest % splits * split);
                let channels = first..(first + split).min(self.weights.rows);
                let rows = band.min(rows - y0);
                let len = if self.places.are_whole(&self.output) { 0 } else { images * channels.len() * rows * cols };
                // Scratch is taken outside of vector code: a closure within it would compile without its instructions.
                with_scratch(Use::Window, layout.len(images * together), |window| {
                    with_scratch(Use::Sums, len, |sums| {
                        let (all, output, layout, offsets) = (self, &output, &layout, &offsets[..]);
                        let operands = Operands { all, layout, offsets, packed, input, output };
                        isa.dispatch(Band { operands, image, images, y0, rows, channels, window, sums });
                    });
                });
            });
        });
    }
}

/// What all tasks share.
#[derive(Clone, Copy)]
struct Operands<'a> {
    all: &'a Correlation<'a>,
    layout: &'a Layout,
    /// Of each channel and tap in the window.
    offsets: &'a [u32],
    packed: &'a [f32],
    input: &'a [f32],
    output: &'a Shared<'a, f32>,
}

/// One task: a band of one or several images, for some of the output channels.
struct Band<'a> {
    operands: Operands<'a>,
    image: usize,
    images: usize,
    y0: usize,
    rows: usize,
    channels: std::ops::Range<usize>,
    window: &'a mut [f32],
    /// Room for the results if they do not go to consecutive places.
    sums: &'a mut [f32],
}

impl WithSimd for Band<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Operands { all, output, .. } = self.operands;
        let cols = all.places.count[1];
        let plane = all.output.size[0] * all.output.size[1];
        let image_pitch = all.output.channels * plane;
        let first_plane = self.image * image_pitch + (all.output.first + self.channels.start) * plane;
        if all.places.are_whole(&all.output) {
            let at = first_plane + (all.places.start[0] + self.y0) * cols;
            // SAFETY: the band's rows are consecutive in each plane, and no other task has this band and these channels.
            unsafe { sum::<S>(self.operands, self.place(), self.window, output.at(at), [image_pitch, plane]) };
            return;
        }
        let pixels = self.rows * cols;
        let pitches = [self.channels.len() * pixels, pixels];
        // SAFETY: `sums` holds a row of the band's pixels for each image and channel.
        unsafe { sum::<S>(self.operands, self.place(), self.window, self.sums.as_mut_ptr(), pitches) };
        for (index, sums) in self.sums.chunks_exact(cols).enumerate() {
            let (channel, row) = (index / self.rows, index % self.rows);
            let (image, channel) = (channel / self.channels.len(), channel % self.channels.len());
            let y = all.places.start[0] + (self.y0 + row) * all.places.strides[0];
            let at = first_plane + image * image_pitch + channel * plane + y * all.output.size[1] + all.places.start[1];
            // SAFETY: this row of places belongs to this task alone; other columns of it are not touched.
            let out = unsafe { output.at(at) };
            for (x, sum) in sums.iter().enumerate() {
                // SAFETY: column `start + x · stride` lies within the row by the counts of `Places`.
                unsafe { *out.add(x * all.places.strides[1]) = *sum };
            }
        }
    }
}

/// Which band, of which channels.
#[derive(Clone, Copy)]
struct Place {
    image: usize,
    images: usize,
    y0: usize,
    rows: usize,
    first: usize,
    end: usize,
}

impl Band<'_> {
    #[inline(always)]
    fn place(&self) -> Place {
        Place {
            image: self.image,
            images: self.images,
            y0: self.y0,
            rows: self.rows,
            first: self.channels.start,
            end: self.channels.end,
        }
    }
}

/// Sums all products of a band into rows, one per image and channel, which lie `pitches` apart.
///
/// # Safety
/// `out` has room for `rows · cols` pixels in each row, and belongs to the caller; the processor has `S`.
#[inline(always)]
unsafe fn sum<S: Simd>(operands: Operands, place: Place, window: &mut [f32], out: *mut f32, pitches: [usize; 2]) {
    let Operands { all, layout, offsets, packed, input, .. } = operands;
    let taps = layout.offsets.len();
    let pixels = place.rows * all.places.count[1];
    let in_plane = all.input.size[0] * all.input.size[1];
    let step = VECTORS * S::LANES;
    let mut from = 0;
    while from < all.weights.channels {
        let now = (offsets.len() / taps).min(all.weights.channels - from);
        for (index, channel) in window.chunks_exact_mut(layout.pitch).enumerate().take(place.images * now) {
            let (image, c) = (place.image + index / now, index % now);
            let plane = (image * all.input.channels + all.input.first + from + c) * in_plane;
            // SAFETY: the instruction set is the caller's promise.
            unsafe { layout.fill::<S>(&input[plane..plane + in_plane], all.input.size, place.y0, channel) };
        }
        let start = |row: usize| match all.bias {
            _ if from > 0 => Start::Output,
            Some(bias) => Start::Bias(bias[row..].as_ptr()),
            None => Start::Zero,
        };
        for image in 0..place.images {
            for pixel in (0..pixels).step_by(step) {
                for row in (place.first..place.end).step_by(S::ROWS) {
                    // SAFETY: packed weights hold a block of `depth · ROWS` per `ROWS` rows, of which this reads
                    // `now · taps` products from channel `from`; every offset plus `pixel` is within the image's part
                    // of the window and its slack; the output is the caller's promise.
                    unsafe {
                        let tile = Tile {
                            weights: packed.as_ptr().add((row * all.weights.channels + from * S::ROWS) * taps),
                            weights_pitch: S::ROWS,
                            window: window.as_ptr().add(image * now * layout.pitch + pixel),
                            offsets: offsets.as_ptr(),
                            depth: now * taps,
                            out: out.add(image * pitches[0] + (row - place.first) * pitches[1] + pixel),
                            out_pitch: pitches[1],
                            rows: S::ROWS.min(place.end - row),
                            pixels: step.min(pixels - pixel),
                            start: start(row),
                        };
                        tile.compute::<S>();
                    }
                }
            }
        }
        from += now;
    }
}
