//! Largest value of each window, where it was found, and the gradient that goes back there alone.

use super::parallel::{Parallel, Shared, over_chunks};
use super::simd::{Isa, Simd, WithSimd};

/// Sizes of a pooling of `planes` planes (images times channels); pairs are (rows, columns).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolShape {
    /// Images times channels.
    pub planes: usize,
    /// Height and width of X, px.
    pub in_size: [usize; 2],
    /// Height and width of Y, px.
    pub out_size: [usize; 2],
    /// Height and width of the window.
    pub kernel: [usize; 2],
    /// Steps of the window, px.
    pub strides: [usize; 2],
    /// Distance between the window's pixels, px.
    pub dilations: [usize; 2],
    /// Pixels above and left of X that count as minus infinity.
    pub pads: [usize; 2],
}

/// Index of a window that lies in the padding alone.
const NOWHERE: i32 = -1;

/// Largest values into `y` and their places within the plane, row by row, into `argmax` (empty when nobody asks); the
/// first of equal ones counts, and a NaN counts as larger than any number.
pub fn max_pool(threads: &dyn Parallel, isa: Isa, shape: &PoolShape, x: &[f32], y: &mut [f32], argmax: &mut [i32]) {
    let (in_plane, out_plane) = (shape.in_size[0] * shape.in_size[1], shape.out_size[0] * shape.out_size[1]);
    let argmax = Shared::new(argmax);
    over_chunks(threads, y, out_plane, |plane, y| {
        let x = &x[plane * in_plane..(plane + 1) * in_plane];
        // SAFETY: each plane is one task.
        let argmax = unsafe { argmax.part(plane * out_plane, out_plane) };
        let mut kept = Vec::new();
        let argmax = if argmax.is_empty() {
            kept.resize(out_plane, 0);
            &mut kept[..]
        } else {
            argmax
        };
        isa.dispatch(Plane { shape, x, y, argmax });
    });
}

struct Plane<'a> {
    shape: &'a PoolShape,
    x: &'a [f32],
    y: &'a mut [f32],
    argmax: &'a mut [i32],
}

impl WithSimd for Plane<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let shape = self.shape;
        self.y.fill(f32::NEG_INFINITY);
        self.argmax.fill(NOWHERE);
        let cols = shape.out_size[1];
        for (row, (y, argmax)) in self.y.chunks_exact_mut(cols).zip(self.argmax.chunks_exact_mut(cols)).enumerate() {
            for tap in 0..shape.kernel[0] {
                let from = (row * shape.strides[0] + tap * shape.dilations[0]).wrapping_sub(shape.pads[0]);
                if from >= shape.in_size[0] {
                    continue;
                }
                let start = from * shape.in_size[1];
                let x = &self.x[start..start + shape.in_size[1]];
                for tap in 0..shape.kernel[1] {
                    let shift = (tap * shape.dilations[1]) as isize - shape.pads[1] as isize;
                    match shape.strides[1] {
                        1 => take::<1>(x, start, shift, 1, y, argmax),
                        2 => take::<2>(x, start, shift, 2, y, argmax),
                        stride => take::<0>(x, start, shift, stride, y, argmax),
                    }
                }
            }
        }
    }
}

/// Takes `x[i · stride + shift]` as the largest of output column `i` where it is; `start` is the place of `x[0]`.
/// A plain loop: compiled for the instruction set around it, it becomes vectors by itself, the more so with `STRIDE`
/// known (zero: it is not).
#[inline(always)]
fn take<const STRIDE: usize>(x: &[f32], start: usize, shift: isize, stride: usize, y: &mut [f32], argmax: &mut [i32]) {
    let stride = if STRIDE > 0 { STRIDE } else { stride };
    // First output column whose pixel is inside, and how many from there on are.
    let first = ((-shift).max(0) as usize).div_ceil(stride).min(y.len());
    let at = (first * stride).wrapping_add_signed(shift);
    if at >= x.len() {
        return;
    }
    let count = (x.len() - at).div_ceil(stride).min(y.len() - first);
    let (x, y, argmax) = (&x[at..=at + (count - 1) * stride], &mut y[first..], &mut argmax[first..]);
    let (y, argmax) = (&mut y[..count], &mut argmax[..count]);
    for i in 0..count {
        // SAFETY: x was cut to reach to the last of these. Checked, the loop would not become vectors.
        let value = unsafe { *x.get_unchecked(i * stride) };
        let larger = value > y[i] || argmax[i] == NOWHERE || (value.is_nan() && !y[i].is_nan());
        y[i] = if larger { value } else { y[i] };
        argmax[i] = if larger { (start + at + i * stride) as i32 } else { argmax[i] };
    }
}

/// `dx` of `in_plane` elements per plane: each element of `dy` (`out_plane` per plane) added at its place. Places
/// outside the plane, which a forward pass never writes, add nothing.
pub fn max_pool_grad(
    threads: &dyn Parallel,
    [in_plane, out_plane]: [usize; 2],
    dy: &[f32],
    argmax: &[i32],
    dx: &mut [f32],
) {
    over_chunks(threads, dx, in_plane, |plane, dx| {
        dx.fill(0.0);
        let range = plane * out_plane..(plane + 1) * out_plane;
        for (dy, place) in dy[range.clone()].iter().zip(&argmax[range]) {
            if let Some(dx) = usize::try_from(*place).ok().and_then(|place| dx.get_mut(place)) {
                *dx += dy;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::cpu::parallel::Threads;

    #[test]
    fn finds_the_largest_and_sends_the_gradient_back_there() {
        // A 3x3 window, stride 2, one row and column of padding: windows overlap in row and column 1 and 3.
        let shape = PoolShape {
            planes: 2,
            in_size: [4, 5],
            out_size: [2, 3],
            kernel: [3, 3],
            strides: [2, 2],
            dilations: [1, 1],
            pads: [1, 1],
        };
        #[rustfmt::skip]
        let plane = [
            1.0, 5.0, 5.0, 2.0, 0.0,
            3.0, 9.0, 4.0, 8.0, 7.0,
            2.0, 6.0, 1.0, 1.0, 1.0,
            0.0, 3.0, 2.0, 2.0, 2.0,
        ];
        let x = [plane, plane.map(|x| -x)].concat();
        // Of the equal -1s of the second plane's last windows the first counts.
        let argmax = [6, 6, 8, 6, 6, 8, 0, 3, 4, 15, 12, 13];
        for isa in Isa::available() {
            let (mut y, mut places) = (vec![f32::NAN; 12], vec![-7; 12]);
            max_pool(&Threads(2), isa, &shape, &x, &mut y, &mut places);
            assert_eq!(y, [9.0, 9.0, 8.0, 9.0, 9.0, 8.0, -1.0, -2.0, 0.0, 0.0, -1.0, -1.0], "{isa:?}");
            assert_eq!(places, argmax, "{isa:?}");
        }
        let dy: Vec<f32> = (1..=12).map(|i| i as f32).collect();
        let mut dx = vec![f32::NAN; 40];
        max_pool_grad(&Threads(2), [20, 6], &dy, &argmax, &mut dx);
        let mut expected = vec![0.0; 40];
        for (i, value) in [(6, 12.0), (8, 9.0), (20, 7.0), (23, 8.0), (24, 9.0), (35, 10.0), (32, 11.0), (33, 12.0)] {
            expected[i] = value;
        }
        assert_eq!(dx, expected);
    }

    #[test]
    fn a_place_outside_the_plane_adds_nothing() {
        let mut dx = vec![f32::NAN; 4];
        max_pool_grad(&Threads(1), [4, 3], &[1.0, 2.0, 3.0], &[-1, 4, 2], &mut dx);
        assert_eq!(dx, [0.0, 0.0, 3.0, 0.0]);
    }
}
