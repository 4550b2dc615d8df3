//! One pass over the pixels: out of a decoded block, through crop, flip and turn, to the converted and normalised value at
//! its place in the batch.

use ndarray::ArrayView2;

use crate::augment::view::View;

/// A pixel value as f32; 32- and 64-bit values are rounded to the nearest.
pub(crate) trait Convert: Copy {
    fn convert(self) -> f32;
}

macro_rules! convert {
    ($($t:ty),*) => {$(
        impl Convert for $t {
            #[inline(always)]
            #[allow(clippy::cast_lossless)]
            fn convert(self) -> f32 {
                self as f32
            }
        }
    )*};
}

convert!(u8, i8, u16, i16, u32, i32, u64, i64, f32, f64);

/// `value * scale + offset`, what normalisation and the file's own scaling come to for one band.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Gain {
    pub(crate) scale: f32,
    pub(crate) offset: f32,
}

impl Gain {
    #[inline(always)]
    pub(crate) fn of<T: Convert>(self, value: T) -> f32 {
        value.convert() * self.scale + self.offset
    }
}

/// Rows and columns that are turned at a time: 16 x 16 values of input and output both stay in the first-level cache.
const TURN_PX: usize = 16;

/// Puts a rectangle of source pixels, whose first lies at (row, col) of what `view` looks at, to where the view shows them
/// in `plane` (`[row, col]` of the view's size). Source pixels that the view does not show are left out.
#[inline]
pub(crate) fn place<T: Copy, O>(
    source: ArrayView2<'_, T>,
    (row, col): (i64, i64),
    view: &View,
    plane: &mut [O],
    f: impl Fn(T) -> O,
) {
    let (top, left, height, width) = view.bounds();
    let (skip_rows, skip_cols) = ((top - row).max(0) as usize, (left - col).max(0) as usize);
    let rows = source.dim().0.min((top + height as i64 - row).max(0) as usize);
    let cols = source.dim().1.min((left + width as i64 - col).max(0) as usize);
    if skip_rows >= rows || skip_cols >= cols {
        return;
    }
    let source = source.slice_move(ndarray::s![skip_rows..rows, skip_cols..cols]);
    // Position of the first source pixel relative to the view's origin, and its place in the output.
    let (down, right) = (row + skip_rows as i64 - view.origin.0, col + skip_cols as i64 - view.origin.1);
    if view.is_transposed() {
        turned(
            source,
            (down * view.per_col.0, right * view.per_row.1),
            (view.per_col.0 > 0, view.per_row.1 > 0),
            view.width,
            plane,
            f,
        );
    } else {
        straight(
            source,
            (down * view.per_row.0, right * view.per_col.1),
            (view.per_row.0 > 0, view.per_col.1 > 0),
            view.width,
            plane,
            f,
        );
    }
}

/// Source rows become output rows; `at` is the output (row, col) of the first source pixel, `forward` the direction of each.
#[inline]
fn straight<T: Copy, O>(
    source: ArrayView2<'_, T>,
    at: (i64, i64),
    forward: (bool, bool),
    stride: usize,
    plane: &mut [O],
    f: impl Fn(T) -> O,
) {
    let cols = source.dim().1;
    for (i, line) in source.outer_iter().enumerate() {
        let row = (if forward.0 { at.0 + i as i64 } else { at.0 - i as i64 }) as usize;
        let first = if forward.1 { at.1 as usize } else { at.1 as usize + 1 - cols };
        let Some(out) = plane.get_mut(row * stride + first..row * stride + first + cols) else { return };
        match (line.as_slice(), forward.1) {
            (Some(line), true) => out.iter_mut().zip(line).for_each(|(o, &v)| *o = f(v)),
            (Some(line), false) => out.iter_mut().rev().zip(line).for_each(|(o, &v)| *o = f(v)),
            (None, true) => out.iter_mut().zip(line).for_each(|(o, &v)| *o = f(v)),
            (None, false) => out.iter_mut().rev().zip(line).for_each(|(o, &v)| *o = f(v)),
        }
    }
}

/// Source rows become output columns; `at` is the output (column, row) of the first source pixel.
#[inline]
fn turned<T: Copy, O>(
    source: ArrayView2<'_, T>,
    at: (i64, i64),
    forward: (bool, bool),
    stride: usize,
    plane: &mut [O],
    f: impl Fn(T) -> O,
) {
    let (rows, cols) = source.dim();
    for top in (0..rows).step_by(TURN_PX) {
        let height = TURN_PX.min(rows - top);
        let first = if forward.0 { at.0 + top as i64 } else { at.0 - (top + height) as i64 + 1 } as usize;
        for left in (0..cols).step_by(TURN_PX) {
            for col in left..(left + TURN_PX).min(cols) {
                let row = (if forward.1 { at.1 + col as i64 } else { at.1 - col as i64 }) as usize;
                let Some(out) = plane.get_mut(row * stride + first..row * stride + first + height) else { return };
                let values = source.slice(ndarray::s![top..top + height, col]);
                if forward.0 {
                    out.iter_mut().zip(values).for_each(|(o, &v)| *o = f(v));
                } else {
                    out.iter_mut().rev().zip(values).for_each(|(o, &v)| *o = f(v));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::view::Turn;
    use ndarray::{Array2, s};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_land_where_the_view_shows_them(
            height in 1usize..40, width in 1usize..40, turn in 0usize..8,
            row in 0usize..10, col in 0usize..10, cut_row in 0usize..40, cut_col in 0usize..40,
        ) {
            let source = Array2::from_shape_fn((height, width), |(r, c)| (r * 64 + c) as u16);
            let whole = View::whole(height, width);
            let (row, col) = (row.min(height - 1), col.min(width - 1));
            let view = whole.crop(row as i64, col as i64, height - row, width - col).turn(Turn::ALL[turn]);
            let gain = Gain { scale: 2.0, offset: 1.0 };
            let mut plane = vec![f32::NAN; view.height * view.width];
            // Four pieces that together are the source, as blocks of a file are.
            let (r, c) = (cut_row.min(height), cut_col.min(width));
            for (rows, cols) in [((0, r), (0, c)), ((0, r), (c, width)), ((r, height), (0, c)), ((r, height), (c, width))] {
                let piece = source.slice(s![rows.0..rows.1, cols.0..cols.1]);
                place(piece, (rows.0 as i64, cols.0 as i64), &view, &mut plane, |v| gain.of(v));
            }
            for i in 0..view.height {
                for j in 0..view.width {
                    let (r, c) = view.at(i as i64, j as i64);
                    prop_assert_eq!(plane[i * view.width + j], f32::from(source[[r as usize, c as usize]]) * 2.0 + 1.0);
                }
            }
        }
    }
}
