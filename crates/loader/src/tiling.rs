//! An extent cut into windows, and what was computed on the windows put together again.
//!
//! Cutting and stitching are inverses: tiles that are handed back unchanged give the extent back bit for bit, whatever
//! the overlap. Weights are whole numbers and sums are kept in f64, where both are exact, so that the blend of equal
//! values is that value.

use ndarray::{Array3, ArrayView3, s};
use swath_raster::Window;

use crate::error::Error;

/// A window of a tiling, and the pixels that it alone stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tile {
    /// What is read: `tile_px` by `tile_px` pixels; reaches beyond an extent that is smaller.
    pub window: Window,
    /// The part of the window that no other tile's core covers; the cores make up the extent.
    pub core: Window,
}

/// An extent of pixels cut into square tiles that overlap. Tiles at the right and lower edge are moved back inside
/// where the extent is large enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tiling {
    extent: Window,
    tile_px: usize,
    /// First column of each tile column and first row of each tile row, relative to the extent.
    cols: Vec<usize>,
    rows: Vec<usize>,
    overlap_px: usize,
}

impl Tiling {
    /// Cuts `extent` into tiles of `tile_px` that share at least `overlap_px` with their neighbours.
    ///
    /// # Errors
    /// [`Error::Tiling`] where a tile is empty or no larger than the overlap.
    pub fn new(extent: Window, tile_px: usize, overlap_px: usize) -> Result<Self, Error> {
        if tile_px == 0 || overlap_px >= tile_px {
            return Err(Error::Tiling { tile_px, overlap_px });
        }
        let starts = |length: usize| -> Vec<usize> {
            let last = length.saturating_sub(tile_px);
            (0..last).step_by(tile_px - overlap_px).chain([last]).collect()
        };
        let (cols, rows) = (starts(extent.width_px), starts(extent.height_px));
        Ok(Self { extent, tile_px, cols, rows, overlap_px })
    }

    /// Number of tiles.
    pub fn len(&self) -> usize {
        self.cols.len() * self.rows.len()
    }

    /// Never: an extent has at least one tile.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The extent that was cut.
    pub fn extent(&self) -> Window {
        self.extent
    }

    /// Side of a tile.
    pub fn tile_px(&self) -> usize {
        self.tile_px
    }

    /// All tiles, row after row.
    pub fn tiles(&self) -> impl Iterator<Item = Tile> + '_ {
        self.rows.iter().enumerate().flat_map(move |(r, &row)| {
            self.cols.iter().enumerate().map(move |(c, &col)| {
                let (core_row, core_col) =
                    (self.core(&self.rows, r, self.extent.height_px), self.core(&self.cols, c, self.extent.width_px));
                let at = |row: usize, col: usize, height, width| {
                    Window::new(self.extent.col_px + col as i64, self.extent.row_px + row as i64, width, height)
                };
                Tile {
                    window: at(row, col, self.tile_px, self.tile_px),
                    core: at(core_row.0, core_col.0, core_row.1 - core_row.0, core_col.1 - core_col.0),
                }
            })
        })
    }

    /// First pixel and end of the stretch of which tile `index` is the core: neighbours meet in the middle of what they share.
    fn core(&self, starts: &[usize], index: usize, length: usize) -> (usize, usize) {
        let meet = |left: usize, right: usize| (right + (left + self.tile_px).min(length)) / 2;
        let start = if index == 0 { 0 } else { meet(starts[index - 1], starts[index]) };
        let end = if index + 1 == starts.len() { length } else { meet(starts[index], starts[index + 1]) };
        (start, end)
    }

    /// Weight of each pixel along a side of a tile: a raised cosine over the overlap at both ends, in whole numbers.
    fn ramp(&self) -> Vec<f64> {
        let rise = |from_edge: usize| {
            if from_edge >= self.overlap_px {
                return MAX_WEIGHT;
            }
            let angle = std::f64::consts::FRAC_PI_2 * (from_edge as f64 + 0.5) / self.overlap_px as f64;
            (angle.sin().powi(2) * MAX_WEIGHT).round().max(1.0)
        };
        (0..self.tile_px).map(|i| rise(i).min(rise(self.tile_px - 1 - i))).collect()
    }
}

/// Weights go from 1 to 2^10 along each axis, to 2^20 for a pixel. With the 24 bits of an f32 and up to 2^8 tiles over
/// one pixel the sums stay within the 53 bits of an f64, hence exact for values of like magnitude.
const MAX_WEIGHT: f64 = 1024.0;

/// Finished rows of a stitched extent.
#[derive(Debug, Clone, PartialEq)]
pub struct RowBand {
    /// First row, relative to the extent.
    pub row_px: usize,
    /// Blended scores `[class, row, col]` over the whole width of the extent.
    pub scores: Array3<f32>,
}

/// Blends the scores of overlapping tiles. Tiles come in the order of [`Tiling::tiles`]; rows are handed out as soon as no
/// later tile touches them, so that one row of tiles is all that is held: `classes * tile_px * width * 8` bytes.
#[derive(Debug)]
pub struct Stitcher {
    tiling: Tiling,
    ramp: Vec<f64>,
    col_weight: Vec<f64>,
    row_weight: Vec<f64>,
    /// Weighted sums `[class, row, col]` of the rows from `first_row` on.
    sums: Array3<f64>,
    first_row: usize,
    next: usize,
}

impl Stitcher {
    /// For scores of `classes` classes.
    pub fn new(tiling: Tiling, classes: usize) -> Self {
        let ramp = tiling.ramp();
        let total = |starts: &[usize], length: usize| {
            let mut weight = vec![0.0; length];
            for &start in starts {
                weight.iter_mut().skip(start).zip(&ramp).for_each(|(sum, w)| *sum += w);
            }
            weight
        };
        let (width, height) = (tiling.extent.width_px, tiling.extent.height_px);
        let (col_weight, row_weight) = (total(&tiling.cols, width), total(&tiling.rows, height));
        let sums = Array3::zeros((classes, tiling.tile_px.min(height), width));
        Self { tiling, ramp, col_weight, row_weight, sums, first_row: 0, next: 0 }
    }

    /// Adds the scores `[class, tile_px, tile_px]` of the next tile; returns the rows that this finished, if any.
    ///
    /// # Errors
    /// [`Error::Scores`] where the shape is another one, or where all tiles have been added.
    pub fn add(&mut self, scores: ArrayView3<'_, f32>) -> Result<Option<RowBand>, Error> {
        let tile_px = self.tiling.tile_px;
        let expected = [self.sums.dim().0, tile_px, tile_px];
        if scores.shape() != expected || self.next >= self.tiling.len() {
            return Err(Error::Scores {
                tile: self.next,
                tiles: self.tiling.len(),
                expected,
                got: scores.shape().to_vec(),
            });
        }
        let across = self.tiling.cols.len();
        let (tile_row, tile_col) = (self.next / across, self.next % across);
        let (row, col) = (self.tiling.rows[tile_row] - self.first_row, self.tiling.cols[tile_col]);
        let height = tile_px.min(self.sums.dim().1);
        let width = tile_px.min(self.tiling.extent.width_px);
        for (mut sums, scores) in self.sums.outer_iter_mut().zip(scores.outer_iter()) {
            for i in 0..height {
                let mut out = sums.slice_mut(s![row + i, col..col + width]);
                let weight = self.ramp[i];
                out.iter_mut()
                    .zip(scores.row(i))
                    .zip(&self.ramp)
                    .for_each(|((sum, &v), w)| *sum += weight * w * f64::from(v));
            }
        }
        self.next += 1;
        if tile_col + 1 < across {
            return Ok(None);
        }
        let end = self.tiling.rows.get(tile_row + 1).copied().unwrap_or(self.tiling.extent.height_px);
        Ok(Some(self.take_rows(end)))
    }

    /// Hands out the rows up to `end` and makes room for those that follow.
    fn take_rows(&mut self, end: usize) -> RowBand {
        let (row_px, count) = (self.first_row, end - self.first_row);
        let mut band = Array3::zeros((self.sums.dim().0, count, self.sums.dim().2));
        for (mut out, mut sums) in band.outer_iter_mut().zip(self.sums.outer_iter_mut()) {
            for i in 0..count {
                let weight = self.row_weight[row_px + i];
                let pairs = out.row_mut(i).into_iter().zip(sums.row(i)).zip(&self.col_weight);
                pairs.for_each(|((out, sum), w): ((&mut f32, &f64), &f64)| *out = (sum / (weight * w)) as f32);
            }
            let held = sums.dim().0;
            for i in 0..held {
                let row = if i + count < held { Some(sums.row(i + count).to_owned()) } else { None };
                match row {
                    Some(row) => sums.row_mut(i).assign(&row),
                    None => sums.row_mut(i).fill(0.0),
                }
            }
        }
        self.first_row = end;
        RowBand { row_px, scores: band }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn stitching_undoes_cutting_exactly(
            height in 1usize..70, width in 1usize..70, tile in 1usize..33, overlap in 0usize..32, seed in any::<u32>(),
        ) {
            let overlap = overlap.min(tile - 1);
            let tiling = Tiling::new(Window::new(-3, 5, width, height), tile, overlap).unwrap();
            let value = |class: usize, row: i64, col: i64| {
                ((class as u32 + 1).wrapping_mul(row as u32 * 31 + col as u32).wrapping_add(seed) % 10_007) as f32 / 97.0 - 50.0
            };
            let mut stitcher = Stitcher::new(tiling.clone(), 2);
            let mut rows = 0;
            for tile in tiling.tiles() {
                let w = tile.window;
                let scores = Array3::from_shape_fn((2, w.height_px, w.width_px), |(k, r, c)| {
                    value(k, w.row_px + r as i64, w.col_px + c as i64)
                });
                if let Some(band) = stitcher.add(scores.view()).unwrap() {
                    prop_assert_eq!(band.row_px, rows);
                    rows += band.scores.dim().1;
                    for ((k, r, c), &got) in band.scores.indexed_iter() {
                        prop_assert_eq!(got, value(k, 5 + (band.row_px + r) as i64, -3 + c as i64));
                    }
                }
            }
            prop_assert_eq!(rows, height);
        }

        #[test]
        fn cores_cover_each_pixel_once(height in 1usize..70, width in 1usize..70, tile in 1usize..33, overlap in 0usize..32) {
            let tiling = Tiling::new(Window::new(0, 0, width, height), tile, overlap.min(tile - 1)).unwrap();
            let mut count = Array2::<u8>::zeros((height, width));
            for tile in tiling.tiles() {
                prop_assert!(tile.window.contains(&tile.core));
                let (r, c) = (tile.core.row_px as usize, tile.core.col_px as usize);
                count.slice_mut(s![r..r + tile.core.height_px, c..c + tile.core.width_px]).mapv_inplace(|n| n + 1);
            }
            prop_assert!(count.iter().all(|&n| n == 1));
        }
    }

    #[test]
    fn an_overlap_as_large_as_the_tile_is_refused() {
        assert!(matches!(Tiling::new(Window::new(0, 0, 9, 9), 4, 4), Err(Error::Tiling { .. })));
    }

    #[test]
    fn a_wrong_shape_is_refused_with_both_shapes() {
        let mut stitcher = Stitcher::new(Tiling::new(Window::new(0, 0, 9, 9), 4, 1).unwrap(), 2);
        let error = stitcher.add(Array3::zeros((3, 4, 4)).view()).unwrap_err();
        assert!(error.to_string().contains("[2, 4, 4]") && error.to_string().contains("[3, 4, 4]"), "{error}");
    }
}
