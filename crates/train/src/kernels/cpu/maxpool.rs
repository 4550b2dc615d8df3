//! Largest value of each window, where it was found, and the gradient that goes back there alone.

use super::parallel::{Parallel, Shared, over_chunks};

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

/// Largest values into `y` and their places within the plane, row by row, into `argmax`; the first of equal ones counts,
/// and a NaN counts as larger than any number.
pub fn max_pool(threads: &dyn Parallel, shape: &PoolShape, x: &[f32], y: &mut [f32], argmax: &mut [i32]) {
    let (in_plane, out_plane) = (shape.in_size[0] * shape.in_size[1], shape.out_size[0] * shape.out_size[1]);
    let argmax = Shared::new(argmax);
    over_chunks(threads, y, out_plane, |plane, y| {
        let x = &x[plane * in_plane..(plane + 1) * in_plane];
        // SAFETY: each plane is one task.
        let argmax = unsafe { argmax.part(plane * out_plane, out_plane) };
        for row in 0..shape.out_size[0] {
            let rows = reach(shape, 0, row);
            for col in 0..shape.out_size[1] {
                let (mut best, mut place) = (f32::NEG_INFINITY, NOWHERE);
                for at in rows.clone() {
                    for at in reach(shape, 1, col).map(|x| at * shape.in_size[1] + x) {
                        if x[at] > best || place == NOWHERE || (x[at].is_nan() && !best.is_nan()) {
                            (best, place) = (x[at], at as i32);
                        }
                    }
                }
                let out = row * shape.out_size[1] + col;
                y[out] = best;
                if let Some(argmax) = argmax.get_mut(out) {
                    *argmax = place;
                }
            }
        }
    });
}

/// Positions within X along `axis` of the window of output position `out`.
#[inline(always)]
fn reach(shape: &PoolShape, axis: usize, out: usize) -> impl Iterator<Item = usize> + Clone {
    let (start, pad, limit) = (out * shape.strides[axis], shape.pads[axis], shape.in_size[axis]);
    let dilation = shape.dilations[axis];
    (0..shape.kernel[axis]).filter_map(move |tap| {
        let at = (start + tap * dilation).wrapping_sub(pad);
        (at < limit).then_some(at)
    })
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
        let (mut y, mut argmax) = (vec![0.0; 12], vec![0; 12]);
        max_pool(&Threads(2), &shape, &x, &mut y, &mut argmax);
        assert_eq!(y, [9.0, 9.0, 8.0, 9.0, 9.0, 8.0, -1.0, -2.0, 0.0, 0.0, -1.0, -1.0]);
        // Of the equal -1s of the second plane's last windows the first counts.
        assert_eq!(argmax, [6, 6, 8, 6, 6, 8, 0, 3, 4, 15, 12, 13]);
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
