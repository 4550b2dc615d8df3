//! Which ground is trained on and which is held out.
//!
//! The split is a property of places: images that overlap form one area, each area is divided in the coordinates of its
//! first image, and every image takes over that division for its own pixels ([`Parts`]). Two dates of one place are
//! therefore divided alike, and what overlaps is never on two sides. Nothing is read here but where images lie.

mod areas;
mod footprint;
mod lattice;

pub use lattice::Parts;

/// One of the three sides of a split, as `ml-aoi:split` names them.
pub use swath_catalog::Split as Part;
use swath_raster::Grid;

use crate::draw::{Draw, Purpose};
use crate::error::Error;
use crate::recipe::{Axis, Fractions, Split};
use areas::Area;

/// All three, in the order of [`Fractions`].
pub const PARTS: [Part; 3] = [Part::Train, Part::Validate, Part::Test];

/// What the split needs to know of an image.
#[derive(Debug, Clone)]
pub struct Placed<'a> {
    /// Name of the item, for messages and for an order that does not depend on how items were found.
    pub id: &'a str,
    /// Where its pixels lie.
    pub grid: &'a Grid,
    /// The part that the item's `ml-aoi:split` names.
    pub declared: Option<Part>,
}

/// Divides the ground under all images; returns what each image takes over of it, in the order given.
///
/// # Errors
/// [`Error::Undeclared`] for an item without `ml-aoi:split` under [`Split::MlAoi`]; [`Error::Raster`] where overlapping
/// images have coordinate systems between which points cannot be moved.
pub fn divide(images: &[Placed<'_>], split: &Split) -> Result<Vec<Parts>, Error> {
    match split {
        Split::None => Ok(images.iter().map(|image| Parts::everything(image.grid)).collect()),
        Split::MlAoi => images
            .iter()
            .map(|image| match image.declared {
                Some(part) => Ok(Parts::only(image.grid, part)),
                None => Err(Error::Undeclared { item: image.id.to_owned() }),
            })
            .collect(),
        Split::Halves { axis, fractions } => {
            let areas = areas::connect(images)?;
            let cuts: Vec<Cuts> = areas.iter().map(|area| strips(area, *axis, fractions)).collect();
            areas::project(images, &areas, &cuts)
        }
        Split::Blocks { fractions, block_px, seed } => {
            let areas = areas::connect(images)?;
            let mut cuts: Vec<Cuts> = areas.iter().map(|area| blocks(area, *block_px)).collect();
            deal(&areas, &mut cuts, fractions, *seed);
            areas::project(images, &areas, &cuts)
        }
    }
}

/// How an area is divided: a lattice in its coordinates, with a part for each cell.
#[derive(Debug, Clone)]
pub(crate) struct Cuts {
    /// Ascending x of the lines between columns; the outermost columns have no end.
    pub(crate) x: Vec<f64>,
    /// Descending y of the lines between rows; the outermost rows have no end.
    pub(crate) y: Vec<f64>,
    /// Part of each cell, row after row from the north, each row from the west.
    pub(crate) part: Vec<Option<Part>>,
}

impl Cuts {
    /// Row and column of the cell at a place.
    pub(crate) fn cell(&self, x: f64, y: f64) -> (usize, usize) {
        (self.y.partition_point(|&line| line >= y), self.x.partition_point(|&line| line <= x))
    }

    pub(crate) fn part_of(&self, (row, col): (usize, usize)) -> Option<Part> {
        self.part.get(row * (self.x.len() + 1) + col).copied().flatten()
    }
}

/// Two lines that cut an area into train, validate and test; a part of share 0 has no width.
fn strips(area: &Area, axis: Axis, fractions: &Fractions) -> Cuts {
    let shares = [fractions.train, fractions.validate, fractions.test];
    let parts: Vec<Option<Part>> = PARTS.iter().zip(shares).filter(|(_, s)| *s > 0.0).map(|(p, _)| Some(*p)).collect();
    let mut sum = 0.0;
    let mut lines = Vec::new();
    for share in shares.into_iter().filter(|share| *share > 0.0) {
        sum += share;
        lines.push(sum);
    }
    lines.pop();
    let b = area.bounds;
    match axis {
        Axis::WestEast => {
            let x = lines.iter().map(|line| b.min_x + line * (b.max_x - b.min_x)).collect();
            Cuts { x, y: Vec::new(), part: parts }
        }
        Axis::NorthSouth => {
            let y = lines.iter().map(|line| b.max_y - line * (b.max_y - b.min_y)).collect();
            Cuts { x: Vec::new(), y, part: parts }
        }
    }
}

/// Square blocks from the area's upper left corner on, not dealt out yet.
fn blocks(area: &Area, block_px: usize) -> Cuts {
    let side = |pixel: f64| pixel * block_px as f64;
    let (width, height) = (side(area.pixel_size.0), side(area.pixel_size.1));
    // A sliver of a ten-thousandth of a block is rounding of the bounds, not a block.
    let count = |extent: f64, step: f64| (((extent / step) - 1e-4).ceil().max(1.0) as usize).min(MAX_BLOCKS_PER_SIDE);
    let (cols, rows) =
        (count(area.bounds.max_x - area.bounds.min_x, width), count(area.bounds.max_y - area.bounds.min_y, height));
    Cuts {
        x: (1..cols).map(|i| area.bounds.min_x + i as f64 * width).collect(),
        y: (1..rows).map(|i| area.bounds.max_y - i as f64 * height).collect(),
        part: vec![None; rows * cols],
    }
}

/// A lattice of 4096 x 4096 blocks takes 16 MiB; blocks that small are no spatial split, and the last ones grow instead.
const MAX_BLOCKS_PER_SIDE: usize = 4096;

/// Deals the blocks that lie under an image to the parts: every part with a share gets its share of their number, and
/// at least one where there are enough.
fn deal(areas: &[Area], cuts: &mut [Cuts], fractions: &Fractions, seed: u64) {
    let mut covered: Vec<(usize, usize)> = Vec::new();
    for (index, (area, cut)) in areas.iter().zip(cuts.iter()).enumerate() {
        let cols = cut.x.len() + 1;
        let mut cells = vec![false; cut.part.len()];
        for b in &area.covered {
            let ((top, left), (bottom, right)) = (cut.cell(b.min_x, b.max_y), cut.cell(b.max_x, b.min_y));
            for row in top..=bottom {
                cells[row * cols + left..=row * cols + right].fill(true);
            }
        }
        covered.extend(cells.iter().enumerate().filter(|(_, is)| **is).map(|(cell, _)| (index, cell)));
    }
    Draw::new(seed, Purpose::Split, 0, 0).shuffle(&mut covered);
    let counts = share_out(covered.len(), [fractions.train, fractions.validate, fractions.test]);
    let mut rest = covered.into_iter();
    for (part, count) in PARTS.into_iter().zip(counts) {
        for (area, cell) in rest.by_ref().take(count) {
            cuts[area].part[cell] = Some(part);
        }
    }
}

/// `total` in whole numbers by shares: largest remainder, then one from the largest for any share left with nothing.
fn share_out(total: usize, shares: [f64; 3]) -> [usize; 3] {
    let exact = shares.map(|share| share * total as f64);
    let mut counts = exact.map(|value| value as usize);
    let mut order = [0, 1, 2];
    order.sort_by(|&a, &b| exact[b].fract().total_cmp(&exact[a].fract()));
    for index in
        order.into_iter().cycle().filter(|&i| shares[i] > 0.0).take(total - counts.iter().sum::<usize>().min(total))
    {
        counts[index] += 1;
    }
    for index in 0..3 {
        let largest = (0..3).max_by_key(|&i| counts[i]).unwrap_or(0);
        if shares[index] > 0.0 && counts[index] == 0 && counts[largest] > 1 {
            counts[largest] -= 1;
            counts[index] = 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests;
