//! Where training windows may lie: all positions in the training part, a grid over it, or one window an image.

use swath_raster::Window;

use super::bounding;
use crate::error::Error;
use crate::recipe::{OnSmall, Recipe};
use crate::split::{Part, Parts};
use crate::tiling::Tiling;

/// Positions of the upper left corner of a window, a rectangle of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) scene: usize,
    pub(super) first: (i64, i64),
    pub(super) rows: u64,
    pub(super) cols: u64,
}

impl Range {
    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.rows.saturating_mul(self.cols)
    }

    /// The window at a position, counted row after row.
    pub(super) fn window(&self, position: u64, side: usize) -> Window {
        let (row, col) = ((position / self.cols) as i64, (position % self.cols) as i64);
        Window::new(self.first.1 + col, self.first.0 + row, side, side)
    }
}

/// All positions at which a window lies wholly in the training part, as disjoint rectangles of positions.
pub(super) fn positions(scene: usize, parts: &Parts, side: usize) -> Vec<Range> {
    let (cols, rows) = parts.lines();
    // Between two neighbouring breakpoints a window overlaps the same cells, so that one answer holds for all of them.
    let breaks = |lines: &[i64]| -> Vec<i64> {
        let last = lines.last().copied().unwrap_or(0) - side as i64;
        let moved = lines.iter().map(|line| line - side as i64 + 1);
        let mut at: Vec<i64> = lines.iter().copied().chain(moved).filter(|p| (0..=last).contains(p)).collect();
        at.push(last + 1);
        at.sort_unstable();
        at.dedup();
        at
    };
    let (col_breaks, row_breaks) = (breaks(cols), breaks(rows));
    let mut ranges: Vec<Range> = Vec::new();
    for row in row_breaks.windows(2) {
        for col in col_breaks.windows(2) {
            if parts.holds(Part::Train, &Window::new(col[0], row[0], side, side)) {
                let (rows, cols) = (row[0].abs_diff(row[1]), col[0].abs_diff(col[1]));
                // What goes on to the right is one range, of which ragged footprints leave fewer.
                match ranges.last_mut().filter(|left| left.first == (row[0], col[0] - left.cols as i64)) {
                    Some(left) => left.cols += cols,
                    None => ranges.push(Range { scene, first: (row[0], col[0]), rows, cols }),
                }
            }
        }
    }
    ranges
}

/// Where no window fits: windows over each rectangle of the part, along its upper and left edge where it is smaller.
pub(super) fn padded_positions(scene: usize, parts: &Parts, side: usize) -> Vec<Range> {
    let free = |length: usize| length.saturating_sub(side) as u64 + 1;
    let over =
        |w: Window| Range { scene, first: (w.row_px, w.col_px), rows: free(w.height_px), cols: free(w.width_px) };
    parts.rectangles(Part::Train).into_iter().map(over).collect()
}

/// Windows over each rectangle of the training part that share at least `overlap_px`; the last ones are moved back inside.
/// A rectangle narrower than the window is padded, or left out, as the recipe says.
pub(super) fn grid(parts: &[Parts], overlap_px: usize, recipe: &Recipe) -> Result<Vec<(usize, Window)>, Error> {
    let mut windows = Vec::new();
    for (scene, parts) in parts.iter().enumerate() {
        for rectangle in parts.rectangles(Part::Train) {
            let is_small = rectangle.width_px.min(rectangle.height_px) < recipe.window_px;
            if !is_small || recipe.on_small == OnSmall::Pad {
                let tiling = Tiling::new(rectangle, recipe.window_px, overlap_px)?;
                windows.extend(tiling.tiles().map(|tile| (scene, tile.window)));
            }
        }
    }
    Ok(windows)
}

/// One window for each image that has ground in the training part: all of that ground.
pub(super) fn chips(parts: &[Parts], recipe: &Recipe) -> Result<Vec<(usize, Window)>, Error> {
    let side = recipe.window_px;
    let mut windows = Vec::new();
    for (scene, parts) in parts.iter().enumerate() {
        let Some(own) = bounding(&parts.rectangles(Part::Train)) else { continue };
        if own.width_px > side || own.height_px > side {
            let reason = format!(
                "image {scene} has {} x {} px (rows x columns) to train on, more than window_px = {side}; raise window_px, or \
                 draw windows from it by another method",
                own.height_px, own.width_px
            );
            return Err(Error::Recipe { field: "sampling".to_owned(), reason });
        }
        if own.width_px == side && own.height_px == side || recipe.on_small == OnSmall::Pad {
            windows.push((scene, Window::new(own.col_px, own.row_px, side, side)));
        }
    }
    Ok(windows)
}
