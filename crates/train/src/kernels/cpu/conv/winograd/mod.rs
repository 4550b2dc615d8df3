//! 3 x 3 correlations at stride 1 by Winograd's minimal filtering F(4x4, 3x3): 36 products per channel give 16 output
//! pixels where the sum itself takes 144. Input tiles and weights are transformed ([`transform`]), each of the 36
//! frequencies is one matrix product over channels, and the results are transformed back.
//!
//! Results differ from the plain sum by rounding alone: 4e-7 to 7e-7 of their magnitude where direct sums in blocks are off
//! by 1e-7.

pub(super) mod grad_weight;
mod input;
mod output;
mod transform;
mod weights;

use super::super::parallel::{Parallel, Shared};
use super::super::scratch::{Use, with_scratch};
use super::super::simd::Isa;
use super::correlate::Correlation;
use super::window::{Layout, Taps};
use input::{Input, lines_len};
use output::Output;
use transform::{FREQUENCIES, TILE};
use weights::Kernel;

/// Most lanes of any instruction set.
const MAX_LANES: usize = 16;
/// Input channels from which transforming pays.
const MIN_CHANNELS: usize = 12;
/// Output channels from which it does.
const MIN_ROWS: usize = 4;
/// Most transformed weights kept at a time: 32 MiB. More would outweigh what else a step keeps.
const MAX_WEIGHTS: usize = 8 << 20;
/// Tiles of a batch from which it pays.
const MIN_TILES: usize = 8;
/// Tiles of a task, about: the transformed input of a frequency then stays in the second-level cache.
const TASK_TILES: usize = 64;
/// Tasks wanted at least; below, channels are shared out instead of tiles.
const MIN_TASKS: usize = 8;
/// Channels of a task where they are shared out: a multiple of any register tile's rows.
const TASK_CHANNELS: usize = 32;
/// Input channels whose weights a task transforms at a time: with the input that they meet and the products they fit the
/// second-level cache.
const SLICE_CHANNELS: usize = 64;

/// Whether a correlation is one that this file computes faster than the plain sum.
pub(super) fn suits(all: &Correlation) -> bool {
    let consecutive =
        |taps: &[isize]| matches!(taps, &[a, b, c] if (b - a, c - b) == (1, 1) || (b - a, c - b) == (-1, -1));
    let [rows, cols] = all.places.count;
    consecutive(&all.taps.rows)
        && consecutive(&all.taps.cols)
        && all.taps.strides == [1, 1]
        && all.places.are_whole(&all.output)
        && all.weights.rows >= MIN_ROWS
        && all.weights.channels >= MIN_CHANNELS
        // With few tiles per weight, transforming the weights costs more than it saves.
        && rows.div_ceil(TILE) * cols.div_ceil(TILE) * all.batch >= MIN_TILES
}

/// Computes the correlation if it suits, and says whether it did.
pub(super) fn run_if_suited(
    all: &Correlation,
    threads: &dyn Parallel,
    isa: Isa,
    input: &[f32],
    output: &mut [f32],
) -> bool {
    let suited = suits(all);
    if suited {
        Plan::new(all, isa).run(threads, isa, input, &Shared::new(output));
    }
    suited
}

/// How the tiles of a batch are cut into bands, and where things lie in memory.
struct Plan<'a> {
    all: &'a Correlation<'a>,
    layout: Layout,
    /// Rows and columns of tiles of an image.
    tiles: [usize; 2],
    /// Rows of tiles of a band, and bands.
    band: usize,
    bands: usize,
    /// Images of a band.
    images: usize,
    /// Lanes of one image of a band, and of all its images in whole vectors.
    lanes: usize,
    width: usize,
    /// Distance of each channel's lanes from the first's.
    offsets: Vec<u32>,
}

/// A band of tiles of some images.
#[derive(Clone)]
struct Place {
    images: std::ops::Range<usize>,
    tile_rows: std::ops::Range<usize>,
}

impl<'a> Plan<'a> {
    fn new(all: &'a Correlation<'a>, isa: Isa) -> Self {
        let tiles = all.places.count.map(|count| count.div_ceil(TILE));
        let band = (TASK_TILES / tiles[1]).clamp(1, tiles[0]);
        let bands = tiles[0].div_ceil(band);
        // Even bands: the last is not a sliver.
        let band = tiles[0].div_ceil(bands);
        let lanes = band * tiles[1];
        let images = if bands == 1 { (TASK_TILES / lanes).clamp(1, all.batch) } else { 1 };
        let width = (images * lanes).next_multiple_of(isa.lanes());
        let offsets = (0..all.weights.channels).map(|channel| (channel * width) as u32).collect();
        let layout = Layout::new(&tile_taps(&all.taps), band, tiles[1]);
        Self { all, layout, tiles, band, bands, images, lanes, width, offsets }
    }

    /// Elements of the transformed input of a band.
    fn transformed_len(&self) -> usize {
        FREQUENCIES * pitch(self.all.weights.channels * self.width)
    }

    fn place(&self, index: usize) -> Place {
        let (image, row) = (index / self.bands * self.images, index % self.bands * self.band);
        Place {
            images: image..(image + self.images).min(self.all.batch),
            tile_rows: row..(row + self.band).min(self.tiles[0]),
        }
    }

    fn run(&self, threads: &dyn Parallel, isa: Isa, input: &[f32], output: &Shared<f32>) {
        let kernel = Kernel::new(&self.all.weights, &self.all.taps);
        let (channels, rows) = (self.all.weights.channels, self.all.weights.rows);
        let places = self.all.batch.div_ceil(self.images) * self.bands;
        let fits = Kernel::len(isa, rows, channels) <= MAX_WEIGHTS;
        if places == 1 || !fits {
            for index in 0..places {
                self.with_input(threads, isa, index, input, |transformed| {
                    self.by_slices(threads, isa, index, &kernel, transformed, output);
                });
            }
            return;
        }
        with_scratch(Use::Weights, Kernel::len(isa, rows, channels), |weights| {
            kernel.transform(threads, isa, weights);
            let weights = &*weights;
            if places >= MIN_TASKS {
                threads.run(places, &|index| {
                    with_scratch(Use::Transformed, self.transformed_len(), |transformed| {
                        self.transform(isa, self.place(index), input, 0..channels, &Shared::new(transformed));
                        self.multiply(isa, self.place(index), weights, transformed, 0..rows, output);
                    });
                });
                return;
            }
            for index in 0..places {
                self.with_input(threads, isa, index, input, |transformed| {
                    threads.run(rows.div_ceil(TASK_CHANNELS), &|task| {
                        let rows = part(task, rows);
                        let weights = &weights[Kernel::len(isa, rows.start, channels)..];
                        self.multiply(isa, self.place(index), weights, transformed, rows, output);
                    });
                });
            }
        });
    }

    /// Transforms the input of a band, its channels shared out, and calls `f` with it.
    fn with_input(&self, threads: &dyn Parallel, isa: Isa, index: usize, input: &[f32], f: impl FnOnce(&[f32])) {
        let channels = self.all.weights.channels;
        with_scratch(Use::Transformed, self.transformed_len(), |transformed| {
            let shared = Shared::new(transformed);
            threads.run(channels.div_ceil(TASK_CHANNELS), &|task| {
                self.transform(isa, self.place(index), input, part(task, channels), &shared);
            });
            f(transformed);
        });
    }

    /// Computes a band whose weights are many for its tiles: each task transforms its own, a slice of the input channels
    /// at a time, so that they never leave the processor's caches.
    fn by_slices(
        &self,
        threads: &dyn Parallel,
        isa: Isa,
        index: usize,
        kernel: &Kernel,
        transformed: &[f32],
        output: &Shared<f32>,
    ) {
        let (channels, rows) = (self.all.weights.channels, self.all.weights.rows);
        threads.run(rows.div_ceil(TASK_CHANNELS), &|task| {
            let rows = part(task, rows);
            with_scratch(Use::Sums, self.products_len(rows.len()), |products| {
                with_scratch(Use::Weights, Kernel::len(isa, rows.len(), SLICE_CHANNELS), |weights| {
                    for from in (0..channels).step_by(SLICE_CHANNELS) {
                        let channels = from..(from + SLICE_CHANNELS).min(channels);
                        let weights = &mut weights[..Kernel::len(isa, rows.len(), channels.len())];
                        kernel.part(isa, rows.start, channels.clone(), weights);
                        let (place, rows, products) = (self.place(index), rows.clone(), &mut *products);
                        isa.dispatch(Output {
                            plan: self,
                            place,
                            weights,
                            transformed,
                            rows,
                            channels,
                            products,
                            output,
                        });
                    }
                });
            });
        });
    }

    /// Elements of the products of some output channels of a band, and a vector more.
    fn products_len(&self, rows: usize) -> usize {
        FREQUENCIES * pitch(rows * self.width) + MAX_LANES
    }

    /// Transforms some channels of a band.
    fn transform(
        &self,
        isa: Isa,
        place: Place,
        input: &[f32],
        channels: std::ops::Range<usize>,
        transformed: &Shared<f32>,
    ) {
        // Scratch is taken outside of vector code: a closure within it would compile without its instructions.
        with_scratch(Use::Window, self.layout.len(1) + lines_len(&self.layout), |window| {
            let (window, lines) = window.split_at_mut(self.layout.len(1));
            isa.dispatch(Input { plan: self, place, input, channels, window, lines, transformed });
        });
    }

    /// Computes some output channels of a band from its transformed input.
    fn multiply(
        &self,
        isa: Isa,
        place: Place,
        weights: &[f32],
        transformed: &[f32],
        rows: std::ops::Range<usize>,
        output: &Shared<f32>,
    ) {
        let channels = 0..self.all.weights.channels;
        with_scratch(Use::Sums, self.products_len(rows.len()), |products| {
            isa.dispatch(Output { plan: self, place, weights, transformed, rows, channels, products, output });
        });
    }
}

/// The `index`-th part of `count` channels that are shared out.
fn part(index: usize, count: usize) -> std::ops::Range<usize> {
    index * TASK_CHANNELS..((index + 1) * TASK_CHANNELS).min(count)
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
