//! Which windows make up an epoch, and in what order: recipe, split and seed in, chips out. Reads no pixels.
//!
//! Training windows are drawn at random, each from a stream keyed by (seed, epoch, index); all positions at which a window
//! lies wholly in the training part are equally likely, over all images together, unless the recipe weighs them. Windows that
//! cannot pass are refused before they are read, where overviews or labels tell. Evaluation covers a part by a grid in
//! which each pixel counts once.

mod order;
mod positions;
mod screen;
mod share;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use swath_raster::Window;

use order::{Reading, order};
use positions::{Range, chips, grid, padded_positions, positions};
pub(crate) use screen::Screen;
pub(crate) use share::Share;

use crate::balance::Balance;
use crate::draw::{Draw, Purpose};
use crate::error::Error;
use crate::recipe::{OnSmall, Recipe};
use crate::sampling::Sampling;
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

/// What is needed to draw any epoch.
#[derive(Debug, Clone)]
pub struct Plan {
    ranges: Vec<Range>,
    /// Positions in `ranges[..=i]`.
    cumulative: Vec<u64>,
    /// The same, each position by its image's weight; empty where all weigh alike.
    mass: Vec<f64>,
    /// All windows of an epoch, where they are not drawn.
    fixed: Option<Vec<(usize, Window)>>,
    window_px: usize,
    windows: Windows,
    horizon: usize,
    interleave: usize,
    screen: Option<Arc<Screen>>,
    balance: Option<Arc<Balance>>,
}

/// How many windows an epoch has, and what was left out to get them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Windows {
    /// Samples in an epoch, over all shards.
    pub samples: usize,
    /// Images that give samples.
    pub images: usize,
    /// Images left out because their training part is smaller than the window, under [`OnSmall::Skip`].
    pub skipped_images: usize,
    /// Images left out because their items say that no window of them can have enough data or labels.
    pub excluded_images: usize,
    /// Windows of a grid or of pre-cut chips left out because overviews or labels say that they have too little.
    pub rejected: usize,
}

/// What is known of the images before their pixels are read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known<'a> {
    /// Weight of each image's positions; empty where all weigh 1.
    pub(crate) weights: &'a [f64],
    /// Images of which no window can pass.
    pub(crate) excluded: &'a [bool],
    pub(crate) screen: Option<Arc<Screen>>,
}

/// Windows that may be refused unread in a row before one is taken as it is: where one in a hundred passes, none does in
/// a thousand draws in 4 samples of 100,000.
const MAX_REFUSALS: u64 = 1000;

impl Plan {
    /// Plans the training part of images divided as `parts` says, all of equal weight.
    ///
    /// # Errors
    /// [`Error::EmptyPart`] where no window fits; [`Error::Recipe`] where an image is larger than a chip may be.
    pub fn training(parts: &[Parts], recipe: &Recipe) -> Result<Plan, Error> {
        Plan::on_ground(parts, recipe, Known::default())
    }

    /// As [`Plan::training`], on images of which something is known.
    pub(crate) fn on_ground(parts: &[Parts], recipe: &Recipe, known: Known<'_>) -> Result<Plan, Error> {
        let side = recipe.window_px;
        let weight = |scene: usize| known.weights.get(scene).copied().unwrap_or(1.0);
        let is_excluded = |scene: usize| known.excluded.get(scene).copied().unwrap_or(false);
        let (mut ranges, mut area) = (Vec::new(), 0u64);
        let mut windows = Windows::default();
        for (scene, parts) in parts.iter().enumerate() {
            let own_area = parts.area_px(Part::Train);
            if own_area == 0 || weight(scene) == 0.0 {
                continue;
            }
            area += own_area;
            let mut own = positions(scene, parts, side);
            if own.is_empty() && recipe.on_small == OnSmall::Pad {
                own = padded_positions(scene, parts, side);
            }
            match (own.is_empty(), is_excluded(scene)) {
                (true, _) => windows.skipped_images += 1,
                (_, true) => windows.excluded_images += 1,
                _ => {
                    windows.images += 1;
                    ranges.extend(own);
                }
            }
        }
        if ranges.is_empty() {
            return Err(empty(Part::Train, side, &windows, area));
        }
        let fixed = match recipe.sampling {
            Sampling::Grid { overlap_px } => Some(grid(parts, overlap_px, recipe)?),
            Sampling::Chips => Some(chips(parts, recipe)?),
            _ => None,
        };
        let fixed = fixed.map(|mut all| {
            all.retain(|(scene, _)| !is_excluded(*scene));
            let before = all.len();
            all.retain(|(scene, window)| known.screen.as_ref().is_none_or(|screen| screen.passes(*scene, window)));
            windows.rejected = before - all.len();
            all
        });
        let whole = usize::try_from(area.div_ceil((side as u64).pow(2))).unwrap_or(usize::MAX).max(1);
        windows.samples = match &fixed {
            Some(fixed) if fixed.is_empty() => return Err(empty(Part::Train, side, &windows, area)),
            Some(fixed) => fixed.len(),
            None => recipe.samples.unwrap_or(whole),
        };
        let sums = |of: &dyn Fn(&Range) -> f64| running(ranges.iter().map(of), |sum, mass| sum + mass);
        let mass = match known.weights.iter().all(|weight| *weight == 1.0) {
            true => Vec::new(),
            false => sums(&|range| range.count() as f64 * weight(range.scene)),
        };
        let cumulative = running(ranges.iter().map(Range::count), u64::saturating_add);
        let (horizon, interleave, screen) = (recipe.horizon, recipe.interleave, known.screen);
        Ok(Plan {
            ranges,
            cumulative,
            mass,
            fixed,
            window_px: side,
            windows,
            horizon,
            interleave,
            screen,
            balance: None,
        })
    }

    /// The same plan with windows drawn around classes.
    pub(crate) fn balanced(self, balance: Arc<Balance>) -> Plan {
        Plan { balance: Some(balance), ..self }
    }

    /// Samples in an epoch.
    pub fn samples(&self) -> usize {
        self.windows.samples
    }

    /// How many windows there are, and what was left out.
    pub fn windows(&self) -> Windows {
        self.windows
    }

    /// The chips of an epoch in the order in which they are read.
    pub fn epoch(&self, seed: u64, epoch: u64) -> Vec<Chip> {
        self.epoch_and_refusals(seed, epoch, Share::WHOLE).0
    }

    /// A share of the chips of an epoch, and how many windows of the epoch were refused unread before they were found.
    pub(crate) fn epoch_and_refusals(&self, seed: u64, epoch: u64, share: Share) -> (Vec<Chip>, u64) {
        let mut refusals = 0;
        let mut chips: Vec<Chip> = match &self.fixed {
            Some(fixed) => {
                let chip = |(index, &(scene, window)): (usize, &(usize, Window))| chip(scene, window, index as u64);
                let mut chips: Vec<Chip> = fixed.iter().enumerate().map(chip).collect();
                Draw::new(seed, Purpose::Order, epoch, 0).shuffle(&mut chips);
                chips
            }
            None => {
                let drawn = (0..self.windows.samples as u64).map(|index| self.draw_and_refusals(seed, epoch, index, 0));
                drawn.map(|(chip, refused)| (refusals += refused, chip).1).collect()
            }
        };
        order(&mut chips, Reading { horizon: self.horizon, interleave: self.interleave, share }, seed, epoch);
        (chips, refusals)
    }

    /// The `attempt`-th window of a sample: 0 is the one that [`Plan::epoch`] gives, later ones replace it where a sample
    /// had too few valid pixels. In a grid and for pre-cut chips these are other windows of the epoch.
    pub fn draw(&self, seed: u64, epoch: u64, index: u64, attempt: u32) -> Chip {
        self.draw_and_refusals(seed, epoch, index, attempt).0
    }

    fn draw_and_refusals(&self, seed: u64, epoch: u64, index: u64, attempt: u32) -> (Chip, u64) {
        let mut draw = Draw::new(seed, Purpose::Window, epoch, index);
        let (mut left, mut refusals) = (attempt, 0);
        loop {
            let (scene, window) = self.pick(&mut draw);
            let passes = self.screen.as_ref().is_none_or(|screen| screen.passes(scene, &window));
            match (passes || refusals >= MAX_REFUSALS, left) {
                (false, _) => refusals += 1,
                (true, 0) => return (chip(scene, window, index), refusals),
                (true, _) => left -= 1,
            }
        }
    }

    /// A window at random.
    fn pick(&self, draw: &mut Draw) -> (usize, Window) {
        if let Some(fixed) = &self.fixed {
            return fixed[draw.below(fixed.len() as u64) as usize];
        }
        if let Some(balance) = &self.balance
            && let Some(found) = balance.draw(draw).and_then(|pixel| self.around(pixel, draw))
        {
            return found;
        }
        let (at, inside) = match self.mass.last() {
            None => {
                let position = draw.below(self.cumulative.last().copied().unwrap_or(0));
                let at = self.cumulative.partition_point(|&end| end <= position);
                (at, position - if at == 0 { 0 } else { self.cumulative[at - 1] })
            }
            Some(total) => {
                let drawn = draw.unit() * total;
                let at = self.mass.partition_point(|&end| end <= drawn).min(self.ranges.len() - 1);
                (at, draw.below(self.ranges[at].count()))
            }
        };
        let range = self.ranges[at.min(self.ranges.len() - 1)];
        (range.scene, range.window(inside, self.window_px))
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
        let mut position = draw.below(own().map(Range::count).sum());
        for range in own() {
            match position.checked_sub(range.count()) {
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
            return Err(empty(part, recipe.window_px, &Windows::default(), 0));
        }
        Ok(chips)
    }
}

fn chip(scene: usize, window: Window, index: u64) -> Chip {
    Chip { scene, window, scored: window, part: Part::Train, index }
}

fn empty(part: Part, window_px: usize, windows: &Windows, area: u64) -> Error {
    let reason = match (area, windows) {
        (0, _) => "no ground is in it; change split.fractions, or use smaller blocks".to_owned(),
        (_, Windows { skipped_images: n @ 1.., .. }) => {
            format!("{n} images are smaller; use a smaller window_px, or on_small = \"pad\"")
        }
        (_, Windows { excluded_images: 1.., .. } | Windows { rejected: 1.., .. }) => {
            "all of it has too little data or too few labels; raise max_nodata, or lower min_valid".to_owned()
        }
        _ => "every stretch of it is narrower; use a smaller window_px or larger blocks".to_owned(),
    };
    Error::EmptyPart { part, window_px, reason }
}

/// Running sums.
fn running<T: Copy + Default>(values: impl Iterator<Item = T>, add: impl Fn(T, T) -> T) -> Vec<T> {
    let mut sum = T::default();
    values.map(|value| (sum = add(sum, value), sum).1).collect()
}

pub(super) fn bounding(rectangles: &[Window]) -> Option<Window> {
    let left = rectangles.iter().map(|w| w.col_px).min()?;
    let top = rectangles.iter().map(|w| w.row_px).min()?;
    let right = rectangles.iter().map(Window::end_col_px).max()?;
    let bottom = rectangles.iter().map(Window::end_row_px).max()?;
    Some(Window::new(left, top, usize::try_from(right - left).ok()?, usize::try_from(bottom - top).ok()?))
}
