//! The weight gradient of a 3 x 3 convolution at stride 1 as F(3x3, 4x4): tiles of X and of dY are transformed and laid out
//! `[frequency][tile][channel]`; each frequency is then a product over tiles, and the sums over all tiles are
//! transformed to the nine taps.

use std::ops::Range;

use super::super::super::parallel::{Parallel, Shared, over_chunks};
use super::super::super::scratch::{Use, with_scratch};
use super::super::super::simd::{Isa, Simd, WithSimd};
use super::super::product::{Start, Tile, VECTORS};
use super::super::shape::ConvShape;
use super::super::transpose::{CHANNELS, Part, Source};
use super::transform::{FREQUENCIES, TILE, of_gradient, of_input, to_kernel};
use super::{MAX_LANES, MAX_WEIGHTS, MIN_CHANNELS, MIN_ROWS, pitch};

/// Tiles transformed at a time, at least.
const MIN_BAND: usize = 128;
/// Elements transformed at a time, about, where channels are few: 4 MiB, which the last-level cache keeps.
const BAND: usize = 1 << 20;
/// Tiles of a batch from which it pays.
const MIN_TILES: usize = 8;
/// Elements of transformed input at a time where all tiles are: 4 MiB.
const MAX_INPUT: usize = 1 << 20;
/// Output channels of a task where all tiles are transformed at once.
const TASK_ROWS: usize = 32;
/// Rows of tiles whose pixels are laid out at a time.
const LAID_OUT: usize = 4;

/// Whether a convolution's weight gradient is computed here.
pub(in super::super) fn suits(shape: &ConvShape) -> bool {
    let tiles: usize = shape.out_size.iter().map(|size| size.div_ceil(TILE)).product();
    shape.kernel == [3, 3]
        && shape.strides == [1, 1]
        && shape.dilations == [1, 1]
        && shape.group_out() >= MIN_ROWS
        && shape.group_in() >= MIN_CHANNELS
        && tiles * shape.batch >= MIN_TILES
}

/// How the tiles of a batch are cut into bands.
struct Plan<'a> {
    shape: &'a ConvShape,
    /// Rows and columns of tiles of an image.
    tiles: [usize; 2],
    /// Rows of tiles of a band, bands of an image, images of a band.
    band: usize,
    bands: usize,
    images: usize,
}

/// `dw`, which is that of one group.
pub(in super::super) fn run(
    threads: &dyn Parallel,
    isa: Isa,
    shape: &ConvShape,
    group: usize,
    dy: &[f32],
    x: &[f32],
    dw: &mut [f32],
) {
    let tiles = shape.out_size.map(|size| size.div_ceil(TILE));
    let most = (BAND / (FREQUENCIES * (shape.group_in() + shape.group_out()))).max(MIN_BAND);
    let band = (most / tiles[1]).clamp(1, tiles[0]);
    let bands = tiles[0].div_ceil(band);
    let band = tiles[0].div_ceil(bands);
    let images = if bands == 1 { (most / (band * tiles[1])).clamp(1, shape.batch) } else { 1 };
    let plan = Plan { shape, tiles, band, bands, images };
    let places = shape.batch.div_ceil(images) * bands;
    let most = images * band * tiles[1];
    let (channels, rows) = (shape.group_in(), shape.group_out());
    let dy = plan.side(dy, [shape.out_channels, group * rows, rows], true);
    // Input channels at a time, in whole tiles of the product: as many as memory is granted to.
    let slice = if places == 1 { MAX_INPUT / most } else { MAX_WEIGHTS / rows } / FREQUENCIES;
    let slice = (slice / MAX_BLOCK).max(1) * MAX_BLOCK;
    with_scratch(Use::Transformed, plan.side(x, [0, 0, slice.min(channels)], false).len() + dy.len(), |transformed| {
        let (of_dy, of_x) = transformed.split_at_mut(dy.len());
        let dw = Shared::new(dw);
        for from in (0..channels).step_by(slice) {
            let x = plan.side(x, [shape.in_channels, group * channels + from, slice.min(channels - from)], false);
            if places == 1 {
                plan.at_once(threads, isa, [&x, &dy], [&mut *of_x, &mut *of_dy], from, &dw);
            } else {
                plan.by_bands(threads, isa, [&x, &dy], [&mut *of_x, &mut *of_dy], from, &dw);
            }
        }
    });
}

/// Most input channels of a tile of the product.
const MAX_BLOCK: usize = VECTORS * MAX_LANES;
/// Elements that whole vectors may read behind the last row.
const SLACK: usize = 64;

impl<'a> Plan<'a> {
    /// X or dY, of which `[channels of the tensor, first, number]` are meant.
    fn side(&self, data: &'a [f32], [all, first, channels]: [usize; 3], gradient: bool) -> Side<'a> {
        // Pixels beside those of its own that a tile reads.
        let (border, pads) = if gradient { (0, [0, 0]) } else { (2, self.shape.pads) };
        let count = [self.band.min(LAID_OUT) * TILE + border, self.tiles[1] * TILE + border];
        let source = Source {
            data,
            all,
            first,
            channels,
            size: if gradient { self.shape.out_size } else { self.shape.in_size },
            start: pads.map(|pad| -(pad as isize)),
            steps: [1, 1],
            count,
        };
        Side { source, border, gradient, tiles: self.images * self.band * self.tiles[1] }
    }

    fn place(&self, index: usize) -> Place {
        let (image, row) = (index / self.bands * self.images, index % self.bands * self.band);
        Place {
            images: image..(image + self.images).min(self.shape.batch),
            tile_rows: row..(row + self.band).min(self.tiles[0]),
            tile_cols: self.tiles[1],
        }
    }

    /// The weights of some input channels, all tiles being transformed at once: a task goes through all frequencies of
    /// its output channels, and the sums never leave the processor's caches.
    fn at_once(
        &self,
        threads: &dyn Parallel,
        isa: Isa,
        [x, dy]: [&Side; 2],
        [of_x, of_dy]: [&mut [f32]; 2],
        from: usize,
        dw: &Shared<f32>,
    ) {
        let (place, channels) = (self.place(0), x.source.channels);
        let dy_parts = if from == 0 { dy.parts() } else { 0 };
        place.transform(threads, isa, [x, dy], dy_parts, [&mut *of_x, &mut *of_dy]);
        let offsets = x.offsets(&place);
        let (of_x, of_dy, offsets) = (&*of_x, &*of_dy, &offsets[..]);
        let block = VECTORS * isa.lanes();
        let row_tasks = dy.source.channels.div_ceil(TASK_ROWS);
        threads.run(channels.div_ceil(block) * row_tasks, &|task| {
            let (channel, row) = (task / row_tasks * block, task % row_tasks * TASK_ROWS);
            let channels = channel..(channel + block).min(channels);
            let rows = row..(row + TASK_ROWS).min(dy.source.channels);
            with_scratch(Use::Sums, FREQUENCIES * pitch(rows.len() * block) + SLACK, |sums| {
                let sums_pitch = [pitch(rows.len() * block), block];
                for (frequency, sums) in sums.chunks_exact_mut(sums_pitch[0]).enumerate().take(FREQUENCIES) {
                    let (channels, rows, out_pitch) = (channels.clone(), rows.clone(), sums_pitch[1]);
                    let operands = Operands { x, dy, of_x, of_dy, offsets };
                    isa.dispatch(Product { operands, channels, rows, frequency, first: true, sums, out_pitch });
                }
                for row in rows.clone() {
                    let at = (row * self.shape.group_in() + from + channels.start) * 9;
                    // SAFETY: these channels of this row belong to this task alone.
                    let dw = unsafe { dw.part(at, channels.len() * 9) };
                    let sums = &sums[(row - rows.start) * sums_pitch[1]..];
                    isa.dispatch(Kernels { sums, pitch: sums_pitch[0], dw });
                }
            });
        });
    }

    /// The weights of some input channels, band by band of the tiles.
    fn by_bands(
        &self,
        threads: &dyn Parallel,
        isa: Isa,
        [x, dy]: [&Side; 2],
        [of_x, of_dy]: [&mut [f32]; 2],
        from: usize,
        dw: &Shared<f32>,
    ) {
        let (rows, channels) = (dy.source.channels, x.source.channels);
        let sums_pitch = [pitch(rows * x.row()), x.row()];
        with_scratch(Use::Weights, FREQUENCIES * sums_pitch[0] + SLACK, |sums| {
            for index in 0..self.shape.batch.div_ceil(self.images) * self.bands {
                let place = self.place(index);
                place.transform(threads, isa, [x, dy], dy.parts(), [&mut *of_x, &mut *of_dy]);
                let (of_x, of_dy, first) = (&*of_x, &*of_dy, index == 0);
                let offsets = x.offsets(&place);
                over_chunks(threads, sums, sums_pitch[0], |frequency, sums| {
                    if frequency < FREQUENCIES {
                        let operands = Operands { x, dy, of_x, of_dy, offsets: &offsets };
                        let (channels, rows, out_pitch) = (0..channels, 0..rows, sums_pitch[1]);
                        isa.dispatch(Product { operands, channels, rows, frequency, first, sums, out_pitch });
                    }
                });
            }
            let sums = &*sums;
            threads.run(rows, &|row| {
                // SAFETY: these channels of this row belong to this task alone.
                let dw = unsafe { dw.part((row * self.shape.group_in() + from) * 9, channels * 9) };
                isa.dispatch(Kernels { sums: &sums[row * sums_pitch[1]..], pitch: sums_pitch[0], dw });
            });
        });
    }
}

/// A band of tiles of some images.
struct Place {
    images: Range<usize>,
    tile_rows: Range<usize>,
    tile_cols: usize,
}

impl Place {
    fn per_image(&self) -> usize {
        self.tile_rows.len() * self.tile_cols
    }

    fn tiles(&self) -> usize {
        self.images.len() * self.per_image()
    }

    /// Pieces that are transformed by themselves: some rows of tiles of an image.
    fn pieces(&self) -> usize {
        self.images.len() * self.tile_rows.len().div_ceil(LAID_OUT)
    }

    /// Transforms its tiles of X and, for the first `dy_parts` parts of its channels, of dY.
    fn transform(
        &self,
        threads: &dyn Parallel,
        isa: Isa,
        [x, dy]: [&Side; 2],
        dy_parts: usize,
        [of_x, of_dy]: [&mut [f32]; 2],
    ) {
        let (parts, pieces) = (x.parts(), self.pieces());
        let (of_x, of_dy) = (Shared::new(of_x), Shared::new(of_dy));
        threads.run((parts + dy_parts) * pieces, &|task| {
            let (part, piece) = (task / pieces, task % pieces);
            match part.checked_sub(parts) {
                None => x.transform(isa, self, part, piece, &of_x),
                Some(part) => dy.transform(isa, self, part, piece, &of_dy),
            }
        });
    }
}

/// X or dY: some channels of an image tensor.
struct Side<'a> {
    /// Its pixels that the first rows of tiles read.
    source: Source<'a>,
    border: usize,
    gradient: bool,
    /// Most tiles at a time.
    tiles: usize,
}

impl Side<'_> {
    /// Elements of all channels of one tile and frequency.
    fn row(&self) -> usize {
        self.source.channels.next_multiple_of(CHANNELS)
    }

    /// Elements between frequencies.
    fn frequency(&self) -> usize {
        pitch(self.tiles * self.row())
    }

    fn len(&self) -> usize {
        FREQUENCIES * self.frequency() + SLACK
    }

    fn parts(&self) -> usize {
        self.source.parts()
    }

    /// Where the channels of each tile of a place lie.
    fn offsets(&self, place: &Place) -> Vec<u32> {
        (0..place.tiles()).map(|tile| (tile * self.row()) as u32).collect()
    }

    /// Transforms the `part`th sixteen channels of a piece of a band.
    fn transform(&self, isa: Isa, place: &Place, part: usize, piece: usize, out: &Shared<f32>) {
        let per_image = place.tile_rows.len().div_ceil(LAID_OUT);
        let (index, first) = (piece / per_image, piece % per_image * LAID_OUT);
        let (image, rows) = (place.images.start + index, LAID_OUT.min(place.tile_rows.len() - first));
        // Scratch is taken outside of vector code: a closure within it would compile without its instructions.
        with_scratch(Use::Window, self.source.count[0] * self.source.count[1] * CHANNELS, |window| {
            let mut source = self.source;
            source.start[0] += ((place.tile_rows.start + first) * TILE) as isize;
            source.count[0] = rows * TILE + self.border;
            let to = &Shared::new(&mut *window);
            isa.dispatch(Part { source, image, part, lines: &mut [], out: to, at: 0, pitch: CHANNELS });
            let tile = index * place.per_image() + first * place.tile_cols;
            let at = tile * self.row() + part * CHANNELS;
            isa.dispatch(Tiles { side: self, window, tiles: [rows, place.tile_cols], out, at });
        });
    }
}

/// Some rows of tiles of sixteen channels, whose pixels are laid out in the window.
struct Tiles<'a> {
    side: &'a Side<'a>,
    window: &'a [f32],
    tiles: [usize; 2],
    out: &'a Shared<'a, f32>,
    /// Where the first tile goes at the first frequency.
    at: usize,
}

impl WithSimd for Tiles<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let (side, cols) = (self.side, self.side.source.count[1]);
        let offsets: [usize; FREQUENCIES] = std::array::from_fn(|i| (i / 6 * cols + i % 6) * CHANNELS);
        for row in 0..self.tiles[0] {
            for col in 0..self.tiles[1] {
                for lane in (0..CHANNELS).step_by(S::LANES) {
                    let from = (row * cols + col) * TILE * CHANNELS + lane;
                    let to = self.at + (row * self.tiles[1] + col) * side.row() + lane;
                    // SAFETY: the window holds sixteen channels of the pixels of every tile; these channels of these
                    // tiles are this task's alone at each frequency, where rows have whole sixteens of channels.
                    unsafe {
                        let (from, to) = (self.window.as_ptr().add(from), self.out.at(to));
                        if side.gradient {
                            of_gradient::<S>(from, &offsets, to, side.frequency());
                        } else {
                            of_input::<S>(from, &offsets, to, side.frequency(), S::LANES);
                        }
                    }
                }
            }
        }
    }
}

/// X and dY transformed.
#[derive(Clone, Copy)]
struct Operands<'a> {
    x: &'a Side<'a>,
    dy: &'a Side<'a>,
    of_x: &'a [f32],
    of_dy: &'a [f32],
    /// Of each tile in X.
    offsets: &'a [u32],
}

/// The product of one frequency for some input channels and output channels (rows), added to its sums.
struct Product<'a> {
    operands: Operands<'a>,
    channels: Range<usize>,
    rows: Range<usize>,
    frequency: usize,
    first: bool,
    sums: &'a mut [f32],
    /// Elements between rows of the sums.
    out_pitch: usize,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let (Operands { x, dy, of_x, of_dy, offsets }, step) = (self.operands, VECTORS * S::LANES);
        for channel in self.channels.clone().step_by(step) {
            for row in self.rows.clone().step_by(S::ROWS) {
                let out = (row - self.rows.start) * self.out_pitch + channel - self.channels.start;
                // SAFETY: rows of dY are padded to whole blocks, vectors of X end within the next row or the slack, and
                // the sums have a row for every output channel.
                unsafe {
                    let tile = Tile {
                        weights: of_dy.as_ptr().add(self.frequency * dy.frequency() + row),
                        weights_pitch: dy.row(),
                        window: of_x.as_ptr().add(self.frequency * x.frequency() + channel),
                        offsets: offsets.as_ptr(),
                        depth: offsets.len(),
                        out: self.sums.as_mut_ptr().add(out),
                        out_pitch: self.out_pitch,
                        rows: S::ROWS.min(self.rows.end - row),
                        pixels: step.min(self.channels.end - channel),
                        start: if self.first { Start::Zero } else { Start::Output },
                    };
                    tile.compute::<S>();
                }
            }
        }
    }
}

/// The kernels of one output channel, from its sums.
struct Kernels<'a> {
    sums: &'a [f32],
    pitch: usize,
    dw: &'a mut [f32],
}

impl WithSimd for Kernels<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let channels = self.dw.len() / 9;
        for channel in (0..channels).step_by(S::LANES) {
            let mut taps = [[0.0f32; MAX_LANES]; 9];
            // SAFETY: sums have whole vectors of input channels at each frequency, slack included.
            unsafe {
                let kernel = to_kernel::<S>(self.sums.as_ptr().add(channel), self.pitch);
                for (values, vector) in taps.iter_mut().zip(kernel) {
                    S::store(values.as_mut_ptr(), vector);
                }
            }
            for (lane, dw) in self.dw[channel * 9..].chunks_exact_mut(9).take(S::LANES).enumerate() {
                for (dw, values) in dw.iter_mut().zip(&taps) {
                    *dw = values[lane];
                }
            }
        }
    }
}
