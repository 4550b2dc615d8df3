//! An extent cut into windows, and what was computed on the windows put together again.
//!
//! Cutting and stitching are inverses: tiles that are handed back unchanged give the extent back bit for bit, whatever
//! the overlap. Weights are whole numbers and sums are kept in f64, where both are exact, so that the blend of equal
//! values is that value.

mod stitch;

pub use stitch::{Block, Stitcher};

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

    /// As many tiles as [`Tiling::new`] makes, spread evenly: none of them shares much more with its neighbour than the others.
    ///
    /// # Errors
    /// As [`Tiling::new`].
    pub fn even(extent: Window, tile_px: usize, overlap_px: usize) -> Result<Self, Error> {
        let Self { cols, rows, .. } = Self::new(extent, tile_px, overlap_px)?;
        let spread = |starts: Vec<usize>| -> Vec<usize> {
            let (last, gaps) = (starts.last().copied().unwrap_or(0), starts.len().saturating_sub(1).max(1));
            (0..starts.len()).map(|i| i * last / gaps).collect()
        };
        Ok(Self { extent, tile_px, cols: spread(cols), rows: spread(rows), overlap_px })
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

    /// Tiles side by side in a row of tiles.
    pub fn across(&self) -> usize {
        self.cols.len()
    }

    /// The row of tiles from which on [`Stitcher`] must be given tiles, for blocks from row `row_px` of the extent on to be right.
    pub fn tile_row_for(&self, row_px: usize) -> usize {
        self.rows.iter().position(|row| row + self.tile_px > row_px).unwrap_or(self.rows.len())
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Array3, s};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn stitching_undoes_cutting_exactly(
            height in 1usize..70, width in 1usize..70, tile in 1usize..33, overlap in 0usize..32, seed in any::<u32>(),
            even in any::<bool>(), begun in 0usize..70,
        ) {
            let overlap = overlap.min(tile - 1);
            let extent = Window::new(-3, 5, width, height);
            let tiling = if even { Tiling::even(extent, tile, overlap) } else { Tiling::new(extent, tile, overlap) }.unwrap();
            let value = |class: usize, row: i64, col: i64| {
                ((class as u32 + 1).wrapping_mul(row as u32 * 31 + col as u32).wrapping_add(seed) % 10_007) as f32 / 97.0 - 50.0
            };
            // From the middle, blocks from row `begun` on are the same.
            let tile_row = tiling.tile_row_for(begun.min(height - 1));
            let mut stitcher = Stitcher::from_tile_row(tiling.clone(), 2, tile_row);
            let mut seen = Array2::<u8>::zeros((height, width));
            for tile in tiling.tiles().skip(tile_row * tiling.across()) {
                let w = tile.window;
                let scores = Array3::from_shape_fn((2, w.height_px, w.width_px), |(k, r, c)| {
                    value(k, w.row_px + r as i64, w.col_px + c as i64)
                });
                let block = stitcher.add(scores.view()).unwrap();
                prop_assert_eq!((block.row_px as i64 + 5, block.col_px as i64 - 3), (w.row_px, w.col_px));
                for ((k, r, c), &got) in block.scores.indexed_iter() {
                    let (row, col) = (block.row_px + r, block.col_px + c);
                    seen[[row, col]] += u8::from(k == 0);
                    if row >= begun.min(height - 1) {
                        prop_assert_eq!(got, value(k, 5 + row as i64, -3 + col as i64));
                    }
                }
            }
            for (row, seen) in seen.outer_iter().enumerate() {
                prop_assert!(row < begun.min(height - 1) || seen.iter().all(|&n| n == 1));
            }
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
    fn what_a_tile_says_beside_its_edge_does_not_enter() {
        let (tile, overlap, margin) = (32, 16, 4);
        let tiling = Tiling::even(Window::new(0, 0, 100, 80), tile, overlap).unwrap();
        let mut stitcher = Stitcher::new(tiling.clone(), 1);
        for place in tiling.tiles() {
            let w = place.window;
            // 1 inside; 1000 in the outer quarter of the overlap, but for the extent's own edges.
            let scores = Array3::from_shape_fn((1, tile, tile), |(_, r, c)| {
                let (row, col) = (w.row_px as usize + r, w.col_px as usize + c);
                let is_near =
                    |at: usize, first: bool, last: bool| (at < margin && !first) || (at >= tile - margin && !last);
                let row = is_near(r, w.row_px == 0, row + tile - r == 80);
                let col = is_near(c, w.col_px == 0, col + tile - c == 100);
                if row || col { 1000.0 } else { 1.0 }
            });
            assert!(stitcher.add(scores.view()).unwrap().scores.iter().all(|&score| score == 1.0));
        }
    }

    #[test]
    fn a_wrong_shape_is_refused_with_both_shapes() {
        let mut stitcher = Stitcher::new(Tiling::new(Window::new(0, 0, 9, 9), 4, 1).unwrap(), 2);
        let error = stitcher.add(Array3::zeros((3, 4, 4)).view()).unwrap_err();
        assert!(error.to_string().contains("[2, 4, 4]") && error.to_string().contains("[3, 4, 4]"), "{error}");
    }
}
