//! Convolutions whose every channel is a group of its own: no sum over channels, so each plane is a small correlation
//! that memory bounds, and a task takes several planes.

use super::super::parallel::{Parallel, Shared, over_chunks};
use super::super::scratch::{Use, with_scratch};
use super::super::simd::{Isa, Simd, WithSimd};
use super::forward::taps_of;
use super::grad_input::{phases, taps_of_phase};
use super::shape::ConvShape;
use super::window::{Layout, Taps};

/// Pixels per task, about: tasks long enough to be worth claiming.
const TASK_PIXELS: usize = 32 * 1024;
/// Pixels of a band.
const BAND_PIXELS: usize = 4 * 1024;

/// See [`conv`](super::forward::conv).
pub(super) fn forward(
    threads: &dyn Parallel,
    isa: Isa,
    shape: &ConvShape,
    x: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
    y: &mut [f32],
) {
    let kernel: Vec<usize> = (0..shape.taps()).collect();
    let pass = Pass {
        channels: shape.in_channels,
        taps: &taps_of(shape),
        kernel: &kernel,
        per_channel: shape.taps(),
        weights: w,
        bias,
        in_size: shape.in_size,
        out_size: shape.out_size,
        start: [0, 0],
        strides: [1, 1],
    };
    pass.run(threads, isa, x, y);
}

/// See [`conv_grad_input`](super::grad_input::conv_grad_input).
pub(super) fn grad_input(threads: &dyn Parallel, isa: Isa, shape: &ConvShape, dy: &[f32], w: &[f32], dx: &mut [f32]) {
    let phases = phases(shape);
    if phases.iter().any(|(_, [rows, cols])| rows.is_empty() || cols.is_empty()) {
        over_chunks(threads, dx, 1 << 16, |_, dx| dx.fill(0.0));
    }
    for (start, reach) in &phases {
        let (taps, kernel) = taps_of_phase(shape, reach);
        let pass = Pass {
            channels: shape.in_channels,
            taps: &taps,
            kernel: &kernel,
            per_channel: shape.taps(),
            weights: w,
            bias: None,
            in_size: shape.out_size,
            out_size: shape.in_size,
            start: *start,
            strides: shape.strides,
        };
        pass.run(threads, isa, dy, dx);
    }
}

/// A correlation of each plane with its own weights, to every `strides`-th pixel of the output from `start`.
struct Pass<'a> {
    channels: usize,
    taps: &'a Taps,
    kernel: &'a [usize],
    per_channel: usize,
    weights: &'a [f32],
    bias: Option<&'a [f32]>,
    in_size: [usize; 2],
    out_size: [usize; 2],
    start: [usize; 2],
    strides: [usize; 2],
}

impl Pass<'_> {
    fn run(&self, threads: &dyn Parallel, isa: Isa, input: &[f32], output: &mut [f32]) {
        let count = |axis: usize| self.out_size[axis].saturating_sub(self.start[axis]).div_ceil(self.strides[axis]);
        let [rows, cols] = [count(0), count(1)];
        if rows * cols * self.taps.len() == 0 {
            return;
        }
        let band = (BAND_PIXELS / cols).clamp(1, rows);
        let layout = Layout::new(self.taps, band, cols);
        let plane = self.out_size[0] * self.out_size[1];
        let planes = (TASK_PIXELS / (rows * cols)).max(1);
        let direct = self.strides == [1, 1] && self.start == [0, 0];
        over_chunks(threads, output, planes * plane, |task, output| {
            // Scratch is taken outside of vector code: a closure within it would compile without its instructions.
            with_scratch(Use::Window, layout.len(1), |window| {
                with_scratch(Use::Sums, if direct { 0 } else { band * cols }, |sums| {
                    for (index, output) in output.chunks_exact_mut(plane).enumerate() {
                        let of = task * planes + index;
                        let in_plane = self.in_size[0] * self.in_size[1];
                        let input = &input[of * in_plane..(of + 1) * in_plane];
                        let (pass, layout, channel, count) = (self, &layout, of % self.channels, [rows, cols]);
                        isa.dispatch(Plane { pass, layout, channel, count, band, input, output, window, sums });
                    }
                });
            });
        });
    }
}

/// One plane.
struct Plane<'a> {
    pass: &'a Pass<'a>,
    layout: &'a Layout,
    channel: usize,
    count: [usize; 2],
    band: usize,
    input: &'a [f32],
    output: &'a mut [f32],
    window: &'a mut [f32],
    /// Room for a band if it does not go to consecutive places.
    sums: &'a mut [f32],
}

impl WithSimd for Plane<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let (pass, [rows, cols]) = (self.pass, self.count);
        let weights = &pass.weights[self.channel * pass.per_channel..(self.channel + 1) * pass.per_channel];
        let bias = pass.bias.map_or(0.0, |bias| bias[self.channel]);
        for y0 in (0..rows).step_by(self.band) {
            let now = self.band.min(rows - y0);
            // SAFETY: the instruction set is the caller's promise.
            unsafe { self.layout.fill::<S>(self.input, pass.in_size, y0, &mut self.window[..self.layout.pitch]) };
            let direct = self.sums.is_empty();
            let out =
                if direct { &mut self.output[y0 * cols..(y0 + now) * cols] } else { &mut self.sums[..now * cols] };
            // SAFETY: the window covers the band's pixels at every offset, slack included.
            unsafe { correlate::<S>(self.window, &self.layout.offsets, weights, pass.kernel, bias, out) };
            if !direct {
                for (row, sums) in self.sums[..now * cols].chunks_exact(cols).enumerate() {
                    let y = pass.start[0] + (y0 + row) * pass.strides[0];
                    let out = &mut self.output[y * pass.out_size[1] + pass.start[1]..(y + 1) * pass.out_size[1]];
                    out.iter_mut().step_by(pass.strides[1]).zip(sums).for_each(|(out, sum)| *out = *sum);
                }
            }
        }
    }
}

/// `out[p] = bias + Σ_t weights[kernel[t]] · window[offsets[t] + p]`.
///
/// # Safety
/// Whole vectors are readable in `window` at each offset up to the last pixel; the processor has `S`.
#[inline(always)]
unsafe fn correlate<S: Simd>(
    window: &[f32],
    offsets: &[usize],
    weights: &[f32],
    kernel: &[usize],
    bias: f32,
    out: &mut [f32],
) {
    const N: usize = 4;
    let mut pixel = 0;
    while pixel < out.len() {
        // SAFETY: vectors start before the last pixel, so they end within the window's slack; stores are cut to the
        // pixels there are.
        unsafe {
            let mut sums = [S::splat(bias); N];
            for (offset, tap) in offsets.iter().zip(kernel) {
                let weight = S::splat(*weights.get_unchecked(*tap));
                let from = window.as_ptr().add(offset + pixel);
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = S::fma(weight, S::load(from.add(v * S::LANES)), *sum);
                }
            }
            for (v, sum) in sums.iter().enumerate() {
                let at = pixel + v * S::LANES;
                if at < out.len() {
                    S::store_partial(out.as_mut_ptr().add(at), *sum, S::LANES.min(out.len() - at));
                }
            }
        }
        pixel += N * S::LANES;
    }
}

/// See [`conv_grad_weight`](super::grad_weight::conv_grad_weight).
pub(super) fn grad_weight(threads: &dyn Parallel, isa: Isa, shape: &ConvShape, dy: &[f32], x: &[f32], dw: &mut [f32]) {
    let cols = shape.out_size[1];
    let band = (BAND_PIXELS / cols).clamp(1, shape.out_size[0]);
    let layout = Layout::new(&taps_of(shape), band, cols);
    let channels = (TASK_PIXELS / (shape.out_plane() * shape.batch)).max(1);
    let taps = shape.taps();
    let all = Shared::new(dw);
    threads.run(shape.in_channels.div_ceil(channels), &|task| {
        with_scratch(Use::Sums, taps.div_ceil(TAPS) * TAPS * isa.lanes(), |sums| {
            with_scratch(Use::Window, layout.len(1), |window| {
                for channel in task * channels..((task + 1) * channels).min(shape.in_channels) {
                    // SAFETY: a channel's weights belong to the one task that has the channel.
                    let dw = unsafe { all.part(channel * taps, taps) };
                    isa.dispatch(Channel { shape, layout: &layout, channel, band, dy, x, dw, sums, window });
                }
            });
        });
    });
}

/// The weight gradient of one channel.
struct Channel<'a> {
    shape: &'a ConvShape,
    layout: &'a Layout,
    channel: usize,
    band: usize,
    dy: &'a [f32],
    x: &'a [f32],
    dw: &'a mut [f32],
    sums: &'a mut [f32],
    window: &'a mut [f32],
}

/// Taps summed at a time.
const TAPS: usize = 5;

impl WithSimd for Channel<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let (shape, offsets) = (self.shape, &self.layout.offsets);
        self.sums.fill(0.0);
        for image in 0..shape.batch {
            let plane = image * shape.in_channels + self.channel;
            let x = &self.x[plane * shape.in_plane()..(plane + 1) * shape.in_plane()];
            let dy = &self.dy[plane * shape.out_plane()..(plane + 1) * shape.out_plane()];
            for (index, dy) in dy.chunks(self.band * shape.out_size[1]).enumerate() {
                // SAFETY: the instruction set is the caller's promise.
                unsafe {
                    let window = &mut self.window[..self.layout.pitch];
                    self.layout.fill::<S>(x, shape.in_size, index * self.band, window);
                }
                for (group, sums) in self.sums.chunks_exact_mut(TAPS * S::LANES).enumerate() {
                    let x = std::array::from_fn(|tap| {
                        self.window[offsets[(group * TAPS + tap).min(offsets.len() - 1)]..].as_ptr()
                    });
                    // SAFETY: the band's pixels are readable in dY and, at every offset, in the window.
                    unsafe { product::<S, TAPS>(dy, x, sums) };
                }
            }
        }
        for (tap, dw) in self.dw.iter_mut().enumerate() {
            // SAFETY: `sums` holds a vector for every tap.
            *dw = unsafe { S::sum(S::load(self.sums[tap * S::LANES..].as_ptr())) };
        }
    }
}

/// Adds to each of `B` vectors of `sums` the products of dY and one of X. They are summed by themselves first: rounding
/// grows with the number of sums that a term goes through.
///
/// # Safety
/// At each address of X, as many elements are readable as dY has; `sums` holds `B` vectors; the processor has `S`.
#[inline(always)]
unsafe fn product<S: Simd, const B: usize>(dy: &[f32], x: [*const f32; B], sums: &mut [f32]) {
    debug_assert_eq!(sums.len(), B * S::LANES);
    // SAFETY: as the caller promises; the last, partial vector reads what is left of both factors alone.
    unsafe {
        let mut tile = [S::splat(0.0); B];
        let mut pixel = 0;
        while pixel + S::LANES <= dy.len() {
            let row = S::load(dy.as_ptr().add(pixel));
            for (sum, x) in tile.iter_mut().zip(x) {
                *sum = S::fma(row, S::load(x.add(pixel)), *sum);
            }
            pixel += S::LANES;
        }
        if pixel < dy.len() {
            let rest = dy.len() - pixel;
            let row = S::load_partial(dy.as_ptr().add(pixel), rest);
            for (sum, x) in tile.iter_mut().zip(x) {
                *sum = S::fma(row, S::load_partial(x.add(pixel), rest), *sum);
            }
        }
        for (sum, to) in tile.into_iter().zip(sums.chunks_exact_mut(S::LANES)) {
            S::store(to.as_mut_ptr(), S::add(sum, S::load(to.as_ptr())));
        }
    }
}
