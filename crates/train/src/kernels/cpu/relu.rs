//! Gradient of `max(0, x)`.

use super::parallel::{Parallel, over_chunks};
use super::simd::{Isa, Simd, WithSimd};

/// Elements per task: 64 KiB of each tensor, so that one task's data stays in the second-level cache.
const CHUNK: usize = 16 * 1024;

/// `dx = dy where y > 0, else 0`, element by element; all three of one length.
pub fn relu_grad(threads: &dyn Parallel, isa: Isa, dy: &[f32], y: &[f32], dx: &mut [f32]) {
    over_chunks(threads, dx, CHUNK, |index, dx| {
        let from = index * CHUNK;
        isa.dispatch(ReluGrad { dy: &dy[from..from + dx.len()], y: &y[from..from + dx.len()], dx });
    });
}

struct ReluGrad<'a> {
    dy: &'a [f32],
    y: &'a [f32],
    dx: &'a mut [f32],
}

impl WithSimd for ReluGrad<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let len = self.dx.len().min(self.dy.len()).min(self.y.len());
        let (dy, y, dx) = (self.dy.as_ptr(), self.y.as_ptr(), self.dx.as_mut_ptr());
        let mut i = 0;
        while i < len {
            let n = (len - i).min(S::LANES);
            // SAFETY: `n` elements from `i` lie within all three slices, whose lengths are at least `len`.
            unsafe {
                let masked = S::where_positive(S::load_partial(y.add(i), n), S::load_partial(dy.add(i), n));
                S::store_partial(dx.add(i), masked, n);
            }
            i += n;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::cpu::parallel::{Serial, Threads};

    #[test]
    fn passes_where_the_output_was_positive_on_every_instruction_set() {
        let y: Vec<f32> = (0..40_001).map(|i| ((i * 37) % 11) as f32 - 5.0).collect();
        let dy: Vec<f32> = (0..40_001).map(|i| i as f32 * 0.5 - 7.0).collect();
        let expected: Vec<f32> = y.iter().zip(&dy).map(|(&y, &dy)| if y > 0.0 { dy } else { 0.0 }).collect();
        for isa in Isa::available() {
            for threads in [&Serial as &dyn Parallel, &Threads(3)] {
                let mut dx = vec![f32::NAN; y.len()];
                relu_grad(threads, isa, &dy, &y, &mut dx);
                assert_eq!(dx, expected, "{isa:?}");
            }
        }
    }
}
