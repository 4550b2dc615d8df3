//! AVX-512 and AVX2 with fused multiply-add.

use std::arch::x86_64::*;

use super::{Simd, WithSimd};

/// # Safety
/// The processor must have AVX-512 F and DQ, AVX2 and FMA.
#[target_feature(enable = "avx512f,avx512dq,avx2,fma")]
pub(super) unsafe fn with_avx512<W: WithSimd>(work: W) -> W::Output {
    // SAFETY: this function's own condition is the trait's.
    unsafe { work.run::<Avx512>() }
}

/// # Safety
/// The processor must have AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn with_avx2<W: WithSimd>(work: W) -> W::Output {
    // SAFETY: this function's own condition is the trait's.
    unsafe { work.run::<Avx2>() }
}

/// 512-bit vectors.
#[derive(Clone, Copy)]
pub(super) struct Avx512;

/// The first `n` of sixteen lanes.
#[inline(always)]
fn mask16(n: usize) -> __mmask16 {
    ((1u32 << n.min(16)) - 1) as __mmask16
}

impl Simd for Avx512 {
    type V = __m512;
    const LANES: usize = 16;
    const ROWS: usize = 8;

    intrinsics! {
        splat(x: f32) -> __m512 = _mm512_set1_ps(x);
        load(from: *const f32) -> __m512 = _mm512_loadu_ps(from);
        load_partial(from: *const f32, n: usize) -> __m512 = _mm512_maskz_loadu_ps(mask16(n), from);
        store(to: *mut f32, v: __m512) -> () = _mm512_storeu_ps(to, v);
        store_partial(to: *mut f32, v: __m512, n: usize) -> () = _mm512_mask_storeu_ps(to, mask16(n), v);
        store_interleaved(to: *mut f32, v: [__m512; 4]) -> () = interleave16(to, v);
        load_deinterleaved(from: *const f32) -> [__m512; 4] = deinterleave16(from);
        load_pairs(from: *const f32) -> [__m512; 2] = {
            let (a, b) = (_mm512_loadu_ps(from), _mm512_loadu_ps(from.add(16)));
            let evens = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            let odds = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
            [_mm512_permutex2var_ps(a, evens, b), _mm512_permutex2var_ps(a, odds, b)]
        };
        fma(a: __m512, b: __m512, c: __m512) -> __m512 = _mm512_fmadd_ps(a, b, c);
        add(a: __m512, b: __m512) -> __m512 = _mm512_add_ps(a, b);
        sub(a: __m512, b: __m512) -> __m512 = _mm512_sub_ps(a, b);
        mul(a: __m512, b: __m512) -> __m512 = _mm512_mul_ps(a, b);
        div(a: __m512, b: __m512) -> __m512 = _mm512_div_ps(a, b);
        max(a: __m512, b: __m512) -> __m512 = _mm512_max_ps(a, b);
        min(a: __m512, b: __m512) -> __m512 = _mm512_min_ps(a, b);
        sqrt(a: __m512) -> __m512 = _mm512_sqrt_ps(a);
        round(a: __m512) -> __m512 = _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a);
        exp2_integer(a: __m512) -> __m512 = _mm512_scalef_ps(_mm512_set1_ps(1.0), a);
        where_positive(condition: __m512, v: __m512) -> __m512 =
            _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(condition, _mm512_setzero_ps()), v);
        sum(a: __m512) -> f32 = _mm512_reduce_add_ps(a);
    }
}

/// 256-bit vectors.
#[derive(Clone, Copy)]
pub(super) struct Avx2;

/// Eight lanes of sign bits, the first `n` set.
#[inline(always)]
unsafe fn mask8(n: usize) -> __m256i {
    const WINDOW: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    // SAFETY: eight elements from `8 - n`, `n <= 8`, lie within the sixteen.
    unsafe { _mm256_loadu_si256(WINDOW.as_ptr().add(8 - n.min(8)).cast()) }
}

impl Simd for Avx2 {
    type V = __m256;
    const LANES: usize = 8;
    const ROWS: usize = 4;

    intrinsics! {
        splat(x: f32) -> __m256 = _mm256_set1_ps(x);
        load(from: *const f32) -> __m256 = _mm256_loadu_ps(from);
        load_partial(from: *const f32, n: usize) -> __m256 = _mm256_maskload_ps(from, mask8(n));
        store(to: *mut f32, v: __m256) -> () = _mm256_storeu_ps(to, v);
        store_partial(to: *mut f32, v: __m256, n: usize) -> () = _mm256_maskstore_ps(to, mask8(n), v);
        store_interleaved(to: *mut f32, v: [__m256; 4]) -> () = interleave8(to, v);
        load_deinterleaved(from: *const f32) -> [__m256; 4] = deinterleave8(from);
        load_pairs(from: *const f32) -> [__m256; 2] = {
            let (a, b) = (_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8)));
            // Within halves of four, then the halves in order.
            let ordered = |v| _mm256_castpd_ps(_mm256_permute4x64_pd::<0b11_01_10_00>(_mm256_castps_pd(v)));
            [ordered(_mm256_shuffle_ps::<0b10_00_10_00>(a, b)), ordered(_mm256_shuffle_ps::<0b11_01_11_01>(a, b))]
        };
        fma(a: __m256, b: __m256, c: __m256) -> __m256 = _mm256_fmadd_ps(a, b, c);
        add(a: __m256, b: __m256) -> __m256 = _mm256_add_ps(a, b);
        sub(a: __m256, b: __m256) -> __m256 = _mm256_sub_ps(a, b);
        mul(a: __m256, b: __m256) -> __m256 = _mm256_mul_ps(a, b);
        div(a: __m256, b: __m256) -> __m256 = _mm256_div_ps(a, b);
        max(a: __m256, b: __m256) -> __m256 = _mm256_max_ps(a, b);
        min(a: __m256, b: __m256) -> __m256 = _mm256_min_ps(a, b);
        sqrt(a: __m256) -> __m256 = _mm256_sqrt_ps(a);
        round(a: __m256) -> __m256 = _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a);
        exp2_integer(a: __m256) -> __m256 = _mm256_castsi256_ps(_mm256_slli_epi32::<23>(
            _mm256_add_epi32(_mm256_cvtps_epi32(a), _mm256_set1_epi32(127))));
        where_positive(condition: __m256, v: __m256) -> __m256 =
            _mm256_and_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(condition, _mm256_setzero_ps()), v);
        sum(a: __m256) -> f32 = sum8(a);
    }
}

/// Sum of eight lanes.
#[inline(always)]
unsafe fn sum8(a: __m256) -> f32 {
    // SAFETY: arithmetic alone; AVX is the caller's promise.
    unsafe {
        let half = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
        let pair = _mm_add_ps(half, _mm_movehl_ps(half, half));
        _mm_cvtss_f32(_mm_add_ss(pair, _mm_movehdup_ps(pair)))
    }
}

/// Writes four vectors element by element in turn.
#[inline(always)]
unsafe fn interleave16(to: *mut f32, v: [__m512; 4]) {
    // SAFETY: 64 writable elements and AVX-512 are the caller's promises.
    unsafe {
        let (low, high) = (_mm512_unpacklo_ps(v[0], v[1]), _mm512_unpackhi_ps(v[0], v[1]));
        let (low2, high2) = (_mm512_unpacklo_ps(v[2], v[3]), _mm512_unpackhi_ps(v[2], v[3]));
        let (a, b) = (_mm512_castps_pd(low), _mm512_castps_pd(low2));
        let (c, d) = (_mm512_castps_pd(high), _mm512_castps_pd(high2));
        // Quarter q of quads[i] is element 4q + i of each vector.
        let quads = [
            _mm512_castpd_ps(_mm512_unpacklo_pd(a, b)),
            _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)),
            _mm512_castpd_ps(_mm512_unpacklo_pd(c, d)),
            _mm512_castpd_ps(_mm512_unpackhi_pd(c, d)),
        ];
        let low = _mm512_shuffle_f32x4::<0b01_00_01_00>(quads[0], quads[1]);
        let high = _mm512_shuffle_f32x4::<0b11_10_11_10>(quads[0], quads[1]);
        let low2 = _mm512_shuffle_f32x4::<0b01_00_01_00>(quads[2], quads[3]);
        let high2 = _mm512_shuffle_f32x4::<0b11_10_11_10>(quads[2], quads[3]);
        _mm512_storeu_ps(to, _mm512_shuffle_f32x4::<0b10_00_10_00>(low, low2));
        _mm512_storeu_ps(to.add(16), _mm512_shuffle_f32x4::<0b11_01_11_01>(low, low2));
        _mm512_storeu_ps(to.add(32), _mm512_shuffle_f32x4::<0b10_00_10_00>(high, high2));
        _mm512_storeu_ps(to.add(48), _mm512_shuffle_f32x4::<0b11_01_11_01>(high, high2));
    }
}

/// Writes four vectors element by element in turn.
#[inline(always)]
unsafe fn interleave8(to: *mut f32, v: [__m256; 4]) {
    // SAFETY: 32 writable elements and AVX are the caller's promises.
    unsafe {
        let (low, high) = (_mm256_unpacklo_ps(v[0], v[1]), _mm256_unpackhi_ps(v[0], v[1]));
        let (low2, high2) = (_mm256_unpacklo_ps(v[2], v[3]), _mm256_unpackhi_ps(v[2], v[3]));
        let a = _mm256_shuffle_ps::<0b01_00_01_00>(low, low2);
        let b = _mm256_shuffle_ps::<0b11_10_11_10>(low, low2);
        let c = _mm256_shuffle_ps::<0b01_00_01_00>(high, high2);
        let d = _mm256_shuffle_ps::<0b11_10_11_10>(high, high2);
        _mm256_storeu_ps(to, _mm256_permute2f128_ps::<0x20>(a, b));
        _mm256_storeu_ps(to.add(8), _mm256_permute2f128_ps::<0x20>(c, d));
        _mm256_storeu_ps(to.add(16), _mm256_permute2f128_ps::<0x31>(a, b));
        _mm256_storeu_ps(to.add(24), _mm256_permute2f128_ps::<0x31>(c, d));
    }
}

/// Reads 64 elements and deals them out to four vectors in turn.
#[inline(always)]
unsafe fn deinterleave16(from: *const f32) -> [__m512; 4] {
    // SAFETY: 64 readable elements and AVX-512 are the caller's promises.
    unsafe {
        let (a, b) = (_mm512_loadu_ps(from), _mm512_loadu_ps(from.add(16)));
        let (c, d) = (_mm512_loadu_ps(from.add(32)), _mm512_loadu_ps(from.add(48)));
        let evens = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
        let odds = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
        let (even, odd) = (_mm512_permutex2var_ps(a, evens, b), _mm512_permutex2var_ps(a, odds, b));
        let (even2, odd2) = (_mm512_permutex2var_ps(c, evens, d), _mm512_permutex2var_ps(c, odds, d));
        [
            _mm512_permutex2var_ps(even, evens, even2),
            _mm512_permutex2var_ps(odd, evens, odd2),
            _mm512_permutex2var_ps(even, odds, even2),
            _mm512_permutex2var_ps(odd, odds, odd2),
        ]
    }
}

/// Reads 32 elements and deals them out to four vectors in turn.
#[inline(always)]
unsafe fn deinterleave8(from: *const f32) -> [__m256; 4] {
    // SAFETY: 32 readable elements and AVX are the caller's promises.
    unsafe {
        let (a, b) = (_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8)));
        let (c, d) = (_mm256_loadu_ps(from.add(16)), _mm256_loadu_ps(from.add(24)));
        // Lower halves of a and c, b and d beside each other, and the upper ones: then within halves as for four lanes.
        let (ac, bd) = (_mm256_permute2f128_ps::<0x20>(a, c), _mm256_permute2f128_ps::<0x20>(b, d));
        let (ac2, bd2) = (_mm256_permute2f128_ps::<0x31>(a, c), _mm256_permute2f128_ps::<0x31>(b, d));
        let (low, high) = (_mm256_unpacklo_ps(ac, ac2), _mm256_unpackhi_ps(ac, ac2));
        let (low2, high2) = (_mm256_unpacklo_ps(bd, bd2), _mm256_unpackhi_ps(bd, bd2));
        [
            _mm256_shuffle_ps::<0b01_00_01_00>(low, low2),
            _mm256_shuffle_ps::<0b11_10_11_10>(low, low2),
            _mm256_shuffle_ps::<0b01_00_01_00>(high, high2),
            _mm256_shuffle_ps::<0b11_10_11_10>(high, high2),
        ]
    }
}
