//! Images that overlap make one area; a division of the area becomes a division of each image's pixels.

use swath_raster::{Bounds, Crs, Grid, Transformer};

use super::{Cuts, Parts, Placed};
use crate::error::Error;

/// Images that overlap, directly or through others.
#[derive(Debug, Clone)]
pub(crate) struct Area {
    /// Indices of its images, the one whose coordinates the area uses first.
    pub(crate) images: Vec<usize>,
    /// Smallest rectangle over all of them.
    pub(crate) bounds: Bounds,
    /// Rectangle of each image, in the order of `images`.
    pub(crate) covered: Vec<Bounds>,
    /// Width and height of a pixel of the first image.
    pub(crate) pixel_size: (f64, f64),
}

/// Points per image edge when its outline is moved to other coordinates: a 110 km Sentinel-2 edge then bends by less
/// than a pixel between two points.
const EDGE_POINTS: usize = 21;

/// Finds the areas. Their order, and which image comes first in each, follow the ids, not the order given.
pub(crate) fn connect(images: &[Placed<'_>]) -> Result<Vec<Area>, Error> {
    let mut order: Vec<usize> = (0..images.len()).collect();
    order.sort_by_key(|&index| images[index].id);
    // Overlap is judged in one frame for all: their CRS where it is one, else longitude and latitude.
    let first = order.first().and_then(|&index| images[index].grid.crs.as_ref());
    let one_crs = images.iter().all(|image| image.grid.crs.as_ref() == first);
    let frame = if one_crs { first.cloned() } else { Some(Crs::wgs84()) };
    let bounds: Vec<Bounds> =
        images.iter().map(|image| bounds_in(image, frame.as_ref())).collect::<Result<Vec<_>, Error>>()?;

    let mut groups: Vec<Vec<usize>> = Vec::new();
    for &image in &order {
        let touches = |group: &Vec<usize>| group.iter().any(|&other| overlap(&bounds[image], &bounds[other]));
        let (joined, apart): (Vec<_>, Vec<_>) = groups.into_iter().partition(touches);
        groups = apart;
        let mut group: Vec<usize> = joined.into_iter().flatten().chain([image]).collect();
        group.sort_by_key(|&index| images[index].id);
        groups.push(group);
    }
    groups.sort_by_key(|group| images[group[0]].id);
    groups.into_iter().map(|group| area(images, group)).collect()
}

/// Whether two rectangles share more than the rounding of an edge (a millionth of the smaller one's side).
fn overlap(one: &Bounds, other: &Bounds) -> bool {
    one.intersection(other).is_some_and(|both| {
        let wide = (one.max_x - one.min_x).min(other.max_x - other.min_x);
        let high = (one.max_y - one.min_y).min(other.max_y - other.min_y);
        both.max_x - both.min_x > 1e-6 * wide && both.max_y - both.min_y > 1e-6 * high
    })
}

fn area(images: &[Placed<'_>], group: Vec<usize>) -> Result<Area, Error> {
    let frame = images[group[0]].grid;
    let covered =
        group.iter().map(|&index| bounds_in(&images[index], frame.crs.as_ref())).collect::<Result<Vec<_>, Error>>()?;
    let corners = covered.iter().flat_map(|b| [(b.min_x, b.min_y), (b.max_x, b.max_y)]);
    let bounds = Bounds::of_points(corners).unwrap_or_else(|| frame.bounds());
    Ok(Area { images: group, bounds, covered, pixel_size: frame.pixel_size() })
}

/// The image's bounds in other coordinates; in its own where it or they have no CRS.
fn bounds_in(image: &Placed<'_>, crs: Option<&Crs>) -> Result<Bounds, Error> {
    let Some((from, to)) = image.grid.crs.as_ref().zip(crs).filter(|(from, to)| from != to) else {
        return Ok(image.grid.bounds());
    };
    let raster = |source| Error::Raster { item: image.id.to_owned(), source };
    let transformer = Transformer::new(from, to).map_err(raster)?;
    let (w, h) = (image.grid.width_px as f64, image.grid.height_px as f64);
    let mut points = Vec::with_capacity(4 * EDGE_POINTS);
    for step in 0..EDGE_POINTS {
        let t = step as f64 / (EDGE_POINTS - 1) as f64;
        for (col, row) in [(t * w, 0.0), (t * w, h), (0.0, t * h), (w, t * h)] {
            let (x, y) = image.grid.transform.apply(col, row);
            points.push(transformer.apply(x, y).map_err(raster)?);
        }
    }
    Ok(Bounds::of_points(points).unwrap_or_else(|| image.grid.bounds()))
}

/// Carries each area's division over to the pixels of its images, in the order of `images`.
pub(crate) fn project(images: &[Placed<'_>], areas: &[Area], cuts: &[Cuts]) -> Result<Vec<Parts>, Error> {
    let mut parts: Vec<Option<Parts>> = vec![None; images.len()];
    for (area, cuts) in areas.iter().zip(cuts) {
        let frame = images[area.images[0]].grid;
        for &index in &area.images {
            let grid = images[index].grid;
            let aligned = grid.crs == frame.crs && grid.transform.is_axis_aligned();
            parts[index] =
                Some(if aligned { cut_straight(grid, cuts) } else { cut_by_cells(&images[index], frame, cuts)? });
        }
    }
    Ok(images.iter().zip(parts).map(|(image, parts)| parts.unwrap_or_else(|| Parts::everything(image.grid))).collect())
}

/// A pixel goes to the cell that holds its centre. Rows run along x and columns along y, so that cells are rectangles.
fn cut_straight(grid: &Grid, cuts: &Cuts) -> Parts {
    let t = &grid.transform;
    let lines = |at: &[f64], origin: f64, step: f64, length: usize| -> Vec<i64> {
        // First pixel whose centre is beyond the line; a millionth of a pixel is rounding of coordinates.
        let px = |line: &f64| (((line - origin) / step - 0.5) - 1e-6).ceil().clamp(0.0, length as f64) as i64;
        let mut lines: Vec<i64> = at.iter().map(px).collect();
        lines.sort_unstable();
        [0].into_iter().chain(lines).chain([length as i64]).collect()
    };
    let cols = lines(&cuts.x, t.c, t.a, grid.width_px);
    let rows = lines(&cuts.y, t.f, t.e, grid.height_px);
    let middle = |lines: &[i64], i: usize| (lines[i] + lines[i + 1]) as f64 / 2.0;
    let (at_cols, at_rows) = (cols.clone(), rows.clone());
    Parts::from_lines(cols, rows, |row, col| {
        let (x, y) = t.apply(middle(&at_cols, col), middle(&at_rows, row));
        cuts.part_of(cuts.cell(x, y))
    })
}

/// Largest side of the cells into which an image is cut whose rows do not run along the area's x: what they lose along a
/// line between parts is at most this much.
const MAX_CELL_PX: usize = 32;

/// A quarter of the smallest block, so that a cell never reaches past the block next to its own.
fn cell_px(frame: &Grid, cuts: &Cuts) -> usize {
    let (width, height) = frame.pixel_size();
    let gaps = |lines: &[f64], pixel: f64| {
        lines.windows(2).map(|pair| (pair[1] - pair[0]).abs() / pixel).fold(f64::INFINITY, f64::min)
    };
    let smallest = gaps(&cuts.x, width).min(gaps(&cuts.y, height));
    ((smallest / 4.0).min(MAX_CELL_PX as f64) as usize).max(1)
}

/// A cell of pixels belongs to a part where all its corners do; cells on a line between parts belong to none.
fn cut_by_cells(image: &Placed<'_>, frame: &Grid, cuts: &Cuts) -> Result<Parts, Error> {
    let grid = image.grid;
    let raster = |source| Error::Raster { item: image.id.to_owned(), source };
    let transformer = match (&grid.crs, &frame.crs) {
        (Some(from), Some(to)) => Some(Transformer::new(from, to).map_err(raster)?),
        _ => None,
    };
    let cell_px = cell_px(frame, cuts);
    let lines =
        |length: usize| -> Vec<i64> { (0..length).step_by(cell_px).chain([length]).map(|px| px as i64).collect() };
    let (cols, rows) = (lines(grid.width_px), lines(grid.height_px));
    let mut corner = Vec::with_capacity(cols.len() * rows.len());
    for &row in &rows {
        for &col in &cols {
            let (x, y) = grid.transform.apply(col as f64, row as f64);
            let (x, y) = transformer.as_ref().map_or(Ok((x, y)), |t| t.apply(x, y)).map_err(raster)?;
            corner.push(cuts.part_of(cuts.cell(x, y)));
        }
    }
    let across = cols.len();
    Ok(Parts::from_lines(cols, rows, |row, col| {
        let at = row * across + col;
        let part = corner[at];
        [at + 1, at + across, at + across + 1].iter().all(|&other| corner[other] == part).then_some(part).flatten()
    }))
}
