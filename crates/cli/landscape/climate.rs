//! What makes the two regions differ, as numbers.

use super::Region;
use super::spectra::{BRIGHT_LOAM, DARK_LOAM, LIMESTONE, RED_SOIL, Spectrum};

/// The lie of the land, its soils and what grows there. Lengths are in pixels of 10 m unless a name says otherwise.
#[derive(Debug, Clone)]
pub(super) struct Climate {
    /// Height between valley floor and ridge.
    pub(super) relief_m: f64,
    /// Distance between valleys.
    pub(super) valley_px: f64,
    /// Half width of a river where it is widest.
    pub(super) river_px: f64,
    /// Level of the lake noise above which a lake lies; higher means fewer.
    pub(super) lake_level: f64,
    /// How readily land becomes forest, -1 to 1.
    pub(super) forest: f64,
    /// Share of conifers where the noise is indifferent.
    pub(super) conifer: f64,
    /// How readily land is farmed, -1 to 1.
    pub(super) farming: f64,
    /// How readily rock and soil lie bare, -1 to 1.
    pub(super) bareness: f64,
    /// Mean size of a block of parcels and of the parcels in it: across, along.
    pub(super) block_px: f64,
    pub(super) parcel_px: [f64; 2],
    /// Share of parcels that are mown meadow.
    pub(super) meadow: f64,
    /// Share of parcels that lie fallow for the year.
    pub(super) fallow: f64,
    /// Mean radius of a settlement.
    pub(super) town_px: f64,
    /// Share of tiled roofs; the rest are grey or of metal.
    pub(super) tiled: f64,
    /// The two soils that mix, and the bare rock.
    pub(super) soils: [Spectrum; 2],
    pub(super) rock: Spectrum,
    /// How far the dry season bleaches grass, 0 to 1.
    pub(super) drought: f64,
    /// How far the seasons run ahead of the calendar, as a share of a year.
    pub(super) season_lead: f64,
    /// Haze of a hazy day, as a share of the strongest.
    pub(super) haze: f64,
}

impl Climate {
    pub(super) fn of(region: Region) -> Self {
        match region {
            // A humid lowland: gentle hills, wide fields on dark loam, broadleaf woods, a meandering river.
            Region::A => Self {
                relief_m: 150.0,
                valley_px: 330.0,
                river_px: 4.5,
                lake_level: 0.50,
                forest: 0.10,
                conifer: 0.30,
                farming: 0.25,
                bareness: 0.0,
                block_px: 84.0,
                parcel_px: [17.0, 42.0],
                meadow: 0.22,
                fallow: 0.10,
                town_px: 26.0,
                tiled: 0.45,
                soils: [DARK_LOAM, BRIGHT_LOAM],
                rock: BRIGHT_LOAM,
                drought: 0.35,
                season_lead: 0.0,
                haze: 0.55,
            },
            // A dry upland: steep slopes, small fields on red soil and limestone, pines, bleached pasture, clearer air.
            Region::B => Self {
                relief_m: 560.0,
                valley_px: 260.0,
                river_px: 3.0,
                lake_level: 0.58,
                forest: -0.13,
                conifer: 0.72,
                farming: 0.16,
                bareness: 0.08,
                block_px: 56.0,
                parcel_px: [10.0, 24.0],
                meadow: 0.14,
                fallow: 0.22,
                town_px: 27.0,
                tiled: 0.75,
                soils: [RED_SOIL, BRIGHT_LOAM],
                rock: LIMESTONE,
                drought: 0.75,
                season_lead: 0.07,
                haze: 0.35,
            },
        }
    }
}
