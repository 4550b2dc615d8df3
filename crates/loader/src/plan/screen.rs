//! Which windows cannot pass, told before they are read: by an overview of the image, and by labels that are at hand.
//!
//! An overview is one small read for a whole image. What it says is a forecast: the sample itself is judged again once it has
//! been read.

use ndarray::Array2;
use swath_raster::{Window, with_samples};

use crate::dataset::Inner;
use crate::error::Error;
use crate::parallel;
use crate::recipe::IGNORE;
use crate::scene::Scene;
use crate::truth::Truth;

/// What is asked of a window, and what is known of each image.
#[derive(Debug)]
pub(crate) struct Screen {
    max_nodata: f64,
    min_valid: f64,
    /// For each image: where it has data, and where labels, as far as somebody tells.
    images: Vec<(Option<Shares>, Option<Shares>)>,
}

/// Labelled shares are summed up in so many cells along the longer side of an image.
const CELLS: usize = 256;

impl Screen {
    /// Looks at overviews and labels; `None` where the recipe asks for nothing.
    pub(crate) fn gather(dataset: &Inner) -> Result<Option<Screen>, Error> {
        let (max_nodata, min_valid) = (dataset.recipe.max_nodata, dataset.recipe.min_valid);
        if max_nodata >= 1.0 && min_valid <= 0.0 {
            return Ok(None);
        }
        let look = |scene: &Scene| -> Result<_, Error> {
            let labelled = if min_valid > 0.0 { labelled(dataset, scene)? } else { None };
            Ok((valid(dataset, scene)?, labelled))
        };
        let images = parallel::map(dataset.options.threads(), &dataset.scenes, look);
        Ok(Some(Screen { max_nodata, min_valid, images: images.into_iter().collect::<Result<_, Error>>()? }))
    }

    /// Whether a window may have as much data and as many labels as it must.
    pub(crate) fn passes(&self, scene: usize, window: &Window) -> bool {
        let Some((valid, labelled)) = self.images.get(scene) else { return true };
        let share = |shares: &Option<Shares>| shares.as_ref().map_or(1.0, |shares| shares.of(window));
        let valid = share(valid);
        1.0 - valid <= self.max_nodata + ROUNDING && valid.min(share(labelled)) >= self.min_valid - ROUNDING
    }
}

/// Shares are sums and differences of a few thousand numbers up to 1e6: exact to some 1e-9.
const ROUNDING: f64 = 1e-6;

/// Where the first file has data, from its overview.
fn valid(dataset: &Inner, scene: &Scene) -> Result<Option<Shares>, Error> {
    let Some(layer) = scene.layers.first() else { return Ok(None) };
    let Some(pixels) = dataset.io.read_overview(layer)? else { return Ok(None) };
    let Some(valid) = &pixels.valid else { return Ok(None) };
    let (_, rows, cols) = valid.dim();
    let any = |(row, col)| f64::from(u8::from(valid.slice(ndarray::s![.., row, col]).iter().any(|valid| *valid)));
    Ok(Some(Shares::new(&Array2::from_shape_fn((rows, cols), any), scene)))
}

/// Where there are labels: of polygons exactly, of a raster from its overview.
fn labelled(dataset: &Inner, scene: &Scene) -> Result<Option<Shares>, Error> {
    match &scene.truth {
        Truth::Vector { .. } => {
            let runs = scene.truth.burned(scene.grid())?;
            let (width, height) = (scene.grid().width_px, scene.grid().height_px);
            let cell = width.max(height).div_ceil(CELLS).max(1);
            let mut cells = Array2::zeros((height.div_ceil(cell), width.div_ceil(cell)));
            for row in 0..height {
                let line = runs.map(|runs| runs.window(&Window::new(0, row as i64, width, 1)));
                for (col, _) in line.iter().flatten().enumerate().filter(|(_, target)| **target != IGNORE) {
                    cells[[row / cell, col / cell]] += 1.0 / (cell * cell) as f64;
                }
            }
            Ok(Some(Shares::of_cells(&cells, (cell as f64, cell as f64))))
        }
        Truth::Raster { layer, values } => {
            let Some(pixels) = dataset.io.read_overview(layer)? else { return Ok(None) };
            let mut cells = Array2::zeros((pixels.grid.height_px, pixels.grid.width_px));
            with_samples!(&pixels.samples, array => {
                for ((row, col), cell) in cells.indexed_iter_mut() {
                    let value = swath_raster::Sample::to_f64(array[[0, row, col]]) as i64;
                    // A value that averaging made up is no class; it lies between classes, on labelled ground.
                    *cell = f64::from(u8::from(values.target(value).map_or(true, |target| target != IGNORE)));
                }
            });
            Ok(Some(Shares::new(&cells, scene)))
        }
        Truth::None => Ok(None),
    }
}

/// Sums over rectangles of cells, from which the share of any window follows.
#[derive(Debug)]
struct Shares {
    /// Sum of the cells above and left of each corner of cells.
    sums: Array2<f64>,
    /// Rows and columns of the image to a cell.
    cell_px: (f64, f64),
}

impl Shares {
    /// Of an overview.
    fn new(cells: &Array2<f64>, scene: &Scene) -> Shares {
        let (rows, cols) = cells.dim();
        let (height, width) = (scene.grid().height_px as f64, scene.grid().width_px as f64);
        Shares::of_cells(cells, (height / rows as f64, width / cols as f64))
    }

    fn of_cells(cells: &Array2<f64>, cell_px: (f64, f64)) -> Shares {
        let (rows, cols) = cells.dim();
        let mut sums = Array2::zeros((rows + 1, cols + 1));
        for ((row, col), &cell) in cells.indexed_iter() {
            sums[[row + 1, col + 1]] = cell + sums[[row, col + 1]] + sums[[row + 1, col]] - sums[[row, col]];
        }
        Shares { sums, cell_px }
    }

    /// Share of a window; what lies outside of the image has none.
    fn of(&self, window: &Window) -> f64 {
        let (top, bottom) = (window.row_px as f64 / self.cell_px.0, window.end_row_px() as f64 / self.cell_px.0);
        let (left, right) = (window.col_px as f64 / self.cell_px.1, window.end_col_px() as f64 / self.cell_px.1);
        let sum = self.at(bottom, right) - self.at(top, right) - self.at(bottom, left) + self.at(top, left);
        sum / ((bottom - top) * (right - left)).max(f64::MIN_POSITIVE)
    }

    /// The sum above and left of a place, cells taken as even inside.
    fn at(&self, row: f64, col: f64) -> f64 {
        let (rows, cols) = (self.sums.dim().0 - 1, self.sums.dim().1 - 1);
        let (row, col) = (row.clamp(0.0, rows as f64), col.clamp(0.0, cols as f64));
        let (i, j) = ((row as usize).min(rows.saturating_sub(1)), (col as usize).min(cols.saturating_sub(1)));
        let (u, v) = (row - i as f64, col - j as f64);
        let s = &self.sums;
        let across = |i: usize| s[[i, j]] * (1.0 - v) + s[[i, (j + 1).min(cols)]] * v;
        across(i) * (1.0 - u) + across((i + 1).min(rows)) * u
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn shares_are_those_of_the_pixels(
            rows in 1usize..9, cols in 1usize..9, seed in any::<u64>(),
            row in -4i64..20, col in -4i64..20, height in 1usize..14, width in 1usize..14,
        ) {
            // Cells of 3 x 2 pixels, each all or nothing.
            let cell = |r: usize, c: usize| f64::from((seed >> ((r * 7 + c * 3) % 64)) as u8 & 1);
            let shares = Shares::of_cells(&Array2::from_shape_fn((rows, cols), |(r, c)| cell(r, c)), (3.0, 2.0));
            let mut sum = 0.0;
            for (r, c) in (row..row + height as i64).flat_map(|r| (col..col + width as i64).map(move |c| (r, c))) {
                if r >= 0 && c >= 0 && (r as usize) < rows * 3 && (c as usize) < cols * 2 {
                    sum += cell(r as usize / 3, c as usize / 2);
                }
            }
            let got = shares.of(&Window::new(col, row, width, height));
            prop_assert!((got - sum / (height * width) as f64).abs() < 1e-9, "{got}");
        }
    }
}
