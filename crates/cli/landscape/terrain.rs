//! The shape of the ground: heights, slopes, and how far the nearest river is. Knows no cover and no light.

use ndarray::Array2;

use super::climate::Climate;
use super::noise::{Noise, lerp, step};

/// Edge of a pixel on the ground.
pub(super) const PIXEL_M: f64 = 10.0;

/// The ground of one scene, `[row, col]`, north up.
pub(super) struct Terrain {
    pub(super) height_m: Array2<f64>,
    /// Rise per distance towards east and towards south.
    pub(super) gradient: Array2<[f64; 2]>,
    /// Distance to the line of the nearest valley floor, roughly.
    pub(super) river_px: Array2<f64>,
}

impl Terrain {
    /// The ground whose upper left pixel is at `origin` of the region's plane.
    pub(super) fn shape(noise: Noise, climate: &Climate, origin: [i64; 2], rows: usize, cols: usize) -> Self {
        // One more pixel on every side, for differences.
        let corner = origin.map(|coordinate| coordinate - 1);
        let ground =
            Array2::from_shape_fn((rows + 2, cols + 2), |(row, col)| ground(noise, climate, point(corner, row, col)));
        let slope = |row: usize, col: usize, value: fn(&Ground) -> f64| {
            let east = value(&ground[[row + 1, col + 2]]) - value(&ground[[row + 1, col]]);
            let south = value(&ground[[row + 2, col + 1]]) - value(&ground[[row, col + 1]]);
            [east / 2.0, south / 2.0]
        };
        let shape = (rows, cols);
        Self {
            height_m: Array2::from_shape_fn(shape, |(row, col)| ground[[row + 1, col + 1]].height_m),
            gradient: Array2::from_shape_fn(shape, |(row, col)| {
                slope(row, col, |ground| ground.height_m).map(|rise_m| rise_m / PIXEL_M)
            }),
            river_px: Array2::from_shape_fn(shape, |(row, col)| {
                let [east, south] = slope(row, col, |ground| ground.valley);
                // The noise divided by its slope is the distance to its zero line, to first order.
                ground[[row + 1, col + 1]].valley.abs() / ((east * east + south * south).sqrt() + 4e-4)
            }),
        }
    }

    /// Tangent of the slope's angle.
    pub(super) fn steepness(&self, row: usize, col: usize) -> f64 {
        let [east, south] = self.gradient[[row, col]];
        (east * east + south * south).sqrt()
    }
}

/// Where a pixel lies in the region's plane, given where the upper left one does: east, south, in pixels.
pub(super) fn point(origin: [i64; 2], row: usize, col: usize) -> [f64; 2] {
    [(origin[0] + col as i64) as f64, (origin[1] + row as i64) as f64]
}

struct Ground {
    height_m: f64,
    /// Signed noise that is zero along valley floors.
    valley: f64,
}

fn ground(noise: Noise, climate: &Climate, [x, y]: [f64; 2]) -> Ground {
    let noise = noise.fork(1);
    let [u, v] = noise.warp(x, y, 90.0, 16.0);
    let valley = noise.fork(2).fractal(u / climate.valley_px, v / climate.valley_px, 3);
    let flank = step(0.0, 0.75, valley.abs());
    let ridges = 1.0 - noise.fork(3).fractal(u / 150.0, v / 150.0, 4).abs();
    let detail = noise.fork(4).fractal(x / 46.0, y / 46.0, 4);
    let height_m =
        climate.relief_m * (0.62 * flank + flank * lerp(0.1, 0.5, flank) * (ridges - 0.5) + 0.07 * detail * flank);
    Ground { height_m, valley }
}
