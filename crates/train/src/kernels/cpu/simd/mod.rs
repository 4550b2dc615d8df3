//! Vectors of `f32` at whatever width this processor has. A kernel is written once, generic over [`Simd`]; [`Isa`] picks
//! the instruction set at run time and compiles the kernel's body for each of them.

/// Implements functions as single expressions of intrinsics.
#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
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

#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::OnceLock;

pub use portable::Portable;

/// One instruction set. All functions are always inlined, so that they compile with the features of the kernel around them.
///
/// # Safety
/// Every function requires a processor that has the instruction set ([`Isa::dispatch`] sees to it). Those that take an
/// address require `LANES` (or `n <= LANES`) readable or writable `f32` there, at any alignment.
#[allow(clippy::missing_safety_doc)]
pub trait Simd: Copy + 'static {
    /// A vector of [`Simd::LANES`] elements.
    type V: Copy;
    /// Elements per vector.
    const LANES: usize;
    /// Rows of the register tile of a matrix product: with three vectors per row it fills the registers and no more.
    const ROWS: usize;

    /// All lanes `x`.
    unsafe fn splat(x: f32) -> Self::V;
    /// Reads a vector.
    unsafe fn load(from: *const f32) -> Self::V;
    /// Reads `n` elements, the other lanes zero.
    unsafe fn load_partial(from: *const f32, n: usize) -> Self::V;
    /// Writes a vector.
    unsafe fn store(to: *mut f32, v: Self::V);
    /// Writes the first `n` elements.
    unsafe fn store_partial(to: *mut f32, v: Self::V, n: usize);
    /// Writes the vectors' first elements, then their second, and so on: `4 · LANES` elements.
    unsafe fn store_interleaved(to: *mut f32, v: [Self::V; 4]);
    /// Reads `4 · LANES` elements: every fourth from the first, from the second, and so on.
    unsafe fn load_deinterleaved(from: *const f32) -> [Self::V; 4];
    /// Reads `2 · LANES` elements: every second from the first, and from the second.
    unsafe fn load_pairs(from: *const f32) -> [Self::V; 2];
    /// `a * b + c`; rounded once where the processor can.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// Sum.
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    /// Difference.
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    /// Product.
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    /// Quotient.
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V;
    /// The larger; `b` where one of them is NaN.
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    /// The smaller; `b` where one of them is NaN.
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V;
    /// Square root.
    unsafe fn sqrt(a: Self::V) -> Self::V;
    /// To the nearest integer, ties to even.
    unsafe fn round(a: Self::V) -> Self::V;
    /// Two to the power of `a`, which holds integers within -126..=127.
    unsafe fn exp2_integer(a: Self::V) -> Self::V;
    /// `v` where `condition > 0`, else zero.
    unsafe fn where_positive(condition: Self::V, v: Self::V) -> Self::V;
    /// Sum of the lanes, in an order that depends on the instruction set alone.
    unsafe fn sum(a: Self::V) -> f32;
}

/// Work that is compiled for every instruction set.
pub trait WithSimd {
    /// What the work returns.
    type Output;
    /// Does the work; must be `#[inline(always)]`, and so must all it calls that handles vectors.
    ///
    /// # Safety
    /// The processor must have the instruction set `S`.
    unsafe fn run<S: Simd>(self) -> Self::Output;
}

/// Instruction sets a kernel may be run with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    /// 512-bit vectors.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// 256-bit vectors with fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 128-bit vectors of 64-bit ARM.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// Plain Rust.
    Portable,
}

impl Isa {
    /// The fastest that this processor has.
    #[must_use]
    pub fn detect() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().into_iter().next().unwrap_or(Self::Portable))
    }

    /// All that this processor has, the fastest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        // Slowest first until it is turned round.
        let mut sets = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            sets.push(Self::Avx2);
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
                sets.push(Self::Avx512);
            }
        }
        #[cfg(target_arch = "aarch64")]
        sets.push(Self::Neon);
        sets.reverse();
        sets
    }

    /// Rows of the register tile of a matrix product ([`Simd::ROWS`]).
    #[must_use]
    pub fn rows(self) -> usize {
        self.dispatch(Sizes)[0]
    }

    /// Elements per vector ([`Simd::LANES`]).
    #[must_use]
    pub fn lanes(self) -> usize {
        self.dispatch(Sizes)[1]
    }

    /// Runs `work` compiled for this instruction set.
    pub fn dispatch<W: WithSimd>(self, work: W) -> W::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Avx512` comes from `available` or `detect` alone, which ask the processor.
            Self::Avx512 => unsafe { x86::with_avx512(work) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: likewise for `Avx2`.
            Self::Avx2 => unsafe { x86::with_avx2(work) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: every 64-bit ARM processor that Rust's standard library supports has NEON.
            Self::Neon => unsafe { neon::with_neon(work) },
            // SAFETY: the portable set needs nothing of the processor.
            Self::Portable => unsafe { work.run::<Portable>() },
        }
    }
}

/// Rows and lanes.
struct Sizes;

impl WithSimd for Sizes {
    type Output = [usize; 2];
    #[inline(always)]
    unsafe fn run<S: Simd>(self) -> [usize; 2] {
        [S::ROWS, S::LANES]
    }
}

/// Asks for `len` elements at `at` to be brought near, as they will be read soon; any address will do. Streams that are
/// too short for the processor to foresee are waited for otherwise.
#[inline(always)]
pub fn prefetch(at: *const f32, len: usize) {
    #[cfg(target_arch = "x86_64")]
    for line in (0..len).step_by(16) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint, which reads nothing and may name any address; every processor of this architecture has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(line).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (at, len);
}

/// `e` to the power of `x`, each lane within 2 units in the last place for `x` in -87..=88; below that a tiny positive number.
///
/// # Safety
/// As [`Simd`].
#[inline(always)]
pub unsafe fn exp<S: Simd>(x: S::V) -> S::V {
    // SAFETY: arithmetic alone; the instruction set is the caller's promise.
    unsafe {
        // exp(x) = 2^n · exp(r), |r| <= ln(2)/2, ln(2) taken in two parts; the polynomial is Cephes' expf.
        // `x` second: of a NaN, `max` gives the second.
        let x = S::max(S::splat(-87.3), x);
        let n = S::round(S::mul(x, S::splat(std::f32::consts::LOG2_E)));
        let r = S::fma(n, S::splat(-0.693_359_4), x);
        let r = S::fma(n, S::splat(2.121_944_4e-4), r);
        let mut p = S::splat(1.987_569_1e-4);
        for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
            p = S::fma(p, r, S::splat(c));
        }
        let p = S::fma(p, S::mul(r, r), S::add(r, S::splat(1.0)));
        S::mul(p, S::exp2_integer(n))
    }
}
