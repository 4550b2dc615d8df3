//! Plain Rust in eight lanes, for processors without a set of their own; the compiler makes of it what it can.

use super::Simd;

/// The portable instruction set.
#[derive(Debug, Clone, Copy)]
pub struct Portable;

const LANES: usize = 8;
type V = [f32; LANES];

#[inline(always)]
fn map(a: V, f: impl Fn(f32) -> f32) -> V {
    let mut out = a;
    for x in &mut out {
        *x = f(*x);
    }
    out
}

#[inline(always)]
fn zip(a: V, b: V, f: impl Fn(f32, f32) -> f32) -> V {
    let mut out = a;
    for (x, y) in out.iter_mut().zip(b) {
        *x = f(*x, y);
    }
    out
}

impl Simd for Portable {
    type V = V;
    const LANES: usize = LANES;
    const ROWS: usize = 4;

    #[inline(always)]
    unsafe fn splat(x: f32) -> V {
        [x; LANES]
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> V {
        // SAFETY: eight readable elements by the caller's promise.
        unsafe { from.cast::<V>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn load_partial(from: *const f32, n: usize) -> V {
        let mut out = [0.0; LANES];
        // SAFETY: `n <= LANES` readable elements by the caller's promise.
        unsafe {
            if n >= LANES {
                // All but the last of a row: without the call that a copy of unknown length is.
                return Self::load(from);
            }
            std::ptr::copy_nonoverlapping(from, out.as_mut_ptr(), n);
        }
        out
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, v: V) {
        // SAFETY: eight writable elements by the caller's promise.
        unsafe { to.cast::<V>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn store_partial(to: *mut f32, v: V, n: usize) {
        // SAFETY: `n <= LANES` writable elements by the caller's promise.
        unsafe {
            if n >= LANES {
                return Self::store(to, v);
            }
            std::ptr::copy_nonoverlapping(v.as_ptr(), to, n);
        }
    }
    #[inline(always)]
    unsafe fn store_interleaved(to: *mut f32, v: [V; 4]) {
        for lane in 0..LANES {
            for (part, v) in v.iter().enumerate() {
                // SAFETY: `4 · LANES` writable elements by the caller's promise.
                unsafe { *to.add(lane * 4 + part) = v[lane] };
            }
        }
    }
    #[inline(always)]
    unsafe fn load_deinterleaved(from: *const f32) -> [V; 4] {
        let mut out = [[0.0; LANES]; 4];
        for lane in 0..LANES {
            for (part, out) in out.iter_mut().enumerate() {
                // SAFETY: `4 · LANES` readable elements by the caller's promise.
                out[lane] = unsafe { *from.add(lane * 4 + part) };
            }
        }
        out
    }
    #[inline(always)]
    unsafe fn load_pairs(from: *const f32) -> [V; 2] {
        let (mut even, mut odd) = ([0.0; LANES], [0.0; LANES]);
        for (lane, (even, odd)) in even.iter_mut().zip(&mut odd).enumerate() {
            // SAFETY: `2 · LANES` readable elements by the caller's promise.
            unsafe { (*even, *odd) = (*from.add(2 * lane), *from.add(2 * lane + 1)) };
        }
        [even, odd]
    }
    #[inline(always)]
    unsafe fn fma(a: V, b: V, c: V) -> V {
        // Not `mul_add`: without the instruction it is a call per element.
        let mut out = c;
        for (o, (a, b)) in out.iter_mut().zip(a.into_iter().zip(b)) {
            *o += a * b;
        }
        out
    }
    #[inline(always)]
    unsafe fn add(a: V, b: V) -> V {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(a: V, b: V) -> V {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(a: V, b: V) -> V {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn div(a: V, b: V) -> V {
        zip(a, b, |a, b| a / b)
    }
    #[inline(always)]
    unsafe fn max(a: V, b: V) -> V {
        zip(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn min(a: V, b: V) -> V {
        zip(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    unsafe fn sqrt(a: V) -> V {
        map(a, f32::sqrt)
    }
    #[inline(always)]
    unsafe fn round(a: V) -> V {
        map(a, f32::round_ties_even)
    }
    #[inline(always)]
    unsafe fn exp2_integer(a: V) -> V {
        map(a, |a| f32::from_bits(((a as i32 + 127) as u32) << 23))
    }
    #[inline(always)]
    unsafe fn where_positive(condition: V, v: V) -> V {
        zip(condition, v, |c, v| if c > 0.0 { v } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn sum(a: V) -> f32 {
        let half = [a[0] + a[4], a[1] + a[5], a[2] + a[6], a[3] + a[7]];
        (half[0] + half[2]) + (half[1] + half[3])
    }
}
