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

/// 128-bit vectors.
#[derive(Clone, Copy)]
pub(super) struct Neon;

impl Simd for Neon {
    type V = float32x4_t;
    const LANES: usize = 4;
    const ROWS: usize = 8;

    // Partial vectors go lane by lane: a copy of a length known only at run time would be a call of `memcpy`.
    intrinsics! {
        splat(x: f32) -> float32x4_t = vdupq_n_f32(x);
        load(from: *const f32) -> float32x4_t = vld1q_f32(from);
        load_partial(from: *const f32, n: usize) -> float32x4_t = match n {
            0 => vdupq_n_f32(0.0),
            1 => vld1q_lane_f32::<0>(from, vdupq_n_f32(0.0)),
            2 => vcombine_f32(vld1_f32(from), vdup_n_f32(0.0)),
            3 => vld1q_lane_f32::<2>(from.add(2), vcombine_f32(vld1_f32(from), vdup_n_f32(0.0))),
            _ => vld1q_f32(from),
        };
        store(to: *mut f32, v: float32x4_t) -> () = vst1q_f32(to, v);
        store_partial(to: *mut f32, v: float32x4_t, n: usize) -> () = match n {
            0 => (),
            1 => vst1q_lane_f32::<0>(to, v),
            2 => vst1_f32(to, vget_low_f32(v)),
            3 => {
                vst1_f32(to, vget_low_f32(v));
                vst1q_lane_f32::<2>(to.add(2), v);
            }
            _ => vst1q_f32(to, v),
        };
        store_interleaved(to: *mut f32, v: [float32x4_t; 4]) -> () =
            vst4q_f32(to, float32x4x4_t(v[0], v[1], v[2], v[3]));
        load_deinterleaved(from: *const f32) -> [float32x4_t; 4] = {
            let v = vld4q_f32(from);
            [v.0, v.1, v.2, v.3]
        };
        load_pairs(from: *const f32) -> [float32x4_t; 2] = {
            let v = vld2q_f32(from);
            [v.0, v.1]
        };
        fma(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t = vfmaq_f32(c, a, b);
        add(a: float32x4_t, b: float32x4_t) -> float32x4_t = vaddq_f32(a, b);
        sub(a: float32x4_t, b: float32x4_t) -> float32x4_t = vsubq_f32(a, b);
        mul(a: float32x4_t, b: float32x4_t) -> float32x4_t = vmulq_f32(a, b);
        div(a: float32x4_t, b: float32x4_t) -> float32x4_t = vdivq_f32(a, b);
        // Not `vmaxq_f32` and `vminq_f32`, which give NaN where either is.
        max(a: float32x4_t, b: float32x4_t) -> float32x4_t = vbslq_f32(vcgtq_f32(a, b), a, b);
        min(a: float32x4_t, b: float32x4_t) -> float32x4_t = vbslq_f32(vcltq_f32(a, b), a, b);
        sqrt(a: float32x4_t) -> float32x4_t = vsqrtq_f32(a);
        round(a: float32x4_t) -> float32x4_t = vrndnq_f32(a);
        exp2_integer(a: float32x4_t) -> float32x4_t =
            vreinterpretq_f32_s32(vshlq_n_s32::<23>(vaddq_s32(vcvtnq_s32_f32(a), vdupq_n_s32(127))));
        where_positive(condition: float32x4_t, v: float32x4_t) -> float32x4_t =
            vbslq_f32(vcgtzq_f32(condition), v, vdupq_n_f32(0.0));
        sum(a: float32x4_t) -> f32 = vaddvq_f32(a);
    }
}
