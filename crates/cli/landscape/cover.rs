//! What covers each pixel of the ground, the same on every visit; the seasons come later.

use ndarray::Array2;

use super::climate::Climate;
use super::noise::{Noise, pick, step};
use super::parcels::{Parcel, parcel};
use super::settlement::{Built, built};
use super::terrain::{Terrain, point};

/// A surface and what varies within it. Shares run from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Surface {
    Water { turbid: f64 },
    Bare { gravel: f64 },
    Crop { parcel: u64, across_px: f64 },
    Grass { mown: Option<u64> },
    Forest { conifer: f64, canopy: f64 },
    Built(Built),
}

impl Surface {
    /// The class value of its label, an index into [`super::CLASSES`].
    pub(super) fn class(self) -> u8 {
        match self {
            Surface::Water { .. } => 0,
            Surface::Bare { .. } => 1,
            Surface::Crop { .. } => 2,
            Surface::Grass { .. } => 3,
            Surface::Forest { .. } => 4,
            Surface::Built(_) => 5,
        }
    }
}

/// One pixel of ground.
#[derive(Debug, Clone, Copy)]
pub(super) struct Site {
    pub(super) surface: Surface,
    /// Share of the second soil in the mixture.
    pub(super) soil: f64,
    /// How well plants are watered here, -1 to 1.
    pub(super) moisture: f64,
    /// Share of the pixel that a track or a bare margin takes.
    pub(super) track: f64,
    /// Fine variation, about -1 to 1.
    pub(super) grain: f64,
}

/// The sites of a terrain whose upper left pixel is at `origin` of the region's plane.
pub(super) fn survey(noise: Noise, climate: &Climate, terrain: &Terrain, origin: [i64; 2]) -> Array2<Site> {
    let surveyor = Surveyor { noise: noise.fork(60), plan: noise, climate, terrain };
    Array2::from_shape_fn(terrain.height_m.raw_dim(), |(row, col)| surveyor.site(row, col, point(origin, row, col)))
}

struct Surveyor<'a> {
    noise: Noise,
    /// Where parcels and towns come from.
    plan: Noise,
    climate: &'a Climate,
    terrain: &'a Terrain,
}

impl Surveyor<'_> {
    fn site(&self, row: usize, col: usize, at @ [x, y]: [f64; 2]) -> Site {
        let river_px = self.terrain.river_px[[row, col]];
        let height = self.terrain.height_m[[row, col]] / self.climate.relief_m;
        let steep = self.terrain.steepness(row, col);
        let parcel = parcel(self.plan, self.climate.block_px, self.climate.parcel_px, at);
        let patchy = self.noise.fork(1).fractal(x / 64.0, y / 64.0, 5);
        let surface = self
            .water(at, river_px, height)
            .or_else(|| self.settled(at, steep, height))
            .or_else(|| self.barren(at, river_px, height, steep, patchy))
            .or_else(|| self.wooded(at, river_px, height, steep, patchy, &parcel))
            .unwrap_or_else(|| self.farmed(height, steep, &parcel));
        let on_farm = matches!(surface, Surface::Crop { .. } | Surface::Grass { mown: Some(_) });
        Site {
            surface,
            soil: step(-0.7, 0.7, self.noise.fork(2).fractal(x / 120.0, y / 120.0, 4)),
            moisture: (self.noise.fork(3).fractal(x / 80.0, y / 80.0, 4) + 0.5 - 1.2 * height).clamp(-1.0, 1.0),
            track: if on_farm { track(&parcel) } else { 0.0 },
            grain: self.noise.fork(4).fractal(x / 5.0, y / 5.0, 2),
        }
    }

    fn water(&self, [x, y]: [f64; 2], river_px: f64, height: f64) -> Option<Surface> {
        let width = self.climate.river_px * (0.45 + 0.9 * self.noise.fork(5).fractal(x / 210.0, y / 210.0, 2));
        let lake = self.noise.fork(6).fractal(x / 130.0, y / 130.0, 3) - 0.9 * (height - 0.1).max(0.0);
        let silt = self.noise.fork(7).fractal(x / 90.0, y / 90.0, 3);
        if lake > self.climate.lake_level {
            Some(Surface::Water { turbid: step(-0.2, 1.2, silt) })
        } else if river_px < width {
            Some(Surface::Water { turbid: step(-0.8, 0.9, silt) })
        } else {
            None
        }
    }

    fn settled(&self, at: [f64; 2], steep: f64, height: f64) -> Option<Surface> {
        if steep > 0.5 || height > 0.9 {
            return None;
        }
        built(self.plan, self.climate, at).map(Surface::Built)
    }

    /// Gravel along rivers, rock on steep or high ground, and worn patches anywhere.
    fn barren(&self, [x, y]: [f64; 2], river_px: f64, height: f64, steep: f64, patchy: f64) -> Option<Surface> {
        let bar = self.noise.fork(8).fractal(x / 34.0, y / 34.0, 3);
        if river_px < self.climate.river_px * 2.2 && bar > 0.38 - 0.5 * self.climate.bareness {
            return Some(Surface::Bare { gravel: 0.85 });
        }
        let rocky = self.noise.fork(9).fractal(x / 48.0, y / 48.0, 5);
        let exposure =
            rocky + 0.35 * patchy + 0.9 * (height - 0.6) + 0.5 * (steep - 0.25).max(0.0) + self.climate.bareness;
        (exposure > 0.52).then(|| Surface::Bare { gravel: step(0.5, 1.1, exposure) * 0.5 })
    }

    /// Woods on slopes and ridges, along rivers, and in patches left between the fields.
    fn wooded(
        &self,
        [x, y]: [f64; 2],
        river_px: f64,
        height: f64,
        steep: f64,
        patchy: f64,
        parcel: &Parcel,
    ) -> Option<Surface> {
        let riparian = 0.55 * step(14.0, 4.0, river_px);
        let slopes = 1.1 * (steep - 0.12).clamp(-0.1, 0.5) + 0.25 * (height - 0.45);
        let stand = self.noise.fork(10).fractal(x / 105.0, y / 105.0, 3);
        let plot = 0.28 * (pick(parcel.id, 11) - 0.5);
        let woodiness = 0.75 * stand + 0.35 * patchy + slopes + riparian + plot + self.climate.forest;
        if woodiness < 0.24 {
            return None;
        }
        let conifer = self.noise.fork(11).fractal(x / 70.0, y / 70.0, 3)
            + 1.2 * (height - 0.5)
            + 2.0 * (self.climate.conifer - 0.5);
        Some(Surface::Forest { conifer: step(-0.35, 0.35, conifer), canopy: step(0.18, 0.48, woodiness) })
    }

    /// Whole parcels are tilled, mown, or left as pasture; what is too steep or too high is pasture.
    fn farmed(&self, height: f64, steep: f64, parcel: &Parcel) -> Surface {
        let [x, y] = parcel.centre;
        let district = self.noise.fork(12).fractal(x / 150.0, y / 150.0, 3);
        let fitness = district + self.climate.farming + 0.35 - 0.5 * height - 1.4 * (steep - 0.1).max(0.0);
        match (fitness > 0.0, pick(parcel.id, 12)) {
            (true, use_) if use_ < self.climate.meadow => Surface::Grass { mown: Some(parcel.id) },
            (true, _) => Surface::Crop { parcel: parcel.id, across_px: parcel.across_px },
            (false, _) => Surface::Grass { mown: None },
        }
    }
}

/// Tracks along the blocks, one pixel wide at most, and thin bare margins between parcels.
fn track(parcel: &Parcel) -> f64 {
    let along_block = 0.75 * step(1.3, 0.3, parcel.track_px);
    let margin = 0.35 * step(0.9, 0.1, parcel.border_px);
    along_block.max(margin)
}
