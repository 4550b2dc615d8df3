//! Target to source pixel positions: an affine map, or a projection evaluated on a lattice and interpolated in between.

use crate::{Affine, Transformer};

/// Side of a lattice cell in target pixels.
const CELL_PX: usize = 16;

/// Interpolated positions may be this far off, in source pixels; cells that are not so smooth are computed point by point.
/// GDAL's warper allows an eighth.
const TOLERANCE_PX: f64 = 1.0 / 64.0;

/// Takes target pixel positions to source pixel positions; NaN where a position has no image.
pub(crate) enum Mapping {
    Affine(Affine),
    Projected(Box<Lattice>),
}

/// A projection, its exact values on a lattice, and which cells are smooth.
pub(crate) struct Lattice {
    exact: Exact,
    across: usize,
    nodes: Vec<(f64, f64)>,
    is_smooth: Vec<bool>,
}

/// Target pixel to CRS, to the other CRS, to source pixel.
pub(crate) struct Exact {
    pub(crate) to_crs: Affine,
    pub(crate) project: Transformer,
    /// Longitude of the source's middle, where it is geographic: ground has a longitude for every turn around the Earth, and
    /// the one nearest to the middle is where the source has it.
    pub(crate) middle_deg: Option<f64>,
    pub(crate) to_px: Affine,
}

impl Exact {
    pub(crate) fn at(&self, col: f64, row: f64) -> (f64, f64) {
        let (x, y) = self.to_crs.apply(col, row);
        match self.project.apply(x, y) {
            Ok((x, y)) => self.to_px.apply(x + self.turns_deg(x), y),
            Err(_) => (f64::NAN, f64::NAN),
        }
    }

    /// What takes a longitude to where the source has it.
    fn turns_deg(&self, x: f64) -> f64 {
        self.middle_deg.map_or(0.0, |middle| 360.0 * ((middle - x) / 360.0).round())
    }

    /// The whole way as one affine map, where it is one for a target of `width_px` by `height_px`.
    pub(crate) fn affine(&self, width_px: usize, height_px: usize) -> Option<Affine> {
        if !self.project.is_identity() {
            return None;
        }
        let (w, h) = (width_px as f64, height_px as f64);
        let corners = [(0.0, 0.0), (w, 0.0), (0.0, h), (w, h)];
        let turns = corners.map(|(col, row)| self.turns_deg(self.to_crs.apply(col, row).0));
        let turned = Affine::north_up(turns[0], 0.0, 1.0, -1.0);
        turns.iter().all(|turn| *turn == turns[0]).then(|| self.to_px.compose(&turned).compose(&self.to_crs))
    }

    /// As [`Mapping::scale`].
    pub(crate) fn scale(&self, width_px: usize, height_px: usize) -> (f64, f64) {
        scale(|col, row| self.at(col, row), width_px, height_px)
    }
}

impl Mapping {
    pub(crate) fn affine(map: Affine) -> Mapping {
        Mapping::Affine(map)
    }

    /// A projection over a target of `width_px` by `height_px` pixels.
    pub(crate) fn projected(exact: Exact, width_px: usize, height_px: usize) -> Mapping {
        let (across, down) = (width_px.div_ceil(CELL_PX).max(1), height_px.div_ceil(CELL_PX).max(1));
        let cell = CELL_PX as f64;
        let node = |i: usize| exact.at((i % (across + 1)) as f64 * cell, (i / (across + 1)) as f64 * cell);
        let nodes: Vec<(f64, f64)> = (0..(across + 1) * (down + 1)).map(node).collect();
        let mut lattice = Lattice { exact, across, nodes, is_smooth: Vec::new() };
        let is_smooth = |i: usize| {
            let (col, row) = (((i % across) as f64 + 0.5) * cell, ((i / across) as f64 + 0.5) * cell);
            let (u, v) = lattice.exact.at(col, row);
            let (iu, iv) = lattice.interpolated(col, row);
            (u - iu).abs() <= TOLERANCE_PX && (v - iv).abs() <= TOLERANCE_PX
        };
        lattice.is_smooth = (0..across * down).map(is_smooth).collect();
        Mapping::Projected(Box::new(lattice))
    }

    pub(crate) fn at(&self, col: f64, row: f64) -> (f64, f64) {
        match self {
            Mapping::Affine(map) => map.apply(col, row),
            Mapping::Projected(lattice) => lattice.at(col, row),
        }
    }

    /// Source positions of target positions (0 + `x_offset`, `y`), (1 + `x_offset`, `y`), ….
    pub(crate) fn line(&self, x_offset: f64, y: f64, out: &mut [(f64, f64)]) {
        for (col, position) in out.iter_mut().enumerate() {
            *position = self.at(col as f64 + x_offset, y);
        }
    }

    /// Source pixels per target pixel along the source's columns and rows, at the middle of the target.
    pub(crate) fn scale(&self, width_px: usize, height_px: usize) -> (f64, f64) {
        scale(|col, row| self.at(col, row), width_px, height_px)
    }
}

fn scale(at: impl Fn(f64, f64) -> (f64, f64), width_px: usize, height_px: usize) -> (f64, f64) {
    let (col, row) = (width_px as f64 / 2.0, height_px as f64 / 2.0);
    let (u, v) = at(col, row);
    let (u_col, v_col) = at(col + 1.0, row);
    let (u_row, v_row) = at(col, row + 1.0);
    let ratio = |a: f64, b: f64| Some(a.hypot(b)).filter(|r| r.is_finite() && *r > 0.0).unwrap_or(1.0);
    (ratio(u_col - u, u_row - u), ratio(v_col - v, v_row - v))
}

impl Lattice {
    fn at(&self, col: f64, row: f64) -> (f64, f64) {
        let (i, j) = self.cell(col, row);
        if self.is_smooth.get(j * self.across + i) == Some(&true) {
            self.interpolated(col, row)
        } else {
            self.exact.at(col, row)
        }
    }

    fn cell(&self, col: f64, row: f64) -> (usize, usize) {
        let down = self.nodes.len() / (self.across + 1) - 1;
        let index = |value: f64, count: usize| ((value / CELL_PX as f64).max(0.0) as usize).min(count - 1);
        (index(col, self.across), index(row, down))
    }

    fn interpolated(&self, col: f64, row: f64) -> (f64, f64) {
        let (i, j) = self.cell(col, row);
        let (s, t) = (col / CELL_PX as f64 - i as f64, row / CELL_PX as f64 - j as f64);
        let node = |i: usize, j: usize| self.nodes[j * (self.across + 1) + i];
        let mix = |a: (f64, f64), b: (f64, f64), w: f64| (a.0 + w * (b.0 - a.0), a.1 + w * (b.1 - a.1));
        mix(mix(node(i, j), node(i + 1, j), s), mix(node(i, j + 1), node(i + 1, j + 1), s), t)
    }
}
