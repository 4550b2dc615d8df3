//! Gradient of a convolution with respect to its weights:
//! `dw[o, c, t] = Σ_n Σ_p dy[n, o, p] · x[n, c, pixel that tap t reads at p]`.
//!
//! A product along the pixels: both factors lie there in consecutive elements (dY as it comes, X in a window), so tiles
//! of output channels times (channel, tap) pairs are summed lane by lane, and lanes are added up once at the end.
//! A task owns some input and some output channels and goes through all images: its sums meet in one order.

use super::super::parallel::{Parallel, Shared};
use super::super::scratch::{Use, with_scratch};
use super::super::simd::{Isa, Simd, WithSimd};
use super::depthwise;
use super::forward::taps_of;
use super::shape::ConvShape;
use super::window::Layout;
use super::winograd;

/// Pixels of a band: rows of dY and of the window for one tile together fit the first-level cache.
const BAND_PIXELS: usize = 1024;
/// (Channel, tap) pairs of a task, so that a window serves several tiles.
const TASK_PAIRS: usize = 36;
/// Output channels of a task.
const TASK_ROWS: usize = 64;
/// Tasks wanted at least.
const MIN_TASKS: usize = 16;

/// `dw`, of W's length, from `dy` and `x`; lengths as `shape` says.
pub fn conv_grad_weight(threads: &dyn Parallel, isa: Isa, shape: &ConvShape, dy: &[f32], x: &[f32], dw: &mut [f32]) {
    if shape.is_depthwise() {
        depthwise::grad_weight(threads, isa, shape, dy, x, dw);
        return;
    }
    if winograd::grad_weight::suits(shape) {
        for group in 0..shape.groups {
            winograd::grad_weight::run(threads, isa, shape, group, dy, x, dw);
        }
        return;
    }
    let (group_in, group_out) = (shape.group_in(), shape.group_out());
    let mut channels = (TASK_PAIRS / shape.taps()).clamp(1, group_in);
    let mut rows = TASK_ROWS.min(group_out);
    let tasks = |channels, rows| shape.groups * group_in.div_ceil(channels) * group_out.div_ceil(rows);
    while tasks(channels, rows) < MIN_TASKS && (channels > 1 || rows > 8) {
        if channels > 1 {
            channels = channels.div_ceil(2);
        } else {
            rows = rows.div_ceil(2);
        }
    }
    let band = (BAND_PIXELS / shape.out_size[1]).clamp(1, shape.out_size[0]);
    let band = shape.out_size[0].div_ceil(shape.out_size[0].div_ceil(band));
    let layout = Layout::new(&taps_of(shape), band, shape.out_size[1]);
    let (channel_blocks, row_blocks) = (group_in.div_ceil(channels), group_out.div_ceil(rows));
    let dw = Shared::new(dw);
    threads.run(shape.groups * channel_blocks * row_blocks, &|task| {
        let (group, rest) = (task / (channel_blocks * row_blocks), task % (channel_blocks * row_blocks));
        let (channel, row) = (rest / row_blocks * channels, rest % row_blocks * rows);
        let block = Block {
            shape,
            layout: &layout,
            dy,
            x,
            dw: &dw,
            group,
            band,
            channels: channel..(channel + channels).min(group_in),
            rows: row..(row + rows).min(group_out),
        };
        // Scratch is taken outside of vector code: a closure within it would compile without its instructions.
        with_scratch(Use::Sums, block.sums_len(isa), |sums| {
            with_scratch(Use::Window, layout.len(block.together() * block.channels.len()), |window| {
                isa.dispatch(Task { block: &block, sums, window });
            });
        });
    });
}

/// One task: some channels and rows of one group.
struct Block<'a> {
    shape: &'a ConvShape,
    layout: &'a Layout,
    dy: &'a [f32],
    x: &'a [f32],
    dw: &'a Shared<'a, f32>,
    group: usize,
    band: usize,
    channels: std::ops::Range<usize>,
    rows: std::ops::Range<usize>,
}

/// A block with the memory to sum it in.
struct Task<'a> {
    block: &'a Block<'a>,
    sums: &'a mut [f32],
    window: &'a mut [f32],
}

/// Rows and pairs of a tile for an instruction set whose product has `rows` rows: its sums fill the registers.
const fn tile_size(rows: usize) -> [usize; 2] {
    if rows == 8 { [4, 6] } else { [2, 4] }
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: the instruction set is the caller's promise; the sizes are those of `tile_size`.
        unsafe {
            match S::ROWS {
                8 => self.block.tiles::<S, 4, 6>(self.sums, self.window),
                _ => self.block.tiles::<S, 2, 4>(self.sums, self.window),
            }
        }
    }
}

impl Block<'_> {
    /// Images whose window is filled at once: several where planes are small, so that a tile's sums are loaded and
    /// stored less often.
    #[inline(always)]
    fn together(&self) -> usize {
        let whole = self.band == self.shape.out_size[0];
        if whole { (BAND_PIXELS / self.shape.out_plane()).clamp(1, self.shape.batch) } else { 1 }
    }

    /// Elements of the block's sums: a vector for each row and pair, in whole tiles.
    fn sums_len(&self, isa: Isa) -> usize {
        let [a, b] = tile_size(isa.rows());
        let pairs = self.channels.len() * self.shape.taps();
        self.rows.len().div_ceil(a) * pairs.div_ceil(b) * a * b * isa.lanes()
    }

    /// Sums all tiles of `A` rows times `B` pairs over all bands, then writes the block.
    ///
    /// # Safety
    /// The processor has `S`.
    #[inline(always)]
    unsafe fn tiles<S: Simd, const A: usize, const B: usize>(&self, sums: &mut [f32], window: &mut [f32]) {
        let shape = self.shape;
        let pairs = self.channels.len() * shape.taps();
        let tile_pairs = pairs.div_ceil(B);
        let together = self.together();
        let image_pitch = self.channels.len() * self.layout.pitch;
        sums.fill(0.0);
        for image in (0..shape.batch).step_by(together) {
            let images = together.min(shape.batch - image);
            for y0 in (0..shape.out_size[0]).step_by(self.band) {
                let pixels = self.band.min(shape.out_size[0] - y0) * shape.out_size[1];
                // SAFETY: the instruction set is the caller's promise.
                unsafe { self.fill::<S>(window, image..image + images, y0) };
                for (index, sums) in sums.chunks_exact_mut(A * B * S::LANES).enumerate() {
                    let (row, pair) = (index / tile_pairs * A, index % tile_pairs * B);
                    let (dy, x) = self.operands::<A, B>(window, image, y0, row, pair);
                    // SAFETY: `operands` clamps rows and pairs to those of the block.
                    unsafe { product::<S, A, B>(dy, x, pixels, images, self.pitches(image_pitch), sums) };
                }
            }
        }
        // SAFETY: the instruction set is the caller's promise.
        unsafe { self.write::<S, A, B>(sums, pairs) };
    }

    /// Elements between images in dY and in the window.
    fn pitches(&self, window: usize) -> [usize; 2] {
        [self.shape.out_channels * self.shape.out_plane(), window]
    }

    /// Fills the window of all the task's channels for the band at `y0` of some images.
    ///
    /// # Safety
    /// The processor has `S`.
    #[inline(always)]
    unsafe fn fill<S: Simd>(&self, window: &mut [f32], images: std::ops::Range<usize>, y0: usize) {
        let (plane, pitch) = (self.shape.in_plane(), self.layout.pitch);
        let mut at = 0;
        for image in images {
            for channel in self.channels.clone() {
                let channel = self.group * self.shape.group_in() + channel;
                let from = (image * self.shape.in_channels + channel) * plane;
                let (x, window) = (&self.x[from..from + plane], &mut window[at..at + pitch]);
                // SAFETY: the instruction set is the caller's promise.
                unsafe { self.layout.fill::<S>(x, self.shape.in_size, y0, window) };
                at += pitch;
            }
        }
    }

    /// Addresses of a tile's rows of dY and pairs of the window; those beyond the block repeat its last.
    #[inline(always)]
    fn operands<const A: usize, const B: usize>(
        &self,
        window: &[f32],
        image: usize,
        y0: usize,
        row: usize,
        pair: usize,
    ) -> ([*const f32; A], [*const f32; B]) {
        let shape = self.shape;
        let (taps, last) = (shape.taps(), self.channels.len() * shape.taps() - 1);
        let dy = std::array::from_fn(|a| {
            let row = self.group * shape.group_out() + (self.rows.start + row + a).min(self.rows.end - 1);
            let at = (image * shape.out_channels + row) * shape.out_plane() + y0 * shape.out_size[1];
            self.dy[at..].as_ptr()
        });
        let x = std::array::from_fn(|b| {
            let pair = (pair + b).min(last);
            window[pair / taps * self.layout.pitch + self.layout.offsets[pair % taps]..].as_ptr()
        });
        (dy, x)
    }

    /// Adds up the lanes and writes the block's weights.
    ///
    /// # Safety
    /// The processor has `S`.
    #[inline(always)]
    unsafe fn write<S: Simd, const A: usize, const B: usize>(&self, sums: &[f32], pairs: usize) {
        let per_row = self.shape.group_in() * self.shape.taps();
        let tile_pairs = pairs.div_ceil(B);
        for row in self.rows.clone() {
            let at = (self.group * self.shape.group_out() + row) * per_row + self.channels.start * self.shape.taps();
            // SAFETY: these pairs of this row belong to this task alone.
            let dw = unsafe { self.dw.part(at, pairs) };
            let row = row - self.rows.start;
            for (pair, dw) in dw.iter_mut().enumerate() {
                let tile = row / A * tile_pairs + pair / B;
                let at = ((tile * A + row % A) * B + pair % B) * S::LANES;
                // SAFETY: the tile's sums hold `A · B` vectors.
                *dw = unsafe { S::sum(S::load(sums[at..].as_ptr())) };
            }
        }
    }
}

/// Adds to each of `A · B` vectors of `sums` the products of one row of dY and one pair of X, over `pixels` of each of
/// `images` that lie `pitches` apart.
///
/// # Safety
/// At every address, `pixels` elements are readable for each image; `sums` holds `A · B` vectors; the processor has `S`.
#[inline(always)]
pub(super) unsafe fn product<S: Simd, const A: usize, const B: usize>(
    mut dy: [*const f32; A],
    mut x: [*const f32; B],
    pixels: usize,
    images: usize,
    pitches: [usize; 2],
    sums: &mut [f32],
) {
    debug_assert_eq!(sums.len(), A * B * S::LANES);
    // SAFETY: as the caller promises; the last, partial vector reads `pixels % LANES` elements of both factors alone.
    unsafe {
        let mut tile = [[S::splat(0.0); B]; A];
        for (a, row) in tile.iter_mut().enumerate() {
            for (b, sum) in row.iter_mut().enumerate() {
                *sum = S::load(sums.as_ptr().add((a * B + b) * S::LANES));
            }
        }
        for _ in 0..images {
            let mut pixel = 0;
            while pixel + S::LANES <= pixels {
                let mut rows = [S::splat(0.0); A];
                for (row, dy) in rows.iter_mut().zip(dy) {
                    *row = S::load(dy.add(pixel));
                }
                for b in 0..B {
                    let x = S::load(x[b].add(pixel));
                    for a in 0..A {
                        tile[a][b] = S::fma(rows[a], x, tile[a][b]);
                    }
                }
                pixel += S::LANES;
            }
            if pixel < pixels {
                let rest = pixels - pixel;
                for b in 0..B {
                    let x = S::load_partial(x[b].add(pixel), rest);
                    for a in 0..A {
                        tile[a][b] = S::fma(S::load_partial(dy[a].add(pixel), rest), x, tile[a][b]);
                    }
                }
            }
            // Wrapping: behind the last image the address is never read.
            dy = dy.map(|dy| dy.wrapping_add(pitches[0]));
            x = x.map(|x| x.wrapping_add(pitches[1]));
        }
        for (a, row) in tile.iter().enumerate() {
            for (b, sum) in row.iter().enumerate() {
                S::store(sums.as_mut_ptr().add((a * B + b) * S::LANES), *sum);
            }
        }
    }
}
