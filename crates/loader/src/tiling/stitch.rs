//! Scores of overlapping tiles put together, block after block, in memory for the overlaps alone.
//!
//! Along each axis a tile counts for nothing in the outer quarter of what it shares with a neighbour, rises over the half
//! between as a raised cosine, and counts in full from there on: pixels beside a tile's edge, of which the network saw one side
//! only, do not enter. Where the extent ends there is no neighbour, and a tile counts in full up to its edge.

use ndarray::{Array3, ArrayView3, Axis, s};

use super::Tiling;
use crate::error::Error;

/// Weights go from 0 to 2^10 along each axis, to 2^20 for a pixel. With the 24 bits of an f32 and up to 2^8 tiles over
/// one pixel the sums stay within the 53 bits of an f64, hence exact for values of like magnitude.
const MAX_WEIGHT: f64 = 1024.0;

/// A finished part of a stitched extent: the leading rows and columns of the tile that finished it.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// First row, relative to the extent.
    pub row_px: usize,
    /// First column, relative to the extent.
    pub col_px: usize,
    /// Blended scores `[class, row, col]`.
    pub scores: Array3<f32>,
}

/// Blends the scores of overlapping tiles. Tiles come in the order of [`Tiling::tiles`]; each of them finishes the block that no
/// later tile touches. The blocks make up the extent. What is held is what tiles share: about
/// `classes * overlap_px * width * 8` bytes.
#[derive(Debug)]
pub struct Stitcher {
    tiling: Tiling,
    classes: usize,
    rows: Side,
    cols: Side,
    next: usize,
    /// Weighted sums `[class, row, col]` of the tile in work.
    sums: Array3<f64>,
    /// What earlier rows of tiles gave to the rows from this row of tiles on, over the whole width.
    above: Array3<f64>,
    /// The same for the next row of tiles.
    below: Array3<f64>,
    /// Columns that the tile to the left shares with this one; they hold what lies above as well.
    left: Array3<f64>,
}

impl Stitcher {
    /// For scores of `classes` classes, from the first tile on.
    pub fn new(tiling: Tiling, classes: usize) -> Self {
        Self::from_tile_row(tiling, classes, 0)
    }

    /// For tiles from row `tile_row` of tiles on. Blocks that tiles of earlier rows reach into lack what those would give.
    pub fn from_tile_row(tiling: Tiling, classes: usize, tile_row: usize) -> Self {
        let (width, height) = (tiling.extent.width_px, tiling.extent.height_px);
        let rows = Side::new(&tiling.rows, tiling.tile_px, tiling.overlap_px, height);
        let cols = Side::new(&tiling.cols, tiling.tile_px, tiling.overlap_px, width);
        let empty = || Array3::zeros((classes, 0, width));
        Self {
            classes,
            sums: Array3::zeros((classes, rows.reach, cols.reach)),
            above: empty(),
            below: empty(),
            left: Array3::zeros((classes, rows.reach, 0)),
            next: tile_row * cols.starts.len(),
            tiling,
            rows,
            cols,
        }
    }

    /// Adds the scores `[class, tile_px, tile_px]` of the next tile and returns the block that this finished.
    ///
    /// # Errors
    /// [`Error::Scores`] where the shape is another one, or where all tiles have been added.
    pub fn add(&mut self, scores: ArrayView3<'_, f32>) -> Result<Block, Error> {
        let expected = [self.classes, self.tiling.tile_px, self.tiling.tile_px];
        if scores.shape() != expected || self.next >= self.tiling.len() {
            let (tile, tiles, got) = (self.next, self.tiling.len(), scores.shape().to_vec());
            return Err(Error::Scores { tile, tiles, expected, got });
        }
        let across = self.cols.starts.len();
        let (tile_row, tile_col) = (self.next / across, self.next % across);
        let (row, col) = (self.rows.starts[tile_row], self.cols.starts[tile_col]);
        let (end_row, end_col) = (self.rows.end(tile_row) - row, self.cols.end(tile_col) - col);
        if tile_col == 0 {
            self.below = Array3::zeros((self.classes, self.rows.reach - end_row, self.tiling.extent.width_px));
            self.left = Array3::zeros((self.classes, self.rows.reach, 0));
        }
        self.weigh(scores, tile_row, tile_col);
        let known = self.left.len_of(Axis(2));
        let mut shared = self.sums.slice_mut(s![.., .., ..known]);
        shared += &self.left;
        let held = self.above.len_of(Axis(1));
        let mut under = self.sums.slice_mut(s![.., ..held, known..]);
        under += &self.above.slice(s![.., .., col + known..col + self.cols.reach]);
        self.below.slice_mut(s![.., .., col..col + end_col]).assign(&self.sums.slice(s![.., end_row.., ..end_col]));
        self.left = self.sums.slice(s![.., .., end_col..]).to_owned();
        let block = Block { row_px: row, col_px: col, scores: self.finished(row, col, end_row, end_col) };
        self.next += 1;
        if tile_col + 1 == across {
            self.above = std::mem::replace(&mut self.below, Array3::zeros((self.classes, 0, 0)));
        }
        Ok(block)
    }

    /// The tile's scores times their weights, into the sums.
    fn weigh(&mut self, scores: ArrayView3<'_, f32>, tile_row: usize, tile_col: usize) {
        let (down, along) = (&self.rows.ramps[tile_row], &self.cols.ramps[tile_col]);
        for (mut sums, scores) in self.sums.outer_iter_mut().zip(scores.outer_iter()) {
            for ((mut sums, scores), weight) in sums.outer_iter_mut().zip(scores.outer_iter()).zip(down) {
                let pairs = sums.iter_mut().zip(scores).zip(along);
                pairs.for_each(|((sum, &score), along)| *sum = weight * along * f64::from(score));
            }
        }
    }

    /// The leading rows and columns of the sums, over the weights that they are of.
    fn finished(&self, row: usize, col: usize, rows: usize, cols: usize) -> Array3<f32> {
        let mut scores = Array3::zeros((self.classes, rows, cols));
        let (down, along) = (&self.rows.totals[row..row + rows], &self.cols.totals[col..col + cols]);
        for (mut out, sums) in scores.outer_iter_mut().zip(self.sums.outer_iter()) {
            for ((mut out, sums), weight) in out.outer_iter_mut().zip(sums.outer_iter()).zip(down) {
                let pairs = out.iter_mut().zip(sums).zip(along);
                pairs.for_each(|((out, sum), along)| *out = (sum / (weight * along)) as f32);
            }
        }
        scores
    }
}

/// One axis of a tiling: where tiles begin and what their pixels weigh.
#[derive(Debug)]
struct Side {
    starts: Vec<usize>,
    length: usize,
    /// Pixels of a tile that lie on the extent.
    reach: usize,
    /// Weight of each of these pixels, for each tile.
    ramps: Vec<Vec<f64>>,
    /// Sum of the weights on each pixel of the extent.
    totals: Vec<f64>,
}

impl Side {
    fn new(starts: &[usize], tile_px: usize, overlap_px: usize, length: usize) -> Self {
        let reach = tile_px.min(length);
        let last = starts.len().saturating_sub(1);
        let ramp = |index: usize| -> Vec<f64> {
            let weight = |at: usize| {
                let begin = if index == 0 { MAX_WEIGHT } else { rise(at, overlap_px) };
                let end = if index == last { MAX_WEIGHT } else { rise(reach - 1 - at, overlap_px) };
                begin.min(end)
            };
            (0..reach).map(weight).collect()
        };
        let ramps: Vec<Vec<f64>> = (0..starts.len()).map(ramp).collect();
        let mut totals = vec![0.0; length];
        for (&start, ramp) in starts.iter().zip(&ramps) {
            totals.iter_mut().skip(start).zip(ramp).for_each(|(total, weight)| *total += weight);
        }
        Self { starts: starts.to_vec(), length, reach, ramps, totals }
    }

    /// Where the next tile begins, or the extent ends.
    fn end(&self, index: usize) -> usize {
        self.starts.get(index + 1).copied().unwrap_or(self.length)
    }
}

/// Weight of a pixel at a distance from a tile's edge that lies over a neighbour.
fn rise(from_edge: usize, overlap_px: usize) -> f64 {
    let margin = overlap_px / 4;
    let length = overlap_px - 2 * margin;
    match from_edge.checked_sub(margin) {
        None => 0.0,
        Some(at) if at >= length => MAX_WEIGHT,
        Some(at) => {
            let angle = std::f64::consts::FRAC_PI_2 * (at as f64 + 0.5) / length as f64;
            // Never 0, so that every pixel has a tile that counts for it.
            (angle.sin().powi(2) * MAX_WEIGHT).round().max(1.0)
        }
    }
}
