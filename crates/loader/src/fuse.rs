//! One pass over the pixels: out of a decoded block, through crop, flip and turn, to the converted and normalised value at
//! its place in the batch.

use std::borrow::Cow;

use ndarray::{ArrayView2, Axis};

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

/// Rows and columns that are turned at a time: 8 x 8 values go through registers, and 8 rows of a source are read as eight
/// streams that the processor still prefetches.
const TURN_PX: usize = 8;

/// Puts a rectangle of source pixels, whose first lies at (row, col) of what `view` looks at, to where the view shows them
/// in `plane` (`[row, col]` of the view's size). Source pixels that the view does not show are left out.
#[inline(always)]
pub(crate) fn place<T: Copy, O: Copy>(
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
    let stride = view.width;
    if view.is_transposed() {
        let (rows, cols) = source.dim();
        let target = Target {
            rows: Line::new(right * view.per_row.1, view.per_row.1 > 0, cols),
            cols: Line::new(down * view.per_col.0, view.per_col.0 > 0, rows),
            stride,
            plane,
        };
        turned(&lines(&source), target, f);
    } else {
        let (rows, cols) = source.dim();
        let target = Target {
            rows: Line::new(down * view.per_row.0, view.per_row.0 > 0, rows),
            cols: Line::new(right * view.per_col.1, view.per_col.1 > 0, cols),
            stride,
            plane,
        };
        straight(&lines(&source), target, f);
    }
}

/// The rows of a source as they lie in memory; one whose pixels are not neighbours is copied.
fn lines<'a, T: Copy>(source: &ArrayView2<'a, T>) -> Vec<Cow<'a, [T]>> {
    let contiguous = |row: ndarray::ArrayView1<'a, T>| row.to_slice().map_or_else(|| row.to_vec().into(), Cow::from);
    (0..source.nrows()).map(|row| contiguous(source.index_axis_move(Axis(0), row))).collect()
}

/// Places along one axis of the output, taken one after the other from the first on, or backwards.
#[derive(Clone, Copy)]
struct Line {
    /// The lowest place.
    low: usize,
    count: usize,
    forward: bool,
}

impl Line {
    fn new(first: i64, forward: bool, count: usize) -> Line {
        let low = if forward { first } else { first + 1 - count as i64 };
        Line { low: low as usize, count, forward }
    }

    /// Where number `i` goes.
    #[inline(always)]
    fn at(self, i: usize) -> usize {
        if self.forward { self.low + i } else { self.low + self.count - 1 - i }
    }

    /// The lowest place of `count` numbers from `i` on.
    #[inline(always)]
    fn low_of(self, i: usize, count: usize) -> usize {
        if self.forward { self.low + i } else { self.low + self.count - i - count }
    }
}

/// The rectangle of the output that is filled.
struct Target<'a, O> {
    rows: Line,
    cols: Line,
    stride: usize,
    plane: &'a mut [O],
}

impl<O> Target<'_, O> {
    /// `count` places in a row of the output.
    #[inline(always)]
    fn row(&mut self, row: usize, low: usize, count: usize) -> &mut [O] {
        let first = row * self.stride + low;
        self.plane.get_mut(first..first + count).unwrap_or_default()
    }
}

/// Source rows become output rows.
#[inline(always)]
fn straight<T: Copy, O>(source: &[Cow<'_, [T]>], mut target: Target<'_, O>, f: impl Fn(T) -> O) {
    let cols = target.cols;
    for (i, line) in source.iter().enumerate() {
        let out = target.row(target.rows.at(i), cols.low, cols.count);
        if cols.forward {
            out.iter_mut().zip(&**line).for_each(|(o, &v)| *o = f(v));
        } else {
            out.iter_mut().rev().zip(&**line).for_each(|(o, &v)| *o = f(v));
        }
    }
}

/// Source rows become output columns: source column `j` fills output row `rows.at(j)`.
#[inline(always)]
fn turned<T: Copy, O: Copy>(source: &[Cow<'_, [T]>], mut target: Target<'_, O>, f: impl Fn(T) -> O) {
    let (rows, cols) = (target.rows, target.cols);
    for (strip, lines) in source.chunks(TURN_PX).enumerate() {
        let low = cols.low_of(strip * TURN_PX, lines.len());
        let mut done = 0;
        if let Ok(lines) = <&[Cow<'_, [T]>; TURN_PX]>::try_from(lines) {
            let whole = |line: usize| lines[line].chunks_exact(TURN_PX);
            let mut tiles: [_; TURN_PX] = std::array::from_fn(whole);
            while let Some(tile) = next_tile(&mut tiles) {
                let columns: [[O; TURN_PX]; TURN_PX] = std::array::from_fn(|j| tile.map(|row| f(row[j])));
                for (j, column) in columns.into_iter().enumerate() {
                    let out = target.row(rows.at(done + j), low, TURN_PX);
                    let Some(out) = out.first_chunk_mut::<TURN_PX>() else { return };
                    *out = column;
                    if !cols.forward {
                        out.reverse();
                    }
                }
                done += TURN_PX;
            }
        }
        for col in done..rows.count {
            let out = target.row(rows.at(col), low, lines.len());
            let values = lines.iter().filter_map(|line| line.get(col).copied());
            if cols.forward {
                out.iter_mut().zip(values).for_each(|(o, v)| *o = f(v));
            } else {
                out.iter_mut().rev().zip(values).for_each(|(o, v)| *o = f(v));
            }
        }
    }
}

/// The next square of pixels out of eight rows, `None` where less than a square is left.
#[inline(always)]
fn next_tile<'a, T: Copy>(rows: &mut [std::slice::ChunksExact<'a, T>; TURN_PX]) -> Option<[&'a [T; TURN_PX]; TURN_PX]> {
    let mut tile = [None; TURN_PX];
    for (row, chunks) in tile.iter_mut().zip(rows) {
        *row = Some(chunks.next()?.first_chunk::<TURN_PX>()?);
    }
    let mut square = [tile[0]?; TURN_PX];
    for (to, from) in square.iter_mut().zip(tile) {
        *to = from?;
    }
    Some(square)
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
