//! NEON of 64-bit ARM.

use std::arch::aarch64::*;

use super::{Simd, WithSimd};

/// # Safety
/// The processor must have NEON.
#[target_feature(enable = "neon")]
pub(super) unsafe fn with_neon<W: WithSimd>(work: W) -> W::Output {
    // SAFETY: this function's own condition is the trait's.
    unsafe { work.run::<Neon>() }
}

/// Implements functions as single expressions of intrinsics.
macro_rules! intrinsics {
    ($($name:ident($($argument:ident: $ty:ty),*) -> $out:ty = $body:expr;)*) => {
        $(
            #[inline(always)]
            unsafe fn $name($($argument: $ty),*) -> $out {
                // SAFETY: the instruction set and the elements at addresses are the caller's promises (see `Simd`).
                unsafe { $body }
            }
        )*
    };
}

/// 128-bit vectors.
#[derive(Clone, Copy)]
pub(super) struct Neon;

impl Simd for Neon {
    type V = float32x4_t;
    const LANES: usize = 4;
    const ROWS: usize = 8;

    intrinsics! {
        splat(x: f32) -> float32x4_t = vdupq_n_f32(x);
        load(from: *const f32) -> float32x4_t = vld1q_f32(from);
        load_partial(from: *const f32, n: usize) -> float32x4_t = partial(from, n);
        store(to: *mut f32, v: float32x4_t) -> () = vst1q_f32(to, v);
        store_partial(to: *mut f32, v: float32x4_t, n: usize) -> () = {
            let mut lanes = [0.0f32; 4];
            vst1q_f32(lanes.as_mut_ptr(), v);
            std::ptr::copy_nonoverlapping(lanes.as_ptr(), to, n.min(4));
        };
        store_interleaved(to: *mut f32, v: [float32x4_t; 4]) -> () =
            vst4q_f32(to, float32x4x4_t(v[0], v[1], v[2], v[3]));
        load_deinterleaved(from: *const f32) -> [float32x4_t; 4] = {
            let v = vld4q_f32(from);
            [v.0, v.1, v.2, v.3]
        };
        fma(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t = vfmaq_f32(c, a, b);
        add(a: float32x4_t, b: float32x4_t) -> float32x4_t = vaddq_f32(a, b);
        sub(a: float32x4_t, b: float32x4_t) -> float32x4_t = vsubq_f32(a, b);
        mul(a: float32x4_t, b: float32x4_t) -> float32x4_t = vmulq_f32(a, b);
        div(a: float32x4_t, b: float32x4_t) -> float32x4_t = vdivq_f32(a, b);
        max(a: float32x4_t, b: float32x4_t) -> float32x4_t = vmaxq_f32(a, b);
        min(a: float32x4_t, b: float32x4_t) -> float32x4_t = vminq_f32(a, b);
        sqrt(a: float32x4_t) -> float32x4_t = vsqrtq_f32(a);
        round(a: float32x4_t) -> float32x4_t = vrndnq_f32(a);
        exp2_integer(a: float32x4_t) -> float32x4_t =
            vreinterpretq_f32_s32(vshlq_n_s32::<23>(vaddq_s32(vcvtnq_s32_f32(a), vdupq_n_s32(127))));
        where_positive(condition: float32x4_t, v: float32x4_t) -> float32x4_t =
            vbslq_f32(vcgtzq_f32(condition), v, vdupq_n_f32(0.0));
        sum(a: float32x4_t) -> f32 = vaddvq_f32(a);
    }
}

#[inline(always)]
unsafe fn partial(from: *const f32, n: usize) -> float32x4_t {
    let mut lanes = [0.0f32; 4];
    // SAFETY: `n <= 4` readable elements by the caller's promise; `lanes` holds four.
    unsafe {
        std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), n.min(4));
        vld1q_f32(lanes.as_ptr())
    }
}
