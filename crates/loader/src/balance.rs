//! Where each class is, so that training windows can be drawn around classes instead of around ground.

use std::collections::BTreeMap;

use swath_raster::Window;

use crate::dataset::Inner;
use crate::develop::label_window;
use crate::draw::Draw;
use crate::error::Error;
use crate::parallel;
use crate::split::Part;
use crate::tiling::Tiling;

/// Side of the cells in which pixels of a class are counted; a position is drawn evenly from the rectangle of the class in one.
const CELL_PX: usize = 32;

/// Side of the windows in which labels are read.
const READ_PX: usize = 1024;

/// For each class that occurs in the training part and has a weight: the cells that hold it, and how likely each is.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Balance {
    /// Weights of classes as running sums, each with its cells and their running sums of pixels times the item's weight.
    classes: Vec<(f64, Vec<(Cell, f64)>)>,
}

/// The smallest rectangle that holds all pixels of a class in one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cell {
    scene: usize,
    window: Window,
}

/// Class, rectangle and number of pixels.
type Found = Vec<(u8, Cell, u64)>;

impl Balance {
    /// Reads the labels of the training part once.
    pub(crate) fn gather(dataset: &Inner) -> Result<Balance, Error> {
        let mut windows = Vec::new();
        let weighted = dataset.parts.iter().enumerate().filter(|(scene, _)| dataset.weights[*scene] > 0.0);
        for (scene, parts) in weighted {
            for rectangle in parts.rectangles(Part::Train) {
                windows.extend(Tiling::new(rectangle, READ_PX, 0)?.tiles().map(|tile| (scene, tile.core)));
            }
        }
        let counted =
            parallel::map(dataset.options.threads(), &windows, |&(scene, window)| count(dataset, scene, window));
        let recipe = &dataset.recipe;
        let mut classes = vec![Vec::new(); recipe.classes.len()];
        for cells in counted {
            for (class, cell, pixels) in cells? {
                if let Some(class) = classes.get_mut(usize::from(class)) {
                    class.push((cell, pixels as f64 * dataset.weights[cell.scene]));
                }
            }
        }
        let weights = recipe.classes.iter().map(|name| recipe.sampling.class_weight(name));
        let mut kept: Vec<(f64, Vec<(Cell, f64)>)> =
            weights.zip(classes).filter(|(weight, class)| *weight > 0.0 && !class.is_empty()).collect();
        // Running sums, in which a drawn number is looked up.
        for (_, class) in &mut kept {
            running(class.iter_mut().map(|(_, mass)| mass));
        }
        running(kept.iter_mut().map(|(weight, _)| weight));
        Ok(Balance { classes: kept })
    }

    /// A pixel in a cell of a class drawn by its weight: its image, row and column. `None` where no class occurs.
    pub(crate) fn draw(&self, draw: &mut Draw) -> Option<(usize, i64, i64)> {
        let drawn = draw.unit() * self.classes.last()?.0;
        let (_, class) = self.classes.get(self.classes.partition_point(|(end, _)| *end <= drawn))?;
        let drawn = draw.unit() * class.last()?.1;
        let (cell, _) = class.get(class.partition_point(|(_, end)| *end <= drawn))?;
        let (down, right) = (draw.below(cell.window.height_px as u64), draw.below(cell.window.width_px as u64));
        let (row, col) = (cell.window.row_px + down as i64, cell.window.col_px + right as i64);
        Some((cell.scene, row, col))
    }
}

fn running<'a>(values: impl Iterator<Item = &'a mut f64>) {
    let mut sum = 0.0;
    for value in values {
        sum += *value;
        *value = sum;
    }
}

fn count(dataset: &Inner, scene: usize, window: Window) -> Result<Found, Error> {
    let pixels = dataset.io.read_label(&dataset.scenes[scene], window)?;
    let label = label_window(&dataset.scenes[scene], &pixels)?;
    let mut found = Vec::new();
    for (i, rows) in label.axis_chunks_iter(ndarray::Axis(0), CELL_PX).enumerate() {
        for (j, cell) in rows.axis_chunks_iter(ndarray::Axis(1), CELL_PX).enumerate() {
            let (row, col) = (window.row_px + (i * CELL_PX) as i64, window.col_px + (j * CELL_PX) as i64);
            // For each class: pixels, then first and last row and column.
            let mut classes: BTreeMap<u8, (u64, [usize; 4])> = BTreeMap::new();
            for ((r, c), &class) in cell.indexed_iter().filter(|(_, class)| **class != crate::IGNORE) {
                let (pixels, [top, bottom, left, right]) = classes.entry(class).or_insert((0, [r, r, c, c]));
                *pixels += 1;
                (*top, *bottom) = (r.min(*top), r.max(*bottom));
                (*left, *right) = (c.min(*left), c.max(*right));
            }
            found.extend(classes.into_iter().map(|(class, (pixels, [top, bottom, left, right]))| {
                let window = Window::new(col + left as i64, row + top as i64, right - left + 1, bottom - top + 1);
                (class, Cell { scene, window }, pixels)
            }));
        }
    }
    Ok(found)
}
