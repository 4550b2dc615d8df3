//! Rows in, tiles out, for the full resolution and every overview at once: each level holds one row of tiles.

use super::spool::Spool;
use super::tile::TileEncoder;
use crate::window::nodata_test;
use crate::{Resampling, Result, Sample, Samples};
use ndarray::{Array2, Array3, ArrayView2, Axis, s};

/// Takes rows of whatever type it was made for.
pub(super) trait RowSink: std::fmt::Debug + Send {
    /// Adds rows `[band, row, col]`.
    fn push(&mut self, rows: &Samples, encoder: &mut TileEncoder, spool: &mut Spool) -> Result<()>;
}

/// Sizes of the full resolution and its overviews, each half the one before (rounded up) until one tile holds it.
pub(super) fn level_sizes(
    width_px: usize,
    height_px: usize,
    tile_px: usize,
    has_overviews: bool,
) -> Vec<(usize, usize)> {
    let mut sizes = vec![(width_px, height_px)];
    let (mut width, mut height) = (width_px, height_px);
    while has_overviews && (width > tile_px || height > tile_px) {
        (width, height) = (width.div_ceil(2), height.div_ceil(2));
        sizes.push((width, height));
    }
    sizes
}

/// All levels of a file of `T`.
#[derive(Debug)]
pub(super) struct Pyramid<T> {
    tile_px: usize,
    method: Resampling,
    nodata: Option<f64>,
    levels: Vec<LevelRows<T>>,
}

#[derive(Debug)]
struct LevelRows<T> {
    height_px: usize,
    /// `[band, row, col]`, one row of tiles.
    rows: Array3<T>,
    filled: usize,
    seen: usize,
    /// The row that waits for its neighbour below, to become one row of the next level.
    upper: Option<Array2<T>>,
}

impl<T: Sample> Pyramid<T> {
    pub(super) fn new(
        bands: usize,
        sizes: &[(usize, usize)],
        tile_px: usize,
        method: Resampling,
        nodata: Option<f64>,
    ) -> Self {
        let level = |(width, height): &(usize, usize)| LevelRows {
            height_px: *height,
            rows: Array3::from_elem((bands, tile_px, *width), T::default()),
            filled: 0,
            seen: 0,
            upper: None,
        };
        Pyramid { tile_px, method, nodata, levels: sizes.iter().map(level).collect() }
    }

    fn push_row(
        &mut self,
        index: usize,
        row: ArrayView2<'_, T>,
        encoder: &mut TileEncoder,
        spool: &mut Spool,
    ) -> Result<()> {
        let has_next = index + 1 < self.levels.len();
        let level = &mut self.levels[index];
        level.rows.slice_mut(s![.., level.filled, ..]).assign(&row);
        level.filled += 1;
        level.seen += 1;
        let is_last = level.seen == level.height_px;
        if level.filled == self.tile_px || is_last {
            let filled = std::mem::take(&mut level.filled);
            let whole = level.rows.slice(s![.., ..filled, ..]);
            for tile in whole.axis_chunks_iter(Axis(2), self.tile_px) {
                spool.add(index, encoder.encode(tile, self.tile_px))?;
            }
        }
        if !has_next {
            return Ok(());
        }
        let upper = match level.upper.take() {
            None if !is_last => {
                level.upper = Some(row.to_owned());
                return Ok(());
            }
            upper => upper,
        };
        let upper = upper.as_ref().map_or(row, |upper| upper.view());
        let halved = self.halve(upper, row);
        self.push_row(index + 1, halved.view(), encoder, spool)
    }

    /// Two rows to one of half the columns; the last column stands alone where their number is odd.
    fn halve(&self, upper: ArrayView2<'_, T>, lower: ArrayView2<'_, T>) -> Array2<T> {
        let (bands, cols) = upper.dim();
        let is_nodata = self.nodata.map(nodata_test::<T>);
        Array2::from_shape_fn((bands, cols.div_ceil(2)), |(band, col)| {
            let (left, right) = (2 * col, (2 * col + 1).min(cols - 1));
            let four = [upper[(band, left)], upper[(band, right)], lower[(band, left)], lower[(band, right)]];
            match self.method {
                Resampling::Nearest => four[0],
                Resampling::Mode => most_frequent(four),
                _ => mean(four, |value| is_nodata.as_ref().is_some_and(|test| test(value))),
            }
        })
    }
}

impl<T: Sample> RowSink for Pyramid<T> {
    fn push(&mut self, rows: &Samples, encoder: &mut TileEncoder, spool: &mut Spool) -> Result<()> {
        let Some(rows) = T::of(rows) else {
            return Err(spool.wrong_input("rows of another type than the file's".to_owned()));
        };
        rows.axis_iter(Axis(1)).try_for_each(|row| self.push_row(0, row, encoder, spool))
    }
}

/// Mean of the values that are not nodata; the first value where all are.
fn mean<T: Sample>(values: [T; 4], is_nodata: impl Fn(T) -> bool) -> T {
    let (sum, count) = values
        .iter()
        .filter(|value| !is_nodata(**value))
        .fold((0.0, 0), |(sum, count), value| (sum + value.to_f64(), count + 1));
    if count == 0 { values[0] } else { T::from_f64(sum / f64::from(count)) }
}

/// The value that most of the four have; the first of these where several have as many.
fn most_frequent<T: Sample>(values: [T; 4]) -> T {
    let votes = |value: &T| values.iter().filter(|other| *other == value).count();
    values.iter().rev().max_by_key(|value| votes(value)).copied().unwrap_or(values[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_halve_until_one_tile_holds_them() {
        assert_eq!(level_sizes(1025, 300, 256, true), [(1025, 300), (513, 150), (257, 75), (129, 38)]);
        assert_eq!(level_sizes(1025, 300, 256, false), [(1025, 300)]);
        assert_eq!(level_sizes(256, 256, 256, true), [(256, 256)]);
    }

    #[test]
    fn mean_leaves_nodata_out_and_mode_takes_the_first_of_equals() {
        assert_eq!(mean([4u8, 255, 6, 255], |v| v == 255), 5);
        assert_eq!(mean([255u8; 4], |v| v == 255), 255);
        assert_eq!(most_frequent([1u8, 2, 2, 3]), 2);
        assert_eq!(most_frequent([3u8, 1, 1, 3]), 3);
    }
}
