//! Blocks of ground: a lattice fixed in each coordinate system, so that images of one place share their blocks whatever their
//! dates and edges.

use std::collections::HashMap;

use swath_raster::{Grid, Window};

/// A block: its coordinate system in the order of first sight, its row and its column, counted from the system's origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Block {
    pub(crate) system: usize,
    pub(crate) row: i64,
    pub(crate) col: i64,
}

/// The lattices, one a coordinate system. A block is `block_px` pixels of the first image of its system wide and high.
#[derive(Debug)]
pub(super) struct Lattice {
    block_px: usize,
    /// Number and sides of a block by coordinate system.
    systems: HashMap<String, (usize, f64, f64)>,
}

impl Lattice {
    pub(super) fn new(block_px: usize) -> Self {
        Self { block_px: block_px.max(1), systems: HashMap::new() }
    }

    /// The block that holds the centre of a window.
    pub(super) fn block(&mut self, grid: &Grid, window: &Window) -> Block {
        let name = grid
            .crs
            .as_ref()
            .map_or_else(String::new, |crs| crs.code().or_else(|| crs.proj4().map(str::to_owned)).unwrap_or_default());
        let next = self.systems.len();
        let (width, height) = grid.pixel_size();
        let side = |pixel: f64| (pixel.abs() * self.block_px as f64).max(f64::MIN_POSITIVE);
        let &mut (system, width, height) =
            self.systems.entry(name).or_insert_with(|| (next, side(width), side(height)));
        let middle = |start: i64, length: usize| start as f64 + length as f64 / 2.0;
        let (x, y) =
            grid.transform.apply(middle(window.col_px, window.width_px), middle(window.row_px, window.height_px));
        Block { system, row: (y / height).floor() as i64, col: (x / width).floor() as i64 }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use swath_raster::{Affine, Crs};

    fn grid(x: f64, y: f64, epsg: u32) -> Grid {
        let crs = Some(Crs::from_epsg(epsg).unwrap());
        Grid { crs, transform: Affine::north_up(x, y, 10.0, 10.0), width_px: 100, height_px: 100 }
    }

    #[test]
    fn images_of_one_place_share_blocks_and_zones_do_not() {
        let mut lattice = Lattice::new(50);
        let here = lattice.block(&grid(500_000.0, 5_000_000.0, 32631), &Window::new(0, 0, 50, 50));
        // Another image begins 20 pixels further west: its window 20 pixels in lies on the same ground.
        let same = lattice.block(&grid(499_800.0, 5_000_000.0, 32631), &Window::new(20, 0, 50, 50));
        let next = lattice.block(&grid(500_000.0, 5_000_000.0, 32631), &Window::new(50, 0, 50, 50));
        let zone = lattice.block(&grid(500_000.0, 5_000_000.0, 32632), &Window::new(0, 0, 50, 50));
        assert_eq!(here, same);
        assert_eq!((next.row, next.col), (here.row, here.col + 1));
        assert_eq!((zone.system, zone.row, zone.col), (1, here.row, here.col));
    }
}
