//! 3 x 3 correlations at stride 1 by Winograd's minimal filtering F(4x4, 3x3): 36 products per channel give 16 output
//! pixels where the sum itself takes 144. Input tiles and weights are transformed ([`transform`]), each of the 36
//! frequencies is one matrix product over channels, and the results are transformed back.
//!
//! Results differ from the plain sum by rounding alone, some ten times as much of it (the tests hold it to 1e-5 of the
//! magnitude of what is summed).

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
use input::{Input, line_len};
use output::Output;
use transform::{FREQUENCIES, TILE};

/// Channels on either side from which transforming pays.
const MIN_CHANNELS: usize = 24;
/// Most transformed weights: 32 MiB. More go to memory and back, which takes longer than the products they save, and would
/// outweigh what else a step keeps.
const MAX_WEIGHTS: usize = 8 << 20;
/// Tiles of a task, about: the transformed input of a frequency then stays in the second-level cache.
const TASK_TILES: usize = 64;
/// Tasks wanted at least; below, channels are shared out instead of tiles.
const MIN_TASKS: usize = 8;
/// Channels of a task where they are shared out: a multiple of any register tile's rows.
const TASK_CHANNELS: usize = 32;

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
        && all.weights.rows * all.weights.channels * FREQUENCIES <= MAX_WEIGHTS
        // With few tiles per weight, transforming the weights costs more than it saves.
        && rows * cols * all.batch >= 2 * all.weights.rows.min(512)
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
        let plan = Plan::new(all, isa);
        with_scratch(Use::Weights, plan.weights_len(isa), |weights| {
            weights::transform(&all.weights, &all.taps, threads, isa, weights);
            plan.run(threads, isa, weights, input, &Shared::new(output));
        });
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
    /// Lanes of one image of a band, whole vectors, and of all its images.
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
        let lanes = (band * tiles[1]).next_multiple_of(isa.lanes());
        let images = if bands == 1 { (TASK_TILES / lanes).clamp(1, all.batch) } else { 1 };
        let width = images * lanes;
        let offsets = (0..all.weights.channels).map(|channel| (channel * width) as u32).collect();
        let layout = Layout::new(&tile_taps(&all.taps), band, tiles[1]);
        Self { all, layout, tiles, band, bands, images, lanes, width, offsets }
    }

    fn weights_len(&self, isa: Isa) -> usize {
        let block = isa.rows();
        self.all.weights.rows.div_ceil(block) * pitch(block * self.all.weights.channels) * FREQUENCIES
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

    fn run(&self, threads: &dyn Parallel, isa: Isa, weights: &[f32], input: &[f32], output: &Shared<f32>) {
        let (channels, rows) = (self.all.weights.channels, self.all.weights.rows);
        let places = self.all.batch.div_ceil(self.images) * self.bands;
        if places >= MIN_TASKS {
            threads.run(places, &|index| {
                with_scratch(Use::Transformed, self.transformed_len(), |transformed| {
                    self.transform(isa, self.place(index), input, 0..channels, &Shared::new(transformed));
                    self.multiply(isa, self.place(index), weights, transformed, 0..rows, output);
                });
            });
            return;
        }
        let parts = |count: usize| count.div_ceil(TASK_CHANNELS);
        let part = |index: usize, count: usize| index * TASK_CHANNELS..((index + 1) * TASK_CHANNELS).min(count);
        with_scratch(Use::Transformed, self.transformed_len(), |transformed| {
            for index in 0..places {
                let shared = Shared::new(transformed);
                threads.run(parts(channels), &|task| {
                    self.transform(isa, self.place(index), input, part(task, channels), &shared);
                });
                threads.run(parts(rows), &|task| {
                    self.multiply(isa, self.place(index), weights, transformed, part(task, rows), output);
                });
            }
        });
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
        with_scratch(Use::Window, self.layout.len(1) + line_len(self.tiles[1]), |window| {
            let (window, line) = window.split_at_mut(self.layout.len(1));
            isa.dispatch(Input { plan: self, place, input, channels, window, line, transformed });
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
        with_scratch(Use::Sums, FREQUENCIES * pitch(rows.len() * self.width), |products| {
            isa.dispatch(Output { plan: self, place, weights, transformed, rows, products, output });
        });
    }
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
