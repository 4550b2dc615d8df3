//! The sum over channels and taps that both the forward pass and the input gradient are, tile by tile:
//! `out[n, o, y, x] = bias[o] + Σ_c Σ_t weight[o, c, t] · in[n, c, pixel that tap t reads at (y, x)]`.

use super::super::parallel::{Parallel, Shared};
use super::super::scratch::{Use, with_scratch};
use super::super::simd::{Isa, Simd, WithSimd};
use super::packed::WeightView;
use super::product::{Start, Tile, VECTORS};
use super::window::{Layout, Taps};

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
/// Tasks that a batch is cut into at least, where it can be: enough for many threads to share evenly.
const MIN_TASKS: usize = 32;

impl Correlation<'_> {
    /// Computes it from `input` into `output`, both whole tensors.
    pub(super) fn run(&self, threads: &dyn Parallel, isa: Isa, input: &[f32], output: &mut [f32]) {
        let [rows, cols] = self.places.count;
        if rows * cols * self.weights.rows == 0 || self.taps.len() == 0 {
            return;
        }
        let band = (BAND_PIXELS / cols).clamp(1, rows);
        let bands = rows.div_ceil(band);
        // Even bands: the last is not a sliver.
        let band = rows.div_ceil(bands);
        let block = isa.rows();
        let split = if self.batch * bands >= MIN_TASKS { self.weights.rows } else { TASK_ROWS.min(self.weights.rows) };
        let splits = self.weights.rows.div_ceil(split);
        let layout = Layout::new(&self.taps, band, cols);
        with_scratch(Use::Weights, self.weights.packed_len(block), |packed| {
            self.weights.pack(threads, block, packed);
            let (packed, output) = (&*packed, Shared::new(output));
            threads.run(self.batch * bands * splits, &|task| {
                let (image, rest) = (task / (bands * splits), task % (bands * splits));
                let (y0, first) = (rest / splits * band, rest % splits * split);
                isa.dispatch(Band {
                    all: self,
                    layout: &layout,
                    packed,
                    input,
                    output: &output,
                    image,
                    y0,
                    rows: band.min(rows - y0),
                    channels: first..(first + split).min(self.weights.rows),
                });
            });
        });
    }
}

/// One task: a band of one image, for some of the output channels.
struct Band<'a> {
    all: &'a Correlation<'a>,
    layout: &'a Layout,
    packed: &'a [f32],
    input: &'a [f32],
    output: &'a Shared<'a, f32>,
    image: usize,
    y0: usize,
    rows: usize,
    channels: std::ops::Range<usize>,
}

impl WithSimd for Band<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let (all, cols) = (self.all, self.all.places.count[1]);
        let plane = all.output.size[0] * all.output.size[1];
        let first_plane = (self.image * all.output.channels + all.output.first + self.channels.start) * plane;
        if all.places.strides == [1, 1] && all.places.count[1] == all.output.size[1] {
            let at = first_plane + (all.places.start[0] + self.y0) * cols;
            // SAFETY: the band's rows are consecutive in each plane, and no other task has this band and these channels.
            unsafe { self.sum::<S>(self.output.at(at), plane) };
            return;
        }
        let pixels = self.rows * cols;
        with_scratch(Use::Sums, self.channels.len() * pixels, |sums| {
            // SAFETY: `sums` holds a row of `pixels` for each channel.
            unsafe { self.sum::<S>(sums.as_mut_ptr(), pixels) };
            for (index, sums) in sums.chunks_exact(cols).enumerate() {
                let (channel, row) = (index / self.rows, index % self.rows);
                let y = all.places.start[0] + (self.y0 + row) * all.places.strides[0];
                let at = first_plane + channel * plane + y * all.output.size[1] + all.places.start[1];
                // SAFETY: this row of places belongs to this task alone; other columns of it are not touched.
                let out = unsafe { self.output.at(at) };
                for (x, sum) in sums.iter().enumerate() {
                    // SAFETY: column `start + x · stride` lies within the row by the counts of `Places`.
                    unsafe { *out.add(x * all.places.strides[1]) = *sum };
                }
            }
        });
    }
}

impl Band<'_> {
    /// Sums all products of the band into rows `pitch` apart, one per channel.
    ///
    /// # Safety
    /// `out` has room for `rows · cols` pixels in each row, and belongs to this task.
    #[inline(always)]
    unsafe fn sum<S: Simd>(&self, out: *mut f32, pitch: usize) {
        let (all, taps) = (self.all, self.layout.offsets.len());
        let pixels = self.rows * all.places.count[1];
        let in_plane = all.input.size[0] * all.input.size[1];
        let channels = (DEPTH / taps).clamp(1, all.weights.channels);
        let mut offsets = [0u32; DEPTH];
        let mut many = Vec::new();
        let offsets = if channels * taps <= DEPTH {
            &mut offsets[..channels * taps]
        } else {
            many.resize(channels * taps, 0);
            &mut many[..]
        };
        for (index, offset) in offsets.iter_mut().enumerate() {
            *offset = (index / taps * self.layout.pitch + self.layout.offsets[index % taps]) as u32;
        }
        with_scratch(Use::Window, self.layout.len(channels), |window| {
            for from in (0..all.weights.channels).step_by(channels) {
                let now = channels.min(all.weights.channels - from);
                for c in 0..now {
                    let plane = (self.image * all.input.channels + all.input.first + from + c) * in_plane;
                    let channel = &mut window[c * self.layout.pitch..(c + 1) * self.layout.pitch];
                    self.layout.fill(&self.input[plane..plane + in_plane], all.input.size, self.y0, channel);
                }
                let step = VECTORS * S::LANES;
                for pixel in (0..pixels).step_by(step) {
                    for row in self.channels.clone().step_by(S::ROWS) {
                        let bias = all.bias.map(|bias| bias[row..].as_ptr());
                        // SAFETY: packed weights hold a block of `depth · ROWS` per `ROWS` rows, of which this reads
                        // `now · taps` products from channel `from`; every offset plus `pixel` is within the window
                        // and its slack; the output is the caller's promise.
                        unsafe {
                            let tile = Tile {
                                weights: self.packed.as_ptr().add((row * all.weights.channels + from * S::ROWS) * taps),
                                window: window.as_ptr().add(pixel),
                                offsets: offsets.as_ptr(),
                                depth: now * taps,
                                out: out.add((row - self.channels.start) * pitch + pixel),
                                out_pitch: pitch,
                                rows: S::ROWS.min(self.channels.end - row),
                                pixels: step.min(pixels - pixel),
                                start: if from == 0 { Start::Bias(bias) } else { Start::Output },
                            };
                            tile.compute::<S>();
                        }
                    }
                }
            }
        });
    }
}
