//! 3 x 3 correlations at stride 1 by Winograd's minimal filtering F(4x4, 3x3): 36 products per channel give 16 output
//! pixels where the sum itself takes 144. Input tiles and weights are transformed ([`transform`]), each of the 36
//! frequencies is one matrix product over channels, and the results are transformed back.
//!
//! Results differ from the plain sum by rounding alone, some ten times as much of it (the tests hold it to 1e-5 of the
//! magnitude of what is summed).

mod input;
mod transform;

use super::super::parallel::{Parallel, Shared, over_chunks};
use super::super::scratch::{Use, with_scratch};
use super::super::simd::{Isa, Simd, WithSimd};
use super::correlate::Correlation;
use super::packed::WeightView;
use super::product::{Start, Tile, VECTORS};
use super::window::{Layout, Taps};
use input::{fill, line_len};
use transform::{FREQUENCIES, TILE, from_products, of_input, of_weights};

/// Channels on either side from which transforming pays.
const MIN_CHANNELS: usize = 24;
/// Tiles of a task, about: the transformed input of a frequency then stays in the second-level cache.
const TASK_TILES: usize = 64;
/// Tasks wanted at least; below, output channels are split as well.
const MIN_TASKS: usize = 8;
/// Output channels of a task where they are split.
const SPLIT_ROWS: usize = 64;

/// Whether a correlation is one that this file computes faster than the plain sum.
pub(super) fn suits(all: &Correlation) -> bool {
    let consecutive =
        |taps: &[isize]| matches!(taps, &[a, b, c] if (b - a, c - b) == (1, 1) || (b - a, c - b) == (-1, -1));
    let [rows, cols] = all.places.count;
    consecutive(&all.taps.rows)
        && consecutive(&all.taps.cols)
        && all.taps.strides == [1, 1]
        && all.places.are_whole(&all.output)
        && all.weights.rows.min(all.weights.channels) >= MIN_CHANNELS
        // With few tiles per weight, transforming the weights costs more than it saves.
        && rows * cols * all.batch >= 2 * all.weights.rows.min(512)
}

/// Computes the correlation; `all` must suit.
pub(super) fn run(all: &Correlation, threads: &dyn Parallel, isa: Isa, input: &[f32], output: &mut [f32]) {
    let tiles = all.places.count.map(|count| count.div_ceil(TILE));
    let band = (TASK_TILES / tiles[1]).clamp(1, tiles[0]);
    let bands = tiles[0].div_ceil(band);
    let band = tiles[0].div_ceil(bands);
    // Lanes of one image's band, whole vectors.
    let lanes = (band * tiles[1]).next_multiple_of(isa.lanes());
    let images = if bands == 1 { (TASK_TILES / lanes).clamp(1, all.batch) } else { 1 };
    let groups = all.batch.div_ceil(images);
    let rows = all.weights.rows;
    let split = if groups * bands >= MIN_TASKS { rows } else { SPLIT_ROWS.min(rows) };
    let splits = rows.div_ceil(split);
    let layout = Layout::new(&tile_taps(&all.taps), band, tiles[1]);
    let block = isa.rows();
    let (channels, width) = (all.weights.channels, images * lanes);
    let offsets: Vec<u32> = (0..channels).map(|channel| (channel * width) as u32).collect();
    with_scratch(Use::Weights, rows.div_ceil(block) * pitch(block * channels) * FREQUENCIES, |weights| {
        transform_weights(&all.weights, &all.taps, threads, isa, block, weights);
        let (weights, output) = (&*weights, Shared::new(output));
        threads.run(groups * bands * splits, &|task| {
            let (image, rest) = (task / (bands * splits) * images, task % (bands * splits));
            let (tile_row, first) = (rest / splits * band, rest % splits * split);
            let end = (first + split).min(rows);
            // Scratch is taken outside of vector code: a closure within it would compile without its instructions.
            with_scratch(Use::Window, layout.len(1) + line_len(tiles[1]), |window| {
                let (window, line) = window.split_at_mut(layout.len(1));
                with_scratch(Use::Transformed, FREQUENCIES * pitch(channels * width), |transformed| {
                    with_scratch(Use::Sums, FREQUENCIES * pitch((end - first) * width), |products| {
                        isa.dispatch(Task {
                            all,
                            layout: &layout,
                            offsets: &offsets,
                            weights,
                            input,
                            output: &output,
                            images: image..(image + images).min(all.batch),
                            tile_rows: tile_row..(tile_row + band).min(tiles[0]),
                            rows: first..end,
                            lanes,
                            width,
                            window,
                            line,
                            transformed,
                            products,
                        });
                    });
                });
            });
        });
    });
}

/// Taps by which a window holds the 6 x 6 input pixels of each tile.
fn tile_taps(taps: &Taps) -> Taps {
    let along = |taps: &[isize]| {
        let first = taps.iter().min().copied().unwrap_or(0);
        (first..first + 6).collect()
    };
    Taps { rows: along(&taps.rows), cols: along(&taps.cols), strides: [TILE, TILE] }
}

/// Elements between frequencies of `len` elements each: an odd number of cache lines, so that the 36 places a transform
/// writes to or reads from at a time fall into different sets of the caches.
fn pitch(len: usize) -> usize {
    (len.div_ceil(16) | 1) * 16
}

/// Transforms weights into `[block of rows][frequency][channel][row of block]`.
fn transform_weights(view: &WeightView, taps: &Taps, threads: &dyn Parallel, isa: Isa, block: usize, out: &mut [f32]) {
    // A kernel whose taps run backwards reads its weights backwards.
    let order = |taps: &[isize]| if taps[0] < taps[2] { [0, 1, 2] } else { [2, 1, 0] };
    let (rows, cols) = (order(&taps.rows), order(&taps.cols));
    let kernel: [usize; 9] = std::array::from_fn(|t| view.taps[rows[t / 3] * 3 + cols[t % 3]]);
    over_chunks(threads, out, pitch(block * view.channels) * FREQUENCIES, |index, out| match block {
        8 => isa.dispatch(Weights::<8> { view, kernel, first: index * 8, out }),
        _ => isa.dispatch(Weights::<4> { view, kernel, first: index * 4, out }),
    });
}

/// The weights of one block of rows.
struct Weights<'a, const BLOCK: usize> {
    view: &'a WeightView<'a>,
    kernel: [usize; 9],
    first: usize,
    out: &'a mut [f32],
}

impl<const BLOCK: usize> WithSimd for Weights<'_, BLOCK> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let view = self.view;
        let rows = BLOCK.min(view.rows - self.first);
        for channel in 0..view.channels {
            let at = self.first * view.row_pitch + channel * view.channel_pitch;
            let mut kernel = [[0.0f32; BLOCK]; 9];
            for (values, tap) in kernel.iter_mut().zip(self.kernel) {
                for (row, value) in values.iter_mut().enumerate().take(rows) {
                    *value = view.weights[at + row * view.row_pitch + tap];
                }
            }
            let transformed = of_weights(&kernel);
            for (frequency, values) in self.out.chunks_exact_mut(pitch(BLOCK * view.channels)).zip(&transformed) {
                frequency[channel * BLOCK..(channel + 1) * BLOCK].copy_from_slice(values);
            }
        }
    }
}

/// One task: bands of tiles of some images, for some output channels.
struct Task<'a> {
    all: &'a Correlation<'a>,
    layout: &'a Layout,
    offsets: &'a [u32],
    weights: &'a [f32],
    input: &'a [f32],
    output: &'a Shared<'a, f32>,
    images: std::ops::Range<usize>,
    tile_rows: std::ops::Range<usize>,
    rows: std::ops::Range<usize>,
    /// Lanes per image and of all images.
    lanes: usize,
    width: usize,
    /// Memory for one channel's window, for all its frequencies `[frequency][channel][lane]`, and for the products
    /// `[frequency][row][lane]`.
    window: &'a mut [f32],
    /// Room for one row of the input with its padding.
    line: &'a mut [f32],
    transformed: &'a mut [f32],
    products: &'a mut [f32],
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(mut self) {
        // SAFETY: the instruction set is the caller's promise; each step says what memory it needs.
        unsafe {
            self.transform::<S>();
            self.multiply::<S>();
            self.write::<S>();
        }
    }
}

impl Task<'_> {
    /// Transforms the input of all channels.
    ///
    /// # Safety
    /// The processor has `S`.
    #[inline(always)]
    unsafe fn transform<S: Simd>(&mut self) {
        let (all, channels) = (self.all, self.all.weights.channels);
        let plane = all.input.size[0] * all.input.size[1];
        for channel in 0..channels {
            for image in self.images.clone() {
                let from = (image * all.input.channels + all.input.first + channel) * plane;
                let input = &self.input[from..from + plane];
                // SAFETY: the window has room for the layout, the line for the tiles of a row.
                unsafe { fill::<S>(self.layout, input, all.input.size, self.tile_rows.start, self.window, self.line) };
                let at = channel * self.width + (image - self.images.start) * self.lanes;
                for lane in (0..self.lanes).step_by(S::LANES) {
                    // SAFETY: the window holds the image's lanes and a vector of slack at each offset; `transformed`
                    // holds `width` lanes for every channel and frequency.
                    unsafe {
                        let from = self.window.as_ptr().add(lane);
                        let to = self.transformed.as_mut_ptr().add(at + lane);
                        of_input::<S>(from, &self.layout.offsets, to, pitch(channels * self.width));
                    }
                }
            }
        }
    }

    /// Multiplies weights and input, frequency by frequency.
    ///
    /// # Safety
    /// The processor has `S`.
    #[inline(always)]
    unsafe fn multiply<S: Simd>(&mut self) {
        let channels = self.all.weights.channels;
        let of_weights = pitch(S::ROWS * channels);
        let (step, rows) = (VECTORS * S::LANES, self.rows.len());
        let used = self.images.len() * self.lanes;
        for frequency in 0..FREQUENCIES {
            for lane in (0..used).step_by(step) {
                for row in (0..rows).step_by(S::ROWS) {
                    let block = (self.rows.start + row) / S::ROWS * FREQUENCIES + frequency;
                    let transformed = frequency * pitch(channels * self.width) + lane;
                    let products = frequency * pitch(rows * self.width) + row * self.width + lane;
                    // SAFETY: each frequency has weights in whole blocks of rows, `width` lanes for every channel and
                    // room for `width` lanes of every row.
                    unsafe {
                        let tile = Tile {
                            weights: self.weights.as_ptr().add(block * of_weights),
                            window: self.transformed.as_ptr().add(transformed),
                            offsets: self.offsets.as_ptr(),
                            depth: channels,
                            out: self.products.as_mut_ptr().add(products),
                            out_pitch: self.width,
                            rows: S::ROWS.min(rows - row),
                            pixels: step.min(used - lane),
                            start: Start::Zero,
                        };
                        tile.compute::<S>();
                    }
                }
            }
        }
    }

    /// Transforms products back and writes them.
    ///
    /// # Safety
    /// The processor has `S`.
    #[inline(always)]
    unsafe fn write<S: Simd>(&mut self) {
        let (all, rows) = (self.all, self.rows.len());
        let [height, width] = all.output.size;
        let tile_cols = all.places.count[1].div_ceil(TILE);
        let tiles = self.tile_rows.len() * tile_cols;
        for row in 0..rows {
            let bias = all.bias.map_or(0.0, |bias| bias[self.rows.start + row]);
            for image in self.images.clone() {
                let channel = image * all.output.channels + all.output.first + self.rows.start + row;
                let start = channel * height * width + all.places.start[0] * width;
                let from = row * self.width + (image - self.images.start) * self.lanes;
                for lane in (0..tiles).step_by(S::LANES) {
                    let mut pixels = [0.0f32; 16 * 16];
                    // SAFETY: products hold `width` lanes of every row and frequency; `pixels` has room for sixteen
                    // pixels of as many tiles as any vector has lanes.
                    unsafe {
                        let products = self.products.as_ptr().add(from + lane);
                        from_products::<S>(products, pitch(rows * self.width), bias, pixels.as_mut_ptr());
                    }
                    let mut tile = 0;
                    while tile < S::LANES.min(tiles - lane) {
                        let (tile_row, tile_col) = ((lane + tile) / tile_cols, (lane + tile) % tile_cols);
                        // Neighbours in one row of tiles are written together.
                        let run = (tile_cols - tile_col).min(S::LANES.min(tiles - lane) - tile);
                        let (y, x) = ((self.tile_rows.start + tile_row) * TILE, tile_col * TILE);
                        let (tall, wide) = (TILE.min(all.places.count[0] - y), (run * TILE).min(width - x));
                        for line in 0..tall {
                            let from = (line * S::LANES + tile) * TILE;
                            // SAFETY: the pixels are within the plane by `tall` and `wide`, and no other task writes
                            // this channel of these tiles.
                            unsafe {
                                let to = self.output.at(start + (y + line) * width + x);
                                copy::<S>(pixels.as_ptr().add(from), to, wide);
                            }
                        }
                        tile += run;
                    }
                }
            }
        }
    }
}

/// Copies `len` elements.
///
/// # Safety
/// They are readable and writable and do not overlap; the processor has `S`.
#[inline(always)]
unsafe fn copy<S: Simd>(from: *const f32, to: *mut f32, len: usize) {
    let mut at = 0;
    while at < len {
        let n = S::LANES.min(len - at);
        // SAFETY: `n` elements from `at` are within what the caller promises.
        unsafe { S::store_partial(to.add(at), S::load_partial(from.add(at), n), n) };
        at += n;
    }
}

/// Whether a transform is worth its while is decided here and nowhere else, so the plain sum asks it first.
pub(super) fn run_if_suited(
    all: &Correlation,
    threads: &dyn Parallel,
    isa: Isa,
    input: &[f32],
    output: &mut [f32],
) -> bool {
    let suited = suits(all);
    if suited {
        run(all, threads, isa, input, output);
    }
    suited
}
