//! The transforms of F(4x4, 3x3) with interpolation points 0, ±5/8, ±3/2 and infinity. Symmetric points halve the work;
//! these two magnitudes keep the numbers in the transforms near one, which costs less precision than 1 and 2 do. All
//! constants but the weights' are exact in `f32`.
//!
//! In one dimension, with A = 25/64 and B = 9/4 the squares of the points a and b:
//! input `d` to `[AB·d0 - (A+B)·d2 + d4, e ± a·o, e' ± b·o', AB·d1 - (A+B)·d3 + d5]` with `e = d4 - B·d2`,
//! `o = d3 - B·d1`, `e' = d4 - A·d2`, `o' = d3 - A·d1`; weights are values of their polynomial at the points over
//! `Π (point - others)`; results are sums of the products with powers of the points. The gradient of a 3 x 3 kernel is
//! the same filter with roles exchanged, F(3x3, 4x4): tiles of dY, 4 x 4, stand where the kernel stood.

// Each loop below walks a column of one array and a row of another.
#![allow(clippy::needless_range_loop)]

use super::super::super::simd::Simd;

/// Output pixels of a tile along an axis.
pub(super) const TILE: usize = 4;
/// Products per tile and pair of channels.
pub(super) const FREQUENCIES: usize = 36;

const A: f32 = 0.625;
const B: f32 = 1.5;
const A2: f32 = A * A;
const B2: f32 = B * B;
/// One over the product of the distances of ±A, and of ±B, from the other points.
const NEAR: f32 = 1.0 / (2.0 * A2 * (A2 - B2));
const FAR: f32 = 1.0 / (2.0 * B2 * (B2 - A2));

/// Transforms a vector of kernels.
///
/// # Safety
/// The processor has `S`.
#[inline(always)]
pub(super) unsafe fn of_weights<S: Simd>(g: [S::V; 9]) -> [S::V; FREQUENCIES] {
    // SAFETY: arithmetic alone; the instruction set is the caller's promise.
    unsafe {
        let mut lines = [[S::splat(0.0); 3]; 6];
        for col in 0..3 {
            let line = weights_line::<S>([g[col], g[3 + col], g[6 + col]]);
            for row in 0..6 {
                lines[row][col] = line[row];
            }
        }
        let mut out = [S::splat(0.0); FREQUENCIES];
        for (row, line) in lines.into_iter().enumerate() {
            let line = weights_line::<S>(line);
            for col in 0..6 {
                out[row * 6 + col] = line[col];
            }
        }
        out
    }
}

#[inline(always)]
unsafe fn weights_line<S: Simd>(g: [S::V; 3]) -> [S::V; 6] {
    // SAFETY: arithmetic alone; the instruction set is the caller's promise.
    unsafe {
        let near = S::mul(S::fma(S::splat(A2), g[2], g[0]), S::splat(NEAR));
        let far = S::mul(S::fma(S::splat(B2), g[2], g[0]), S::splat(FAR));
        [
            S::mul(g[0], S::splat(1.0 / (A2 * B2))),
            S::fma(g[1], S::splat(A * NEAR), near),
            S::fma(g[1], S::splat(-A * NEAR), near),
            S::fma(g[1], S::splat(B * FAR), far),
            S::fma(g[1], S::splat(-B * FAR), far),
            g[2],
        ]
    }
}

#[inline(always)]
unsafe fn input_line<S: Simd>(d: [S::V; 6]) -> [S::V; 6] {
    // SAFETY: arithmetic alone; the instruction set is the caller's promise.
    unsafe {
        let (product, sum) = (S::splat(A2 * B2), S::splat(-(A2 + B2)));
        let (a, b) = (S::splat(A), S::splat(B));
        let (minus_a, minus_b) = (S::splat(-A), S::splat(-B));
        let (minus_a2, minus_b2) = (S::splat(-A2), S::splat(-B2));
        let even = S::fma(minus_b2, d[2], d[4]);
        let odd = S::fma(minus_b2, d[1], d[3]);
        let even_far = S::fma(minus_a2, d[2], d[4]);
        let odd_far = S::fma(minus_a2, d[1], d[3]);
        [
            S::fma(product, d[0], S::fma(sum, d[2], d[4])),
            S::fma(a, odd, even),
            S::fma(minus_a, odd, even),
            S::fma(b, odd_far, even_far),
            S::fma(minus_b, odd_far, even_far),
            S::fma(product, d[1], S::fma(sum, d[3], d[5])),
        ]
    }
}

/// Transforms the 6 x 6 pixels of one vector of tiles, which lie at `offsets` from `from`, to the first `n` elements of
/// `FREQUENCIES` vectors `pitch` apart.
///
/// # Safety
/// Vectors are readable at every offset and `n` elements writable at every multiple of `pitch`; the processor has `S`.
#[inline(always)]
pub(super) unsafe fn of_input<S: Simd>(from: *const f32, offsets: &[usize], to: *mut f32, pitch: usize, n: usize) {
    debug_assert_eq!(offsets.len(), FREQUENCIES);
    // SAFETY: the caller's promise.
    unsafe {
        let mut lines = [[S::splat(0.0); 6]; 6];
        for col in 0..6 {
            let mut d = [S::splat(0.0); 6];
            for (row, d) in d.iter_mut().enumerate() {
                *d = S::load(from.add(*offsets.get_unchecked(row * 6 + col)));
            }
            let d = input_line::<S>(d);
            for row in 0..6 {
                lines[row][col] = d[row];
            }
        }
        for (row, line) in lines.into_iter().enumerate() {
            let line = input_line::<S>(line);
            for (col, value) in line.into_iter().enumerate() {
                S::store_partial(to.add((row * 6 + col) * pitch), value, n);
            }
        }
    }
}

/// Transforms the 4 x 4 pixels of one vector of tiles of an output's gradient, laid out as for [`of_input`].
///
/// # Safety
/// As [`of_input`].
#[inline(always)]
pub(super) unsafe fn of_gradient<S: Simd>(from: *const f32, offsets: &[usize], to: *mut f32, pitch: usize) {
    debug_assert_eq!(offsets.len(), FREQUENCIES);
    // SAFETY: the caller's promise.
    unsafe {
        let mut lines = [[S::splat(0.0); 4]; 6];
        for col in 0..4 {
            let mut g = [S::splat(0.0); 4];
            for (row, g) in g.iter_mut().enumerate() {
                *g = S::load(from.add(*offsets.get_unchecked(row * 6 + col)));
            }
            let g = gradient_line::<S>(g);
            for row in 0..6 {
                lines[row][col] = g[row];
            }
        }
        for (row, line) in lines.into_iter().enumerate() {
            let line = gradient_line::<S>(line);
            for (col, value) in line.into_iter().enumerate() {
                S::store(to.add((row * 6 + col) * pitch), value);
            }
        }
    }
}

#[inline(always)]
unsafe fn gradient_line<S: Simd>(g: [S::V; 4]) -> [S::V; 6] {
    // SAFETY: arithmetic alone; the instruction set is the caller's promise.
    unsafe {
        let near = S::mul(S::fma(S::splat(A2), g[2], g[0]), S::splat(NEAR));
        let far = S::mul(S::fma(S::splat(B2), g[2], g[0]), S::splat(FAR));
        let near_odd = S::fma(S::splat(A2), g[3], g[1]);
        let far_odd = S::fma(S::splat(B2), g[3], g[1]);
        [
            S::mul(g[0], S::splat(1.0 / (A2 * B2))),
            S::fma(near_odd, S::splat(A * NEAR), near),
            S::fma(near_odd, S::splat(-A * NEAR), near),
            S::fma(far_odd, S::splat(B * FAR), far),
            S::fma(far_odd, S::splat(-B * FAR), far),
            g[3],
        ]
    }
}

/// Transforms sums of products, `pitch` apart from `from`, to the nine taps of a vector of kernels.
///
/// # Safety
/// Vectors are readable at `FREQUENCIES` multiples of `pitch`; the processor has `S`.
#[inline(always)]
pub(super) unsafe fn to_kernel<S: Simd>(from: *const f32, pitch: usize) -> [S::V; 9] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut lines = [[S::splat(0.0); 6]; 3];
        for col in 0..6 {
            let mut m = [S::splat(0.0); 6];
            for (row, m) in m.iter_mut().enumerate() {
                *m = S::load(from.add((row * 6 + col) * pitch));
            }
            let m = kernel_line::<S>(m);
            for row in 0..3 {
                lines[row][col] = m[row];
            }
        }
        let [a, b, c] = lines;
        let [a, b, c] = [kernel_line::<S>(a), kernel_line::<S>(b), kernel_line::<S>(c)];
        [a[0], a[1], a[2], b[0], b[1], b[2], c[0], c[1], c[2]]
    }
}

#[inline(always)]
unsafe fn kernel_line<S: Simd>(m: [S::V; 6]) -> [S::V; 3] {
    // SAFETY: arithmetic alone; the instruction set is the caller's promise.
    unsafe {
        let (near, far) = (S::add(m[1], m[2]), S::add(m[3], m[4]));
        let (near_odd, far_odd) = (S::sub(m[1], m[2]), S::sub(m[3], m[4]));
        [
            S::add(m[0], S::add(near, far)),
            S::fma(S::splat(A), near_odd, S::mul(S::splat(B), far_odd)),
            S::fma(S::splat(A2), near, S::fma(S::splat(B2), far, m[5])),
        ]
    }
}

#[inline(always)]
unsafe fn output_line<S: Simd>(m: [S::V; 6]) -> [S::V; 4] {
    // SAFETY: arithmetic alone; the instruction set is the caller's promise.
    unsafe {
        let (near, near_odd) = (S::add(m[1], m[2]), S::sub(m[1], m[2]));
        let (far, far_odd) = (S::add(m[3], m[4]), S::sub(m[3], m[4]));
        [
            S::add(m[0], S::add(near, far)),
            S::fma(S::splat(A), near_odd, S::mul(S::splat(B), far_odd)),
            S::fma(S::splat(A2), near, S::mul(S::splat(B2), far)),
            S::fma(S::splat(A2 * A), near_odd, S::fma(S::splat(B2 * B), far_odd, m[5])),
        ]
    }
}

/// Transforms the products of one vector of tiles, `pitch` apart from `from`, to pixels `[line][tile][column]` at `to`.
///
/// # Safety
/// Vectors are readable at `FREQUENCIES` multiples of `pitch`; `to` has room for `16 · LANES`; the processor has `S`.
#[inline(always)]
pub(super) unsafe fn from_products<S: Simd>(from: *const f32, pitch: usize, bias: f32, to: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut lines = [[S::splat(0.0); 6]; 4];
        for col in 0..6 {
            let mut m = [S::splat(0.0); 6];
            for (row, m) in m.iter_mut().enumerate() {
                *m = S::load(from.add((row * 6 + col) * pitch));
            }
            let m = output_line::<S>(m);
            for row in 0..4 {
                lines[row][col] = m[row];
            }
        }
        let bias = S::splat(bias);
        for (row, line) in lines.into_iter().enumerate() {
            let line = output_line::<S>(line);
            let line = [S::add(line[0], bias), S::add(line[1], bias), S::add(line[2], bias), S::add(line[3], bias)];
            S::store_interleaved(to.add(row * 4 * S::LANES), line);
        }
    }
}
