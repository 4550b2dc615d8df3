//! Which windows make up an epoch, and in what order: recipe, split and seed in, chips out. Reads no pixels.
//!
//! Training windows are drawn at random, each from a stream keyed by (seed, epoch, index); all positions at which a window
//! lies wholly in the training part are equally likely, over all images together. Evaluation covers a part by a grid in
//! which each pixel counts once.

use std::sync::Arc;

use swath_raster::Window;

use crate::balance::Balance;
use crate::draw::{Draw, Purpose};
use crate::error::Error;
use crate::recipe::{OnSmall, Recipe, Sampling};
use crate::split::{Part, Parts};
use crate::tiling::Tiling;

/// A window of one image, and what of it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Chip {
    /// Position of the image in the dataset.
    pub scene: usize,
    /// Pixels read; may reach beyond the image.
    pub window: Window,
    /// Pixels with a target, if they are in the part; the whole window in training.
    pub scored: Window,
    /// The part that counts.
    pub part: Part,
    /// Number of the sample in its epoch before ordering: the key of its random draws.
    pub index: u64,
}

/// Positions of the upper left corner of a window, a rectangle of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    scene: usize,
    first: (i64, i64),
    rows: u64,
    cols: u64,
}

impl Range {
    /// The window at a position, counted row after row.
    fn window(&self, position: u64, side: usize) -> Window {
        let (row, col) = ((position / self.cols) as i64, (position % self.cols) as i64);
        Window::new(self.first.1 + col, self.first.0 + row, side, side)
    }
}

/// What is needed to draw any epoch.
#[derive(Debug, Clone)]
pub struct Plan {
    ranges: Vec<Range>,
    /// Positions in `ranges[..=i]`.
    cumulative: Vec<u64>,
    grid: Vec<(usize, Window)>,
    window_px: usize,
    samples: usize,
    horizon: usize,
    sampling: Sampling,
    skipped: usize,
    balance: Option<Arc<Balance>>,
}

impl Plan {
    /// Plans the training part of images divided as `parts` says.
    ///
    /// # Errors
    /// [`Error::EmptyPart`] where no window fits.
    pub fn training(parts: &[Parts], recipe: &Recipe) -> Result<Plan, Error> {
        let side = recipe.window_px;
        let (mut ranges, mut skipped, mut area) = (Vec::new(), 0, 0u64);
        for (scene, parts) in parts.iter().enumerate() {
            area += parts.area_px(Part::Train);
            let mut own = positions(scene, parts, side);
            if own.is_empty() && parts.area_px(Part::Train) > 0 {
                match recipe.on_small {
                    OnSmall::Pad => own = padded_positions(scene, parts, side),
                    OnSmall::Skip => skipped += 1,
                }
            }
            ranges.extend(own);
        }
        if ranges.is_empty() {
            return Err(empty(Part::Train, side, skipped, area));
        }
        let mut total = 0u64;
        let cumulative = ranges
            .iter()
            .map(|r| {
                total = total.saturating_add(r.rows * r.cols);
                total
            })
            .collect();
        let grid = grid(parts, Part::Train, side, recipe.on_small)?;
        let whole = usize::try_from(area.div_ceil((side as u64).pow(2))).unwrap_or(usize::MAX).max(1);
        let samples = match recipe.sampling {
            Sampling::Grid => grid.len(),
            _ => recipe.samples.unwrap_or(whole),
        };
        Ok(Plan {
            ranges,
            cumulative,
            grid,
            window_px: side,
            samples,
            horizon: recipe.horizon,
            sampling: recipe.sampling,
            skipped,
            balance: None,
        })
    }

    /// The same plan with windows drawn around classes.
    pub(crate) fn balanced(self, balance: Arc<Balance>) -> Plan {
        Plan { balance: Some(balance), ..self }
    }

    /// Samples in an epoch.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Images whose training part is smaller than the window and that give no sample.
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// The chips of an epoch in the order in which they are read.
    pub fn epoch(&self, seed: u64, epoch: u64) -> Vec<Chip> {
        let mut chips: Vec<Chip> = match self.sampling {
            Sampling::Grid => {
                let chip = |(index, &(scene, window)): (usize, &(usize, Window))| chip(scene, window, index as u64);
                let mut chips: Vec<Chip> = self.grid.iter().enumerate().map(chip).collect();
                Draw::new(seed, Purpose::Order, epoch, 0).shuffle(&mut chips);
                chips
            }
            _ => (0..self.samples as u64).map(|index| self.draw(seed, epoch, index, 0)).collect(),
        };
        order(&mut chips, self.horizon, seed, epoch);
        chips
    }

    /// The `attempt`-th window of a sample: 0 is the one that [`Plan::epoch`] gives, later ones replace it where a sample
    /// had too few valid pixels.
    pub fn draw(&self, seed: u64, epoch: u64, index: u64, attempt: u32) -> Chip {
        let mut draw = Draw::new(seed, Purpose::Window, epoch, index);
        if let Some(balance) = &self.balance {
            let mut window = None;
            for _ in 0..=attempt {
                window = balance.draw(&mut draw).and_then(|pixel| self.around(pixel, &mut draw));
            }
            if let Some((scene, window)) = window {
                return chip(scene, window, index);
            }
        }
        let total = self.cumulative.last().copied().unwrap_or(0);
        let mut position = draw.below(total);
        for _ in 0..attempt {
            position = draw.below(total);
        }
        let at = self.cumulative.partition_point(|&end| end <= position);
        let range = self.ranges[at.min(self.ranges.len() - 1)];
        let inside = position - if at == 0 { 0 } else { self.cumulative[at - 1] };
        chip(range.scene, range.window(inside, self.window_px), index)
    }

    /// A window of another scene than this one, of any where there is no other; scenes and the positions in each are equally
    /// likely.
    pub(crate) fn elsewhere(&self, scene: usize, draw: &mut Draw) -> Option<Chip> {
        let mut scenes: Vec<usize> = self.ranges.iter().map(|range| range.scene).collect();
        scenes.dedup();
        if scenes.len() > 1 {
            scenes.retain(|other| *other != scene);
        }
        let scene = *scenes.get(draw.below(scenes.len() as u64) as usize)?;
        let own = || self.ranges.iter().filter(|range| range.scene == scene);
        let mut position = draw.below(own().map(|range| range.rows * range.cols).sum());
        for range in own() {
            match position.checked_sub(range.rows * range.cols) {
                Some(rest) => position = rest,
                None => return Some(chip(scene, range.window(position, self.window_px), 0)),
            }
        }
        None
    }

    /// The allowed window nearest to one that holds a pixel at a random place of its own.
    fn around(&self, (scene, row, col): (usize, i64, i64), draw: &mut Draw) -> Option<(usize, Window)> {
        let last = self.window_px as i64 - 1;
        let (row, col) = (row - draw.between(0, last), col - draw.between(0, last));
        let own = self.ranges.iter().filter(|range| range.scene == scene);
        let nearest = own.map(|range| {
            let clamp = |at: i64, first: i64, count: u64| at.clamp(first, first + count as i64 - 1);
            let at = (clamp(row, range.first.0, range.rows), clamp(col, range.first.1, range.cols));
            (at.0.abs_diff(row).max(at.1.abs_diff(col)), at)
        });
        let (_, (row, col)) = nearest.min_by_key(|(distance, _)| *distance)?;
        Some((scene, Window::new(col, row, self.window_px, self.window_px)))
    }

    /// Chips that cover `part` in a grid of windows, each of its pixels counting exactly once; image after image, row after row.
    /// Windows overlap by a quarter of their side, so that pixels count where the network sees ground on all sides of them.
    ///
    /// # Errors
    /// [`Error::EmptyPart`] where the part holds no pixel.
    pub fn evaluation(parts: &[Parts], part: Part, recipe: &Recipe) -> Result<Vec<Chip>, Error> {
        let mut chips = Vec::new();
        for (scene, parts) in parts.iter().enumerate() {
            let Some(extent) = bounding(&parts.rectangles(part)) else { continue };
            let tiling = Tiling::new(extent, recipe.window_px, recipe.window_px / 4)?;
            for tile in tiling.tiles().filter(|tile| !parts.pieces(part, &tile.core).is_empty()) {
                let index = chips.len() as u64;
                chips.push(Chip { scene, window: tile.window, scored: tile.core, part, index });
            }
        }
        if chips.is_empty() {
            return Err(empty(part, recipe.window_px, 0, 0));
        }
        Ok(chips)
    }
}

fn chip(scene: usize, window: Window, index: u64) -> Chip {
    Chip { scene, window, scored: window, part: Part::Train, index }
}

fn empty(part: Part, window_px: usize, skipped: usize, area: u64) -> Error {
    let reason = match (area, skipped) {
        (0, _) => "no ground is in it; change split.fractions, or use smaller blocks".to_owned(),
        (_, 0) => "every stretch of it is narrower; use a smaller window_px or larger blocks".to_owned(),
        (_, n) => format!("{n} images are smaller; use a smaller window_px, or on_small = \"pad\""),
    };
    Error::EmptyPart { part, window_px, reason }
}

/// All positions at which a window lies wholly in the training part, as disjoint rectangles of positions.
fn positions(scene: usize, parts: &Parts, side: usize) -> Vec<Range> {
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
    let mut ranges = Vec::new();
    for row in row_breaks.windows(2) {
        for col in col_breaks.windows(2) {
            if parts.holds(Part::Train, &Window::new(col[0], row[0], side, side)) {
                let (rows, cols) = (row[0].abs_diff(row[1]), col[0].abs_diff(col[1]));
                ranges.push(Range { scene, first: (row[0], col[0]), rows, cols });
            }
        }
    }
    ranges
}

/// Where no window fits: windows over each rectangle of the part, along its upper and left edge where it is smaller.
fn padded_positions(scene: usize, parts: &Parts, side: usize) -> Vec<Range> {
    let free = |length: usize| length.saturating_sub(side) as u64 + 1;
    let over =
        |w: Window| Range { scene, first: (w.row_px, w.col_px), rows: free(w.height_px), cols: free(w.width_px) };
    parts.rectangles(Part::Train).into_iter().map(over).collect()
}

/// The training part in a grid, without overlap; what a rectangle has left at its edges is left out, unless it is all there is.
fn grid(parts: &[Parts], part: Part, side: usize, on_small: OnSmall) -> Result<Vec<(usize, Window)>, Error> {
    let mut windows = Vec::new();
    for (scene, parts) in parts.iter().enumerate() {
        for r in parts.rectangles(part) {
            let (down, across) = (r.height_px / side, r.width_px / side);
            if (down == 0 || across == 0) && on_small == OnSmall::Skip {
                continue;
            }
            for (i, j) in (0..down.max(1)).flat_map(|i| (0..across.max(1)).map(move |j| (i, j))) {
                windows
                    .push((scene, Window::new(r.col_px + (j * side) as i64, r.row_px + (i * side) as i64, side, side)));
            }
        }
    }
    Ok(windows)
}

/// Side of the squares of pixels that are visited together.
const NEIGHBOURHOOD_PX: i64 = 1024;

/// Brings chips that lie near each other together, neighbourhoods of all scenes in random order, then shuffles each run of
/// `horizon` chips: what a run needs is a few neighbourhoods, which are read once and then lie in the cache.
fn order(chips: &mut [Chip], horizon: usize, seed: u64, epoch: u64) {
    if chips.len() <= horizon {
        return;
    }
    let place = |chip: &Chip| {
        let side = |at: i64| at.div_euclid(NEIGHBOURHOOD_PX);
        (chip.scene, side(chip.window.row_px), side(chip.window.col_px))
    };
    let mut places: Vec<_> = chips.iter().map(place).collect();
    places.sort_unstable();
    places.dedup();
    let mut rank: Vec<usize> = (0..places.len()).collect();
    let mut draw = Draw::new(seed, Purpose::Order, epoch, 1);
    draw.shuffle(&mut rank);
    chips.sort_by_cached_key(|chip| places.binary_search(&place(chip)).map_or(usize::MAX, |at| rank[at]));
    chips.chunks_mut(horizon).for_each(|run| draw.shuffle(run));
}

fn bounding(rectangles: &[Window]) -> Option<Window> {
    let left = rectangles.iter().map(|w| w.col_px).min()?;
    let top = rectangles.iter().map(|w| w.row_px).min()?;
    let right = rectangles.iter().map(Window::end_col_px).max()?;
    let bottom = rectangles.iter().map(Window::end_row_px).max()?;
    Some(Window::new(left, top, usize::try_from(right - left).ok()?, usize::try_from(bottom - top).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_in_runs_is_a_permutation_and_each_run_stays_in_few_neighbourhoods() {
        // Sixteen neighbourhoods in each of two scenes, 64 windows in each: a run of 128 fills two of them, or parts of three.
        let at = |i: u64| Window::new((i % 64) as i64 * 64, (i / 64 % 64) as i64 * 64, 256, 256);
        let all: Vec<Chip> = (0..2 * 4096).map(|i| chip((i / 4096) as usize, at(i), i)).collect();
        let (mut chips, horizon) = (all.clone(), 128);
        order(&mut chips, horizon, 7, 0);
        for run in chips.chunks(horizon) {
            let side = |at: i64| at / NEIGHBOURHOOD_PX;
            let mut places: Vec<_> =
                run.iter().map(|c| (c.scene, side(c.window.row_px), side(c.window.col_px))).collect();
            places.sort_unstable();
            places.dedup();
            assert!(places.len() <= 3, "{} neighbourhoods in a run", places.len());
            assert!(run.windows(2).any(|pair| pair[0].index > pair[1].index), "a run is shuffled");
        }
        chips.sort_unstable_by_key(|chip| chip.index);
        assert_eq!(chips, all);
    }
}
