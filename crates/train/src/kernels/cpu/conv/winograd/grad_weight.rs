//! The weight gradient of a 3 x 3 convolution at stride 1 as F(3x3, 4x4): tiles of X and of dY are transformed and laid out
//! `[frequency][tile][channel]`; each frequency is then a product over tiles, and the sums over all tiles are
//! transformed to the nine taps.

use super::super::super::parallel::{Parallel, Shared, over_chunks};
use super::super::super::scratch::{Use, with_scratch};
use super::super::super::simd::{Isa, Simd, WithSimd};
use super::super::forward::taps_of;
use super::super::product::{Start, Tile, VECTORS};
use super::super::shape::ConvShape;
use super::super::window::{Layout, Taps};
use super::input::{fill, line_len};
use super::transform::{FREQUENCIES, TILE, of_gradient, of_input, to_kernel};
use super::{MAX_WEIGHTS, MIN_CHANNELS, pitch, tile_taps};

/// Tiles transformed at a time: their product's operands stay near the processor.
const TILES: usize = 128;
/// Tiles of a batch from which it pays: below, writing the sums costs more than the products save.
const MIN_TILES: usize = 48;
/// Channels of one transforming task.
const CHANNELS: usize = 16;

/// Whether a convolution's weight gradient is computed here.
pub(in super::super) fn suits(shape: &ConvShape) -> bool {
    let tiles: usize = shape.out_size.iter().map(|size| size.div_ceil(TILE)).product();
    shape.kernel == [3, 3]
        && shape.strides == [1, 1]
        && shape.dilations == [1, 1]
        && shape.group_in().min(shape.group_out()) >= MIN_CHANNELS
        && shape.group_in() * shape.group_out() * FREQUENCIES <= MAX_WEIGHTS
        && tiles * shape.batch >= MIN_TILES
}

/// `dw` of one group.
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
    let band = (TILES / tiles[1]).clamp(1, tiles[0]);
    let bands = tiles[0].div_ceil(band);
    let band = tiles[0].div_ceil(bands);
    let images = if bands == 1 { (TILES / (band * tiles[1])).clamp(1, shape.batch) } else { 1 };
    let own = Taps { rows: vec![0], cols: vec![0], strides: [1, 1] };
    let side = |taps: &Taps, data, all, channels: usize, size, gradient| Side {
        layout: Layout::new(&tile_taps(taps), band, tiles[1]),
        data,
        all,
        first: group * channels,
        channels,
        size,
        gradient,
        tiles: images * band * tiles[1],
    };
    let x = side(&taps_of(shape), x, shape.in_channels, shape.group_in(), shape.in_size, false);
    let dy = side(&own, dy, shape.out_channels, shape.group_out(), shape.out_size, true);
    let sums_pitch = pitch(dy.channels * x.row());
    let dw = &mut dw[group * dy.channels * x.channels * 9..(group + 1) * dy.channels * x.channels * 9];
    with_scratch(Use::Weights, FREQUENCIES * sums_pitch + SLACK, |sums| {
        with_scratch(Use::Transformed, x.len() + dy.len(), |transformed| {
            let (of_x, of_dy) = transformed.split_at_mut(x.len());
            for index in 0..shape.batch.div_ceil(images) * bands {
                let (image, row) = (index / bands * images, index % bands * band);
                let place = Place {
                    images: image..(image + images).min(shape.batch),
                    tile_rows: row..(row + band).min(tiles[0]),
                    tile_cols: tiles[1],
                };
                let parts = x.parts();
                let (to_x, to_dy) = (Shared::new(of_x), Shared::new(of_dy));
                threads.run(parts + dy.parts(), &|task| match task.checked_sub(parts) {
                    None => x.transform(isa, &place, task, &to_x),
                    Some(task) => dy.transform(isa, &place, task, &to_dy),
                });
                let (of_x, of_dy, first) = (&*of_x, &*of_dy, index == 0);
                let offsets: Vec<u32> = (0..place.tiles()).map(|tile| (tile * x.row()) as u32).collect();
                over_chunks(threads, sums, sums_pitch, |frequency, sums| {
                    if frequency < FREQUENCIES {
                        let (x, dy, offsets) = (&x, &dy, &offsets[..]);
                        isa.dispatch(Product { x, dy, of_x, of_dy, offsets, frequency, first, sums });
                    }
                });
            }
        });
        let (sums, row) = (&*sums, x.row());
        over_chunks(threads, dw, x.channels * 9, |out, dw| {
            isa.dispatch(Kernels { sums: &sums[out * row..], pitch: sums_pitch, dw });
        });
    });
}

/// Elements that whole vectors may read behind the last row.
const SLACK: usize = 64;

/// A band of tiles of some images.
struct Place {
    images: std::ops::Range<usize>,
    tile_rows: std::ops::Range<usize>,
    tile_cols: usize,
}

impl Place {
    fn per_image(&self) -> usize {
        self.tile_rows.len() * self.tile_cols
    }

    fn tiles(&self) -> usize {
        self.images.len() * self.per_image()
    }
}

/// X or dY: some channels of an image tensor.
struct Side<'a> {
    layout: Layout,
    data: &'a [f32],
    /// Channels of the tensor, the first of the group, and those of the group.
    all: usize,
    first: usize,
    channels: usize,
    size: [usize; 2],
    gradient: bool,
    /// Most tiles at a time.
    tiles: usize,
}

impl Side<'_> {
    /// Elements of all channels of one tile and frequency.
    fn row(&self) -> usize {
        self.channels.next_multiple_of(CHANNELS)
    }

    /// Elements between frequencies.
    fn frequency(&self) -> usize {
        pitch(self.tiles * self.row())
    }

    fn len(&self) -> usize {
        FREQUENCIES * self.frequency() + SLACK
    }

    fn parts(&self) -> usize {
        self.channels.div_ceil(CHANNELS)
    }

    /// Transforms the `part`th sixteen channels of a band.
    fn transform(&self, isa: Isa, place: &Place, part: usize, out: &Shared<f32>) {
        let lanes = place.per_image().next_multiple_of(isa.lanes());
        let channels = part * CHANNELS..((part + 1) * CHANNELS).min(self.channels);
        // Scratch is taken outside of vector code: a closure within it would compile without its instructions.
        with_scratch(Use::Window, self.layout.len(1) + line_len(place.tile_cols), |window| {
            let (window, line) = window.split_at_mut(self.layout.len(1));
            with_scratch(Use::Sums, FREQUENCIES * pitch(CHANNELS * lanes), |local| {
                isa.dispatch(Part { side: self, place, channels, lanes, window, line, local, out });
            });
        });
    }
}

/// Sixteen channels of a band.
struct Part<'a> {
    side: &'a Side<'a>,
    place: &'a Place,
    channels: std::ops::Range<usize>,
    lanes: usize,
    window: &'a mut [f32],
    line: &'a mut [f32],
    /// Room for `[frequency][channel][lane]` of one image.
    local: &'a mut [f32],
    out: &'a Shared<'a, f32>,
}

impl WithSimd for Part<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let (side, place, lanes) = (self.side, self.place, self.lanes);
        let (plane, local_pitch) = (side.size[0] * side.size[1], pitch(CHANNELS * lanes));
        for (index, image) in place.images.clone().enumerate() {
            for channel in self.channels.clone() {
                let from = (image * side.all + side.first + channel) * plane;
                let data = &side.data[from..from + plane];
                let at = (channel - self.channels.start) * lanes;
                // SAFETY: the window has room for the layout and a vector of slack, the line for the tiles of a row;
                // `local` has `lanes` for each of sixteen channels at each frequency.
                unsafe {
                    fill::<S>(&side.layout, data, side.size, place.tile_rows.start, self.window, self.line);
                    for lane in (0..lanes).step_by(S::LANES) {
                        let (from, to) = (self.window.as_ptr().add(lane), self.local.as_mut_ptr().add(at + lane));
                        if side.gradient {
                            of_gradient::<S>(from, &side.layout.offsets, to, local_pitch);
                        } else {
                            of_input::<S>(from, &side.layout.offsets, to, local_pitch);
                        }
                    }
                }
            }
            let (first, tiles) = (index * place.per_image(), place.per_image());
            for frequency in 0..FREQUENCIES {
                for lane in (0..tiles).step_by(S::LANES) {
                    let to = frequency * side.frequency() + (first + lane) * side.row() + self.channels.start;
                    // SAFETY: these tiles of these channels are this task's alone; `local` as above.
                    unsafe {
                        let from = self.local.as_ptr().add(frequency * local_pitch + lane);
                        let counts = [self.channels.len(), S::LANES.min(tiles - lane)];
                        transpose::<S>(from, lanes, self.out.at(to), side.row(), counts);
                    }
                }
            }
        }
    }
}

/// Writes `to[column · to_pitch + row] = from[row · from_pitch + column]` for `counts` rows (at most sixteen) and columns
/// (at most a vector).
///
/// # Safety
/// Those are readable and writable, whole vectors of `from` where there are sixteen rows; the processor has `S`.
#[inline(always)]
unsafe fn transpose<S: Simd>(from: *const f32, from_pitch: usize, to: *mut f32, to_pitch: usize, counts: [usize; 2]) {
    let [rows, columns] = counts;
    // SAFETY: the caller's promise.
    unsafe {
        if S::LANES == 16 && rows == 16 {
            // Twice four ways interleaved is sixteen ways transposed.
            let mut once = [0.0f32; 256];
            for i in 0..4 {
                let mut rows = [S::splat(0.0); 4];
                for (j, row) in rows.iter_mut().enumerate() {
                    *row = S::load(from.add((i + 4 * j) * from_pitch));
                }
                S::store_interleaved(once.as_mut_ptr().add(i * 64), rows);
            }
            let mut twice = [0.0f32; 256];
            for i in 0..4 {
                let mut quarters = [S::splat(0.0); 4];
                for (j, quarter) in quarters.iter_mut().enumerate() {
                    *quarter = S::load(once.as_ptr().add(j * 64 + i * 16));
                }
                S::store_interleaved(twice.as_mut_ptr().add(i * 64), quarters);
            }
            for column in 0..columns {
                S::store(to.add(column * to_pitch), S::load(twice.as_ptr().add(column * 16)));
            }
            return;
        }
        for column in 0..columns {
            for row in 0..rows {
                *to.add(column * to_pitch + row) = *from.add(row * from_pitch + column);
            }
        }
    }
}

/// The product of one frequency, added to its sums `[output channel][input channel]`.
struct Product<'a> {
    x: &'a Side<'a>,
    dy: &'a Side<'a>,
    of_x: &'a [f32],
    of_dy: &'a [f32],
    offsets: &'a [u32],
    frequency: usize,
    first: bool,
    sums: &'a mut [f32],
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let (x, dy, step) = (self.x, self.dy, VECTORS * S::LANES);
        for channel in (0..x.channels).step_by(step) {
            for row in (0..dy.channels).step_by(S::ROWS) {
                // SAFETY: rows of dY are padded to whole blocks, vectors of X end within the next row or the slack, and
                // the sums have `row()` elements for every output channel.
                unsafe {
                    let tile = Tile {
                        weights: self.of_dy.as_ptr().add(self.frequency * dy.frequency() + row),
                        weights_pitch: dy.row(),
                        window: self.of_x.as_ptr().add(self.frequency * x.frequency() + channel),
                        offsets: self.offsets.as_ptr(),
                        depth: self.offsets.len(),
                        out: self.sums.as_mut_ptr().add(row * x.row() + channel),
                        out_pitch: x.row(),
                        rows: S::ROWS.min(dy.channels - row),
                        pixels: step.min(x.channels - channel),
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

/// Most lanes of any instruction set.
const MAX_LANES: usize = 16;

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
