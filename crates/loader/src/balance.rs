//! Where each class is, so that training windows can be drawn around classes instead of around ground.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use swath_raster::Window;

use crate::dataset::Inner;
use crate::develop::label_window;
use crate::draw::Draw;
use crate::error::Error;
use crate::split::Part;
use crate::tiling::Tiling;

/// Side of the cells in which pixels of a class are counted; a position is drawn evenly from the rectangle of the class in one.
const CELL_PX: usize = 32;

/// Side of the windows in which labels are read.
const READ_PX: usize = 1024;

/// For each class that occurs in the training part: the cells that hold it, and how many of its pixels each holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Balance {
    classes: Vec<Vec<(Cell, u64)>>,
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
        for (scene, parts) in dataset.parts.iter().enumerate() {
            for rectangle in parts.rectangles(Part::Train) {
                windows.extend(Tiling::new(rectangle, READ_PX, 0)?.tiles().map(|tile| (scene, tile.core)));
            }
        }
        let next = AtomicUsize::new(0);
        let mut counted: Vec<(usize, Result<Found, Error>)> = std::thread::scope(|scope| {
            let work = || {
                let mut own = Vec::new();
                while let Some((at, &(scene, window))) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, windows.get(at)?)))
                {
                    own.push((at, count(dataset, scene, window)));
                }
                own
            };
            let threads = dataset.options.threads().min(windows.len());
            let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            handles.into_iter().flat_map(|handle| handle.join().unwrap_or_default()).collect()
        });
        counted.sort_by_key(|(at, _)| *at);
        let mut classes = vec![Vec::new(); dataset.recipe.classes.len()];
        for (_, cells) in counted {
            for (class, cell, pixels) in cells? {
                if let Some(class) = classes.get_mut(usize::from(class)) {
                    class.push((cell, pixels));
                }
            }
        }
        // Counts are kept as running sums, in which a drawn number is looked up.
        for class in &mut classes {
            let mut sum = 0;
            class.iter_mut().for_each(|(_, pixels)| {
                sum += *pixels;
                *pixels = sum;
            });
        }
        classes.retain(|class| !class.is_empty());
        Ok(Balance { classes })
    }

    /// A pixel in a cell of a class drawn evenly: its image, row and column. `None` where no class occurs.
    pub(crate) fn draw(&self, draw: &mut Draw) -> Option<(usize, i64, i64)> {
        let class = self.classes.get(draw.below(self.classes.len() as u64) as usize)?;
        let rank = draw.below(class.last()?.1);
        let (cell, _) = class.get(class.partition_point(|(_, end)| *end <= rank))?;
        let (down, right) = (draw.below(cell.window.height_px as u64), draw.below(cell.window.width_px as u64));
        let (row, col) = (cell.window.row_px + down as i64, cell.window.col_px + right as i64);
        Some((cell.scene, row, col))
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
